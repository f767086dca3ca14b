"""Making volumes and snapshots: what launches, images and copies share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ectwo_cli.sandbox import keys
from ectwo_cli.sandbox.world import Region, Thing

GIB = 2**30

DEFAULT_IOPS = {"gp3": 3000, "io1": 100, "io2": 100}


def make_volume(
    here: Region,
    *,
    size: int,
    zone: str,
    kind: str = "gp3",
    snapshot: str | None = None,
    encrypted: bool = False,
    key: str | None = None,
    iops: int | None = None,
    throughput: int | None = None,
    created: float | None = None,
    state: str = "available",
) -> Thing:
    """A new volume. Its written bytes (for the size of snapshots) are a share of its size, the same every time."""
    volume_id = here.new_id("vol")
    encrypted = encrypted or here.encrypted_by_default or bool(key)
    data: dict[str, Any] = {
        "Attachments": [],
        "AvailabilityZone": zone,
        "CreateTime": here.moment(created),
        "Encrypted": encrypted,
        "KmsKeyId": keys.arn(here, key or here.ebs_key) if encrypted else None,
        "Size": size,
        "SnapshotId": snapshot or "",
        "State": state,
        "VolumeId": volume_id,
        "Iops": iops or DEFAULT_IOPS.get(kind) or (max(100, 3 * size) if kind == "gp2" else None),
        "VolumeType": kind,
        "Throughput": (throughput or 125) if kind == "gp3" else None,
        "MultiAttachEnabled": False,
        "Operator": {"Managed": False},
    }
    data = {name: value for name, value in data.items() if value is not None}
    thing = Thing(volume_id, data, here.now(), {"bytes": int(size * GIB * here.random.uniform(0.15, 0.6))})
    here.volumes[volume_id] = thing
    return thing


def attach(here: Region, volume: Thing, instance: Thing, device: str, *, delete: bool, at: float | None = None) -> None:
    """Attach a volume to an instance; both answers show it."""
    when = here.moment(at)
    volume.data["State"] = "in-use"
    volume.data["Attachments"] = [
        {
            "AttachTime": when,
            "Device": device,
            "InstanceId": instance.id,
            "State": "attached",
            "VolumeId": volume.id,
            "DeleteOnTermination": delete,
        }
    ]
    instance.data["BlockDeviceMappings"].append(
        {
            "DeviceName": device,
            "Ebs": {"AttachTime": when, "DeleteOnTermination": delete, "Status": "attached", "VolumeId": volume.id},
        }
    )


def detach(here: Region, volume: Thing) -> None:
    """Detach a volume from whatever has it."""
    for attachment in volume.data["Attachments"]:
        instance = here.instances.get(attachment["InstanceId"])
        if instance:
            instance.data["BlockDeviceMappings"] = [
                one for one in instance.data["BlockDeviceMappings"] if one["Ebs"]["VolumeId"] != volume.id
            ]
    volume.data["Attachments"] = []
    volume.data["State"] = "available"


def delete_volume(here: Region, volume: Thing) -> None:
    """Let a volume be gone."""
    here.volumes.pop(volume.id, None)
    here.tags.pop(volume.id, None)


def make_snapshot(
    here: Region,
    *,
    volume: str,
    size: int,
    written: int,
    description: str = "",
    encrypted: bool = False,
    key: str | None = None,
    started: float | None = None,
    duration: float | None = None,
    failure: str | None = None,
    copy: bool = False,
    minutes: int | None = None,
    owner: str | None = None,
    done: Callable[[Thing], None] | None = None,
) -> Thing:
    """A new snapshot, which is ``completed`` after ``duration`` seconds (from its bytes when None), or in ``error``."""
    snapshot_id = here.new_id("snap")
    data: dict[str, Any] = {
        "Description": description,
        "Encrypted": encrypted,
        "KmsKeyId": keys.arn(here, key or here.ebs_key) if encrypted else None,
        "OwnerId": owner or here.account,
        "Progress": "",
        "SnapshotId": snapshot_id,
        "StartTime": here.moment(started),
        "State": "pending",
        "StorageTier": "standard",
        "VolumeId": volume,
        "VolumeSize": size,
        "FullSnapshotSizeInBytes": written,
        "TransferType": ("time-based" if minutes else "standard") if copy else None,
        "CompletionDurationMinutes": minutes,
    }
    data = {name: value for name, value in data.items() if value is not None}
    begun = here.now() if started is None else started
    seconds = took(here, written) if duration is None else duration
    thing = Thing(
        snapshot_id,
        data,
        here.now(),
        {"begun": begun, "seconds": seconds, "users": set(), "public": False, "copy": copy, "done": done},
    )
    here.snapshots[snapshot_id] = thing
    if failure:
        here.after(seconds / 2, lambda: fail_snapshot(here, thing, failure))
    elif seconds or started is None:
        here.after(seconds, lambda: complete_snapshot(here, thing))
    else:
        complete_snapshot(here, thing, begun)
    return thing


def took(here: Region, written: int) -> float:
    """How many seconds the making or copying of that many bytes takes here."""
    rate = here.settings.copy_rate
    return max(here.settings.copy_least, written / rate) if rate else 0.0


def progress(here: Region, thing: Thing) -> str:
    """EC2's percent: nothing early on, then rising; 100% a little before the snapshot is completed."""
    if thing.data["State"] == "completed":
        return "100%"
    if thing.data["State"] != "pending":
        return str(thing.data["Progress"])
    seconds = thing.extra["seconds"] or 1.0
    share = (here.now() - thing.extra["begun"]) / (seconds * 0.92)
    if share < 0.06:
        return ""
    return f"{min(100, int(share * 100))}%"


def complete_snapshot(here: Region, thing: Thing, at: float | None = None) -> None:
    """The snapshot is done."""
    if thing.data["State"] != "pending":
        return
    thing.data["State"] = "completed"
    thing.data["Progress"] = "100%"
    thing.data["CompletionTime"] = here.moment(at)
    if thing.extra["done"]:
        thing.extra["done"](thing)


def fail_snapshot(here: Region, thing: Thing, message: str) -> None:
    """The snapshot has failed; its own message says why."""
    if thing.data["State"] != "pending":
        return
    thing.data["Progress"] = progress(here, thing)
    thing.data["State"] = "error"
    thing.data["StateMessage"] = message
    if thing.extra["done"]:
        thing.extra["done"](thing)


def device(mapping: Mapping[str, Any]) -> str:
    """The device name of a mapping, with EC2's default for a root."""
    return str(mapping.get("DeviceName") or "/dev/xvda")
