"""What EC2 says about sources and destinations, read once and kept: pure data, and its reading from EC2's answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from ectwo_cli.migration import tags
from ectwo_cli.records import dataclass

GIB = 1024**3

Raw = Mapping[str, Any]

_BY_COPY_IMAGE = re.compile(
    r"Copied for DestinationAmi (?P<to>ami-\w+) from SourceAmi (?P<source>ami-\w+)"
    r"(?: for SourceSnapshot (?P<snapshot>snap-\w+))?"
)
_BY_CONSOLE = re.compile(r"\[Copied (?P<snapshot>snap-\w+) from (?P<region>[a-z0-9-]+)\]")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One EBS snapshot behind a source. ``exact`` is false when ``bytes`` is only the size of its volume."""

    id: str
    bytes: int
    exact: bool
    encrypted: bool
    key: str | None
    tags: Mapping[str, str]
    state: str
    tier: str
    readable: bool = True


@dataclass(frozen=True, kw_only=True)
class Source:
    """An image or a snapshot to copy. ``raw`` is EC2's own element, ``permissions`` what ``--with-permissions``
    carries.
    """

    resource: str
    region: str
    id: str
    name: str | None
    description: str
    owner: str
    own: bool
    state: str
    tags: Mapping[str, str]
    parts: tuple[Part, ...]
    raw: Raw
    permissions: tuple[Raw, ...] = ()
    part_permissions: Mapping[str, tuple[Raw, ...]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """``REGION/ID``, also the value of ``ectwo:source``."""
        return f"{self.region}/{self.id}"

    @property
    def bytes(self) -> int:
        """What has to be moved at most."""
        return sum(part.bytes for part in self.parts)

    @property
    def encrypted(self) -> bool:
        """Whether any snapshot is."""
        return any(part.encrypted for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A KMS key that was asked for: its ARN, or why it can't be used; ``unchecked`` when DescribeKey was not
    permitted.
    """

    asked: str
    arn: str | None = None
    problem: str | None = None
    unchecked: bool = False
    managed_by_aws: bool = False


@dataclass(frozen=True, kw_only=True)
class Destination:
    """One region to copy to, as found before the start.

    ``images`` and ``snapshots`` are own resources there that matter: copies of the sources, holders of wanted names,
    and the snapshots of such images. ``pending`` are EC2's descriptions of snapshots under way there. ``others``
    counts the copies in flight that are not this migration's. ``trouble`` says why nothing can be copied there at
    all.
    """

    region: str
    images: tuple[Raw, ...] = ()
    snapshots: tuple[Raw, ...] = ()
    pending: tuple[Raw, ...] = ()
    encrypts_by_default: bool = False
    default_key: str | None = None
    key: Key | None = None
    others: int = 0
    trouble: str | None = None
    fix: str | None = None
    permissions: Mapping[str, tuple[Raw, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lineage:
    """What the description of a copied snapshot tells."""

    image: str | None
    source_image: str | None
    source_snapshot: str | None
    source_region: str | None = None


def lineage(description: str | None) -> Lineage | None:
    """Read EC2's own description of a copied snapshot; ``None`` for any other text."""
    if found := _BY_COPY_IMAGE.search(description or ""):
        return Lineage(found["to"], found["source"], found["snapshot"])
    if found := _BY_CONSOLE.match(description or ""):
        return Lineage(None, None, found["snapshot"], found["region"])
    return None


def snapshot_bytes(raw: Raw) -> tuple[int, bool]:
    """``(bytes, exact)``: the written data where EC2 tells it, else the size of the volume."""
    full = raw.get("FullSnapshotSizeInBytes")
    return (int(full), True) if full else (int(raw.get("VolumeSize") or 0) * GIB, False)


def percent(raw: Raw) -> float | None:
    """``Progress`` as a number from 0 to 100; ``None`` while EC2 tells none."""
    text = str(raw.get("Progress") or "").strip().rstrip("%")
    try:
        return min(100.0, max(0.0, float(text)))
    except ValueError:
        return None


def ebs_snapshot_ids(image: Raw) -> list[str]:
    """The snapshots of an image's devices, in their order; empty while EC2 does not tell them."""
    devices = image.get("BlockDeviceMappings") or ()
    return [device["Ebs"]["SnapshotId"] for device in devices if device.get("Ebs", {}).get("SnapshotId")]


def part(raw: Raw) -> Part:
    """A snapshot of DescribeSnapshots."""
    size, exact = snapshot_bytes(raw)
    return Part(
        id=raw["SnapshotId"],
        bytes=size,
        exact=exact,
        encrypted=bool(raw.get("Encrypted")),
        key=raw.get("KmsKeyId"),
        tags=tags.as_dict(raw.get("Tags")),
        state=str(raw.get("State") or "unknown"),
        tier=str(raw.get("StorageTier") or "standard"),
    )


def unseen_part(image: Raw, snapshot_id: str) -> Part:
    """A snapshot that the image names but that this account may not see (somebody else's image)."""
    devices = image.get("BlockDeviceMappings") or ()
    ebs: Mapping[str, Any] = next(
        (device["Ebs"] for device in devices if device.get("Ebs", {}).get("SnapshotId") == snapshot_id), {}
    )
    return Part(
        id=snapshot_id,
        bytes=int(ebs.get("VolumeSize") or 0) * GIB,
        exact=False,
        encrypted=bool(ebs.get("Encrypted")),
        key=ebs.get("KmsKeyId"),
        tags={},
        state="unknown",
        tier="standard",
        readable=False,
    )


def image_source(region: str, raw: Raw, snapshots: Mapping[str, Raw], account: str) -> Source:
    """A source image and its snapshots; ``snapshots`` by their IDs, as far as they may be seen."""
    ids = list(dict.fromkeys(ebs_snapshot_ids(raw)))
    return Source(
        resource="image",
        region=region,
        id=raw["ImageId"],
        name=raw.get("Name"),
        description=raw.get("Description") or "",
        owner=str(raw.get("OwnerId") or ""),
        own=str(raw.get("OwnerId") or "") == account,
        state=str(raw.get("State") or "unknown"),
        tags=tags.as_dict(raw.get("Tags")),
        parts=tuple(part(snapshots[id]) if id in snapshots else unseen_part(raw, id) for id in ids),
        raw=raw,
    )


def snapshot_source(region: str, raw: Raw, account: str) -> Source:
    """A source snapshot: its own and only part."""
    its_tags = tags.as_dict(raw.get("Tags"))
    return Source(
        resource="snapshot",
        region=region,
        id=raw["SnapshotId"],
        name=its_tags.get("Name") or None,
        description=raw.get("Description") or "",
        owner=str(raw.get("OwnerId") or ""),
        own=str(raw.get("OwnerId") or "") == account,
        state={"completed": "available", "error": "failed"}.get(
            str(raw.get("State")), str(raw.get("State") or "unknown")
        ),
        tags=its_tags,
        parts=(part(raw),),
        raw=raw,
    )


def by_id(snapshots: Sequence[Raw]) -> dict[str, Raw]:
    """Snapshots by their IDs."""
    return {raw["SnapshotId"]: raw for raw in snapshots}
