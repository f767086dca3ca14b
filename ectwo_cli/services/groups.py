"""Security groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ectwo_cli.model import Raw, Regional, column, resource, tags_of

Rule = Mapping[str, Any]
"""``{protocol, from_port, to_port, source, description}``: one protocol, one range of ports, one source."""

PROTOCOLS = {"-1": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""What EC2 also says by number."""


def rules_of(raw: Sequence[Raw] | None, owner: str | None = None) -> list[dict[str, Any]]:
    """EC2's permissions taken apart: one rule for each source.

    ``source`` (of an egress rule: where to) is a CIDR block, a prefix list ``pl-...``, a group ``sg-...``, or
    ``ACCOUNT/sg-...`` for one of another account than ``owner``. Ports are None for all protocols; for ICMP they are
    type and code, -1 for any.
    """
    return [rule for permission in raw or () for rule in _rules(permission, owner)]


def _rules(permission: Raw, owner: str | None) -> Iterator[dict[str, Any]]:
    protocol = str(permission.get("IpProtocol", "-1"))
    ports = {"from_port": permission.get("FromPort"), "to_port": permission.get("ToPort")}
    common = {"protocol": PROTOCOLS.get(protocol, protocol), **ports}
    for kind, key in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId")):
        for each in permission.get(kind) or ():
            yield {**common, "source": each.get(key), "description": each.get("Description") or None}
    for each in permission.get("UserIdGroupPairs") or ():
        account, group = each.get("UserId"), each.get("GroupId")
        source = f"{account}/{group}" if owner and account and account != owner else group
        yield {**common, "source": source, "description": each.get("Description") or None}


@resource(
    "security group",
    id_prefix="sg-",
    operation="DescribeSecurityGroups",
    items="SecurityGroups[]",
)
class SecurityGroup(Regional):
    """A security group. EC2: DescribeSecurityGroups."""

    name: str = column("GroupName", filter="group-name", default=True, option="--name", help="its name")
    id: str = column("GroupId", filter="group-id", default=True, help="the ID, sg-...")
    vpc_id: str | None = column(
        "VpcId", filter="vpc-id", default=True, option="--vpc", help="the ID of the VPC it belongs to"
    )
    description: str | None = column(
        "Description", filter="description", default=True, option="--description", help="its description"
    )
    owner_id: str | None = column("OwnerId", filter="owner-id", help="the account it belongs to")
    ingress: list[dict[str, Any]] = column(
        "IpPermissions",
        "OwnerId",
        read=rules_of,
        help="rules for what comes in: protocol, from_port, to_port, source, description",
    )
    egress: list[dict[str, Any]] = column(
        "IpPermissionsEgress",
        "OwnerId",
        read=rules_of,
        help="rules for what goes out, with where to as the source",
    )
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")
