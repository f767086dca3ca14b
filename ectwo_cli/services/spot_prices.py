"""Spot prices as they are now: each type, zone and platform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ectwo_cli.aws.calls import batches
from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, Regional, column, resource
from ectwo_cli.query import MOST_FILTER_VALUES, Condition, Query
from ectwo_cli.services.pricing import OnDemand
from ectwo_cli.services.search import Page

PRODUCTS = {
    "linux": "Linux/UNIX",
    "windows": "Windows",
    "rhel": "Red Hat Enterprise Linux",
    "suse": "SUSE Linux",
}
"""What EC2 calls the platforms where it names prices."""

OF_VPC = " (Amazon VPC)"
"""EC2 still says it of prices now and then; since there is nothing but VPCs it is the same price."""

PLATFORMS = {product: platform for platform, product in PRODUCTS.items()}

DERIVED = ("on_demand", "saving")
"""Properties that EC2 does not say, but the Pricing API."""


def platform_of(product: str | None) -> str | None:
    """``linux`` for ``Linux/UNIX (Amazon VPC)``."""
    if product is None:
        return None
    plain = product.removesuffix(OF_VPC)
    return PLATFORMS.get(plain, plain)


def platform_of_image(image: Raw) -> str:
    """The platform whose prices hold for an image (an element of DescribeImages)."""
    details = str(image.get("PlatformDetails") or "")
    if details.startswith("Windows") or str(image.get("Platform") or "").lower() == "windows":
        return "windows"
    return {"Red": "rhel", "SUSE": "suse"}.get(details.partition(" ")[0], "linux")


def price_of(text: str | None) -> float | None:
    """EC2 writes prices as text: ``0.031200``."""
    return float(text) if text else None


@resource(
    "spot price",
    operation="DescribeSpotPriceHistory",
    items="SpotPriceHistory[]",
    id="type",
    lookup=(),
)
class SpotPrice(Regional):
    """The price of an instance type in a zone, in US dollars an hour. EC2: DescribeSpotPriceHistory."""

    zone: str = column(
        "AvailabilityZone", filter="availability-zone", default=True, option="--zone", help="the Availability Zone"
    )
    type: str = column("InstanceType", filter="instance-type", default=True, option="--type", help="the instance type")
    platform: str = column(
        "ProductDescription",
        read=platform_of,
        default=True,
        option="--os",
        values=tuple(PRODUCTS),
        help="the operating system",
    )
    price: float = column("SpotPrice", read=price_of, default=True, help="US dollars an hour")
    timestamp: datetime = column("Timestamp", default=True, help="since when it is that much")
    on_demand: float | None = column(
        # Of another service: filled in later.
        help="the on-demand price, US dollars an hour; absent where it could not be found out",
    )
    saving: float | None = column(help="how much less than on demand it is, in percent")


def at_most(price: float) -> Condition:
    """The condition that it costs no more than ``price`` US dollars an hour."""
    return Condition(lambda item: item.price <= price, about="price")


def of_platform(platform: str) -> Condition:
    """The condition that it is the price of that platform."""
    return Condition(lambda item: item.platform == platform, asks_for="platform", about="platform")


def products(conditions: Sequence[Condition]) -> list[str]:
    """What EC2 has to be asked for, so that the platforms that the conditions let through are in the answer."""
    about = [each for each in conditions if each.about == "platform"]
    wanted = [platform for platform in PRODUCTS if all(each.holds(_Probe(platform)) for each in about)]
    return [name for platform in wanted for name in (PRODUCTS[platform], PRODUCTS[platform] + OF_VPC)]


class _Probe:
    """Something with a platform and nothing else."""

    def __init__(self, platform: str) -> None:
        self.platform = platform


def early(query: Query[SpotPrice]) -> Query[SpotPrice]:
    """The part of the query that can be evaluated before on-demand prices are known."""
    return replace(query, conditions=[each for each in query.conditions if each.about not in DERIVED])


def late(query: Query[SpotPrice]) -> list[Condition]:
    """The rest of its conditions."""
    return [each for each in query.conditions if each.about in DERIVED]


def current(client: Client, query: Query[SpotPrice], *, now: datetime) -> Iterator[Page[SpotPrice]]:
    """The prices at ``now`` in one region, page by page. EC2: DescribeSpotPriceHistory. Raises botocore's errors.

    Conditions on the derived properties are left out of account: see :func:`listed`.
    """
    asked = early(query)
    names = products(asked.conditions)
    if not names:
        return
    params: dict[str, Any] = {
        # From now on: that is, the last change of each before now.
        "StartTime": now,
        "ProductDescriptions": names,
        "MaxResults": SpotPrice.kind.page_size,
        "Filters": list(asked.ec2_filters()) or None,
        **query.params,
    }
    yield from _newest(client, asked, params)


def current_of(client: Client, types: Sequence[str], platform: str, *, now: datetime) -> Iterator[SpotPrice]:
    """The prices of these types at ``now`` in one region. EC2: DescribeSpotPriceHistory. Raises botocore's errors."""
    for some in batches(types, MOST_FILTER_VALUES):
        query = Query(SpotPrice, [of_platform(platform)], params={"InstanceTypes": some})
        for page in current(client, query, now=now):
            yield from page.items


def _newest(client: Client, query: Query[SpotPrice], params: dict[str, Any]) -> Iterator[Page[SpotPrice]]:
    """One price for each zone, type and platform: should EC2 tell several, the one that came last."""
    seen: set[tuple[str, str, str]] = set()
    kind = SpotPrice.kind
    for found, more in client.pages_and_more(kind.operation, kind.items, **params):
        items = []
        for data in sorted(found, key=_time, reverse=True):
            item = SpotPrice.parse(data, client.region, client.profile)
            key = (item.zone, item.type, item.platform)
            if key not in seen:
                seen.add(key)
                if query.matches(item):
                    items.append(item)
        yield Page(items, more)


def _time(data: Raw) -> datetime:
    time: datetime = data["Timestamp"]
    return time


# On demand


def compared(price: SpotPrice, on_demand: float | None) -> SpotPrice:
    """The price beside the one on demand."""
    return replace(price, on_demand=on_demand, saving=saving(price.price, on_demand)) if on_demand else price


def saving(price: float, on_demand: float) -> float:
    """How much less than on demand a price is, in percent."""
    return round(100 * (1 - price / on_demand), 1)


def listed(
    pages: Iterable[Page[SpotPrice]], query: Query[SpotPrice], on_demand: OnDemand | None
) -> Iterator[Page[SpotPrice]]:
    """The pages with on-demand prices, where ``on_demand`` is to be asked for them, and with the conditions on those
    evaluated. Of a query with an order and a limit it is asked only for what will be shown, where that can be known.
    """
    conditions = late(query)
    if on_demand is None:
        yield from pages
        return
    sorts = any(name.removeprefix("-") in DERIVED for name in query.sort)
    if query.is_ordered and not conditions and not sorts:
        items = query.order(item for page in pages for item in page.items)
        pages = [Page(items)]
    elif query.is_ordered:
        # All at once: on-demand prices are asked for many types together.
        pages = [Page([item for page in pages for item in page.items])]
    for page in pages:
        on_demand.learn((item.type, item.platform, item.region) for item in page.items)
        items = [compared(item, on_demand.price(item.type, item.platform, item.region)) for item in page.items]
        yield Page([item for item in items if all(each.holds(item) for each in conditions)], page.more)
