"""On-demand prices, for comparison: from the Pricing API, kept for a week. Nothing ever fails for want of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from ectwo_cli.aws.cache import write_cache
from ectwo_cli.aws.session import Client
from ectwo_cli.fanout import across
from ectwo_cli.records import dataclass

LASTS = 7 * 24 * 3600
"""Seconds for which a price is believed."""

MOST = 60
"""Types that are asked for in one run beside those that are known; a call each."""

AT_ONCE = 8
"""Calls at once: the Pricing API is soon out of breath."""

SYSTEMS = {"linux": "Linux", "windows": "Windows", "rhel": "RHEL", "suse": "SUSE"}
"""What the Pricing API calls the platforms."""

PLACES = {"cn": "cn-northwest-1"}
"""Where the Pricing API is, by the first part of the region's name; elsewhere:"""
PLACE = "us-east-1"

Prices = Mapping[str, float]
"""By region, US dollars an hour (in China: yuan, as spot prices there)."""


@dataclass
class OnDemand:
    """On-demand prices of shared instances without further software. ``learn`` first, then ask for any ``price``.

    ``client`` is any client of the account. ``trouble`` is the first error that kept prices unknown, ``left_out`` how
    many types were not asked for since they were too many.
    """

    client: Client
    clock: Callable[[], float] = time.time
    most: int = MOST
    trouble: Exception | None = field(default=None, init=False)
    left_out: int = field(default=0, init=False)
    _known: dict[tuple[str, str, str], Prices] = field(default_factory=dict, init=False)

    def price(self, type: str, platform: str, region: str) -> float | None:
        """US dollars an hour, or None where it is not known."""
        return self._known.get((_place(region), platform, type), {}).get(region)

    def learn(self, wanted: Iterable[tuple[str, str, str]]) -> None:
        """Find out the prices of (type, platform, region): from the cache, else Pricing: GetProducts. Raises nothing.

        A call gives a type's price in all regions at once.
        """
        unknown: list[tuple[str, str, str]] = []
        for key in dict.fromkeys((_place(region), platform, type) for type, platform, region in wanted):
            if key in self._known:
                continue
            kept = self._kept(key)
            if kept is None:
                unknown.append(key)
                kept = {}
            self._known[key] = kept
        allowed = max(0, self.most)
        self.left_out += max(0, len(unknown) - allowed)
        self.most -= min(len(unknown), allowed)
        if unknown and allowed and self.trouble is None:
            self._ask(unknown[:allowed])

    def _ask(self, keys: list[tuple[str, str, str]]) -> None:
        # The first one alone: where that is refused the others need not be tried.
        for some in (keys[:1], keys[1:]):
            if self.trouble is not None:
                return
            results = across(some, self._asked, where=str, most=AT_ONCE)
            for key, prices in results:
                self._known[key] = prices
                self._keep(key, prices)
            for failure in results.failures:
                if isinstance(failure.error, Exception):
                    self.trouble = self.trouble or failure.error

    def _asked(self, key: tuple[str, str, str]) -> Iterator[tuple[tuple[str, str, str], Prices]]:
        place, platform, type = key
        client = self.client.sibling(service="pricing", region=place)
        if self.client.goes_along_with(client):
            yield key, asked(client, type, platform)

    # The cache: a file for each type, since many processes may fill it at once

    def _kept(self, key: tuple[str, str, str]) -> Prices | None:
        file = self._file(key)
        if file is None:
            return None
        try:
            if not 0 <= self.clock() - file.stat().st_mtime < LASTS:
                return None
            known = json.loads(file.read_text())
            return {str(region): float(price) for region, price in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def _keep(self, key: tuple[str, str, str], prices: Prices) -> None:
        file = self._file(key)
        if file is not None:
            write_cache(file, json.dumps(prices))

    def _file(self, key: tuple[str, str, str]) -> Path | None:
        account = self.client.account
        if account.cache_dir is None:
            return None
        import hashlib

        # List prices are the same for all accounts, but not of a server that only speaks AWS's language.
        where = hashlib.sha256(repr((account.route.endpoint, account.known_by)).encode()).hexdigest()[:16]
        place, platform, type = key
        return account.cache_dir / f"on-demand-{where}" / f"{place}-{platform}-{type}.json"


def asked(client: Client, type: str, platform: str) -> Prices:
    """The prices of a type in all regions. Pricing: GetProducts. Raises botocore's errors."""
    system = SYSTEMS.get(platform)
    if system is None:
        return {}
    wanted = {
        "instanceType": type,
        "operatingSystem": system,
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    found: dict[str, float] = {}
    token: str | None = None
    while True:
        answer = client.call_briefly(
            "GetProducts",
            ServiceCode="AmazonEC2",
            FormatVersion="aws_v1",
            Filters=filters,
            MaxResults=100,
            NextToken=token,
        )
        for text in answer["PriceList"]:
            if (read := read_product(json.loads(text) if isinstance(text, str) else text)) is not None:
                region, price = read
                # The same thing may be sold with a licence of one's own, which is no comparison.
                found[region] = max(price, found.get(region, 0.0))
        token = answer.get("NextToken") or None
        if token is None:
            return found


def read_product(product: Mapping[str, Any]) -> tuple[str, float] | None:
    """Region and hourly price of one element of a price list; None for what has none."""
    attributes = product.get("product", {}).get("attributes", {})
    region = attributes.get("regionCode")
    if not region or attributes.get("licenseModel") == "Bring your own license":
        return None
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            for text in dimension.get("pricePerUnit", {}).values():
                price = float(text)
                if price > 0 and dimension.get("unit", "Hrs") == "Hrs":
                    return str(region), price
    return None


def _place(region: str) -> str:
    return PLACES.get(region.partition("-")[0], PLACE)
