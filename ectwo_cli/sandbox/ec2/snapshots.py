"""Snapshots: describing, making, sharing and deleting them."""

from __future__ import annotations

from typing import Any

from ectwo_cli.sandbox.asking import Ask, Handler, check_ids, pick, tags_of
from ectwo_cli.sandbox.ec2 import disks, states
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value, not_found
from ectwo_cli.sandbox.world import Region, Thing

_FILTERS: Table = {
    "completion-time": "CompletionTime",
    "description": "Description",
    "encrypted": "Encrypted",
    "kms-key-id": "KmsKeyId",
    "owner-alias": "OwnerAlias",
    "owner-id": "OwnerId",
    "progress": "Progress",
    "snapshot-id": "SnapshotId",
    "sse-type": "SseType",
    "start-time": "StartTime",
    "status": "State",
    "storage-tier": "StorageTier",
    "transfer-type": "TransferType",
    "volume-id": "VolumeId",
    "volume-size": "VolumeSize",
}


def every(here: Region) -> dict[str, Thing]:
    """All snapshots that the account may read: its own, and those shared with it."""
    shared = {}
    for account in here.world.accounts():
        if account != here.account:
            for one in here.world.region(here.name, account).snapshots.values():
                if one.extra["public"] or here.account in one.extra["users"]:
                    shared[one.id] = one
    return {**here.snapshots, **shared}


def pick_snapshots(ask: Ask, ids: list[str], *, own: bool = False) -> list[Thing]:
    """The snapshots of those IDs. Raises Refusal as EC2 does."""
    wanted = list(dict.fromkeys(ids))
    check_ids(wanted, "snap", "snapshot", "InvalidSnapshotID.Malformed")
    known = ask.here.snapshots if own else every(ask.here)
    seen = {thing.id for thing in ask.here.visible(known[one] for one in wanted if one in known)}
    unknown = [one for one in wanted if one not in seen]
    if unknown:
        raise Refusal("InvalidSnapshot.NotFound", f"The snapshot '{unknown[0]}' does not exist.")
    return [known[one] for one in wanted]


def answer(here: Region, thing: Thing) -> dict[str, Any]:
    """The snapshot as EC2 answers it."""
    row = here.with_tags(thing) if thing.data["OwnerId"] == here.account else {**thing.data, "Tags": []}
    row["Progress"] = disks.progress(here, thing)
    if not row["Progress"]:
        del row["Progress"]
    # How much was written is known when the snapshot is done.
    if row["State"] == "pending" and not thing.extra["copy"]:
        row.pop("FullSnapshotSizeInBytes", None)
    return row


def describe_snapshots(ask: Ask) -> dict[str, Any]:
    """DescribeSnapshots: without owners also those that others share."""
    here = ask.here
    ids = ask.get("SnapshotIds")
    if ids and ask.get("MaxResults") is not None:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter snapshotSet cannot be used with the parameter maxResults",
        )
    things = pick_snapshots(ask, ids) if ids else here.visible(every(here).values())
    owners = ask.get("OwnerIds")
    if owners:
        wanted = {here.account if one == "self" else one for one in owners}
        things = [thing for thing in things if thing.data["OwnerId"] in wanted]
    users = ask.get("RestorableByUserIds")
    if users:
        accounts = {here.account if one == "self" else one for one in users}
        things = [
            thing
            for thing in things
            if ("all" in users and thing.extra["public"])
            or thing.data["OwnerId"] in accounts
            or accounts & thing.extra["users"]
        ]
    rows = select([answer(here, thing) for thing in things], ask.get("Filters"), _FILTERS)
    chosen, token = page(rows, ask.parameters)
    return {"Snapshots": chosen, "NextToken": token}


def create_snapshot(ask: Ask) -> dict[str, Any]:
    """CreateSnapshot."""
    here = ask.here
    (volume,) = pick(ask, here.volumes, [ask.need("VolumeId")], prefix="vol", noun="volume", family="InvalidVolume")
    tags = tags_of(ask.get("TagSpecifications"), ("snapshot",))
    ask.commit()
    return _snapshot(ask, volume, ask.get("Description", ""), tags.get("snapshot", []))


def _snapshot(ask: Ask, volume: Thing, description: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    here = ask.here
    thing = disks.make_snapshot(
        here,
        volume=volume.id,
        size=volume.data["Size"],
        written=volume.extra["bytes"],
        description=description,
        encrypted=volume.data["Encrypted"],
        key=volume.data.get("KmsKeyId"),
        duration=ask.outcome.get("seconds"),
        failure=ask.outcome.get("StateMessage"),
    )
    here.tag(thing.id, tags)
    return {**answer(here, thing), "Progress": ""}


def create_snapshots(ask: Ask) -> dict[str, Any]:
    """CreateSnapshots: all volumes of an instance at one moment."""
    here = ask.here
    asked = ask.need("InstanceSpecification")
    (instance,) = pick(
        ask, here.instances, [asked.get("InstanceId", "")], prefix="i", noun="instance", family="InvalidInstanceID"
    )
    if states.state(instance) in ("terminated", "shutting-down"):
        raise Refusal("IncorrectInstanceState", f"The instance '{instance.id}' is {states.state(instance)}.")
    tags = tags_of(ask.get("TagSpecifications"), ("snapshot",)).get("snapshot", [])
    ask.commit()
    rows = []
    for mapping in instance.data["BlockDeviceMappings"]:
        volume = here.volumes[mapping["Ebs"]["VolumeId"]]
        root = mapping["DeviceName"] == instance.data["RootDeviceName"]
        if (root and asked.get("ExcludeBootVolume")) or volume.id in asked.get("ExcludeDataVolumeIds", ()):
            continue
        own = list(tags)
        if ask.get("CopyTagsFromSource") == "volume":
            keys = {tag["Key"] for tag in own}
            own += [
                {"Key": key, "Value": value}
                for key, value in here.tags.get(volume.id, {}).items()
                if key not in keys and not key.startswith("aws:")
            ]
        row = _snapshot(ask, volume, ask.get("Description", ""), own)
        rows.append(
            {
                "Description": row["Description"],
                "Tags": own,
                "Encrypted": row["Encrypted"],
                "VolumeId": volume.id,
                "State": "pending",
                "VolumeSize": row["VolumeSize"],
                "StartTime": row["StartTime"],
                "Progress": "",
                "OwnerId": here.account,
                "SnapshotId": row["SnapshotId"],
            }
        )
    return {"Snapshots": rows}


def users_of(here: Region, snapshot_id: str) -> list[str]:
    """The images, also those in the Recycle Bin, that are made of a snapshot."""
    from ectwo_cli.sandbox.ec2 import images

    return [
        image.id
        for image in (*here.images.values(), *here.bin_images.values())
        if snapshot_id in images.snapshot_ids(image)
    ]


def remove(here: Region, thing: Thing) -> None:
    """Let a snapshot be gone, or go to the Recycle Bin where a rule keeps it."""
    del here.snapshots[thing.id]
    if here.recycle_bin and thing.data["State"] == "completed":
        thing.extra["binned"] = here.now()
        here.bin_snapshots[thing.id] = thing
    else:
        here.tags.pop(thing.id, None)
        if thing.data["State"] == "pending" and thing.extra["done"]:
            thing.extra["done"](thing)


def delete_snapshot(ask: Ask) -> dict[str, Any]:
    """DeleteSnapshot: refused while an image is made of it."""
    here = ask.here
    (thing,) = pick_snapshots(ask, [ask.need("SnapshotId")])
    if thing.data["OwnerId"] != here.account:
        raise Refusal("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    users = users_of(here, thing.id)
    if users:
        raise Refusal("InvalidSnapshot.InUse", f"The snapshot {thing.id} is currently in use by {', '.join(users)}")
    ask.commit()
    remove(here, thing)
    return {}


def describe_snapshot_attribute(ask: Ask) -> dict[str, Any]:
    """DescribeSnapshotAttribute."""
    (thing,) = pick_snapshots(ask, [ask.need("SnapshotId")], own=True)
    name = ask.need("Attribute")
    if name == "productCodes":
        return {"SnapshotId": thing.id, "ProductCodes": []}
    if name != "createVolumePermission":
        raise bad_value(name, "attribute")
    groups = [{"Group": "all"}] if thing.extra["public"] else []
    users = [{"UserId": user} for user in sorted(thing.extra["users"])]
    return {"SnapshotId": thing.id, "CreateVolumePermissions": groups + users}


def modify_snapshot_attribute(ask: Ask) -> dict[str, Any]:
    """ModifySnapshotAttribute: who may make volumes of it."""
    here = ask.here
    (thing,) = pick_snapshots(ask, [ask.need("SnapshotId")], own=True)
    change = ask.get("CreateVolumePermission", {})
    add, remove_these = list(change.get("Add", ())), list(change.get("Remove", ()))
    flat = [{"UserId": one} for one in ask.get("UserIds", ())] + [{"Group": one} for one in ask.get("GroupNames", ())]
    (add if ask.get("OperationType", "add") == "add" else remove_these).extend(flat)
    if add and remove_these:
        raise Refusal("InvalidParameterCombination", "Permissions can't be added and removed in one request.")
    from ectwo_cli.sandbox import keys
    from ectwo_cli.sandbox.ec2 import images

    for one in add + remove_these:
        images.check_permission(one)
    if add and thing.data["Encrypted"]:
        if {"Group": "all"} in add:
            raise Refusal("InvalidParameterCombination", "Encrypted snapshots can't be public.")
        if thing.data.get("KmsKeyId") == keys.arn(here, None):
            raise Refusal("InvalidParameter", f"Encrypted snapshots with EBS default key cannot be shared: {thing.id}")
    ask.commit()
    for one in add:
        if "UserId" in one:
            thing.extra["users"].add(one["UserId"])
        else:
            thing.extra["public"] = True
    for one in remove_these:
        if "UserId" in one:
            thing.extra["users"].discard(one["UserId"])
        else:
            thing.extra["public"] = False
    return {}


def reset_snapshot_attribute(ask: Ask) -> dict[str, Any]:
    """ResetSnapshotAttribute."""
    (thing,) = pick_snapshots(ask, [ask.need("SnapshotId")], own=True)
    ask.commit()
    thing.extra["users"] = set()
    thing.extra["public"] = False
    return {}


def list_in_bin(ask: Ask) -> dict[str, Any]:
    """ListSnapshotsInRecycleBin."""
    here = ask.here
    wanted = ask.get("SnapshotIds")
    rows = [
        {
            "SnapshotId": one.id,
            "Description": one.data["Description"],
            "VolumeId": one.data["VolumeId"],
            "RecycleBinEnterTime": here.moment(one.extra["binned"]),
            "RecycleBinExitTime": here.moment(one.extra["binned"] + 14 * 86400),
        }
        for one in here.bin_snapshots.values()
        if not wanted or one.id in wanted
    ]
    chosen, token = page(rows, ask.parameters)
    return {"Snapshots": chosen, "NextToken": token}


def restore_from_bin(ask: Ask) -> dict[str, Any]:
    """RestoreSnapshotFromRecycleBin."""
    here = ask.here
    snapshot_id = ask.need("SnapshotId")
    thing = here.bin_snapshots.get(snapshot_id)
    if thing is None:
        raise not_found("snapshot", "InvalidSnapshot.NotFound", [snapshot_id])
    ask.commit()
    del here.bin_snapshots[snapshot_id]
    here.snapshots[snapshot_id] = thing
    row = answer(here, thing)
    return {
        name: row.get(name)
        for name in ("SnapshotId", "Description", "Encrypted", "OwnerId", "Progress", "StartTime", "State", "VolumeId",
                     "VolumeSize")
    }  # fmt: skip


def modify_tier(ask: Ask) -> dict[str, Any]:
    """ModifySnapshotTier: to the archive."""
    (thing,) = pick_snapshots(ask, [ask.need("SnapshotId")], own=True)
    if thing.data["State"] != "completed":
        raise Refusal("IncorrectState", f"Snapshot {thing.id} is not completed.")
    ask.commit()
    thing.data["StorageTier"] = "archive"
    return {"SnapshotId": thing.id, "TieringStartTime": ask.here.moment()}


def restore_tier(ask: Ask) -> dict[str, Any]:
    """RestoreSnapshotTier: back from the archive, at once here."""
    (thing,) = pick_snapshots(ask, [ask.need("SnapshotId")], own=True)
    ask.commit()
    thing.data["StorageTier"] = "standard"
    return {"SnapshotId": thing.id, "RestoreStartTime": ask.here.moment(), "IsPermanentRestore": True}


def describe_tiers(ask: Ask) -> dict[str, Any]:
    """DescribeSnapshotTierStatus."""
    here = ask.here
    rows = [
        {
            "SnapshotId": one.id,
            "VolumeId": one.data["VolumeId"],
            "Status": one.data["State"],
            "OwnerId": one.data["OwnerId"],
            "StorageTier": one.data["StorageTier"],
            "Tags": here.with_tags(one)["Tags"],
        }
        for one in here.snapshots.values()
    ]
    table: Table = {"snapshot-id": "SnapshotId", "volume-id": "VolumeId", "last-tiering-operation": lambda _: ()}
    chosen, token = page(select(rows, ask.get("Filters"), table), ask.parameters)
    return {"SnapshotTierStatuses": chosen, "NextToken": token}


def public_access(ask: Ask) -> dict[str, Any]:
    """GetSnapshotBlockPublicAccessState: open here."""
    return {"State": "unblocked", "ManagedBy": "account"}


HANDLERS: dict[str, Handler] = {
    "DescribeSnapshots": describe_snapshots,
    "CreateSnapshot": create_snapshot,
    "CreateSnapshots": create_snapshots,
    "DeleteSnapshot": delete_snapshot,
    "DescribeSnapshotAttribute": describe_snapshot_attribute,
    "ModifySnapshotAttribute": modify_snapshot_attribute,
    "ResetSnapshotAttribute": reset_snapshot_attribute,
    "ListSnapshotsInRecycleBin": list_in_bin,
    "RestoreSnapshotFromRecycleBin": restore_from_bin,
    "ModifySnapshotTier": modify_tier,
    "RestoreSnapshotTier": restore_tier,
    "DescribeSnapshotTierStatus": describe_tiers,
    "GetSnapshotBlockPublicAccessState": public_access,
}
