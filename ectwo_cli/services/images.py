"""Images (AMIs)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import datetime, timezone
from typing import Any

from ectwo_cli.aws.calls import is_denied, is_throttle
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.model import REGION, Raw, Regional, column, resource, tags_of
from ectwo_cli.query import Query, instant, moment
from ectwo_cli.records import dataclass
from ectwo_cli.services import search, usage
from ectwo_cli.services.search import Page
from ectwo_cli.services.usage import GROUP, INSTANCE, Unknown

COPIED = re.compile(r"\[Copied (ami-[0-9a-f]+) from ([a-z0-9-]+)\]")
"""How the description of a copy begins when nobody gave it another; older copies say it nowhere else."""


def time_of(text: str | None) -> datetime | None:
    """A time that EC2 gives as text (``2026-01-31T12:00:00.000Z``)."""
    return (instant(text) or moment(text, datetime.now(timezone.utc))) if text else None


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


def volumes_of(mappings: Sequence[Raw] | None) -> list[dict[str, Any]]:
    """The EBS volumes as ``{device, snapshot_id, size_gib, type, encrypted}``."""
    return [
        {
            "device": each.get("DeviceName"),
            "snapshot_id": disk.get("SnapshotId"),
            "size_gib": disk.get("VolumeSize"),
            "type": disk.get("VolumeType"),
            "encrypted": disk.get("Encrypted"),
        }
        for each in mappings or ()
        if (disk := each.get("Ebs"))
    ]


def _of_disks(mappings: Sequence[Raw] | None, what: str) -> list[Any]:
    return [value for each in mappings or () if (value := (each.get("Ebs") or {}).get(what))]


def size_of(mappings: Sequence[Raw] | None) -> int | None:
    """All its volumes together, in GiB; None where it has none on EBS."""
    return sum(_of_disks(mappings, "VolumeSize")) or None


def snapshots_of(mappings: Sequence[Raw] | None) -> list[str]:
    """The IDs of the snapshots that its volumes are made of."""
    return _of_disks(mappings, "SnapshotId")


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
        help="the operating system",
    )
    created_at: datetime | None = column("CreationDate", read=time_of, default=True, help="when it was made")
    type: str | None = column("ImageType", filter="image-type", help="machine, kernel or ramdisk")
    kernel_id: str | None = column("KernelId", filter="kernel-id", help="the ID of its kernel, where it has one")
    description: str | None = column(
        "Description", read=lambda text: text or None, filter="description", help="the description"
    )
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
        help="how it boots; absent: as the instance type does",
    )
    size_gib: int | None = column("BlockDeviceMappings", read=size_of, help="its volumes together, in GiB")
    snapshot_ids: list[str] = column(
        "BlockDeviceMappings",
        read=snapshots_of,
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
    alias: str | None = column("Alias", help="with find --alias: the alias that stands for it")
    volumes: list[dict[str, Any]] = column(
        "BlockDeviceMappings", read=volumes_of, help="its EBS volumes: device, snapshot_id, size_gib, type, encrypted"
    )
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")


# Whose images


BROAD = (
    "architecture",
    "boot-mode",
    "hypervisor",
    "image-type",
    "is-public",
    "platform",
    "root-device-type",
    "state",
    "virtualization-type",
)
"""Filters that leave most of a hundred thousand public images."""


def of_owners(query: Query[Image], owners: Sequence[str]) -> Query[Image]:
    """The query for images of these owners: ``self``, ``amazon``, ``aws-marketplace``, ``all``, or account IDs.

    Raises UsageError for anything else, and for a search of everybody's images that nothing narrows.
    """
    hint = "narrow it with --name 'al2023-ami-2023*-x86_64' or a tag, or say whose with an account's ID"
    return search.owned_by(query, owners, "Owners", public=("amazon", "aws-marketplace"), broad=BROAD, hint=hint)


# Which are unused


@dataclass
class Unused:
    """Finds the images that nothing in their region uses; what could not be looked at is in ``unknown`` afterwards."""

    unknown: dict[str, list[Unknown]] = field(default_factory=dict)

    def __call__(self, client: Client, query: Query[Image]) -> Iterator[Page[Image]]:
        """As :func:`search.find`. What uses images is asked for once a region, and only where there are images."""
        used: usage.Uses | None = None
        for page in search.find(client, query):
            if page.items and used is None:
                used = usage.uses(client)
                self.unknown[search.place_of(client)] = used.unknown
            yield Page([item for item in page.items if used and not used.of(item.id)], page.more)


# What belongs to them


def by_snapshot(client: Client) -> dict[str, list[str]]:
    """The account's own images of a region, also disabled ones, by the IDs of the snapshots that they are made of.

    Images without snapshots are under "". EC2: DescribeImages.
    """
    kind = Image.kind
    found: dict[str, list[str]] = {}
    for page in client.pages(kind.operation, kind.items, MaxResults=kind.page_size, **kind.owned):
        for data in page:
            for snapshot in snapshots_of(data.get("BlockDeviceMappings")) or [""]:
                found.setdefault(snapshot, []).append(data["ImageId"])
    return found


def recycled(client: Client) -> set[str]:
    """The IDs of the images in the Recycle Bin of a region; none where that can't be told.

    EC2: ListImagesInRecycleBin.
    """
    try:
        # No retries: many have no Recycle Bin, and who may not look into it is not helped by waiting.
        answer = client.call_once("ListImagesInRecycleBin", MaxResults=1000)
        found = {each["ImageId"] for each in answer.get("Images", ())}
        while token := answer.get("NextToken"):
            answer = client.call("ListImagesInRecycleBin", MaxResults=1000, NextToken=token)
            found |= {each["ImageId"] for each in answer.get("Images", ())}
    except Exception as error:
        if is_throttle(error):
            raise
        return set()
    return found


# One in detail


@resource(
    "image",
    id_prefix="ami-",
    operation="DescribeImages",
    items="Images[]",
    created="created_at",
    owned=Image.kind.owned,
    by_id=Image.kind.by_id,
)
class ImageDetail(Image):
    """An image with what takes calls of its own to know. Read from EC2's element, with the rest under ``Detail``."""

    source_image: str | None = column(
        "SourceImageId",
        "SourceImageRegion",
        "Description",
        REGION,
        read=lambda image, region, description, here: source_of(image, region, None, description, here),
        help="REGION/ID of the image that it was made from, by a copy or by way of an instance",
    )
    launch_permissions: list[str] | None = column(
        "Detail.LaunchPermissions", help="who else may launch it: accounts, ARNs of organizations, public"
    )
    instances: list[dict[str, Any]] | None = column(
        "Detail.Instances", help="the instances of this region that were launched from it"
    )
    launch_templates: list[str] | None = column("Detail.Templates", help="the launch templates that name it")
    auto_scaling_groups: list[str] | None = column("Detail.Groups", help="the Auto Scaling groups that launch it")
    not_permitted: list[str] = column("Detail.NotPermitted", help="what could not be looked at")


DETAILS = (
    "source_image",
    "launch_permissions",
    "instances",
    "launch_templates",
    "auto_scaling_groups",
    "not_permitted",
)
"""The properties that only one image in detail has."""


def find_in_detail(client: Client, query: Query[ImageDetail]) -> Iterator[Page[ImageDetail]]:
    """The images that match, each with who may launch it and what uses it.

    EC2: DescribeImages, and for what it found DescribeImageAttribute (one call each) and what :func:`usage.uses` calls.
    """
    kind = ImageDetail.kind
    params = {"MaxResults": kind.page_size, "Filters": list(query.ec2_filters()) or None, **kind.owned, **query.params}
    for found, more in client.pages_and_more(kind.operation, kind.items, **params):
        chosen = (data for data in found if query.matches(ImageDetail.parse(data, client.region, client.profile)))
        items = [
            ImageDetail.parse({**data, "Detail": detail(client, data)}, client.region, client.profile)
            for data in chosen
        ]
        yield Page(items, more)


def detail(client: Client, data: Raw) -> dict[str, Any]:
    """What takes calls to know of an image; None where it is not permitted to know."""
    used = usage.uses(client, [data["ImageId"]])
    unknown = {each.what for each in used.unknown}
    refused = sorted(unknown)
    permissions: list[str] | None = None
    try:
        permissions = permissions_of(client, data["ImageId"])
    except Exception as error:
        # Of another's image nobody may know.
        if not is_denied(error) and not str(code_of(error)).startswith(("AuthFailure", "InvalidAMIID")):
            raise
        refused.append("launch permissions")
    uses = used.of(data["ImageId"])

    def named(kind: str) -> list[str] | None:
        return None if f"{kind}s" in unknown else [use.id for use in uses if use.kind == kind]

    instances = [
        {"id": use.id, "name": use.name, "state": use.state, "zone": use.zone} for use in uses if use.kind == INSTANCE
    ]
    return {
        "LaunchPermissions": permissions,
        "Instances": None if f"{INSTANCE}s" in unknown else instances,
        "Templates": named(usage.TEMPLATE),
        "Groups": named(GROUP),
        "NotPermitted": refused,
    }


def permissions_of(client: Client, image: str) -> list[str]:
    """Who beside the owner may launch it: account IDs, ARNs, ``public``. EC2: DescribeImageAttribute."""
    answer = client.call("DescribeImageAttribute", ImageId=image, Attribute="launchPermission")
    return sorted(
        "public" if each.get("Group") == "all" else str(next(iter(each.values())))
        for each in answer.get("LaunchPermissions", ())
        if each
    )
