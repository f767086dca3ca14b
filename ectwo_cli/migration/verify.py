"""A finished copy against its source and the plan: pure. What differs is told, never mended in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ectwo_cli.migration import finish, tags
from ectwo_cli.migration.desired import moment
from ectwo_cli.migration.facts import Raw, ebs_snapshot_ids
from ectwo_cli.migration.plan import Pair

SAME = (
    "Architecture",
    "VirtualizationType",
    "RootDeviceType",
    "RootDeviceName",
    "BootMode",
    "EnaSupport",
    "SriovNetSupport",
    "TpmSupport",
    "ImdsSupport",
    "PlatformDetails",
    "UsageOperation",
    "Platform",
    "Hypervisor",
)
SAME_ON_DEVICES = ("VolumeSize", "VolumeType", "Iops", "Throughput", "DeleteOnTermination")


def differences(pair: Pair, copy: Raw, snapshots: Mapping[str, Raw]) -> tuple[str, ...]:
    """What of ``copy`` (EC2's element) and its ``snapshots`` is not as it should be; empty when all is well."""
    if pair.source.resource == "snapshot":
        return (*_snapshot(pair, copy), *_snapshots(pair, copy, snapshots), *_tags(pair, copy, snapshots))
    return (
        *_attributes(pair, copy),
        *_devices(pair.source.raw, copy),
        *_snapshots(pair, copy, snapshots),
        *_tags(pair, copy, snapshots),
        *_dates(pair, copy),
    )


def _told(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _attributes(pair: Pair, copy: Raw) -> list[str]:
    found = []
    if copy.get("State") != "available":
        found.append(f"state: {_told(copy.get('State'))} instead of available")
    if not pair.id and copy.get("Name") != pair.desired.name:
        found.append(f"name: {_told(copy.get('Name'))} instead of {pair.desired.name}")
    for key in SAME:
        was, now = pair.source.raw.get(key), copy.get(key)
        if was != now:
            found.append(f"{key}: {_told(now)} instead of {_told(was)}")
    return found


def _devices(source: Raw, copy: Raw) -> list[str]:
    def by_name(raw: Raw) -> dict[str, Mapping[str, Any]]:
        return {str(device.get("DeviceName")): device for device in raw.get("BlockDeviceMappings") or ()}

    before, after = by_name(source), by_name(copy)
    found = [f"{name}: missing" for name in before if name not in after]
    found += [f"{name}: not in the source" for name in after if name not in before]
    for name in before:
        if name not in after:
            continue
        if before[name].get("VirtualName") != after[name].get("VirtualName"):
            virtual = [_told(each[name].get("VirtualName")) for each in (after, before)]
            found.append(f"{name} VirtualName: {' instead of '.join(virtual)}")
        was, now = before[name].get("Ebs") or {}, after[name].get("Ebs") or {}
        found += [
            f"{name} {key}: {_told(now.get(key))} instead of {_told(was.get(key))}"
            for key in SAME_ON_DEVICES
            if was.get(key) != now.get(key)
        ]
    if len(ebs_snapshot_ids(source)) != len(ebs_snapshot_ids(copy)):
        found.append(f"snapshots: {len(ebs_snapshot_ids(copy))} instead of {len(ebs_snapshot_ids(source))}")
    return found


def _snapshot(pair: Pair, copy: Raw) -> list[str]:
    was, now = pair.source.raw.get("VolumeSize"), copy.get("VolumeSize")
    return [] if was == now else [f"VolumeSize: {_told(now)} instead of {_told(was)}"]


def _snapshots(pair: Pair, copy: Raw, snapshots: Mapping[str, Raw]) -> list[str]:
    found = []
    wanted = pair.desired.key
    sources = {part.id: part for part in pair.source.parts}
    origins = finish.origins(pair.source, copy, snapshots)
    for id, raw in sorted(snapshots.items()):
        if raw.get("State") != "completed":
            found.append(f"{id}: {_told(raw.get('State'))} instead of completed")
        part = sources.get(origins.get(id, ""))
        # A device of an encrypted image may be plain itself; whatever was asked for or is a default there is for all.
        sure = pair.desired.encrypt or (part.encrypted if part else pair.desired.encrypted)
        if sure and not raw.get("Encrypted"):
            found.append(f"{id}: not encrypted")
        key = raw.get("KmsKeyId")
        if key and wanted and wanted.startswith("arn:") and key != wanted:
            found.append(f"{id}: under the key {key} instead of {wanted}")
    return found


def _tags(pair: Pair, copy: Raw, snapshots: Mapping[str, Raw]) -> list[str]:
    found = _missing(
        finish.ids_of(pair.source, copy)[0] if pair.source.resource == "snapshot" else str(copy["ImageId"]),
        {**pair.desired.tags, tags.SOURCE: pair.source.label},
        copy,
    )
    if pair.source.resource == "image":
        for id, origin in sorted(finish.origins(pair.source, copy, snapshots).items()):
            found += _missing(id, pair.desired.part_tags.get(origin, {}), snapshots.get(id, {}))
    return found


def _missing(id: str, wanted: Mapping[str, str], raw: Raw) -> list[str]:
    has = tags.as_dict(raw.get("Tags"))
    return [
        f"{id} tag {key}: {_told(has.get(key))} instead of {value}"
        for key, value in sorted(wanted.items())
        if has.get(key) != value
    ]


def _dates(pair: Pair, copy: Raw) -> list[str]:
    found = []
    wanted, has = pair.desired.deprecate_at, copy.get("DeprecationTime")
    if wanted and (not has or moment(str(has)) != moment(wanted)):
        found.append(f"deprecation: {_told(has)} instead of {wanted}")
    if pair.desired.protect and not str(copy.get("DeregistrationProtection") or "").startswith("enabled"):
        found.append("deregistration protection: off")
    return found


def permission_differences(wanted: Sequence[Raw], has: Sequence[Raw]) -> tuple[str, ...]:
    """Launch permissions that are missing (``--verify deep``)."""
    return tuple(
        f"launch permission {value}: missing" for item in wanted if item not in list(has) for value in item.values()
    )
