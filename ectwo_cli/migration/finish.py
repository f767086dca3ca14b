"""What is still to be done to a copy that exists: pure; the engine carries the steps out one by one.

Tags are set in the request that makes a copy, so that a new copy usually needs none of this; a copy that something else
made, or an older one, may.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ectwo_cli.migration import tags
from ectwo_cli.migration.desired import Desired, digest, moment
from ectwo_cli.migration.facts import Raw, Source, ebs_snapshot_ids, lineage
from ectwo_cli.records import dataclass

_KINDS = ("UserId", "Group", "OrganizationArn", "OrganizationalUnitArn")
MOST_CHANGES = 500


@dataclass(frozen=True)
class Step:
    """One call that changes a copy; ``what`` names it for people."""

    operation: str
    parameters: Mapping[str, Any]
    what: str


def steps(
    source: Source,
    desired: Desired,
    copy: Raw,
    snapshots: Mapping[str, Raw],
    permissions: Sequence[Raw] = (),
    part_permissions: Mapping[str, tuple[Raw, ...]] | None = None,
) -> tuple[Step, ...]:
    """What differs between ``desired`` and the existing ``copy`` (EC2's element) with its ``snapshots`` (by their IDs).

    ``permissions`` are those that the copy has, ``part_permissions`` those of its snapshots.
    """
    return (
        *_tagging(source, desired, copy, snapshots),
        *_sharing(source, desired, copy, permissions),
        *_sharing_parts(source, desired, copy, snapshots, part_permissions or {}),
        *_dates(desired, copy),
    )


def origins(source: Source, copy: Raw, snapshots: Mapping[str, Raw]) -> dict[str, str]:
    """Which snapshot of the copy came from which of the source: by EC2's description, else by the device it is on."""
    if source.resource == "snapshot":
        return {copy["SnapshotId"]: source.id}
    devices = {
        device.get("DeviceName"): device["Ebs"]["SnapshotId"]
        for device in source.raw.get("BlockDeviceMappings") or ()
        if device.get("Ebs", {}).get("SnapshotId")
    }
    found: dict[str, str] = {}
    for device in copy.get("BlockDeviceMappings") or ():
        id = device.get("Ebs", {}).get("SnapshotId")
        if not id:
            continue
        told = lineage(snapshots.get(id, {}).get("Description"))
        origin = (told.source_snapshot if told else None) or devices.get(device.get("DeviceName"))
        if origin:
            found[id] = origin
    return found


def _id(copy: Raw) -> str:
    return str(copy.get("ImageId") or copy["SnapshotId"])


def _tagging(source: Source, desired: Desired, copy: Raw, snapshots: Mapping[str, Raw]) -> Iterator[Step]:
    sets: dict[str, tuple[dict[str, str], list[str]]] = {}

    def need(id: str, wanted: Mapping[str, str], has: Mapping[str, str]) -> None:
        missing = {key: value for key, value in wanted.items() if has.get(key) != value}
        if missing:
            sets.setdefault(json.dumps(missing, sort_keys=True), (missing, []))[1].append(id)

    need(_id(copy), {**desired.tags, tags.SOURCE: source.label}, tags.as_dict(copy.get("Tags")))
    if source.resource == "image":
        for id, origin in origins(source, copy, snapshots).items():
            need(id, desired.part_tags.get(origin, {}), tags.as_dict(snapshots.get(id, {}).get("Tags")))
    for missing, ids in sets.values():
        yield Step("CreateTags", {"Resources": ids, "Tags": tags.as_list(missing)}, f"tags of {', '.join(ids)}")


def _sharing(source: Source, desired: Desired, copy: Raw, has: Sequence[Raw]) -> Iterator[Step]:
    wanted = [permission for permission in desired.permissions if permission not in list(has)]
    if not wanted:
        return
    if source.resource == "image":
        # One kind of grantee a call: EC2 refuses a whole call for one that it does not like.
        for kind in _KINDS:
            some = [dict(permission) for permission in wanted if kind in permission]
            if some:
                yield Step(
                    "ModifyImageAttribute",
                    {"ImageId": copy["ImageId"], "LaunchPermission": {"Add": some}},
                    f"launch permissions for {_who(some)}",
                )
    else:
        yield from _volume_permissions(copy["SnapshotId"], wanted)


def _sharing_parts(
    source: Source, desired: Desired, copy: Raw, snapshots: Mapping[str, Raw], has: Mapping[str, tuple[Raw, ...]]
) -> Iterator[Step]:
    if source.resource != "image":
        return
    for id, origin in origins(source, copy, snapshots).items():
        wanted = [
            permission for permission in desired.part_permissions.get(origin, ()) if permission not in has.get(id, ())
        ]
        yield from _volume_permissions(id, wanted)


def _volume_permissions(id: str, wanted: Sequence[Raw]) -> Iterator[Step]:
    usable = [dict(permission) for permission in wanted if "UserId" in permission or "Group" in permission]
    for start in range(0, len(usable), MOST_CHANGES):
        some = usable[start : start + MOST_CHANGES]
        yield Step(
            "ModifySnapshotAttribute",
            {"SnapshotId": id, "Attribute": "createVolumePermission", "CreateVolumePermission": {"Add": some}},
            f"volume permissions of {id} for {_who(some)}",
        )


def _dates(desired: Desired, copy: Raw) -> Iterator[Step]:
    if desired.deprecate_at:
        has = copy.get("DeprecationTime")
        if not has or moment(str(has)) != moment(desired.deprecate_at):
            yield Step(
                "EnableImageDeprecation",
                {"ImageId": copy["ImageId"], "DeprecateAt": desired.deprecate_at},
                f"deprecation at {desired.deprecate_at}",
            )
    if desired.protect and not str(copy.get("DeregistrationProtection") or "").startswith("enabled"):
        yield Step(
            "EnableImageDeregistrationProtection",
            {"ImageId": copy["ImageId"], **({"WithCooldown": True} if desired.protect == "cooldown" else {})},
            "deregistration protection",
        )


def _who(permissions: Sequence[Raw]) -> str:
    return ", ".join(str(value) for permission in permissions for value in permission.values())


def ids_of(source: Source, copy: Raw) -> list[str]:
    """The snapshots of a copy, as far as EC2 tells them."""
    return ebs_snapshot_ids(copy) if source.resource == "image" else [copy["SnapshotId"]]


def launch(source: Source, desired: Desired, region: str, id: str, type: str) -> Step:
    """One instance of the copy. Its token is made of the image, so that running again does not make another."""
    name = source.tags.get("Name") or desired.name
    parameters = {
        "ImageId": id,
        "InstanceType": type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": digest("launch", region, id, type),
        "MetadataOptions": {"HttpTokens": "required"},
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
    }
    return Step("RunInstances", parameters, f"an instance of {id}")
