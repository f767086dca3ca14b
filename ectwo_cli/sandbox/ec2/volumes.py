"""Volumes."""

from __future__ import annotations

from typing import Any

from ectwo_cli.sandbox import geography
from ectwo_cli.sandbox.asking import Ask, Handler, pick, tags_of
from ectwo_cli.sandbox.ec2 import disks, snapshots, states
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, missing
from ectwo_cli.sandbox.world import Thing

_FILTERS: Table = {
    "attachment.attach-time": "Attachments.AttachTime",
    "attachment.delete-on-termination": "Attachments.DeleteOnTermination",
    "attachment.device": "Attachments.Device",
    "attachment.instance-id": "Attachments.InstanceId",
    "attachment.status": "Attachments.State",
    "availability-zone": "AvailabilityZone",
    "create-time": "CreateTime",
    "encrypted": "Encrypted",
    "fast-restored": "FastRestored",
    "multi-attach-enabled": "MultiAttachEnabled",
    "size": "Size",
    "snapshot-id": "SnapshotId",
    "status": "State",
    "volume-id": "VolumeId",
    "volume-type": "VolumeType",
}


def pick_volumes(ask: Ask, ids: list[str]) -> list[Thing]:
    """The volumes of those IDs. Raises Refusal as EC2 does."""
    return pick(ask, ask.here.volumes, ids, prefix="vol", noun="volume", family="InvalidVolume")


def describe_volumes(ask: Ask) -> dict[str, Any]:
    """DescribeVolumes."""
    here = ask.here
    ids = ask.get("VolumeIds")
    things = pick_volumes(ask, ids) if ids else here.visible(here.volumes.values())
    rows = select([here.with_tags(thing) for thing in things], ask.get("Filters"), _FILTERS)
    chosen, token = page(rows, ask.parameters)
    return {"Volumes": chosen, "NextToken": token}


def create_volume(ask: Ask) -> dict[str, Any]:
    """CreateVolume, once for each ClientToken."""
    return ask.here.once("CreateVolume", ask.parameters, lambda: _create(ask))


def _create(ask: Ask) -> dict[str, Any]:
    here = ask.here
    zone = ask.need("AvailabilityZone")
    if zone not in geography.zones(here.name):
        raise Refusal("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    size, snapshot_id = ask.get("Size"), ask.get("SnapshotId")
    if not size and not snapshot_id:
        raise missing("size/snapshot")
    source = None
    if snapshot_id:
        (source,) = snapshots.pick_snapshots(ask, [snapshot_id])
        if source.data["State"] != "completed":
            raise Refusal("IncorrectState", f"Snapshot {snapshot_id} is not completed.")
        size = size or source.data["VolumeSize"]
        if size < source.data["VolumeSize"]:
            raise Refusal("InvalidParameterValue", f"Volume of {size}GiB is smaller than snapshot {snapshot_id}.")
    tags = tags_of(ask.get("TagSpecifications"), ("volume",))
    ask.commit()
    thing = disks.make_volume(
        here,
        size=size,
        zone=zone,
        kind=ask.get("VolumeType", "gp2"),
        snapshot=snapshot_id,
        encrypted=bool(ask.get("Encrypted")) or bool(source and source.data["Encrypted"]),
        key=ask.get("KmsKeyId"),
        iops=ask.get("Iops"),
        throughput=ask.get("Throughput"),
        state="creating",
    )
    here.tag(thing.id, tags.get("volume", ()))
    here.after(here.settings.transition / 2, lambda: _available(thing))
    return {**here.with_tags(thing)}


def _available(thing: Thing) -> None:
    if thing.data["State"] == "creating":
        thing.data["State"] = "available"


def delete_volume(ask: Ask) -> dict[str, Any]:
    """DeleteVolume: of one that is not attached."""
    (thing,) = pick_volumes(ask, [ask.need("VolumeId")])
    if thing.data["Attachments"]:
        raise Refusal(
            "VolumeInUse",
            f"Volume {thing.id} is currently attached to {thing.data['Attachments'][0]['InstanceId']}",
        )
    ask.commit()
    disks.delete_volume(ask.here, thing)
    return {}


def attach_volume(ask: Ask) -> dict[str, Any]:
    """AttachVolume, within a zone."""
    here = ask.here
    (thing,) = pick_volumes(ask, [ask.need("VolumeId")])
    (instance,) = pick(
        ask, here.instances, [ask.need("InstanceId")], prefix="i", noun="instance", family="InvalidInstanceID"
    )
    device = ask.need("Device")
    if thing.data["State"] != "available":
        raise Refusal("VolumeInUse", f"{thing.id} is already attached to an instance")
    if states.state(instance) not in ("running", "stopped"):
        raise Refusal("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
    if thing.data["AvailabilityZone"] != instance.data["Placement"]["AvailabilityZone"]:
        raise Refusal(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{thing.id}' is not in the same availability zone as instance '{instance.id}'",
        )
    if any(one["DeviceName"] == device for one in instance.data["BlockDeviceMappings"]):
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
        )
    ask.commit()
    disks.attach(here, thing, instance, device, delete=False)
    return dict(thing.data["Attachments"][0])


def detach_volume(ask: Ask) -> dict[str, Any]:
    """DetachVolume."""
    (thing,) = pick_volumes(ask, [ask.need("VolumeId")])
    if not thing.data["Attachments"]:
        raise Refusal("IncorrectState", f"Volume '{thing.id}' is in the 'available' state.")
    ask.commit()
    attachment = {**thing.data["Attachments"][0], "State": "detaching"}
    disks.detach(ask.here, thing)
    return attachment


def modify_volume(ask: Ask) -> dict[str, Any]:
    """ModifyVolume: larger, or of another type."""
    here = ask.here
    (thing,) = pick_volumes(ask, [ask.need("VolumeId")])
    size = ask.get("Size", thing.data["Size"])
    if size < thing.data["Size"]:
        raise Refusal("InvalidParameterValue", "New size cannot be smaller than existing size")
    ask.commit()
    before = dict(thing.data)
    thing.data["Size"] = size
    thing.data["VolumeType"] = ask.get("VolumeType", thing.data["VolumeType"])
    for name in ("Iops", "Throughput"):
        if ask.get(name) is not None:
            thing.data[name] = ask.get(name)
    change = {
        "VolumeId": thing.id,
        "ModificationState": "completed",
        "TargetSize": size,
        "TargetVolumeType": thing.data["VolumeType"],
        "OriginalSize": before["Size"],
        "OriginalVolumeType": before["VolumeType"],
        "Progress": 100,
        "StartTime": here.moment(),
    }
    thing.extra["changes"] = [*thing.extra.get("changes", ()), change]
    return {"VolumeModification": {**change, "ModificationState": "modifying", "Progress": 0}}


def describe_modifications(ask: Ask) -> dict[str, Any]:
    """DescribeVolumesModifications."""
    ids = ask.get("VolumeIds")
    things = pick_volumes(ask, ids) if ids else list(ask.here.volumes.values())
    rows = [change for thing in things for change in thing.extra.get("changes", ())]
    table: Table = {"volume-id": "VolumeId", "modification-state": "ModificationState"}
    chosen, token = page(select(rows, ask.get("Filters"), table), ask.parameters)
    return {"VolumesModifications": chosen, "NextToken": token}


HANDLERS: dict[str, Handler] = {
    "DescribeVolumes": describe_volumes,
    "CreateVolume": create_volume,
    "DeleteVolume": delete_volume,
    "AttachVolume": attach_volume,
    "DetachVolume": detach_volume,
    "ModifyVolume": modify_volume,
    "DescribeVolumesModifications": describe_modifications,
}
