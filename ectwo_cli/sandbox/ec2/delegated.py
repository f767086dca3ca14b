"""What moto answers, with EC2's filters and pages over it, and the checks that moto leaves out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Ask, Handler, dry_run
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal

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
    "DescribeSecurityGroupRules": Listing(
        "SecurityGroupRules",
        {"group-id": "GroupId", "security-group-rule-id": "SecurityGroupRuleId"},
    ),
    "DescribeKeyPairs": Listing(
        "KeyPairs",
        {"fingerprint": "KeyFingerprint", "key-name": "KeyName", "key-pair-id": "KeyPairId"},
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


def _rules(name: str, path: str) -> Table:
    return {
        f"{name}.cidr": f"{path}.IpRanges.CidrIp",
        f"{name}.from-port": f"{path}.FromPort",
        f"{name}.group-id": f"{path}.UserIdGroupPairs.GroupId",
        f"{name}.group-name": f"{path}.UserIdGroupPairs.GroupName",
        f"{name}.ipv6-cidr": f"{path}.Ipv6Ranges.CidrIpv6",
        f"{name}.prefix-list-id": f"{path}.PrefixListIds.PrefixListId",
        f"{name}.protocol": f"{path}.IpProtocol",
        f"{name}.to-port": f"{path}.ToPort",
        f"{name}.user-id": f"{path}.UserIdGroupPairs.UserId",
    }


LISTINGS["DescribeSecurityGroups"] = Listing(
    "SecurityGroups",
    {
        "description": "Description",
        "group-id": "GroupId",
        "group-name": "GroupName",
        "owner-id": "OwnerId",
        "vpc-id": "VpcId",
        **_rules("ip-permission", "IpPermissions"),
        **_rules("egress.ip-permission", "IpPermissionsEgress"),
    },
)


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


def delete_security_group(ask: Ask) -> dict[str, Any]:
    """DeleteSecurityGroup: refused while an interface or a rule of another group refers to it."""
    here = ask.here
    group_id, name = ask.get("GroupId"), ask.get("GroupName")
    every = delegate.call(here, "DescribeSecurityGroups", {})["SecurityGroups"]
    found = [one for one in every if one["GroupId"] == group_id or (name and one["GroupName"] == name)]
    if found:
        group = found[0]
        if group["GroupName"] == "default":
            raise Refusal("CannotDelete", f"the specified group: \"{group['GroupId']}\" name: \"default\" cannot be "
                          "deleted by a user")  # fmt: skip
        from ectwo_cli.sandbox.ec2 import network

        used = any(
            held["GroupId"] == group["GroupId"] for one in network.interfaces(here) for held in one.get("Groups", ())
        )
        referred = any(
            pair.get("GroupId") == group["GroupId"]
            for one in every
            if one["GroupId"] != group["GroupId"]
            for rule in (*one["IpPermissions"], *one["IpPermissionsEgress"])
            for pair in rule.get("UserIdGroupPairs", ())
        )
        if used or referred:
            raise Refusal("DependencyViolation", f"resource {group['GroupId']} has a dependent object")
    answer = plain(ask)
    return {**answer, "Return": True, **({"GroupId": found[0]["GroupId"]} if found else {})}


HANDLERS: dict[str, Handler] = {**dict.fromkeys(LISTINGS, listing), "DeleteSecurityGroup": delete_security_group}
