"""What an instance would cost: nice to know before a launch, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass
from ectwo_cli.services.pricing import OnDemand
from ectwo_cli.services.spot_prices import SpotPrice, current_of, platform_of_image


@dataclass(frozen=True)
class Costs:
    """US dollars an hour of one instance; ``spot`` the lowest first. Absent is what could not be found out."""

    on_demand: float | None
    spot: Sequence[SpotPrice] = ()


def costs(
    client: Client, type: str, image: Raw, *, spot: bool, zone: str | None = None, now: datetime | None = None
) -> Costs:
    """The prices of a type with an image, and with ``spot`` those ``now``: in the zone, or in all of the region.

    Pricing: GetProducts; EC2: DescribeSpotPriceHistory. Raises nothing.
    """
    platform = platform_of_image(image)
    known = OnDemand(client)
    known.learn([(type, platform, client.region)])
    prices: list[SpotPrice] = []
    if spot and now is not None:
        # Who may request an instance may not be allowed to ask for prices.
        with suppress(Exception):
            prices = [each for each in current_of(client, [type], platform, now=now) if zone in (None, each.zone)]
    return Costs(known.price(type, platform, client.region), sorted(prices, key=lambda each: (each.price, each.zone)))
