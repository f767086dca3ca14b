"""What an instance has to have: so many vCPUs, so much memory, an architecture; and which types have it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any

from ectwo_cli.aws.calls import batches, is_lost, is_throttle
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import UsageError
from ectwo_cli.model import Raw
from ectwo_cli.query import MOST_FILTER_VALUES, Pattern, chosen
from ectwo_cli.records import dataclass

ARCHITECTURES = ("x86_64", "arm64")

NUMBER = r"\d+(?:\.\d+)?"


@dataclass(frozen=True)
class Range:
    """From ``least`` to ``most``, both included; ``most`` None: no limit."""

    least: float = 0
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Whether it is within."""
        return self.least <= value and (self.most is None or value <= self.most)

    def limits(self, factor: int = 1) -> dict[str, int]:
        """As EC2 wants it, in whole units of which ``factor`` make one of ours."""
        least = {"Min": int(self.least * factor)}
        return least if self.most is None else {**least, "Max": int(self.most * factor)}


def read_range(text: str, *, what: str) -> Range:
    """``4`` (just that), ``4-8``, ``16+`` (at least), ``-8`` (at most). Raises UsageError."""
    plain = text.strip()
    if re.fullmatch(NUMBER, plain):
        return Range(float(plain), float(plain))
    if re.fullmatch(rf"{NUMBER}\+", plain):
        return Range(float(plain[:-1]))
    if re.fullmatch(rf"-{NUMBER}", plain):
        return Range(0, float(plain[1:]))
    if re.fullmatch(rf"{NUMBER}-{NUMBER}", plain):
        least, most = map(float, plain.split("-"))
        if least <= most:
            return Range(least, most)
        raise UsageError(f"bad {what} {text!r}: {most:g} is less than {least:g}")
    raise UsageError(f"bad {what} {text!r}", hint="write 4, 4-8, 16+ (at least) or -8 (at most)")


@dataclass(frozen=True)
class Need:
    """What a type has to have. ``memory`` is in GiB; ``types`` are patterns that its name has to match (none: any)."""

    vcpus: Range = Range()
    memory: Range = Range()
    architectures: Sequence[str] = ARCHITECTURES
    types: Sequence[Pattern] = field(default=())

    def met_by(self, kind: Raw) -> bool:
        """Whether the type (an element of DescribeInstanceTypes) has it, and is to be had as spot."""
        usage = kind.get("SupportedUsageClasses")
        return (
            self.vcpus.holds(vcpus_of(kind))
            and self.memory.holds(memory_of(kind))
            and architecture_of(kind, self.architectures) is not None
            and chosen(self.types, kind["InstanceType"])
            and "hvm" in (kind.get("SupportedVirtualizationTypes") or ["hvm"])
            and not kind.get("BareMetal")
            and (usage is None or "spot" in usage)
        )

    def for_ec2(self) -> dict[str, Any]:
        """The parameters of GetInstanceTypesFromInstanceRequirements."""
        return {
            "ArchitectureTypes": list(self.architectures),
            "VirtualizationTypes": ["hvm"],
            "InstanceRequirements": {
                "VCpuCount": self.vcpus.limits(),
                "MemoryMiB": self.memory.limits(1024),
                # EC2 leaves them out unless told, and they are often the cheapest.
                "BurstablePerformance": "included",
            },
        }


def vcpus_of(kind: Raw) -> int:
    """How many vCPUs a type has."""
    return int(kind["VCpuInfo"]["DefaultVCpus"])


def memory_of(kind: Raw) -> float:
    """How much memory a type has, in GiB."""
    return float(kind["MemoryInfo"]["SizeInMiB"]) / 1024


def architecture_of(kind: Raw, wanted: Sequence[str]) -> str | None:
    """The one of the wanted architectures that a type has."""
    has = kind.get("ProcessorInfo", {}).get("SupportedArchitectures", ())
    return next((each for each in wanted if each in has), None)


def types_meeting(client: Client, need: Need) -> dict[str, Raw]:
    """The types of one region that have what is needed, by name.

    EC2: GetInstanceTypesFromInstanceRequirements, DescribeInstanceTypes; the latter alone where the first is denied or
    not known. Raises botocore's errors.
    """
    try:
        names = [
            each["InstanceType"]
            for each in client.all(
                "GetInstanceTypesFromInstanceRequirements", "InstanceTypes[]", MaxResults=1000, **need.for_ec2()
            )
        ]
    except Exception as error:
        # Denied, or not known there: whatever else is wrong the other call will tell.
        if is_throttle(error) or (code_of(error) is None and not is_lost(error)):
            raise
        found = _described(client, [{"Name": "processor-info.supported-architecture", "Values": need.architectures}])
    else:
        wanted = [name for name in names if chosen(need.types, name)]
        found = (
            kind
            for some in batches(wanted, MOST_FILTER_VALUES)
            for kind in _described(client, [{"Name": "instance-type", "Values": some}])
        )
    return {kind["InstanceType"]: kind for kind in found if need.met_by(kind)}


def types_of_architecture(client: Client, architecture: str) -> set[str]:
    """The names of all types of one region with that architecture. EC2: DescribeInstanceTypes. Raises botocore's."""
    filters = [{"Name": "processor-info.supported-architecture", "Values": [architecture]}]
    return {kind["InstanceType"] for kind in _described(client, filters)}


def types_named(client: Client, wanted: Sequence[Pattern]) -> list[str]:
    """The names of the region's types that match. EC2: DescribeInstanceTypeOfferings. Raises botocore's errors."""
    found = client.all(
        "DescribeInstanceTypeOfferings", "InstanceTypeOfferings[]", LocationType="region", MaxResults=1000
    )
    return sorted({each["InstanceType"] for each in found if chosen(wanted, each["InstanceType"])})


def _described(client: Client, filters: Sequence[Any]) -> Iterator[Raw]:
    pages = client.pages("DescribeInstanceTypes", "InstanceTypes[]", Filters=list(filters), MaxResults=100)
    for page in pages:
        yield from page
