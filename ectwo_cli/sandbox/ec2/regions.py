"""Regions and zones."""

from __future__ import annotations

from typing import Any

from ectwo_cli.sandbox import delegate, geography
from ectwo_cli.sandbox.asking import Ask, Handler
from ectwo_cli.sandbox.filters import Table, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value


def describe_regions(ask: Ask) -> dict[str, Any]:
    """DescribeRegions: without AllRegions, those that the account may use."""
    names = ask.get("RegionNames")
    unknown = [one for one in names or () if one not in geography.REGIONS]
    if unknown:
        raise bad_value(unknown[0], "RegionName", "The region does not exist.")
    rows = [
        {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": ask.here.world.status(name)}
        for name in (geography.REGIONS if ask.get("AllRegions") else ask.here.world.enabled())
        if not names or name in names
    ]
    table: Table = {"endpoint": "Endpoint", "opt-in-status": "OptInStatus", "region-name": "RegionName"}
    return {"Regions": select(rows, ask.get("Filters"), table)}


_ZONES: Table = {
    "group-name": "GroupName",
    "message": "Messages.Message",
    "opt-in-status": "OptInStatus",
    "parent-zone-id": "ParentZoneId",
    "parent-zone-name": "ParentZoneName",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
    "group-long-name": "GroupLongName",
}


def describe_zones(ask: Ask) -> dict[str, Any]:
    """DescribeAvailabilityZones."""
    here = ask.here
    rows = [
        {
            **zone,
            "OptInStatus": "opt-in-not-required",
            "GroupName": f"{here.name}-zg-1",
            "NetworkBorderGroup": here.name,
        }
        for zone in delegate.call(here, "DescribeAvailabilityZones", {})["AvailabilityZones"]
    ]
    for name, key in (("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")):
        wanted = ask.get(name)
        if wanted:
            unknown = set(wanted) - {row[key] for row in rows}
            if unknown:
                raise Refusal(
                    "InvalidParameterValue",
                    f"Invalid availability zone: [{', '.join(sorted(unknown))}]",
                )
            rows = [row for row in rows if row[key] in wanted]
    return {"AvailabilityZones": select(rows, ask.get("Filters"), _ZONES)}


HANDLERS: dict[str, Handler] = {
    "DescribeRegions": describe_regions,
    "DescribeAvailabilityZones": describe_zones,
}
