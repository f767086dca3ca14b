"""What a region says about a launch: all that the checks look at. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ectwo_cli.errors import EctwoError
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known. None means that it could not be found out, which is no problem by itself.

    ``types`` are DescribeInstanceTypes elements by name, ``offered`` the zones that offer each type of ``types``,
    ``offered_types`` all types of the region, looked up only when the wanted one is not to be had. ``groups`` are the
    security groups that bear a wanted name or ID, and the default one of each VPC. ``unknown`` names what the caller
    may not look at. ``now`` is the time as EC2 writes it.
    """

    region: str
    image: Raw | None = None
    image_error: EctwoError | None = None
    types: Mapping[str, Raw] | None = None
    offered: Mapping[str, Sequence[str]] | None = None
    offered_types: Sequence[str] | None = None
    keys: Sequence[str] | None = None
    groups: Sequence[Raw] | None = None
    subnets: Sequence[Raw] | None = None
    vpcs: Sequence[Raw] | None = None
    profile_exists: bool | None = None
    vcpu_quota: int | None = None
    vcpus_used: int | None = None
    unknown: Sequence[str] = ()
    now: str | None = None
