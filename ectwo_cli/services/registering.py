"""Make an image of a snapshot, like the image or instance that the snapshot belonged to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from ectwo_cli.aws.calls import dry_run, is_denied
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass
from ectwo_cli.services import images, search
from ectwo_cli.services.images import Image
from ectwo_cli.services.snapshots import Snapshot
from ectwo_cli.services.volumes import Volume
from ectwo_cli.services.waiting import Goal

AVAILABLE: Goal[Image] = Goal(
    "available",
    reached=lambda item: item.state == "available",
    hopeless=lambda item: (item.state_reason or "it failed") if item.state in ("failed", "error", "invalid") else None,
)
"""An image that can be launched."""

ARCHITECTURES = ("x86_64", "arm64", "i386", "x86_64_mac", "arm64_mac")
VIRTUALIZATIONS = ("hvm", "paravirtual")
BOOT_MODES = ("legacy-bios", "uefi", "uefi-preferred")


@dataclass(frozen=True)
class Wish:
    """What the image is to be; what is None is taken from where the snapshot came from.

    ``data`` are further volumes: snapshots by device.
    """

    name: str
    description: str | None = None
    architecture: str | None = None
    virtualization: str | None = None
    boot_mode: str | None = None
    ena: bool | None = None
    root_device: str | None = None
    volume_type: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def data_volumes(texts: Sequence[str]) -> dict[str, str]:
    """Read ``DEVICE=SNAPSHOT`` values. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        device, _, snapshot = text.partition("=")
        if not re.fullmatch(r"snap-([0-9a-f]{8}|[0-9a-f]{17})", snapshot) or not device:
            raise UsageError(f"bad --data {text!r}", hint="write DEVICE=SNAPSHOT, as /dev/sdb=snap-0123456789abcdef0")
        found[device] = snapshot
    return found


@dataclass(frozen=True)
class Origin:
    """Where a snapshot came from: ``data`` is EC2's element of that image or instance, ``what`` its ID."""

    what: str
    data: Raw

    @property
    def is_image(self) -> bool:
        """Whether it is an image."""
        return self.what.startswith("ami-")


def origin(client: Client, snapshot: Snapshot) -> Origin | None:
    """The image that the snapshot was made for, or is part of, else the instance that it is of; None when all are gone.

    EC2: DescribeImages, DescribeVolumes, DescribeInstances.
    """
    image = _image(client, snapshot.image_id) if snapshot.image_id else None
    if image is None and (users := images.by_snapshot(client).get(snapshot.id)):
        image = _image(client, users[0])
    if image is not None:
        return Origin(image["ImageId"], image)
    for id in [snapshot.instance_id] if snapshot.instance_id else _users(client, snapshot.volume_id):
        if instance := _instance(client, id):
            return Origin(id, instance)
    return None


def _users(client: Client, volume: str | None) -> list[str]:
    """The instances that a volume is attached to, where that may be known."""
    query = search.by_ids(Volume, [volume] if volume else [])
    try:
        found = [item for page in search.find(client, query) for item in page.items] if volume else []
    except Exception as error:
        if not is_denied(error):
            raise
        return []
    return [id for item in found for id in item.instance_ids]


def _image(client: Client, id: str) -> Raw | None:
    kind = Image.kind
    filters = [{"Name": "image-id", "Values": [id]}]
    return next(iter(client.all(kind.operation, kind.items, Filters=filters, **kind.by_id)), None)


def _instance(client: Client, id: str) -> Raw | None:
    filters = [{"Name": "instance-id", "Values": [id]}]
    try:
        found = client.all("DescribeInstances", "Reservations[].Instances[]", Filters=filters)
    except Exception as error:
        if not is_denied(error):
            raise
        return None
    return next(iter(found), None)


# The request


@dataclass(frozen=True)
class Plan:
    """The parameters of RegisterImage, and what there is to be warned of."""

    request: Mapping[str, Any]
    warnings: Sequence[str] = ()


DEFAULT_ARCHITECTURE = "x86_64"


def plan(snapshot: Snapshot, wish: Wish, source: Origin | None) -> Plan:
    """The image to register. Raises EctwoError for a snapshot that none can be made of. Pure."""
    if snapshot.state != "completed":
        raise EctwoError(f"it is {snapshot.state}, not completed", hint="wait until it is, then try again")
    if snapshot.storage_tier == "archive":
        raise EctwoError(
            "it is in the archive",
            hint=f"aws ec2 restore-snapshot-tier --snapshot-id {snapshot.id} --permanent-restore",
        )
    known: Raw = source.data if source else {}
    warnings = []
    architecture = wish.architecture or known.get("Architecture")
    if not architecture:
        architecture = DEFAULT_ARCHITECTURE
        warnings.append(f"what {snapshot.id} came from is gone: {architecture} is assumed; --architecture says another")
    virtualization = wish.virtualization or known.get("VirtualizationType") or "hvm"
    root = wish.root_device or known.get("RootDeviceName") or "/dev/xvda"
    ena = wish.ena if wish.ena is not None else known.get("EnaSupport", virtualization == "hvm")
    mapping = _mapping_of(snapshot, known)
    device = mapping.get("DeviceName")
    if device and device != known.get("RootDeviceName"):
        warnings.append(f"{snapshot.id} was {device} of {source.what if source else ''}, not its root volume")
    if known.get("PlatformDetails", "Linux/UNIX") != "Linux/UNIX":
        warnings.append(
            f"what is made of it is billed as plain Linux, without the {known['PlatformDetails']} of its source"
        )
    volume = {"VolumeType": wish.volume_type or mapping.get("Ebs", {}).get("VolumeType") or "gp3"}
    volumes = {root: snapshot.id, **wish.data}
    request: dict[str, Any] = {
        "Name": wish.name,
        "Description": wish.description if wish.description is not None else known.get("Description") or None,
        "Architecture": architecture,
        "VirtualizationType": virtualization,
        "BootMode": wish.boot_mode or known.get("BootMode") or None,
        "EnaSupport": bool(ena) or None,
        "SriovNetSupport": known.get("SriovNetSupport") or None,
        "RootDeviceName": root,
        "BlockDeviceMappings": [
            {"DeviceName": name, "Ebs": {"SnapshotId": id, "DeleteOnTermination": True, **volume}}
            for name, id in volumes.items()
        ],
    }
    if source and source.is_image:
        for name in ("TpmSupport", "ImdsSupport", "KernelId", "RamdiskId"):
            request[name] = known.get(name) or None
    if wish.tags:
        listed = [{"Key": key, "Value": value} for key, value in wish.tags.items()]
        request["TagSpecifications"] = [{"ResourceType": "image", "Tags": listed}]
    return Plan({name: value for name, value in request.items() if value is not None}, warnings)


def _mapping_of(snapshot: Snapshot, known: Raw) -> Raw:
    for each in known.get("BlockDeviceMappings", ()):
        ebs = each.get("Ebs", {})
        if ebs.get("SnapshotId") == snapshot.id or (snapshot.volume_id and ebs.get("VolumeId") == snapshot.volume_id):
            return dict(each)
    return {}


def check(client: Client, request: Mapping[str, Any]) -> Image:
    """The image as it would be. EC2: RegisterImage with DryRun. Raises botocore's errors."""
    dry_run(client, "RegisterImage", **request)
    return _as_asked(client, request)


def register(client: Client, request: Mapping[str, Any]) -> Image:
    """Register the image. EC2: RegisterImage, DescribeImages. Raises botocore's errors.

    There is no token, but names are unique: when a lost answer makes the SDK send it again, EC2 refuses the name, and
    the image of that name that is made of this snapshot is the one.
    """
    taken = _named(client, request)
    try:
        id = client.call("RegisterImage", **request)["ImageId"]
    except Exception as error:
        now = _named(client, request) if code_of(error) == "InvalidAMIName.Duplicate" and not taken else None
        if now is None:
            raise
        return now
    found = [item for page in search.find(client, search.by_ids(Image, [id])) for item in page.items]
    return found[0] if found else replace(_as_asked(client, request), id=id)


def _named(client: Client, request: Mapping[str, Any]) -> Image | None:
    snapshot = request["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    which = search.ref(request["Name"], Image)
    found = search.find_refs(client, [replace(which, is_id=False)], Image)
    return next((item for _, item in found if snapshot in item.snapshot_ids), None)


def _as_asked(client: Client, request: Mapping[str, Any]) -> Image:
    tags = [tag for each in request.get("TagSpecifications", ()) for tag in each["Tags"]]
    return Image.parse({**request, "State": "pending", "Tags": tags}, client.region, client.profile)
