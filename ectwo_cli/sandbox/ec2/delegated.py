"""What moto answers, with EC2's filters and pages over it, and the checks that moto leaves out."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Ask, Handler, dry_run
from ectwo_cli.sandbox.filters import Table, page, select

_PAGING = re.compile(r"^(Filter\.|MaxResults$|NextToken$|DryRun$)")


@dataclass(frozen=True)
class Listing:
    """A Describe that moto answers in full: which member holds the rows, and what its filters look at."""

    member: str
    filters: Table = field(default_factory=dict)
    least: int = 5


LISTINGS: dict[str, Listing] = {
    "DescribeVpcs": Listing(
        "Vpcs",
        {
            "cidr": "CidrBlock",
            "cidr-block-association.cidr-block": "CidrBlockAssociationSet.CidrBlock",
            "dhcp-options-id": "DhcpOptionsId",
            "is-default": "IsDefault",
            "isDefault": "IsDefault",
            "owner-id": "OwnerId",
            "state": "State",
            "vpc-id": "VpcId",
        },
    ),
    "DescribeSubnets": Listing(
        "Subnets",
        {
            "availability-zone": "AvailabilityZone",
            "availabilityZone": "AvailabilityZone",
            "availability-zone-id": "AvailabilityZoneId",
            "available-ip-address-count": "AvailableIpAddressCount",
            "cidr-block": "CidrBlock",
            "cidr": "CidrBlock",
            "default-for-az": "DefaultForAz",
            "defaultForAz": "DefaultForAz",
            "map-public-ip-on-launch": "MapPublicIpOnLaunch",
            "owner-id": "OwnerId",
            "state": "State",
            "subnet-arn": "SubnetArn",
            "subnet-id": "SubnetId",
            "vpc-id": "VpcId",
        },
    ),
    "DescribeLaunchTemplates": Listing(
        "LaunchTemplates",
        {"create-time": "CreateTime", "launch-template-name": "LaunchTemplateName"},
        least=1,
    ),
    "DescribeManagedPrefixLists": Listing(
        "PrefixLists",
        {"owner-id": "OwnerId", "prefix-list-id": "PrefixListId", "prefix-list-name": "PrefixListName"},
        least=1,
    ),
    "DescribeRouteTables": Listing(
        "RouteTables",
        {
            "association.main": "Associations.Main",
            "association.route-table-association-id": "Associations.RouteTableAssociationId",
            "association.subnet-id": "Associations.SubnetId",
            "owner-id": "OwnerId",
            "route-table-id": "RouteTableId",
            "route.destination-cidr-block": "Routes.DestinationCidrBlock",
            "route.gateway-id": "Routes.GatewayId",
            "vpc-id": "VpcId",
        },
    ),
    "DescribeInternetGateways": Listing(
        "InternetGateways",
        {
            "attachment.state": "Attachments.State",
            "attachment.vpc-id": "Attachments.VpcId",
            "internet-gateway-id": "InternetGatewayId",
            "owner-id": "OwnerId",
        },
    ),
}


def listing(ask: Ask) -> dict[str, Any]:
    """A Describe of moto's, filtered and paged as EC2 does."""
    shape = LISTINGS[ask.operation]
    query = {name: value for name, value in ask.query.items() if not _PAGING.match(name)}
    answer = delegate.call(ask.here, ask.operation, query)
    rows = select(answer.get(shape.member, []), ask.get("Filters"), shape.filters)
    chosen, token = page(rows, ask.parameters, least=shape.least)
    return {shape.member: chosen, "NextToken": token}


def plain(ask: Ask) -> dict[str, Any]:
    """Whatever else moto has, as it has it."""
    if ask.get("DryRun"):
        raise dry_run()
    return delegate.call(ask.here, ask.operation, dict(ask.query))


HANDLERS: dict[str, Handler] = dict.fromkeys(LISTINGS, listing)
