"""Images: DescribeImages, making them of instances and snapshots, their attributes, and their end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ectwo_cli.sandbox import catalog
from ectwo_cli.sandbox.asking import Ask, Handler, check_ids, tags_of
from ectwo_cli.sandbox.ec2 import disks, states
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value, missing, not_found
from ectwo_cli.sandbox.wire import moment, stamp
from ectwo_cli.sandbox.world import Region, Thing

_FILTERS: Table = {
    "architecture": "Architecture",
    "block-device-mapping.delete-on-termination": "BlockDeviceMappings.Ebs.DeleteOnTermination",
    "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName",
    "block-device-mapping.encrypted": "BlockDeviceMappings.Ebs.Encrypted",
    "block-device-mapping.snapshot-id": "BlockDeviceMappings.Ebs.SnapshotId",
    "block-device-mapping.volume-size": "BlockDeviceMappings.Ebs.VolumeSize",
    "block-device-mapping.volume-type": "BlockDeviceMappings.Ebs.VolumeType",
    "boot-mode": "BootMode",
    "creation-date": "CreationDate",
    "deprecation-time": "DeprecationTime",
    "deregistration-protection": "DeregistrationProtection",
    "description": "Description",
    "ena-support": "EnaSupport",
    "free-tier-eligible": "FreeTierEligible",
    "hypervisor": "Hypervisor",
    "image-allowed": "ImageAllowed",
    "image-id": "ImageId",
    "image-type": "ImageType",
    "imds-support": "ImdsSupport",
    "is-public": "Public",
    "kernel-id": "KernelId",
    "manifest-location": "ImageLocation",
    "name": "Name",
    "owner-alias": "ImageOwnerAlias",
    "owner-id": "OwnerId",
    "platform": "Platform",
    "platform-details": "PlatformDetails",
    "product-code": "ProductCodes.ProductCodeId",
    "product-code.type": "ProductCodes.ProductCodeType",
    "ramdisk-id": "RamdiskId",
    "root-device-name": "RootDeviceName",
    "root-device-type": "RootDeviceType",
    "source-image-id": "SourceImageId",
    "source-image-region": "SourceImageRegion",
    "source-instance-id": "SourceInstanceId",
    "state": "State",
    "state-reason-code": "StateReason.Code",
    "state-reason-message": "StateReason.Message",
    "sriov-net-support": "SriovNetSupport",
    "tpm-support": "TpmSupport",
    "usage-operation": "UsageOperation",
    "virtualization-type": "VirtualizationType",
}

_NAME = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ()[]./-'@_")


def public_things(here: Region) -> dict[str, Thing]:
    """The public images of others, which every account sees."""
    return {
        (data := catalog.image(one, here.name))["ImageId"]: Thing(data["ImageId"], data, 0.0, {"users": []})
        for one in catalog.public_images()
    }


def every(here: Region) -> dict[str, Thing]:
    """All images that the account may use: its own, public ones, and what others share with it."""
    cache = here.world.public_images
    if here.name not in cache:
        cache[here.name] = public_things(here)
    shared = {}
    for account in here.world.accounts():
        if account == here.account:
            continue
        for image in here.world.region(here.name, account).images.values():
            if image.data["State"] == "available" and permitted(image, here.account):
                shared[image.id] = image
    return {**here.images, **cache[here.name], **shared}


def permitted(image: Thing, account: str) -> bool:
    """Whether an account may launch another's image."""
    return bool(image.data.get("Public")) or any(one.get("UserId") == account for one in image.extra["users"])


def answer(here: Region, image: Thing) -> dict[str, Any]:
    """The image as EC2 answers it: while it is made, its mappings name no snapshots."""
    data = here.with_tags(image) if image.data["OwnerId"] == here.account else {**image.data, "Tags": []}
    if data["State"] == "pending":
        data["BlockDeviceMappings"] = [
            {**one, "Ebs": {name: value for name, value in one["Ebs"].items() if name != "SnapshotId"}}
            if "Ebs" in one
            else one
            for one in data["BlockDeviceMappings"]
        ]
    return data


def pick_images(ask: Ask, ids: list[str], *, own: bool = False) -> list[Thing]:
    """The images of those IDs. Raises Refusal as EC2 does; others' images too when ``own``."""
    check_ids(ids, "ami", "image", "InvalidAMIID.Malformed")
    known = every(ask.here)
    seen = {thing.id for thing in ask.here.visible(known[one] for one in ids if one in known)}
    unknown = [one for one in ids if one not in seen]
    gone = [one for one in unknown if one in ask.here.gone_images]
    if gone:
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{gone[0]}' is no longer available")
    if unknown:
        noun = "id" if len(unknown) == 1 else "ids"
        verb = "does" if len(unknown) == 1 else "do"
        raise Refusal("InvalidAMIID.NotFound", f"The image {noun} '[{', '.join(unknown)}]' {verb} not exist")
    if own:
        foreign = [one for one in ids if known[one].data["OwnerId"] != ask.here.account]
        if foreign:
            raise Refusal("AuthFailure", f"Not authorized for image:{foreign[0]}")
    return [known[one] for one in ids]


def describe_images(ask: Ask) -> dict[str, Any]:
    """DescribeImages: by ID, owner, who may launch them; deprecated ones of others only when asked."""
    here = ask.here
    ids = ask.get("ImageIds")
    if ids and ask.get("MaxResults") is not None:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameter imageIdsSet cannot be used with the parameter maxResults",
        )
    things = pick_images(ask, list(dict.fromkeys(ids))) if ids else here.visible(every(here).values())
    owners = ask.get("Owners")
    if owners:
        things = [thing for thing in things if _owned(here, thing, owners)]
    users = ask.get("ExecutableUsers")
    if users:
        things = [thing for thing in things if _executable(here, thing, users)]
    if not ids and not ask.get("IncludeDisabled"):
        things = [thing for thing in things if thing.data["State"] != "disabled"]
    if not ids and not ask.get("IncludeDeprecated"):
        now = stamp(here.moment())
        things = [
            thing
            for thing in things
            if thing.data["OwnerId"] == here.account or thing.data.get("DeprecationTime", "9") > now
        ]
    rows = select([answer(here, thing) for thing in things], ask.get("Filters"), _FILTERS)
    chosen, token = page(rows, ask.parameters, least=1)
    return {"Images": chosen, "NextToken": token}


def _owned(here: Region, thing: Thing, owners: list[str]) -> bool:
    owner, alias = thing.data["OwnerId"], thing.data.get("ImageOwnerAlias")
    return any(one in (owner, alias) or (one == "self" and owner == here.account) for one in owners)


def _executable(here: Region, thing: Thing, users: list[str]) -> bool:
    for user in users:
        if user == "all":
            if thing.data.get("Public"):
                return True
        else:
            account = here.account if user == "self" else user
            if thing.data["OwnerId"] != account and any(one.get("UserId") == account for one in thing.extra["users"]):
                return True
    return False


def check_name(name: str) -> None:
    """Raises Refusal for a name that no image can have."""
    if not 3 <= len(name) <= 128 or not set(name) <= _NAME:
        raise Refusal(
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', "
            "'-', '/' and '_'",
        )


def check_free(here: Region, name: str) -> None:
    """Raises Refusal when another image of the account has that name."""
    for thing in here.images.values():
        if thing.data["Name"] == name and thing.data["State"] not in ("failed", "deregistered"):
            raise Refusal("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {thing.id}")


def make_image(
    here: Region,
    *,
    name: str,
    mappings: list[dict[str, Any]],
    architecture: str = "x86_64",
    state: str = "pending",
    created: float | None = None,
    description: str = "",
    root: str = "/dev/xvda",
    **more: Any,
) -> Thing:
    """A new image of the account. ``more`` is merged into what EC2 tells of it."""
    image_id = here.new_id("ami")
    when = here.moment(created)
    data: dict[str, Any] = {
        "Architecture": architecture,
        "BlockDeviceMappings": mappings,
        "CreationDate": stamp(when),
        "DeregistrationProtection": "disabled",
        "Description": description,
        "EnaSupport": True,
        "Hypervisor": "xen",
        "ImageId": image_id,
        "ImageLocation": f"{here.account}/{name}",
        "ImageType": "machine",
        "Name": name,
        "OwnerId": here.account,
        "PlatformDetails": "Linux/UNIX",
        "Public": False,
        "RootDeviceName": root,
        "RootDeviceType": "ebs",
        "SriovNetSupport": "simple",
        "State": state,
        "UsageOperation": "RunInstances",
        "VirtualizationType": "hvm",
        **more,
    }
    data = {key: value for key, value in data.items() if value is not None}
    thing = Thing(image_id, data, here.now(), {"users": [], "uefi": None})
    here.images[image_id] = thing
    return thing


def finish_when_ready(here: Region, image: Thing) -> None:
    """Let the image be available a moment after all its snapshots are completed, or failed with the first of them."""
    if image.data["State"] != "pending":
        return
    snapshots = [here.snapshots.get(one) for one in snapshot_ids(image)]
    if any(one is None or one.data["State"] == "error" for one in snapshots):
        broken = next((one for one in snapshots if one is not None and one.data["State"] == "error"), None)
        if broken is not None and image.data.get("SourceImageId"):
            # What people see of a key that can't be used; the reason is on the snapshot alone.
            message = "Copy image failed with an internal error."
        elif broken is not None:
            message = f"Snapshot {broken.id} is in state error."
        else:
            message = "A snapshot of the image was deleted."
        image.data["State"] = "failed"
        image.data["StateReason"] = {"Code": "Client.UserInitiated" if broken is None else "Server.InternalError",
                                     "Message": message}  # fmt: skip
    elif all(one is not None and one.data["State"] == "completed" for one in snapshots):
        here.after(here.settings.transition / 2, lambda: _available(image))


def _available(image: Thing) -> None:
    if image.data["State"] == "pending":
        image.data["State"] = "available"


def fail(image: Thing, message: str) -> None:
    """An image that is being made fails."""
    if image.data["State"] == "pending":
        image.data["State"] = "failed"
        image.data["StateReason"] = {"Code": "Server.InternalError", "Message": message}


def snapshot_ids(image: Thing) -> list[str]:
    """The snapshots that the image is made of."""
    return [
        one["Ebs"]["SnapshotId"] for one in image.data["BlockDeviceMappings"] if one.get("Ebs", {}).get("SnapshotId")
    ]


def create_image(ask: Ask) -> dict[str, Any]:
    """CreateImage: a snapshot of each disk that the instance has."""
    here = ask.here
    from ectwo_cli.sandbox.ec2.instances import pick_instances

    (instance,) = pick_instances(ask, [ask.need("InstanceId")])
    name = ask.need("Name")
    if states.state(instance) not in ("running", "stopped", "stopping"):
        raise Refusal(
            "IncorrectInstanceState",
            f"The instance '{instance.id}' is {states.state(instance)}: an image can't be made of it.",
        )
    check_name(name)
    check_free(here, name)
    tags = tags_of(ask.get("TagSpecifications"), ("image", "snapshot"))
    ask.commit()
    source = every(here).get(instance.data["ImageId"])
    mappings: list[dict[str, Any]] = []
    image = make_image(
        here,
        name=name,
        mappings=mappings,
        architecture=instance.data["Architecture"],
        description=ask.get("Description", ""),
        root=instance.data["RootDeviceName"],
        BootMode=instance.data.get("BootMode"),
        EnaSupport=instance.data["EnaSupport"],
        Platform=instance.data.get("Platform"),
        PlatformDetails=instance.data["PlatformDetails"],
        UsageOperation=instance.data["UsageOperation"],
        SourceInstanceId=instance.id,
        SourceImageId=instance.data["ImageId"],
        SourceImageRegion=here.name,
        ImdsSupport=source.data.get("ImdsSupport") if source else None,
        TpmSupport=source.data.get("TpmSupport") if source else None,
    )
    changes = {one.get("DeviceName"): one for one in ask.get("BlockDeviceMappings", ())}
    for mapping in instance.data["BlockDeviceMappings"]:
        change = changes.get(mapping["DeviceName"], {})
        if "NoDevice" in change:
            continue
        volume = here.volumes[mapping["Ebs"]["VolumeId"]]
        snapshot = disks.make_snapshot(
            here,
            volume=volume.id,
            size=volume.data["Size"],
            written=volume.extra["bytes"],
            description=f"Created by CreateImage({instance.id}) for {image.id}",
            encrypted=volume.data["Encrypted"],
            key=volume.data.get("KmsKeyId"),
            failure=ask.outcome.get("StateMessage"),
            done=lambda _: finish_when_ready(here, image),
        )
        here.tag(snapshot.id, tags.get("snapshot", ()))
        mappings.append(_mapping(mapping["DeviceName"], snapshot, volume, change.get("Ebs", {})))
    here.tag(image.id, tags.get("image", ()))
    if states.state(instance) == "running" and not ask.get("NoReboot"):
        instance.extra["reboots"] = instance.extra.get("reboots", 0) + 1
    if not mappings:
        here.after(here.settings.transition, lambda: _available(image))
    return {"ImageId": image.id}


def _mapping(device: str, snapshot: Thing, volume: Thing, change: Mapping[str, Any]) -> dict[str, Any]:
    ebs = {
        "DeleteOnTermination": bool(change.get("DeleteOnTermination", True)),
        "SnapshotId": snapshot.id,
        "VolumeSize": int(change.get("VolumeSize", volume.data["Size"])),
        "VolumeType": change.get("VolumeType", volume.data["VolumeType"]),
        "Encrypted": snapshot.data["Encrypted"],
    }
    if volume.data["VolumeType"] in ("gp3", "io1", "io2"):
        ebs["Iops"] = volume.data["Iops"]
    if volume.data["VolumeType"] == "gp3":
        ebs["Throughput"] = volume.data["Throughput"]
    return {"DeviceName": device, "Ebs": ebs}


def register_image(ask: Ask) -> dict[str, Any]:
    """RegisterImage: of snapshots; it is available at once."""
    here = ask.here
    name = ask.need("Name")
    check_name(name)
    check_free(here, name)
    architecture = ask.get("Architecture", "i386")
    if architecture not in ("i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac"):
        raise bad_value(architecture, "architecture")
    root = ask.get("RootDeviceName")
    mappings = [dict(one) for one in ask.get("BlockDeviceMappings", ())]
    if not root:
        raise missing("rootDeviceName")
    if not any(one.get("DeviceName") == root for one in mappings):
        raise Refusal("InvalidBlockDeviceMapping", "Root device is not found in the block device mapping.")
    tags = tags_of(ask.get("TagSpecifications"), ("image",))
    for one in mappings:
        snapshot_id = one.get("Ebs", {}).get("SnapshotId")
        if not snapshot_id:
            if one.get("DeviceName") == root:
                raise Refusal("InvalidBlockDeviceMapping", f"Snapshot of the root device {root} is missing.")
            continue
        snapshot = here.snapshots.get(snapshot_id)
        if snapshot is None:
            raise not_found("snapshot", "InvalidSnapshot.NotFound", [snapshot_id])
        if snapshot.data["State"] != "completed":
            raise Refusal("IncorrectState", f"Snapshot {snapshot_id} is not completed.")
        ebs = one["Ebs"] = dict(one["Ebs"])
        size = ebs.setdefault("VolumeSize", snapshot.data["VolumeSize"])
        if size < snapshot.data["VolumeSize"]:
            raise Refusal(
                "InvalidBlockDeviceMapping",
                f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', expect size >= "
                f"{snapshot.data['VolumeSize']}GB",
            )
        ebs.setdefault("DeleteOnTermination", one.get("DeviceName") == root)
        ebs.setdefault("VolumeType", "gp2")
        ebs["Encrypted"] = snapshot.data["Encrypted"]
    ask.commit()
    image = make_image(
        here,
        name=name,
        mappings=mappings,
        architecture=architecture,
        state="available",
        description=ask.get("Description", ""),
        root=root,
        BootMode=ask.get("BootMode"),
        EnaSupport=bool(ask.get("EnaSupport", False)),
        ImdsSupport=ask.get("ImdsSupport"),
        TpmSupport=ask.get("TpmSupport"),
        SriovNetSupport=ask.get("SriovNetSupport"),
        VirtualizationType=ask.get("VirtualizationType", "paravirtual"),
    )
    here.tag(image.id, tags.get("image", ()))
    return {"ImageId": image.id}


def deregister_image(ask: Ask) -> dict[str, Any]:
    """DeregisterImage: refused when protected; ends a copy that is under way; its snapshots on request."""
    here = ask.here
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    if image.data["DeregistrationProtection"].startswith("enabled"):
        raise Refusal(
            "OperationNotPermitted",
            f"The image '{image.id}' may not be deregistered. Disable deregistration protection and try again.",
        )
    cooling = image.extra.get("cooling", 0.0)
    if cooling > here.now():
        raise Refusal(
            "OperationNotPermitted",
            f"The image '{image.id}' is in its cooldown period after deregistration protection was disabled.",
        )
    ask.commit()
    ids = snapshot_ids(image)
    pending = image.data["State"] == "pending"
    del here.images[image.id]
    here.gone_images.add(image.id)
    if here.recycle_bin and not pending:
        image.extra["binned"] = here.now()
        here.bin_images[image.id] = image
    else:
        here.tags.pop(image.id, None)
    results = []
    if pending or ask.get("DeleteAssociatedSnapshots"):
        results = [{"SnapshotId": one, "ReturnCode": _drop_snapshot(here, one)} for one in ids]
    answer: dict[str, Any] = {"Return": True}
    if ask.get("DeleteAssociatedSnapshots"):
        answer["DeleteSnapshotResults"] = results
    return answer


def _drop_snapshot(here: Region, snapshot_id: str) -> str:
    from ectwo_cli.sandbox.ec2 import snapshots

    if snapshot_id not in here.snapshots:
        return "success"
    if snapshots.users_of(here, snapshot_id):
        return "skipped"
    snapshots.remove(here, here.snapshots[snapshot_id])
    return "success"


def describe_image_attribute(ask: Ask) -> dict[str, Any]:
    """DescribeImageAttribute."""
    (image,) = pick_images(ask, [ask.need("ImageId")])
    name = ask.need("Attribute")
    if image.data["OwnerId"] != ask.here.account:
        raise Refusal("AuthFailure", f"Not authorized for image:{image.id}")
    if name == "launchPermission":
        groups = [{"Group": "all"}] if image.data["Public"] else []
        return {"ImageId": image.id, "LaunchPermissions": groups + image.extra["users"]}
    if name == "blockDeviceMapping":
        return {"ImageId": image.id, "BlockDeviceMappings": image.data["BlockDeviceMappings"]}
    if name == "productCodes":
        return {"ImageId": image.id, "ProductCodes": []}
    if name == "lastLaunchedTime":
        return {"ImageId": image.id, "LastLaunchedTime": _value(image.data.get("LastLaunchedTime"))}
    fields = {
        "description": "Description",
        "kernel": "KernelId",
        "ramdisk": "RamdiskId",
        "sriovNetSupport": "SriovNetSupport",
        "bootMode": "BootMode",
        "tpmSupport": "TpmSupport",
        "imdsSupport": "ImdsSupport",
        "deregistrationProtection": "DeregistrationProtection",
    }
    if name == "uefiData":
        return {"ImageId": image.id, "UefiData": _value(image.extra.get("uefi"))}
    if name not in fields:
        raise bad_value(name, "attribute")
    return {"ImageId": image.id, fields[name]: _value(image.data.get(fields[name]))}


def _value(text: str | None) -> dict[str, str]:
    return {} if text is None else {"Value": text}


def modify_image_attribute(ask: Ask) -> dict[str, Any]:
    """ModifyImageAttribute: launch permissions, description, IMDS support. Refused while the image is pending."""
    here = ask.here
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    if image.data["State"] == "pending":
        raise Refusal(
            "InvalidAMIID.Unavailable", f"The image ID '{image.id}' is currently pending, and can't be modified."
        )
    change = ask.get("LaunchPermission", {})
    add, remove = list(change.get("Add", ())), list(change.get("Remove", ()))
    kind = ask.get("OperationType", "add")
    flat = [{"UserId": one} for one in ask.get("UserIds", ())] + [{"Group": one} for one in ask.get("UserGroups", ())]
    flat += [{"OrganizationArn": one} for one in ask.get("OrganizationArns", ())]
    flat += [{"OrganizationalUnitArn": one} for one in ask.get("OrganizationalUnitArns", ())]
    (add if kind == "add" else remove).extend(flat)
    for one in add + remove:
        check_permission(one)
    if add:
        encrypted = [one for one in image.data["BlockDeviceMappings"] if one.get("Ebs", {}).get("Encrypted")]
        if {"Group": "all"} in add:
            if here.public_images_blocked:
                raise Refusal(
                    "OperationNotPermitted",
                    "You can't publicly share this image because block public access for AMIs is enabled for this "
                    "account.",
                )
            if encrypted:
                raise Refusal("InvalidParameterCombination", "Images with encrypted snapshots can't be public.")
        from ectwo_cli.sandbox import keys

        managed = keys.arn(here, None)
        for one in encrypted:
            snapshot = here.snapshots.get(one["Ebs"].get("SnapshotId", ""))
            if snapshot and snapshot.data.get("KmsKeyId") == managed:
                raise Refusal(
                    "InvalidParameter",
                    f"Snapshot {snapshot.id} is encrypted with the AWS-managed key and can't be shared.",
                )
    ask.commit()
    for one in add:
        if one == {"Group": "all"}:
            image.data["Public"] = True
        elif one not in image.extra["users"]:
            image.extra["users"].append(one)
    for one in remove:
        if one == {"Group": "all"}:
            image.data["Public"] = False
        elif one in image.extra["users"]:
            image.extra["users"].remove(one)
    if "Description" in ask.parameters:
        image.data["Description"] = ask.get("Description", {}).get("Value", "")
    if "ImdsSupport" in ask.parameters:
        image.data["ImdsSupport"] = ask.get("ImdsSupport", {}).get("Value")
    if ask.get("Attribute") == "description":
        image.data["Description"] = ask.get("Value", "")
    return {}


def check_permission(one: Mapping[str, str]) -> None:
    """Raises Refusal for someone who can't be given anything."""
    user, group = one.get("UserId"), one.get("Group")
    if user is not None and not (user.isdigit() and len(user) == 12):
        raise Refusal("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{user}" for userId item type.')
    if group is not None and group != "all":
        raise Refusal("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{group}" for UserGroup item type')
    for name in ("OrganizationArn", "OrganizationalUnitArn"):
        arn = one.get(name)
        if arn is not None and not arn.startswith("arn:aws:organizations::"):
            raise Refusal("InvalidAMIAttributeItemValue", f'Invalid attribute item value "{arn}" for {name} item type.')


def reset_image_attribute(ask: Ask) -> dict[str, Any]:
    """ResetImageAttribute: launch permissions are taken back."""
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    ask.commit()
    image.extra["users"] = []
    image.data["Public"] = False
    return {}


def enable_image_deprecation(ask: Ask) -> dict[str, Any]:
    """EnableImageDeprecation, in the future only, at most 10 years ahead."""
    here = ask.here
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    at = ask.need("DeprecateAt")
    when = at if isinstance(at, datetime) else moment(str(at))
    if when <= here.moment():
        raise bad_value(stamp(when), "DeprecateAt", "The deprecation time must be in the future.")
    if when > here.moment() + timedelta(days=3653):
        raise bad_value(stamp(when), "DeprecateAt", "The deprecation time must be at most 10 years from now.")
    ask.commit()
    # EC2 rounds seconds to the nearest minute.
    rounded = (when + timedelta(seconds=30)).replace(second=0, microsecond=0).astimezone(timezone.utc)
    image.data["DeprecationTime"] = stamp(rounded)
    return {"Return": True}


def disable_image_deprecation(ask: Ask) -> dict[str, Any]:
    """DisableImageDeprecation."""
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    ask.commit()
    image.data.pop("DeprecationTime", None)
    return {"Return": True}


def enable_protection(ask: Ask) -> dict[str, Any]:
    """EnableImageDeregistrationProtection."""
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    ask.commit()
    word = "enabled-with-cooldown" if ask.get("WithCooldown") else "enabled-without-cooldown"
    image.data["DeregistrationProtection"] = word
    return {"Return": word}


def disable_protection(ask: Ask) -> dict[str, Any]:
    """DisableImageDeregistrationProtection: with a cooldown it goes on to refuse for 24 hours."""
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    ask.commit()
    if image.data["DeregistrationProtection"] == "enabled-with-cooldown":
        image.extra["cooling"] = ask.here.now() + 86400
    image.data["DeregistrationProtection"] = "disabled"
    return {"Return": "disabled"}


def disable_image(ask: Ask) -> dict[str, Any]:
    """DisableImage: it can't be launched, and loses its launch permissions."""
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    if image.data["State"] not in ("available", "disabled"):
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is {image.data['State']}.")
    ask.commit()
    image.data["State"] = "disabled"
    image.data["Public"] = False
    image.extra["users"] = []
    return {"Return": True}


def enable_image(ask: Ask) -> dict[str, Any]:
    """EnableImage."""
    (image,) = pick_images(ask, [ask.need("ImageId")], own=True)
    ask.commit()
    if image.data["State"] == "disabled":
        image.data["State"] = "available"
    return {"Return": True}


def describe_image_references(ask: Ask) -> dict[str, Any]:
    """DescribeImageReferences: which instances and launch templates use images, 10 a call."""
    here = ask.here
    ids = ask.need("ImageIds")
    if len(ids) > 10:
        raise bad_value(len(ids), "ImageIds", "At most 10 images can be asked about at once.")
    check_ids(ids, "ami", "image", "InvalidAMIID.Malformed")
    kinds = {one.get("ResourceType") for one in ask.get("ResourceTypes", ())}
    every_kind = bool(ask.get("IncludeAllResourceTypes"))
    rows = []
    for image_id in ids:
        if every_kind or "ec2:Instance" in kinds:
            rows += [
                {
                    "ImageId": image_id,
                    "ResourceType": "ec2:Instance",
                    "Arn": f"arn:aws:ec2:{here.name}:{here.account}:instance/{thing.id}",
                }
                for thing in here.instances.values()
                if thing.data["ImageId"] == image_id and states.state(thing) != "terminated"
            ]
        if every_kind or "ec2:LaunchTemplate" in kinds:
            from ectwo_cli.sandbox.ec2 import templates

            rows += [
                {
                    "ImageId": image_id,
                    "ResourceType": "ec2:LaunchTemplate",
                    "Arn": f"arn:aws:ec2:{here.name}:{here.account}:launch-template/{template}",
                }
                for template in templates.using(here, image_id)
            ]
    chosen, token = page(rows, ask.parameters)
    return {"ImageReferences": chosen, "NextToken": token}


def list_in_bin(ask: Ask) -> dict[str, Any]:
    """ListImagesInRecycleBin."""
    here = ask.here
    things = list(here.bin_images.values())
    ids = ask.get("ImageIds")
    if ids:
        things = [one for one in things if one.id in ids]
    rows = [
        {
            "ImageId": one.id,
            "Name": one.data["Name"],
            "Description": one.data["Description"],
            "RecycleBinEnterTime": here.moment(one.extra["binned"]),
            "RecycleBinExitTime": here.moment(one.extra["binned"] + 14 * 86400),
        }
        for one in things
    ]
    chosen, token = page(rows, ask.parameters, least=1)
    return {"Images": chosen, "NextToken": token}


def restore_from_bin(ask: Ask) -> dict[str, Any]:
    """RestoreImageFromRecycleBin."""
    here = ask.here
    image_id = ask.need("ImageId")
    image = here.bin_images.get(image_id)
    if image is None:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    ask.commit()
    del here.bin_images[image_id]
    here.images[image_id] = image
    return {"Return": True}


def get_ancestry(ask: Ask) -> dict[str, Any]:
    """GetImageAncestry: the chain of sources, as far as it can be followed."""
    (image,) = pick_images(ask, [ask.need("ImageId")])
    entries: list[dict[str, Any]] = []
    here: Region = ask.here
    current: Thing | None = image
    while current is not None and len(entries) < 20:
        source, region = current.data.get("SourceImageId"), current.data.get("SourceImageRegion")
        entries.append(
            {
                "CreationDate": current.data["CreationDate"],
                "ImageId": current.id,
                "ImageOwnerAlias": current.data.get("ImageOwnerAlias"),
                "SourceImageId": source,
                "SourceImageRegion": region,
            }
        )
        if not source:
            break
        here = here.world.region(region or here.name, here.account)
        current = every(here).get(source)
    return {"ImageAncestryEntries": entries}


def public_access(ask: Ask) -> dict[str, Any]:
    """Get-, Enable- and DisableImageBlockPublicAccess."""
    here = ask.here
    if ask.operation != "GetImageBlockPublicAccessState":
        ask.commit()
        here.public_images_blocked = ask.operation.startswith("Enable")
    state = "block-new-sharing" if here.public_images_blocked else "unblocked"
    return {"ImageBlockPublicAccessState": state, "ManagedBy": "account"}


HANDLERS: dict[str, Handler] = {
    "DescribeImages": describe_images,
    "CreateImage": create_image,
    "RegisterImage": register_image,
    "DeregisterImage": deregister_image,
    "DescribeImageAttribute": describe_image_attribute,
    "ModifyImageAttribute": modify_image_attribute,
    "ResetImageAttribute": reset_image_attribute,
    "EnableImageDeprecation": enable_image_deprecation,
    "DisableImageDeprecation": disable_image_deprecation,
    "EnableImageDeregistrationProtection": enable_protection,
    "DisableImageDeregistrationProtection": disable_protection,
    "DisableImage": disable_image,
    "EnableImage": enable_image,
    "DescribeImageReferences": describe_image_references,
    "ListImagesInRecycleBin": list_in_bin,
    "RestoreImageFromRecycleBin": restore_from_bin,
    "GetImageAncestry": get_ancestry,
    "GetImageBlockPublicAccessState": public_access,
    "EnableImageBlockPublicAccess": public_access,
    "DisableImageBlockPublicAccess": public_access,
}
