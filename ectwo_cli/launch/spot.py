"""The call that requests spot instances: RequestSpotInstances' parameters; and whether the price makes sense. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ectwo_cli.errors import UsageError
from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.preflight import all_tags
from ectwo_cli.launch.request import block_devices, encoded, network
from ectwo_cli.launch.wanted import Problem, Wanted
from ectwo_cli.services.spot_prices import SpotPrice

LEAST_PRICE = 0.001
"""US dollars an hour: EC2 takes no maximum that is not above."""


def request_spot_instances(wanted: Wanted, facts: Facts, valid_until: datetime | None = None) -> dict[str, Any]:
    """The parameters, but for ClientToken. The checks have passed; ``wanted`` is for the spot market."""
    assert facts.image is not None and wanted.type is not None and wanted.market is not None
    market = wanted.market
    specification: dict[str, Any] = {
        "ImageId": facts.image["ImageId"],
        "InstanceType": wanted.type,
        **network(wanted, facts),
    }
    if devices := block_devices(wanted, facts.image):
        specification["BlockDeviceMappings"] = devices
    if wanted.key is not None:
        specification["KeyName"] = wanted.key
    if wanted.user_data is not None:
        # Here boto3 does not encode it.
        specification["UserData"] = encoded(wanted.user_data)
    if wanted.instance_profile is not None:
        arn = wanted.instance_profile.startswith("arn:")
        specification["IamInstanceProfile"] = {"Arn" if arn else "Name": wanted.instance_profile}
    request: dict[str, Any] = {
        "LaunchSpecification": specification,
        "InstanceCount": wanted.count,
        "Type": "persistent" if market.persistent else "one-time",
        "InstanceInterruptionBehavior": market.interruption,
    }
    if market.max_price is not None:
        request["SpotPrice"] = market.max_price
    if valid_until is not None:
        request["ValidUntil"] = valid_until
    if tags := all_tags(wanted, facts.image):
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        request["TagSpecifications"] = [{"ResourceType": "spot-instances-request", "Tags": listed}]
    return request


def check_price(text: str | None, prices: Sequence[SpotPrice], on_demand: float | None) -> list[Problem]:
    """What is to be said of the price: ``prices`` are those of the zones where it may land, the lowest first."""
    if text is None:
        return []
    price = float(text)
    if price <= LEAST_PRICE:
        return [Problem(f"EC2 takes no --price of {LEAST_PRICE} or less", "say more, or leave --price out", UsageError)]
    found: list[Problem] = []
    if prices and price < prices[0].price:
        found.append(
            Problem(
                f"{text} USD is less than the price now, {prices[0].price:g} in {prices[0].zone}: the request "
                "stays open until the price falls",
                f"say --price {prices[0].price:g} or more; without --price you pay the price of the time, never more "
                "than on demand",
                warning=True,
            )
        )
    if on_demand is not None and price > on_demand:
        found.append(
            Problem(
                f"{text} USD is more than on demand ({on_demand:g}), which spot never costs more than",
                "leave --price out",
                warning=True,
            )
        )
    return found
