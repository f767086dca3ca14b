"""Ask a region all that the checks of a launch look at, at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Any

from ectwo_cli.aws.session import DENIED, Client, code_of
from ectwo_cli.errors import EctwoError
from ectwo_cli.fanout import across
from ectwo_cli.launch import image as images
from ectwo_cli.launch.choice import candidates, pick_type
from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.placement import placement
from ectwo_cli.launch.wanted import Wanted
from ectwo_cli.model import Raw
from ectwo_cli.query import iso
from ectwo_cli.records import dataclass

STANDARD_QUOTA, SPOT_QUOTA = "L-1216C47A", "L-34B43A08"
"""Service Quotas' codes for the vCPUs of standard instances (A, C, D, H, I, M, R, T, Z), on demand and spot."""
STANDARD_FAMILIES = {"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"}


def gather(client: Client, wanted: Wanted, *, now: datetime, found: Raw | None = None) -> tuple[Wanted, Facts]:
    """Ask everything that the checks need; ``wanted`` comes back with the type that was picked where none was said.

    ``found`` is the image where the caller has it already. Two rounds of requests, each at once.
    EC2: DescribeImages, DescribeSubnets, DescribeVpcs, DescribeSecurityGroups, DescribeKeyPairs, DescribeInstanceTypes,
    DescribeInstanceTypeOfferings, DescribeInstances; SSM: GetParameters; IAM: GetInstanceProfile; Service Quotas.
    What the caller may not look at is left unknown. Raises botocore's errors for anything else.
    """
    first: dict[str, Callable[[], Any]] = {
        "subnets": lambda: client.all("DescribeSubnets", "Subnets[]"),
        "vpcs": lambda: client.all("DescribeVpcs", "Vpcs[]"),
        "groups": lambda: _groups(client, wanted.groups),
    }
    if found is None and wanted.image is not None:
        said = images.read(wanted.image)
        first["image"] = lambda: _image(client, said)
    if wanted.key is not None:
        first["keys"] = lambda: [each["KeyName"] for each in client.all("DescribeKeyPairs", "KeyPairs[]")]
    if wanted.instance_profile is not None:
        profile = wanted.instance_profile
        first["profile_exists"] = lambda: _profile_exists(client, profile)
    answers = _ask(first)
    known = answers.known
    if found is not None:
        known["image"] = found
    elif isinstance(known.get("image"), EctwoError):
        known["image_error"] = known.pop("image")
    unknown = list(answers.unknown)
    facts = Facts(region=client.region, now=iso(now), **known)

    names = candidates(wanted, facts.image)
    second: dict[str, Callable[[], Any]] = {}
    if names:
        second["types"] = lambda: types_of(client, names)
        second["offered"] = lambda: zones_of(client, names)
    if wanted.type is None or is_standard(wanted.type):
        code = SPOT_QUOTA if wanted.market else STANDARD_QUOTA
        second["vcpu_quota"] = lambda: _quota(client, code)
        second["vcpus_used"] = lambda: _vcpus_used(client, spot=wanted.market is not None)
    answers = _ask(second)
    facts = replace(facts, **answers.known, unknown=(*unknown, *answers.unknown))
    zone = placement(wanted, facts).zone
    if wanted.type is None:
        wanted = replace(wanted, type=pick_type(names, facts.image, facts.types, facts.offered, zone))
    if wanted.type and facts.offered is not None:
        zones = facts.offered.get(wanted.type, ())
        if not zones or (zone and zone not in zones):
            more = _ask({"offered_types": lambda: offered_types(client, zone)})
            facts = replace(facts, **more.known)
    return wanted, facts


def is_standard(type: str) -> bool:
    """Whether a type counts towards the quota of standard instances."""
    return re.split(r"[^a-z]", type, maxsplit=1)[0] in STANDARD_FAMILIES


def types_of(client: Client, names: Sequence[str] | None = None) -> dict[str, Raw]:
    """Instance types by name; None for all of the region. EC2: DescribeInstanceTypes.

    By a filter, since an unknown type among them would be an error of the call.
    """
    params: dict[str, Any] = {"Filters": [{"Name": "instance-type", "Values": list(names)}]} if names else {}
    found = client.all("DescribeInstanceTypes", "InstanceTypes[]", MaxResults=100, **params)
    return {each["InstanceType"]: each for each in found}


def zones_of(client: Client, names: Sequence[str]) -> dict[str, list[str]]:
    """The zones of the region that offer each type. EC2: DescribeInstanceTypeOfferings."""
    zones: dict[str, list[str]] = {name: [] for name in names}
    params = {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": list(names)}]}
    for each in client.all("DescribeInstanceTypeOfferings", "InstanceTypeOfferings[]", **params):
        zones.setdefault(each["InstanceType"], []).append(each["Location"])
    return {name: sorted(where) for name, where in zones.items()}


@dataclass
class _Answers:
    known: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def _ask(questions: Mapping[str, Callable[[], Any]]) -> _Answers:
    """All at once. What the caller may not ask is unknown; any other error is raised."""
    answers = _Answers()
    results = across(list(questions), lambda name: [(name, questions[name]())], where=str)
    for name, answer in results:
        answers.known[name] = answer
    for failure in results.failures:
        if code_of(failure.error) not in DENIED:
            raise failure.error
        answers.unknown.append(failure.where)
    answers.unknown.sort()
    return answers


def _image(client: Client, said: images.Said) -> Raw | EctwoError:
    try:
        return images.find(client, said)
    except EctwoError as error:
        # A problem among others: all are told at once.
        return error


def _groups(client: Client, wanted: Sequence[str]) -> list[Raw]:
    ids = [each for each in wanted if each.startswith("sg-")]
    names = [each for each in wanted if not each.startswith("sg-")]
    found: dict[str, Raw] = {}
    for filter_name, values in (("group-id", ids), ("group-name", [*names, "default"])):
        if values:
            filters = [{"Name": filter_name, "Values": values}]
            for each in client.all("DescribeSecurityGroups", "SecurityGroups[]", Filters=filters):
                found[each["GroupId"]] = each
    return list(found.values())


def _profile_exists(client: Client, profile: str) -> bool | None:
    there = client.sibling(service="iam")
    if not client.goes_along_with(there):
        return None
    try:
        there.call_briefly("GetInstanceProfile", InstanceProfileName=profile.rpartition("/")[2])
    except Exception as error:
        # Many may pass a role and not look at it, and some can't reach IAM at all: then EC2 will say.
        return False if code_of(error) == "NoSuchEntity" else None
    return True


def _quota(client: Client, code: str) -> int | None:
    there = client.sibling(service="service-quotas")
    if not client.goes_along_with(there):
        return None
    try:
        answer = there.call_briefly("GetServiceQuota", ServiceCode="ec2", QuotaCode=code)
        return int(answer["Quota"]["Value"])
    except Exception:
        # Nice to know, and not worth failing for, whatever it is.
        return None


def _vcpus_used(client: Client, *, spot: bool) -> int | None:
    used = 0
    states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
    for page in client.pages("DescribeInstances", "Reservations[].Instances[]", MaxResults=1000, Filters=[states]):
        for each in page:
            if (each.get("InstanceLifecycle") == "spot") is not spot:
                continue
            if not is_standard(each.get("InstanceType", "")):
                continue
            options = each.get("CpuOptions")
            if not options:
                return None
            used += int(options.get("CoreCount", 0)) * int(options.get("ThreadsPerCore", 1))
    return used


def offered_types(client: Client, zone: str | None = None) -> list[str]:
    """The names of all types that the region, or one zone of it, offers. EC2: DescribeInstanceTypeOfferings."""
    params: dict[str, Any] = {"LocationType": "region"}
    if zone:
        params = {"LocationType": "availability-zone", "Filters": [{"Name": "location", "Values": [zone]}]}
    found = client.all("DescribeInstanceTypeOfferings", "InstanceTypeOfferings[]", **params)
    return sorted({each["InstanceType"] for each in found})
