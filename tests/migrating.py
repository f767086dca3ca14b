"""Images and snapshots to migrate, made in the tests' server, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.ec2 import Ec2

HOME = "us-east-1"


def make_images(ec2: Ec2, names: Sequence[str], *, region: str = HOME, gib: int = 8, **more: Any) -> list[str]:
    """Own images with one snapshot each, tagged ``app=NAME``; their snapshots ``disk=NAME``."""
    client = ec2.boto(region)
    zone = client.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    made = []
    for name in names:
        volume = client.create_volume(AvailabilityZone=zone, Size=gib)["VolumeId"]
        tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "disk", "Value": name}]}]
        snapshot = client.create_snapshot(VolumeId=volume, TagSpecifications=tags)["SnapshotId"]
        made.append(
            client.register_image(
                Name=name,
                Architecture="x86_64",
                VirtualizationType="hvm",
                RootDeviceName="/dev/xvda",
                EnaSupport=True,
                BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "VolumeType": "gp3"}}],
                TagSpecifications=[{"ResourceType": "image", "Tags": [{"Key": "app", "Value": name}]}],
                **more,
            )["ImageId"]
        )
    return made


def copies(ec2: Ec2, region: str, source: str) -> list[dict[str, Any]]:
    """The images there that are copies of ``source``, whatever their state."""
    wanted = [{"Name": "source-image-id", "Values": [source]}]
    found: list[dict[str, Any]] = ec2.boto(region).describe_images(Owners=["self"], Filters=wanted)["Images"]
    return found


def snapshots_of(ec2: Ec2, region: str, image: dict[str, Any]) -> list[dict[str, Any]]:
    """The snapshots behind an image."""
    ids = [device["Ebs"]["SnapshotId"] for device in image["BlockDeviceMappings"] if "Ebs" in device]
    found: list[dict[str, Any]] = ec2.boto(region).describe_snapshots(SnapshotIds=ids)["Snapshots"]
    return found


def tags_of(raw: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}


def copied(ec2: Ec2) -> list[dict[str, Any]]:
    """The calls that made copies, or tried to."""
    calls = ec2.calls("CopyImage") + ec2.calls("CopySnapshot")
    return [call for call in calls if not call["parameters"].get("DryRun")]
