"""The Recycle Bin: images and snapshots that a retention rule keeps after they were deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ectwo_cli.aws.calls import batches, dry_run, is_denied
from ectwo_cli.aws.session import Client
from ectwo_cli.model import R, Regional, column, resource
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import MOST_FILTER_VALUES, Query
from ectwo_cli.services import search
from ectwo_cli.services.images import Image
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.snapshots import Snapshot, image_of, volume_of


@resource(
    "recycled image",
    id_prefix="ami-",
    operation="ListImagesInRecycleBin",
    items="Images[]",
    created="recycled_at",
)
class RecycledImage(Regional):
    """An image in the Recycle Bin. EC2: ListImagesInRecycleBin."""

    name: str | None = column("Name", default=True, option="--name", help="its own name")
    id: str = column("ImageId", default=True, help="the ID, ami-...")
    description: str | None = column("Description", default=True, help="the description")
    recycled_at: datetime | None = column("RecycleBinEnterTime", default=True, help="when it was deregistered")
    expires_at: datetime | None = column("RecycleBinExitTime", default=True, help="when it is gone for good")


@resource(
    "recycled snapshot",
    id_prefix="snap-",
    operation="ListSnapshotsInRecycleBin",
    items="Snapshots[]",
    created="recycled_at",
    lookup=(),
)
class RecycledSnapshot(Regional):
    """A snapshot in the Recycle Bin, where it has no name. EC2: ListSnapshotsInRecycleBin."""

    id: str = column("SnapshotId", default=True, help="the ID, snap-...")
    volume_id: str | None = column(
        "VolumeId", "Description", read=volume_of, default=True, option="--volume", help="the volume that it is of"
    )
    description: str | None = column("Description", default=True, option="--description", help="the description")
    recycled_at: datetime | None = column("RecycleBinEnterTime", default=True, help="when it was deleted")
    expires_at: datetime | None = column("RecycleBinExitTime", default=True, help="when it is gone for good")
    image_id: str | None = column(
        "Description", read=image_of, option="--image", help="the image that EC2 made it for, as its description says"
    )


def check_images(client: Client, items: Sequence[RecycledImage]) -> Iterator[Outcome[Image]]:
    """What :func:`restore_images` would do. EC2: RestoreImageFromRecycleBin with DryRun."""
    for item in items:
        before = Image.parse({"ImageId": item.id, "Name": item.name}, item.region, item.profile)
        try:
            dry_run(client, "RestoreImageFromRecycleBin", ImageId=item.id)
        except Exception as error:
            yield failed(before, error)
        else:
            yield Outcome(before, "would restore")


def restore_images(client: Client, items: Sequence[RecycledImage]) -> Iterator[Outcome[Image]]:
    """Take images out of the bin, with those of their snapshots that are in it too.

    EC2: ListSnapshotsInRecycleBin, RestoreSnapshotFromRecycleBin, RestoreImageFromRecycleBin, DescribeImages.
    """
    binned = _binned_snapshots(client)
    for item in items:
        before = Image.parse({"ImageId": item.id, "Name": item.name}, item.region, item.profile)
        try:
            # Without its snapshots an image can't be restored; their descriptions tell whose they are.
            for snapshot in [each.id for each in binned.values() if each.image_id == item.id]:
                _restore_snapshot(client, snapshot, binned)
            client.call("RestoreImageFromRecycleBin", ImageId=item.id)
            (restored,) = _described(client, Image, [item.id]) or [before]
            for snapshot in restored.snapshot_ids or ():
                if snapshot in binned:
                    _restore_snapshot(client, snapshot, binned)
        except Exception as error:
            yield failed(before, error)
        else:
            yield Outcome(restored, "restored")


def check_snapshots(client: Client, items: Sequence[RecycledSnapshot]) -> Iterator[Outcome[Snapshot]]:
    """What :func:`restore_snapshots` would do. EC2: RestoreSnapshotFromRecycleBin with DryRun."""
    for item in items:
        try:
            dry_run(client, "RestoreSnapshotFromRecycleBin", SnapshotId=item.id)
        except Exception as error:
            yield failed(_before(item), error)
        else:
            yield Outcome(_before(item), "would restore")


def restore_snapshots(client: Client, items: Sequence[RecycledSnapshot]) -> Iterator[Outcome[Snapshot]]:
    """Take snapshots out of the bin; they may be ``recovering`` for a while.

    EC2: RestoreSnapshotFromRecycleBin, DescribeSnapshots.
    """
    restored: list[RecycledSnapshot] = []
    for item in items:
        try:
            client.call("RestoreSnapshotFromRecycleBin", SnapshotId=item.id)
        except Exception as error:
            yield failed(_before(item), error)
        else:
            restored.append(item)
    found = {each.id: each for each in _described(client, Snapshot, [item.id for item in restored])}
    for item in restored:
        yield Outcome(found.get(item.id, _before(item)), "restored")


def _before(item: RecycledSnapshot) -> Snapshot:
    told = {"SnapshotId": item.id, "VolumeId": item.volume_id, "Description": item.description}
    return Snapshot.parse(told, item.region, item.profile)


def _binned_snapshots(client: Client) -> dict[str, RecycledSnapshot]:
    try:
        pages = list(search.find(client, Query(RecycledSnapshot)))
    except Exception as error:
        if not is_denied(error):
            raise
        return {}
    return {item.id: item for page in pages for item in page.items}


def _restore_snapshot(client: Client, snapshot: str, binned: dict[str, RecycledSnapshot]) -> None:
    client.call("RestoreSnapshotFromRecycleBin", SnapshotId=snapshot)
    del binned[snapshot]


def _described(client: Client, cls: type[R], ids: Sequence[str]) -> list[R]:
    found: list[R] = []
    for some in batches(ids, MOST_FILTER_VALUES):
        refs = [search.ref(each, cls) for each in some]
        found += [item for _, item in search.find_refs(client, refs, cls)]
    return found
