"""Images (AMIs)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

from ectwo_cli.model import REGION, Regional, column, resource, tags_of
from ectwo_cli.query import moment

COPIED = re.compile(r"\[Copied (ami-[0-9a-f]+) from ([a-z0-9-]+)\]")
"""How the description of a copy begins when nobody gave it another; older copies say it nowhere else."""


def time_of(text: str | None) -> datetime | None:
    """A time that EC2 gives as text (``2026-01-31T12:00:00.000Z``)."""
    return moment(text, datetime.now(timezone.utc)) if text else None


def source_of(
    image: str | None, region: str | None, instance: str | None, description: str | None, here: str
) -> str | None:
    """``REGION/ID`` of the image that this one is a copy of; None for one that is no copy."""
    if instance:
        # Made of an instance: what EC2 then names as its source is the image that the instance was started from.
        return None
    if image:
        return f"{region or here}/{image}"
    copied = COPIED.match(description or "")
    return f"{copied[2]}/{copied[1]}" if copied else None


def size_of(sizes: Sequence[int]) -> int | None:
    """All its volumes together, in GiB; None where it has none on EBS."""
    return sum(sizes) if sizes else None


@resource(
    "image",
    id_prefix="ami-",
    operation="DescribeImages",
    items="Images[]",
    created="created_at",
    owned={"Owners": ["self"], "IncludeDisabled": True},
    by_id={"IncludeDeprecated": True, "IncludeDisabled": True},
)
class Image(Regional):
    """An image (AMI). EC2: DescribeImages."""

    name: str | None = column("Name", filter="name", default=True, option="--name", help="its own name")
    id: str = column("ImageId", filter="image-id", default=True, help="the ID, ami-...")
    state: str | None = column(
        "State",
        filter="state",
        default=True,
        option="--state",
        values=("pending", "available", "failed", "error", "invalid", "transient", "disabled", "deregistered"),
        help="the state",
    )
    architecture: str | None = column(
        "Architecture",
        filter="architecture",
        default=True,
        option="--architecture",
        values=("x86_64", "arm64", "i386", "x86_64_mac", "arm64_mac"),
        help="the processor architecture",
    )
    platform: str = column(
        # EC2 says "windows" or nothing.
        "Platform",
        read=lambda platform: (platform or "linux").lower(),
        default=True,
        option="--platform",
        values=("linux", "windows"),
        help="linux or windows",
    )
    created_at: datetime | None = column("CreationDate", read=time_of, default=True, help="when it was made")
    type: str | None = column("ImageType", filter="image-type", help="machine, kernel or ramdisk")
    kernel_id: str | None = column("KernelId", filter="kernel-id", help="the ID of its kernel, where it has one")
    description: str | None = column("Description", filter="description", help="the description")
    owner_id: str | None = column("OwnerId", filter="owner-id", help="the account that it belongs to")
    public: bool | None = column(
        "Public", filter="is-public", option="--public", values=("true", "false"), help="whether all may launch it"
    )
    root_device_type: str | None = column("RootDeviceType", filter="root-device-type", help="ebs or instance-store")
    virtualization: str | None = column("VirtualizationType", filter="virtualization-type", help="hvm or paravirtual")
    boot_mode: str | None = column(
        "BootMode",
        option="--boot-mode",
        values=("legacy-bios", "uefi", "uefi-preferred"),
        help="legacy-bios, uefi, uefi-preferred; absent: the instance type's own",
    )
    size_gib: int | None = column(
        "BlockDeviceMappings[].Ebs.VolumeSize", read=size_of, help="its volumes together, in GiB"
    )
    snapshot_ids: list[str] = column(
        "BlockDeviceMappings[].Ebs.SnapshotId",
        filter="block-device-mapping.snapshot-id",
        option="--snapshot",
        help="IDs of its snapshots",
    )
    source: str | None = column(
        "SourceImageId",
        "SourceImageRegion",
        "SourceInstanceId",
        "Description",
        REGION,
        read=source_of,
        help="REGION/ID of the image that it is a copy of",
    )
    source_instance_id: str | None = column(
        "SourceInstanceId", filter="source-instance-id", option="--instance", help="the instance that it was made of"
    )
    deprecated_at: datetime | None = column("DeprecationTime", read=time_of, help="when it is or was deprecated")
    protected: bool = column(
        "DeregistrationProtection",
        # "enabled", "enabled-with-cooldown", and for a day after its end "disabled-with-cooldown-..." or so.
        read=lambda state: (state or "").startswith("enabled"),
        help="whether it is protected from being deregistered",
    )
    last_launched_at: datetime | None = column(
        "LastLaunchedTime", read=time_of, help="when any account last launched it, a day late"
    )
    state_reason: str | None = column("StateReason.Message", help="why it is in this state")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")
