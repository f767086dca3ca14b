"""Regions and their zones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ectwo_cli.aws.session import Client
from ectwo_cli.fanout import across
from ectwo_cli.model import PROFILE, Resource, column, resource
from ectwo_cli.query import Query
from ectwo_cli.services.search import Page, place_of

OPT_IN = ("opt-in-not-required", "opted-in", "not-opted-in")


@resource(
    "region",
    operation="DescribeRegions",
    items="Regions[]",
    page_size=None,
    id="name",
    hidden={"opt_in_status": "not-opted-in"},
)
class Region(Resource):
    """A region of the account. EC2: DescribeRegions, DescribeAvailabilityZones."""

    profile: str | None = column(PROFILE, default=True, help="the profile whose account it is of")
    name: str = column("RegionName", filter="region-name", default=True, option="--name", help="its name, us-east-1")
    opt_in_status: str | None = column(
        "OptInStatus",
        filter="opt-in-status",
        default=True,
        option="--opt-in-status",
        values=OPT_IN,
        help="whether it is enabled for the account",
    )
    endpoint: str | None = column("Endpoint", default=True, help="where its EC2 is")
    zones: list[str] | None = column("Zones", help="its Availability Zones, where they were asked for")


def find(client: Client, query: Query[Region]) -> Iterator[Page[Region]]:
    """All regions that match, also those that are not enabled; the cached list is renewed by the way.

    One call, in ``client``'s region. EC2: DescribeRegions. Raises botocore's errors.
    """
    own = list(query.filters)
    found = client.call("DescribeRegions", AllRegions=True, Filters=own or None)["Regions"]
    if not own:
        client.account.learn_regions(found)
    regions = (Region.parse(data, client.region, client.profile) for data in found)
    yield Page([region for region in regions if query.matches(region)])


def find_with_zones(client: Client, query: Query[Region]) -> Iterator[Page[Region]]:
    """The same with the Availability Zones of those that are enabled, which are asked at once.

    EC2: DescribeRegions, DescribeAvailabilityZones. Raises SomeFailed when a region does not tell.
    """
    for page in find(client, query):
        known: dict[str, list[str]] = {}
        enabled = [client.sibling(region=each.name) for each in page.items if each.opt_in_status != "not-opted-in"]
        asked = across(enabled, lambda there: [(there.region, zones(there))], where=place_of)
        known.update(asked)
        yield Page([replace(each, zones=known.get(each.name)) for each in page.items])
        asked.check()


def zones(client: Client) -> list[str]:
    """The Availability Zones of the client's region. EC2: DescribeAvailabilityZones."""
    answer = client.call("DescribeAvailabilityZones")
    return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])
