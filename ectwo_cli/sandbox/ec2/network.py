"""Subnets and groups that instances are put into, their interfaces, and what moto knows of the network."""

from __future__ import annotations

import ipaddress
from typing import Any

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Ask, Handler
from ectwo_cli.sandbox.ec2 import groups as security_groups
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.world import Region


@dataclass(frozen=True)
class Subnet:
    """What of a subnet a launch needs."""

    id: str
    vpc: str
    zone: str
    cidr: str
    default: bool
    public: bool


@dataclass(frozen=True)
class Group:
    """What of a security group a launch needs."""

    id: str
    name: str
    vpc: str


def subnets(here: Region) -> list[Subnet]:
    """The subnets of the region."""
    return [
        Subnet(
            id=subnet.id,
            vpc=subnet.vpc_id,
            zone=subnet.availability_zone,
            cidr=str(subnet.cidr_block),
            default=bool(subnet.default_for_az),
            public=str(subnet.map_public_ip_on_launch).lower() == "true",
        )
        for zone in delegate.backend(here).subnets.values()
        for subnet in zone.values()
    ]


def groups(here: Region) -> list[Group]:
    """The security groups of the region."""
    return [
        Group(id=one.id, name=one.data["GroupName"], vpc=one.data["VpcId"])
        for one in security_groups.every(here).values()
    ]


def subnet_for(here: Region, subnet_id: str | None, zone: str | None) -> Subnet:
    """The subnet that a launch goes to. Raises Refusal as RunInstances does."""
    every = subnets(here)
    if subnet_id:
        for subnet in every:
            if subnet.id == subnet_id:
                if zone and subnet.zone != zone:
                    raise Refusal(
                        "InvalidParameterCombination",
                        f"The subnet '{subnet_id}' is in the availability zone {subnet.zone}, not in {zone}",
                    )
                return subnet
        raise Refusal("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
    from ectwo_cli.sandbox import geography

    if zone and zone not in geography.zones(here.name):
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid availability zone: [{zone}]",
        )
    fitting = [subnet for subnet in every if subnet.default and zone in (None, subnet.zone)]
    if not fitting:
        raise Refusal(
            "MissingInput" if zone else "VPCIdNotSpecified",
            "No default subnet for availability zone: '" + zone + "'." if zone else "No default VPC for this user",
        )
    return fitting[0]


def groups_for(here: Region, vpc: str, ids: list[str], names: list[str]) -> list[Group]:
    """The groups of a launch; the VPC's default one when none is named. Raises Refusal as RunInstances does."""
    every = groups(here)
    found = []
    for one in ids:
        match = next((group for group in every if group.id == one), None)
        if match is None:
            raise Refusal("InvalidGroup.NotFound", f"The security group '{one}' does not exist")
        if match.vpc != vpc:
            raise Refusal(
                "InvalidGroup.NotFound",
                f"The security group '{one}' does not exist in VPC '{vpc}'",
            )
        found.append(match)
    for one in names:
        match = next((group for group in every if group.name == one and group.vpc == vpc), None)
        if match is None:
            raise Refusal(
                "InvalidGroup.NotFound",
                f"The security group '{one}' does not exist in default VPC '{vpc}'",
            )
        found.append(match)
    if not found:
        found = [group for group in every if group.vpc == vpc and group.name == "default"]
    return found


def private_address(here: Region, subnet: Subnet) -> str:
    """The next free private address of a subnet."""
    taken = here.world.private_given
    key = f"{here.account}/{subnet.id}"
    taken[key] = taken.get(key, 9) + 1
    network = ipaddress.ip_network(subnet.cidr)
    return str(network[taken[key] % (network.num_addresses - 2)])


def public_address(here: Region) -> str:
    """A public address that is nobody's: from 198.18.0.0/15, which is never routed."""
    given = here.world.public_given
    here.world.public_given += 1
    # A stride that is prime to the size of the range, so that neighbours do not look alike.
    return str(ipaddress.ip_network("198.18.0.0/15")[(4099 + given * 7919) % 131070 + 1])


def dns(here: Region, address: str) -> str:
    """The public DNS name of an address."""
    name = "ec2-" + address.replace(".", "-")
    if here.name == "us-east-1":
        return f"{name}.compute-1.amazonaws.com"
    return f"{name}.{here.name}.compute.amazonaws.com"


def private_dns(here: Region, address: str) -> str:
    """The private DNS name of an address."""
    name = "ip-" + address.replace(".", "-")
    return f"{name}.ec2.internal" if here.name == "us-east-1" else f"{name}.{here.name}.compute.internal"


_INTERFACE_FILTERS: Table = {
    "addresses.association.public-ip": "PrivateIpAddresses.Association.PublicIp",
    "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
    "association.public-ip": "Association.PublicIp",
    "association.allocation-id": "Association.AllocationId",
    "attachment.attachment-id": "Attachment.AttachmentId",
    "attachment.instance-id": "Attachment.InstanceId",
    "attachment.status": "Attachment.Status",
    "availability-zone": "AvailabilityZone",
    "description": "Description",
    "group-id": "Groups.GroupId",
    "group-name": "Groups.GroupName",
    "interface-type": "InterfaceType",
    "mac-address": "MacAddress",
    "network-interface-id": "NetworkInterfaceId",
    "owner-id": "OwnerId",
    "private-dns-name": "PrivateDnsName",
    "private-ip-address": "PrivateIpAddress",
    "requester-id": "RequesterId",
    "requester-managed": "RequesterManaged",
    "source-dest-check": "SourceDestCheck",
    "status": "Status",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


def interfaces(here: Region) -> list[dict[str, Any]]:
    """The network interfaces of the region: those of the instances, and those that were made by themselves."""
    rows = [
        {
            **{name: value for name, value in one.items() if name != "Attachment"},
            "Attachment": {**one["Attachment"], "InstanceId": instance.id, "InstanceOwnerId": here.account},
            "AvailabilityZone": instance.data["Placement"]["AvailabilityZone"],
            "RequesterManaged": False,
            "TagSet": [],
            "Tags": [],
        }
        for instance in here.instances.values()
        for one in instance.data.get("NetworkInterfaces", ())
    ]
    own = {row["NetworkInterfaceId"] for row in rows}
    made = delegate.call(here, "DescribeNetworkInterfaces", {})["NetworkInterfaces"]
    return rows + [{**one, "Tags": one.get("TagSet", [])} for one in made if one["NetworkInterfaceId"] not in own]


def describe_network_interfaces(ask: Ask) -> dict[str, Any]:
    """DescribeNetworkInterfaces."""
    rows = interfaces(ask.here)
    ids = ask.get("NetworkInterfaceIds")
    if ids:
        known = {row["NetworkInterfaceId"]: row for row in rows}
        unknown = [one for one in ids if one not in known]
        if unknown:
            raise Refusal(
                "InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{unknown[0]}' does not exist"
            )
        rows = [known[one] for one in ids]
    chosen, token = page(select(rows, ask.get("Filters"), _INTERFACE_FILTERS), ask.parameters)
    return {"NetworkInterfaces": chosen, "NextToken": token}


HANDLERS: dict[str, Handler] = {"DescribeNetworkInterfaces": describe_network_interfaces}
