"""Where a launch would land: subnet, VPC, zone, and the groups that are meant there. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.wanted import Wanted
from ectwo_cli.model import Raw, name_of
from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class Placement:
    """``subnet`` is None where EC2 picks one of the default VPC, or where there is none."""

    subnet: Raw | None
    vpc_id: str | None
    zone: str | None


def subnets_named(wanted: Wanted, facts: Facts) -> list[Raw]:
    """The subnets that ``wanted.subnet`` means, by ID or by their Name tag."""
    said = wanted.subnet
    return [each for each in facts.subnets or () if said in (each["SubnetId"], name_of(each.get("Tags")))]


def default_vpc(facts: Facts) -> Raw | None:
    """The default VPC of the region."""
    return next((each for each in facts.vpcs or () if each.get("IsDefault")), None)


def default_subnets(facts: Facts) -> list[Raw]:
    """The subnets that EC2 picks from when a launch names none."""
    vpc = default_vpc(facts)
    return [
        each for each in facts.subnets or () if vpc and each.get("DefaultForAz") and each.get("VpcId") == vpc["VpcId"]
    ]


def placement(wanted: Wanted, facts: Facts) -> Placement:
    """Where it would land, as far as that can be said."""
    if wanted.subnet is not None:
        named = subnets_named(wanted, facts)
        if len(named) != 1:
            return Placement(None, None, wanted.zone)
        return Placement(named[0], named[0].get("VpcId"), named[0].get("AvailabilityZone"))
    vpc = default_vpc(facts)
    vpc_id = vpc["VpcId"] if vpc else None
    if wanted.zone is None:
        return Placement(None, vpc_id, None)
    there = (each for each in default_subnets(facts) if each.get("AvailabilityZone") == wanted.zone)
    return Placement(next(there, None), vpc_id, wanted.zone)


def groups_meant(wanted: Wanted, facts: Facts) -> list[Raw]:
    """The groups that the instances would be in: the wanted ones of that VPC, else its default one.

    A name that only other VPCs have is left out, as is what does not exist at all: checks tell.
    """
    where = placement(wanted, facts).vpc_id
    if not wanted.groups:
        return [each for each in in_vpc(facts.groups, where) if each["GroupName"] == "default"]
    meant: list[Raw] = []
    for said in wanted.groups:
        for each in in_vpc(facts.groups, where):
            if said in (each["GroupId"], each["GroupName"]) and each not in meant:
                meant.append(each)
    return meant


def in_vpc(groups: Sequence[Raw] | None, vpc_id: str | None) -> list[Raw]:
    """Those of the groups that are in the VPC; all where it is not known."""
    return [each for each in groups or () if vpc_id is None or each.get("VpcId") == vpc_id]
