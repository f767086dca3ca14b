"""Placement scores: how likely a spot request is to be fulfilled, by region or zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, Regional, column, resource
from ectwo_cli.records import dataclass
from ectwo_cli.services.spot_needs import Need

MOST_REGIONS = 10
"""EC2 takes this many; of more, it picks the ten best by itself."""

FEW = 3
"""With fewer types than that EC2 scores low, whatever they are."""

MEANINGS = (
    (10, "highly likely to succeed"),
    (8, "likely to succeed"),
    (5, "may succeed"),
    (2, "unlikely to succeed"),
    (0, "not likely to succeed at all"),
)
"""From which score on it means what. EC2 promises nothing, not even with a 10."""


def meaning(score: int | None) -> str | None:
    """A score in words."""
    return None if score is None else next(words for least, words in MEANINGS if score >= least)


@resource(
    "spot score",
    operation="GetSpotPlacementScores",
    items="SpotPlacementScores[]",
    id="zone_id",
    lookup=(),
)
class SpotScore(Regional):
    """How likely a spot request is to be fulfilled in a region or zone. EC2: GetSpotPlacementScores."""

    zone: str | None = column("zone", default=True, help="the Availability Zone; absent in a score of a region")
    score: int = column("Score", default=True, help="1 to 10: how likely the whole request is to succeed there now")
    meaning: str = column("Score", read=meaning, default=True, help="the score in words")
    zone_id: str | None = column("AvailabilityZoneId", help="the zone's ID, which is the same in all accounts")


@dataclass(frozen=True)
class Wish:
    """What would be requested: instances of any of ``types``, or of those that meet ``need``; ``capacity`` of them."""

    capacity: int
    types: Sequence[str] = ()
    need: Need | None = None


def scores(client: Client, wish: Wish, regions: Sequence[str] | None, *, zones: bool) -> list[SpotScore]:
    """The scores of the regions (None: of all), or of their zones, best first; of more than ten regions the ten best.

    EC2: GetSpotPlacementScores, DescribeAvailabilityZones. Raises botocore's errors.
    """
    params: dict[str, Any] = {"TargetCapacity": wish.capacity, "SingleAvailabilityZone": zones}
    if wish.need is not None:
        needed = wish.need.for_ec2()
        params["InstanceRequirementsWithMetadata"] = needed
    else:
        params["InstanceTypes"] = list(wish.types)
    if regions is not None and len(regions) <= MOST_REGIONS:
        params["RegionNames"] = list(regions)
    found = [
        each
        for each in client.all("GetSpotPlacementScores", "SpotPlacementScores[]", MaxResults=1000, **params)
        if regions is None or each["Region"] in regions
    ]
    names: dict[str, str] = {}
    if zones:
        for region in sorted({each["Region"] for each in found}):
            names |= zone_names(client.sibling(region=region))
    made = [_score(each, names, client.profile) for each in found]
    return sorted(made, key=lambda each: (-each.score, each.region, each.zone or each.zone_id or ""))


def zone_names(client: Client) -> dict[str, str]:
    """The account's names of the region's zones, by ID. EC2: DescribeAvailabilityZones. Raises botocore's errors."""
    answer = client.call("DescribeAvailabilityZones")
    return {each["ZoneId"]: each["ZoneName"] for each in answer["AvailabilityZones"] if "ZoneId" in each}


def _score(data: Raw, names: dict[str, str], profile: str | None) -> SpotScore:
    zone = names.get(data.get("AvailabilityZoneId", ""))
    return SpotScore.parse({**data, "zone": zone}, data["Region"], profile)
