"""Snapshots of volumes."""

from __future__ import annotations

import re
from datetime import datetime

from ectwo_cli.model import Regional, column, name_of, resource, tags_of

MADE_BY_EC2 = re.compile(
    r"Created by CreateImage\((?P<instance>i-[0-9a-f]+)\) for (?P<made>ami-[0-9a-f]+)"
    r"(?: from (?P<volume>vol-[0-9a-f]+))?"
    r"|Copied for DestinationAmi (?P<copied>ami-[0-9a-f]+)"
)
"""Descriptions that EC2 itself gives to the snapshots of an image that it makes or copies."""

NO_VOLUME = "vol-ffffffff"
"""What EC2 says for the volume of a copy, which never had one."""


def image_of(description: str | None) -> str | None:
    """The image that EC2 made the snapshot for."""
    found = MADE_BY_EC2.match(description or "")
    return (found["made"] or found["copied"]) if found else None


def instance_of(description: str | None) -> str | None:
    """The instance of which EC2 made an image, and for it the snapshot."""
    found = MADE_BY_EC2.match(description or "")
    return found["instance"] if found else None


def volume_of(volume: str | None, description: str | None) -> str | None:
    """The volume that it is of; a copy may still tell by its description."""
    if volume and volume != NO_VOLUME:
        return volume
    found = MADE_BY_EC2.match(description or "")
    return found["volume"] if found else None


def percent_of(text: str | None) -> int | None:
    """``45%`` as 45."""
    digits = (text or "").rstrip("%")
    return int(digits) if digits.isdigit() else None


@resource(
    "snapshot",
    id_prefix="snap-",
    operation="DescribeSnapshots",
    items="Snapshots[]",
    created="started_at",
    owned={"OwnerIds": ["self"]},
)
class Snapshot(Regional):
    """A snapshot of a volume. EC2: DescribeSnapshots."""

    name: str | None = column(
        "Tags", read=name_of, filter="tag:Name", default=True, option="--name", help="the Name tag"
    )
    id: str = column("SnapshotId", filter="snapshot-id", default=True, help="the ID, snap-...")
    state: str | None = column(
        "State",
        filter="status",
        default=True,
        option="--state",
        values=("pending", "completed", "error", "recoverable", "recovering"),
        help="the state",
    )
    progress: int | None = column("Progress", read=percent_of, default=True, help="how much of it is done, in percent")
    volume_size: int | None = column("VolumeSize", filter="volume-size", default=True, help="the volume's size in GiB")
    started_at: datetime | None = column("StartTime", default=True, help="when it was begun")
    volume_id: str | None = column(
        # No filter: of a copy, EC2 does not know what its description tells.
        "VolumeId",
        "Description",
        read=volume_of,
        option="--volume",
        help="the volume that it is of; none for a copy",
    )
    completed_at: datetime | None = column("CompletionTime", help="when it was complete")
    encrypted: bool | None = column(
        "Encrypted", filter="encrypted", option="--encrypted", values=("true", "false"), help="whether it is encrypted"
    )
    kms_key_id: str | None = column("KmsKeyId", help="the key that it is encrypted with")
    owner_id: str | None = column("OwnerId", filter="owner-id", help="the account that it belongs to")
    description: str | None = column(
        "Description", filter="description", option="--description", help="the description"
    )
    image_id: str | None = column(
        "Description", read=image_of, option="--image", help="the image that EC2 made it for, as its description says"
    )
    instance_id: str | None = column(
        "Description",
        read=instance_of,
        option="--instance",
        help="the instance that EC2 made it of, as its description says",
    )
    storage_tier: str | None = column(
        "StorageTier",
        filter="storage-tier",
        option="--storage-tier",
        values=("standard", "archive"),
        help="standard or archive",
    )
    state_reason: str | None = column("StateMessage", help="why it is in this state")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")
