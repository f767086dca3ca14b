"""Snapshots of volumes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from ectwo_cli.aws.calls import dry_run, is_denied
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.fanout import across
from ectwo_cli.model import Regional, column, name_of, resource, tags_of
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import Condition, Query
from ectwo_cli.services import images, search
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.search import Find, Page

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
        help="where it is kept",
    )
    state_reason: str | None = column("StateMessage", help="why it is in this state")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")


def of_owners(query: Query[Snapshot], owners: Sequence[str]) -> Query[Snapshot]:
    """The query for snapshots of these owners: ``self``, ``amazon``, ``all``, or account IDs.

    Raises UsageError for anything else, and for a search of everybody's snapshots that nothing narrows.
    """
    broad = ("encrypted", "status", "storage-tier", "volume-size")
    hint = "narrow it with --description or a tag, or say whose with an account's ID"
    return search.owned_by(query, owners, "OwnerIds", public=("amazon",), broad=broad, hint=hint)


# Which have lost what they were made for

Test: TypeAlias = "Callable[[Snapshot], bool]"

FOR_AN_IMAGE = Condition(
    lambda item: item.image_id is not None,
    {"Name": "description", "Values": ["Created by CreateImage(*", "Copied for DestinationAmi *"]},
)
"""What EC2 made for an image."""


def finder(*, orphaned: bool = False, volume_gone: bool = False) -> Find[Snapshot]:
    """A :func:`search.find` that leaves only the snapshots whose image, and whose volume, is gone.

    What there is is asked for once a region, and only where there are snapshots; a region in which that is not
    permitted fails.
    """
    makers = [make for make, wanted in ((_orphaned, orphaned), (_volume_gone, volume_gone)) if wanted]

    def find(client: Client, query: Query[Snapshot]) -> Iterator[Page[Snapshot]]:
        if orphaned:
            query = replace(query, conditions=[*query.conditions, FOR_AN_IMAGE])
        tests: list[Test] = []
        for page in search.find(client, query):
            if page.items and not tests:
                tests = [make(client) for make in makers]
            yield Page([item for item in page.items if all(test(item) for test in tests)], page.more)

    return find


def _orphaned(client: Client) -> Test:
    """Whether the image that EC2 made a snapshot for is gone, and no other is made of it.

    An image in the Recycle Bin is not gone: it can be restored as long as its snapshots are there.
    """
    used = images.by_snapshot(client)
    there = {image for some in used.values() for image in some} | images.recycled(client)
    return lambda item: item.image_id is not None and item.image_id not in there and item.id not in used


def _volume_gone(client: Client) -> Test:
    """Whether the volume of a snapshot is gone. A copy never had one. EC2: DescribeVolumes."""
    there: set[str] = set()
    for page in client.pages("DescribeVolumes", "Volumes[]", MaxResults=1000):
        there.update(data["VolumeId"] for data in page)
    return lambda item: item.volume_id is not None and item.volume_id not in there


# Deleting


def check_delete(client: Client, items: Sequence[Snapshot]) -> Iterator[Outcome[Snapshot]]:
    """What :func:`delete` would do. EC2: DeleteSnapshot with DryRun, DescribeImages."""
    yield from _each(client, items, "would delete", lambda item: dry_run(client, "DeleteSnapshot", SnapshotId=item.id))


def delete(client: Client, items: Sequence[Snapshot]) -> Iterator[Outcome[Snapshot]]:
    """Delete snapshots; those that an image is made of are refused, and it is named. One that is gone is deleted.

    EC2: DescribeImages, DeleteSnapshot (which takes one a call; a few at once).
    """
    yield from _each(client, items, "deleted", lambda item: client.call("DeleteSnapshot", SnapshotId=item.id))


def _each(
    client: Client, items: Sequence[Snapshot], action: str, do: Callable[[Snapshot], object]
) -> Iterator[Outcome[Snapshot]]:
    used = users_of(client, items)

    def work(item: Snapshot) -> Iterator[Outcome[Snapshot]]:
        if users := used.get(item.id):
            yield Outcome(item, None, f"in use by {', '.join(users)}", hint="'ectwo images deregister' takes it along")
            return
        try:
            do(item)
        except Exception as error:
            if code_of(error) != "InvalidSnapshot.NotFound":
                yield failed(item, error)
                return
        yield Outcome(item, action)

    results = across(items, work, where=lambda item: item.id, most=5)
    yield from results
    results.check()


def users_of(client: Client, items: Sequence[Snapshot]) -> dict[str, list[str]]:
    """The account's own images that are made of these snapshots; none where it is not permitted to look.

    EC2: DescribeImages.
    """
    try:
        used = images.by_snapshot(client)
    except Exception as error:
        if not is_denied(error):
            raise
        # EC2 itself refuses what is in use.
        return {}
    return {item.id: used[item.id] for item in items if item.id in used}
