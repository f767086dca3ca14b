"""EC2's elements as the checks get them: all in order, to be changed by each test in one point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.wanted import Wanted

IMAGE: dict[str, Any] = {
    "ImageId": "ami-0123456789abcdef0",
    "Name": "web",
    "State": "available",
    "Architecture": "x86_64",
    "VirtualizationType": "hvm",
    "BootMode": "uefi-preferred",
    "EnaSupport": True,
    "RootDeviceType": "ebs",
    "RootDeviceName": "/dev/xvda",
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 8, "VolumeType": "gp2"}},
        {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-2", "VolumeSize": 20, "VolumeType": "io2"}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ],
}

TYPE: dict[str, Any] = {
    "InstanceType": "t3.micro",
    "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
    "SupportedVirtualizationTypes": ["hvm"],
    "SupportedBootModes": ["legacy-bios", "uefi"],
    "SupportedRootDeviceTypes": ["ebs"],
    "SupportedUsageClasses": ["on-demand", "spot"],
    "NetworkInfo": {"EnaSupport": "required"},
    "NitroTpmSupport": "supported",
    "HibernationSupported": True,
    "VCpuInfo": {"DefaultVCpus": 2},
    "MemoryInfo": {"SizeInMiB": 1024},
}

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}


def subnet(id: str, zone: str, vpc: str = "vpc-1", *, default: bool = True, free: int = 100) -> dict[str, Any]:
    return {
        "SubnetId": id,
        "AvailabilityZone": zone,
        "VpcId": vpc,
        "DefaultForAz": default,
        "MapPublicIpOnLaunch": True,
        "AvailableIpAddressCount": free,
    }


def group(id: str, name: str, vpc: str = "vpc-1", *rules: dict[str, Any]) -> dict[str, Any]:
    return {"GroupId": id, "GroupName": name, "VpcId": vpc, "IpPermissions": list(rules)}


WANTED = Wanted(image="web", type="t3.micro", key="me", groups=("web",))
FACTS = Facts(
    region="us-east-1",
    image=IMAGE,
    types={"t3.micro": TYPE},
    offered={"t3.micro": ["us-east-1a", "us-east-1b"]},
    keys=["me", "you"],
    groups=[
        group("sg-1", "web", "vpc-1", SSH),
        group("sg-2", "lab", "vpc-2", SSH),
        group("sg-3", "default", "vpc-1"),
        group("sg-4", "default", "vpc-2"),
    ],
    subnets=[
        subnet("subnet-a", "us-east-1a"),
        subnet("subnet-b", "us-east-1b"),
        {**subnet("subnet-lab", "us-east-1c", "vpc-2", default=False), "Tags": [{"Key": "Name", "Value": "lab"}]},
    ],
    vpcs=[{"VpcId": "vpc-1", "IsDefault": True}, {"VpcId": "vpc-2", "IsDefault": False}],
    profile_exists=None,
    now="2026-11-22T15:00:00Z",
)


def wanted(**changes: Any) -> Wanted:
    return replace(WANTED, **changes)


def facts(**changes: Any) -> Facts:
    return replace(FACTS, **changes)


def image(**changes: Any) -> Facts:
    return facts(image={**IMAGE, **changes})


def kind(**changes: Any) -> Facts:
    return facts(types={"t3.micro": {**TYPE, **changes}})


def said(problems: Any) -> list[tuple[str, str | None]]:
    """The messages and fixes."""
    return [(each.message, each.fix) for each in problems]
