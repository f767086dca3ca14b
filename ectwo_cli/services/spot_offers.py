"""The cheapest spot instances for a need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, Regional, column, resource
from ectwo_cli.records import dataclass
from ectwo_cli.services.search import Page
from ectwo_cli.services.spot_needs import Need, architecture_of, memory_of, types_meeting, vcpus_of
from ectwo_cli.services.spot_prices import SpotPrice, current_of, saving
from ectwo_cli.services.spot_scores import Wish, scores

RANKS = {"instance": "price", "vcpu": "price_per_vcpu", "memory": "price_per_gib"}
"""By what offers are ranked, and the property that says it."""


@resource("spot offer", operation="DescribeSpotPriceHistory", items="SpotPriceHistory[]", id="type", lookup=())
class SpotOffer(Regional):
    """A type in a zone that meets a need, with its price in US dollars an hour."""

    zone: str = column("zone", default=True, help="the Availability Zone")
    type: str = column("type", default=True, help="the instance type")
    price: float = column("price", default=True, help="US dollars an hour")
    vcpus: int = column("vcpus", default=True, help="its vCPUs")
    memory: float = column("memory", default=True, help="its memory in GiB")
    architecture: str = column("architecture", default=True, help="its architecture")
    score: int | None = column(
        "score", default=True, help="the placement score of the zone for all these types together, 1 to 10"
    )
    platform: str = column("platform", help="the operating system")
    price_per_vcpu: float = column("price_per_vcpu", help="US dollars an hour for each vCPU")
    price_per_gib: float = column("price_per_gib", help="US dollars an hour for each GiB of memory")
    total: float = column("total", help="US dollars an hour for as many instances as are needed")
    on_demand: float | None = column("on_demand", help="the on-demand price, US dollars an hour")
    saving: float | None = column("saving", help="how much less than on demand it is, in percent")
    timestamp: datetime = column("timestamp", help="since when it is that much")


@dataclass(frozen=True)
class Request:
    """What is needed: so many instances, on a platform."""

    need: Need
    platform: str = "linux"
    count: int = 1


def offers(client: Client, request: Request, *, now: datetime) -> Iterator[Page[SpotOffer]]:
    """What one region has to offer.

    EC2: GetInstanceTypesFromInstanceRequirements, DescribeInstanceTypes, DescribeSpotPriceHistory. Raises botocore's
    errors.
    """
    kinds = types_meeting(client, request.need)
    found = [offer(price, kinds[price.type], request) for price in _prices(client, kinds, request, now)]
    yield Page(found)


def _prices(client: Client, kinds: dict[str, Raw], request: Request, now: datetime) -> Iterator[SpotPrice]:
    for price in current_of(client, sorted(kinds), request.platform, now=now):
        if price.type in kinds:
            yield price


def offer(price: SpotPrice, kind: Raw, request: Request) -> SpotOffer:
    """The price of a type, with what one gets for it."""
    vcpus, memory = vcpus_of(kind), memory_of(kind)
    return SpotOffer(
        profile=price.profile,
        region=price.region,
        zone=price.zone,
        type=price.type,
        price=price.price,
        vcpus=vcpus,
        memory=memory,
        architecture=architecture_of(kind, request.need.architectures) or "",
        platform=price.platform,
        price_per_vcpu=round(price.price / vcpus, 6),
        price_per_gib=round(price.price / memory, 6),
        total=round(price.price * request.count, 6),
        score=None,
        on_demand=None,
        saving=None,
        timestamp=price.timestamp,
    )


def compared(item: SpotOffer, on_demand: float | None) -> SpotOffer:
    """The offer beside the on-demand price."""
    return replace(item, on_demand=on_demand, saving=saving(item.price, on_demand)) if on_demand else item


def scored(client: Client, items: Sequence[SpotOffer], count: int) -> list[SpotOffer]:
    """The offers with the placement scores of their zones, for ``count`` instances of any of their types.

    EC2: GetSpotPlacementScores, DescribeAvailabilityZones. Raises botocore's errors.
    """
    if not items:
        return []
    wish = Wish(count, sorted({item.type for item in items}))
    regions = sorted({item.region for item in items})
    found = {(each.region, each.zone): each.score for each in scores(client, wish, regions, zones=True)}
    return [replace(item, score=found.get((item.region, item.zone))) for item in items]
