"""CopyImage and CopySnapshot: slow, with slots, and with failures that show up later.

What an injected fault may want to come of a copy (``outcome``): ``StateMessage`` fails the snapshots with that
message, ``StateReason`` fails the image alone, ``seconds`` says how long each snapshot takes.
"""

from __future__ import annotations

from typing import Any

from ectwo_cli.sandbox import geography, keys
from ectwo_cli.sandbox.asking import Ask, Handler, check_ids, tags_of
from ectwo_cli.sandbox.ec2 import disks, images
from ectwo_cli.sandbox.refusals import Refusal, bad_value, missing
from ectwo_cli.sandbox.world import Region, Thing


def _source(ask: Ask) -> Region:
    name = ask.need("SourceRegion")
    if name not in geography.REGIONS:
        raise Refusal("InvalidRegion", f"The region '{name}' does not exist.")
    if ask.here.world.status(name) == geography.OPTED_OUT:
        raise Refusal("AuthFailure", "AWS was not able to validate the provided access credentials")
    source = ask.here.world.region(name, ask.here.account)
    source.settle()
    return source


def _encryption(ask: Ask, was: bool, source_key: str | None) -> tuple[bool, str | None]:
    """Whether a copy is encrypted, and under which key: the table of the AMI and EBS guides."""
    here = ask.here
    key = ask.get("KmsKeyId")
    if key and not ask.get("Encrypted"):
        raise Refusal(
            "InvalidParameterCombination" if ask.operation == "CopyImage" else "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        )
    if ask.operation == "CopySnapshot" and ask.get("Encrypted") is False:
        raise bad_value("false", "Encrypted", "Encrypted may only be true or left out.")
    if ask.operation == "CopyImage" and ask.get("Encrypted") is False and was:
        raise bad_value("false", "Encrypted", "A copy of an encrypted snapshot can't be unencrypted.")
    encrypted = bool(was or ask.get("Encrypted") or here.encrypted_by_default)
    return encrypted, (key or here.ebs_key) if encrypted else None


def copy_image(ask: Ask) -> dict[str, Any]:
    """CopyImage, once for each ClientToken."""
    return ask.here.once("CopyImage", ask.parameters, lambda: _copy_image(ask))


def _copy_image(ask: Ask) -> dict[str, Any]:
    here, origin = ask.here, _source(ask)
    source_id = ask.need("SourceImageId")
    name = ask.need("Name")
    check_ids([source_id], "ami", "image", "InvalidAMIID.Malformed")
    source = images.every(origin).get(source_id)
    if source is None:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{source_id}]' does not exist")
    if source.data["State"] != "available":
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{source_id}' is currently {source.data['State']}")
    owner = source.data["OwnerId"]
    if owner != here.account and owner not in _OPEN and not _storage_shared(origin, source):
        raise Refusal("InvalidRequest", "You do not have permission to access the storage of this ami")
    images.check_name(name)
    if here.settings.copy_image_same_name:
        images.check_free(here, name)
    tags = tags_of(ask.get("TagSpecifications"), ("image", "snapshot"))
    _minutes(ask, "SnapshotCopyCompletionDurationMinutes")
    originals = {
        one["DeviceName"]: _original(origin, owner, one)
        for one in source.data["BlockDeviceMappings"]
        if one.get("Ebs", {}).get("SnapshotId")
    }
    archived = [one for one in originals.values() if one.data["StorageTier"] == "archive"]
    if archived:
        raise Refusal("IncorrectState", f"Snapshot {archived[0].id} is archived and must be restored first.")
    outcomes = {
        device: _encryption(ask, one.data["Encrypted"], one.data.get("KmsKeyId")) for device, one in originals.items()
    }
    busy = copying_images(here)
    if len(busy) >= here.settings.image_slots:
        raise Refusal(
            "ResourceLimitExceeded",
            f"Too many AMI copies in progress. The limit is {here.settings.image_slots} for this destination region.",
        )
    ask.commit()
    image_tags = dict(origin.tags.get(source_id, {})) if ask.get("CopyImageTags") and owner == here.account else {}
    image_tags = {key: value for key, value in image_tags.items() if not key.startswith("aws:")}
    image_tags.update({tag["Key"]: tag["Value"] for tag in tags.get("image", ())})
    carried: dict[str, Any] = {
        key: source.data.get(key)
        for key in ("BootMode", "EnaSupport", "ImdsSupport", "Platform", "PlatformDetails", "SriovNetSupport",
                    "TpmSupport", "UsageOperation", "VirtualizationType", "RootDeviceType", "KernelId", "ProductCodes")
    }  # fmt: skip
    mappings: list[dict[str, Any]] = [
        {**one, "Ebs": {key: value for key, value in one["Ebs"].items() if key != "SnapshotId"}} if "Ebs" in one
        else dict(one)
        for one in source.data["BlockDeviceMappings"]
    ]  # fmt: skip
    for one in mappings:
        if one["DeviceName"] in outcomes:
            one["Ebs"]["Encrypted"] = outcomes[one["DeviceName"]][0]
    image = images.make_image(
        here,
        name=name,
        mappings=mappings,
        architecture=source.data["Architecture"],
        description=ask.get("Description", source.data.get("Description", "")),
        root=source.data["RootDeviceName"],
        SourceImageId=source_id,
        SourceImageRegion=origin.name,
        **carried,
    )
    image.extra["copy"] = True
    here.tag(image.id, [{"Key": key, "Value": value} for key, value in image_tags.items()])
    epoch = f"{int(here.now() * 1000):,}"

    def begin() -> None:
        if image.data["State"] != "pending" or image.id not in here.images:
            return
        for device, original in originals.items():
            encrypted, key = outcomes[device]
            trouble = ask.outcome.get("StateMessage") or (keys.trouble(here, key) if encrypted else None)
            snapshot = disks.make_snapshot(
                here,
                volume="vol-ffffffff",
                size=original.data["VolumeSize"],
                written=original.data["FullSnapshotSizeInBytes"],
                description=f"Copied for DestinationAmi {image.id} from SourceAmi {source_id} for SourceSnapshot "
                f"{original.id}. Task created on {epoch}.",
                encrypted=encrypted,
                key=key,
                duration=ask.outcome.get("seconds"),
                failure=trouble,
                copy=True,
                minutes=ask.get("SnapshotCopyCompletionDurationMinutes"),
                done=lambda _: images.finish_when_ready(here, image),
            )
            snapshot.extra["of"] = (origin.name, original.id)
            here.tag(snapshot.id, tags.get("snapshot", ()))
            next(one for one in mappings if one["DeviceName"] == device)["Ebs"]["SnapshotId"] = snapshot.id
        if not originals:
            images.finish_when_ready(here, image)

    reason = ask.outcome.get("StateReason")
    if reason:
        here.after(here.settings.copy_least, lambda: _fail(image, reason))
    here.after(here.settings.snapshot_lag, begin)
    return {"ImageId": image.id}


_OPEN = ("137112412989", "099720109477", "136693071363", "801119661308")


def _fail(image: Thing, reason: dict[str, str]) -> None:
    if image.data["State"] == "pending":
        image.data["State"] = "failed"
        image.data["StateReason"] = dict(reason)


def _storage_shared(origin: Region, source: Thing) -> bool:
    """Whether the owner of a shared image lets the account read its snapshots too."""
    owner = origin.world.region(origin.name, source.data["OwnerId"])
    for one in images.snapshot_ids(source):
        snapshot = owner.snapshots.get(one)
        if snapshot is None:
            return False
        if not snapshot.extra["public"] and origin.account not in snapshot.extra["users"]:
            return False
    return True


def _original(origin: Region, owner: str, mapping: dict[str, Any]) -> Thing:
    """The snapshot that a mapping names, or one made up for a public image, whose snapshots nobody sees."""
    snapshot_id = mapping["Ebs"]["SnapshotId"]
    found = origin.world.region(origin.name, owner).snapshots.get(snapshot_id)
    if found is not None:
        return found
    size = int(mapping["Ebs"].get("VolumeSize", 8))
    data = {
        "VolumeSize": size,
        "FullSnapshotSizeInBytes": size * disks.GIB // 4,
        "Encrypted": bool(mapping["Ebs"].get("Encrypted")),
        "StorageTier": "standard",
        "SnapshotId": snapshot_id,
    }
    return Thing(snapshot_id, data, 0.0)


def _minutes(ask: Ask, name: str) -> None:
    minutes = ask.get(name)
    if minutes is not None and (minutes % 15 or not 15 <= minutes <= 2880):
        raise bad_value(minutes, name, "It must be a multiple of 15, from 15 to 2880.")


def copying_images(here: Region) -> list[Thing]:
    """The AMI copies that are under way into the region."""
    return [one for one in here.images.values() if one.extra.get("copy") and one.data["State"] == "pending"]


def copying_snapshots(here: Region) -> list[Thing]:
    """The snapshot copies that hold one of the slots: AMI copies have slots of their own."""
    return [
        one
        for one in here.snapshots.values()
        if one.extra["copy"] and one.data["State"] == "pending" and one.extra.get("slot")
    ]


def copy_snapshot(ask: Ask) -> dict[str, Any]:
    """CopySnapshot, which has no ClientToken: sent twice, it copies twice."""
    here, origin = ask.here, _source(ask)
    source_id = ask.need("SourceSnapshotId")
    check_ids([source_id], "snap", "snapshot", "InvalidSnapshotID.Malformed")
    from ectwo_cli.sandbox.ec2 import snapshots

    source = snapshots.every(origin).get(source_id)
    if source is None:
        raise Refusal("InvalidSnapshot.NotFound", f"The snapshot '{source_id}' does not exist.")
    if source.data["State"] != "completed":
        raise Refusal("IncorrectState", f"Snapshot {source_id} is {source.data['State']}, it must be completed.")
    if source.data["StorageTier"] == "archive":
        raise Refusal("IncorrectState", f"Snapshot {source_id} is archived and must be restored first.")
    encrypted, key = _encryption(ask, source.data["Encrypted"], source.data.get("KmsKeyId"))
    tags = tags_of(ask.get("TagSpecifications"), ("snapshot",))
    _minutes(ask, "CompletionDurationMinutes")
    if len(copying_snapshots(here)) >= here.settings.snapshot_slots:
        raise Refusal(
            "ResourceLimitExceeded",
            f"Too many snapshot copies in progress. The limit is {here.settings.snapshot_slots} for this destination "
            "region.",
        )
    ask.commit()
    trouble = ask.outcome.get("StateMessage") or (keys.trouble(here, key) if encrypted else None)
    snapshot = disks.make_snapshot(
        here,
        volume="vol-ffffffff",
        size=source.data["VolumeSize"],
        written=source.data["FullSnapshotSizeInBytes"],
        description=ask.get("Description")
        or f"[Copied {source_id} from {origin.name}] {source.data.get('Description', '')}".rstrip(),
        encrypted=encrypted,
        key=key,
        duration=ask.outcome.get("seconds"),
        failure=trouble,
        copy=True,
        minutes=ask.get("CompletionDurationMinutes"),
    )
    snapshot.extra["slot"] = True
    snapshot.extra["of"] = (origin.name, source_id)
    here.tag(snapshot.id, tags.get("snapshot", ()))
    return {"SnapshotId": snapshot.id, "Tags": tags.get("snapshot", [])}


def ebs_defaults(ask: Ask) -> dict[str, Any]:
    """Encryption by default, and the key that EBS then uses."""
    here = ask.here
    name = ask.operation
    if name == "ModifyEbsDefaultKmsKeyId" and not ask.get("KmsKeyId"):
        raise missing("KmsKeyId")
    if not name.startswith("Get"):
        ask.commit()
    if name == "EnableEbsEncryptionByDefault":
        here.encrypted_by_default = True
    elif name == "DisableEbsEncryptionByDefault":
        here.encrypted_by_default = False
    elif name == "ModifyEbsDefaultKmsKeyId":
        here.ebs_key = ask.get("KmsKeyId")
    elif name == "ResetEbsDefaultKmsKeyId":
        here.ebs_key = None
    if name.endswith("KmsKeyId"):
        return {"KmsKeyId": keys.arn(here, here.ebs_key)}
    return {"EbsEncryptionByDefault": here.encrypted_by_default, "SseType": "sse-ebs"}


HANDLERS: dict[str, Handler] = {
    "CopyImage": copy_image,
    "CopySnapshot": copy_snapshot,
    "GetEbsEncryptionByDefault": ebs_defaults,
    "EnableEbsEncryptionByDefault": ebs_defaults,
    "DisableEbsEncryptionByDefault": ebs_defaults,
    "GetEbsDefaultKmsKeyId": ebs_defaults,
    "ModifyEbsDefaultKmsKeyId": ebs_defaults,
    "ResetEbsDefaultKmsKeyId": ebs_defaults,
}
