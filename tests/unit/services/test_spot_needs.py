"""What is needed of a type."""

from __future__ import annotations

from typing import Any

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.query import patterns
from ectwo_cli.services.spot_needs import Need, Range, read_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4", Range(4, 4)),
        ("4-8", Range(4, 8)),
        ("16+", Range(16, None)),
        ("-8", Range(0, 8)),
        ("0.5-3.75", Range(0.5, 3.75)),
        (" 8 ", Range(8, 8)),
        ("8-8", Range(8, 8)),
    ],
)
def test_ranges(text: str, expected: Range) -> None:
    assert read_range(text, what="--vcpus") == expected


@pytest.mark.parametrize("text", ["", "x", "4-", "+4", "8-4", "4--8", "4-8-16", "1e3", "4 8", "-", "+"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UsageError, match="bad --memory"):
        read_range(text, what="--memory")


@pytest.mark.parametrize(
    ("given", "value", "expected"),
    [
        (Range(4, 8), 4, True),
        (Range(4, 8), 8, True),
        (Range(4, 8), 3.75, False),
        (Range(4, 8), 9, False),
        (Range(16), 1e6, True),
        (Range(16), 15.25, False),
    ],
)
def test_both_ends_are_within(given: Range, value: float, expected: bool) -> None:
    assert given.holds(value) is expected


def test_limits_are_in_ec2s_units() -> None:
    assert Range(0.5, 3.75).limits(1024) == {"Min": 512, "Max": 3840}
    assert Range(16).limits() == {"Min": 16}
    assert Range().limits() == {"Min": 0}


def kind(name: str = "m6g.xlarge", **differs: Any) -> dict[str, Any]:
    return {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": 4},
        "MemoryInfo": {"SizeInMiB": 16384},
        "ProcessorInfo": {"SupportedArchitectures": ["arm64"]},
        "SupportedVirtualizationTypes": ["hvm"],
        "SupportedUsageClasses": ["on-demand", "spot"],
        "BareMetal": False,
        **differs,
    }


NEED = Need(Range(4, 8), Range(16), ("arm64",))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (kind(), True),
        (kind(VCpuInfo={"DefaultVCpus": 2}), False),
        (kind(MemoryInfo={"SizeInMiB": 15616}), False),
        (kind(ProcessorInfo={"SupportedArchitectures": ["x86_64", "i386"]}), False),
        (kind(SupportedVirtualizationTypes=["paravirtual"]), False),
        (kind(SupportedUsageClasses=["on-demand"]), False),
        (kind(BareMetal=True), False),
    ],
)
def test_a_type_meets_a_need(given: dict[str, Any], expected: bool) -> None:
    assert NEED.met_by(given) is expected


def test_types_may_be_named() -> None:
    named = Need(NEED.vcpus, NEED.memory, NEED.architectures, patterns(["m6g.*", "!*.metal"]))
    assert named.met_by(kind())
    assert not named.met_by(kind("c6g.2xlarge"))


def test_what_ec2_is_asked_for() -> None:
    assert NEED.for_ec2() == {
        "ArchitectureTypes": ["arm64"],
        "VirtualizationTypes": ["hvm"],
        "InstanceRequirements": {
            "VCpuCount": {"Min": 4, "Max": 8},
            "MemoryMiB": {"Min": 16384},
            "BurstablePerformance": "included",
        },
    }
