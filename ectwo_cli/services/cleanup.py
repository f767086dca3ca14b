"""Deregister images, with the snapshots that nothing else needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from ectwo_cli.aws.calls import dry_run
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.fanout import across
from ectwo_cli.model import column_named, value_of
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services import images, usage
from ectwo_cli.services.images import Image
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.usage import Unknown, Use

AT_ONCE = 5
"""Calls in one region that change something: EC2 allows few a second."""

LAGS = (0.5, 1.0, 2.0, 4.0)
"""Seconds after which a snapshot is tried again that EC2 still holds for an image that was deregistered just now."""


# Deciding


@dataclass(frozen=True)
class Removal:
    """An image that is to go.

    ``uses`` is what uses it; ``deleted`` are its snapshots that go with it, ``kept`` those that stay, each with the
    other images that use it. ``foreign``: it is another account's.
    """

    image: Image
    uses: Sequence[Use] = ()
    foreign: bool = False
    deleted: Sequence[str] = ()
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Examined:
    """What is known of the images of a region: what uses them, which images its snapshots belong to."""

    removals: list[Removal]
    by_snapshot: Mapping[str, Sequence[str]]
    unknown: Sequence[Unknown]


def examine(client: Client, items: Sequence[Image]) -> Examined:
    """What uses these images and their snapshots. EC2: what :func:`usage.uses` calls, DescribeImages."""
    used = usage.uses(client, {item.id for item in items})
    by_snapshot = images.by_snapshot(client)
    own = {image for some in by_snapshot.values() for image in some}
    removals = [Removal(item, used.of(item.id), item.id not in own) for item in items]
    return Examined(removals, by_snapshot, used.unknown)


def refusal(removal: Removal, *, force: bool, unprotect: bool) -> Outcome[Image] | None:
    """Why the image is not to be touched; None when it may be."""
    image = removal.image
    if removal.foreign:
        return Outcome(image, None, f"it belongs to account {image.owner_id}")
    if removal.uses and not force:
        hint = "--force deregisters it all the same: what runs goes on, but nothing new can be launched from it"
        return Outcome(image, None, f"in use by {sentence(removal.uses)}", hint=hint)
    if image.protected and not unprotect:
        return Outcome(image, None, "it is protected from deregistration", hint="--unprotect ends the protection first")
    return None


def with_snapshots(removals: Sequence[Removal], by_snapshot: Mapping[str, Sequence[str]]) -> list[Removal]:
    """The removals with what becomes of the snapshots: those stay that an image needs which is not to go."""
    going = {removal.image.id for removal in removals}
    decided = []
    for removal in removals:
        others = {
            snapshot: [image for image in by_snapshot.get(snapshot, ()) if image not in going]
            for snapshot in dict.fromkeys(removal.image.snapshot_ids)
        }
        kept = {snapshot: users for snapshot, users in others.items() if users}
        decided.append(replace(removal, deleted=[each for each in others if each not in kept], kept=kept))
    return decided


def freed(removals: Iterable[Removal]) -> int:
    """GiB of the volumes whose snapshots go, each counted once: the most that it can free."""
    sizes = {
        (removal.image.profile, removal.image.region, volume["snapshot_id"]): volume["size_gib"] or 0
        for removal in removals
        for volume in removal.image.volumes
        if volume["snapshot_id"] in removal.deleted
    }
    return sum(sizes.values())


def newest(pool: Iterable[Image], keep: int, group_by: str | None = None) -> set[tuple[str | None, str, str]]:
    """Profile, region and ID of the ``keep`` newest of each group: one for each value of ``group_by``.

    A region of an account has groups of its own, for an image serves its region alone. Only what is available counts.
    """
    groups: dict[object, list[Image]] = {}
    for item in pool:
        if item.state == "available":
            value = value_of(item, group_by) if group_by else None
            groups.setdefault((item.profile, item.region, str(value)), []).append(item)
    kept = set()
    for some in groups.values():
        some.sort(key=lambda item: (item.created_at is not None, item.created_at, item.id), reverse=True)
        kept |= {(item.profile, item.region, item.id) for item in some[:keep]}
    return kept


def check_group(name: str) -> None:
    """Raises UsageError for a property that images can't be grouped by."""
    column_named(Image, name)


def sentence(uses: Sequence[Use], *, most: int = 3) -> str:
    """``7 instances: i-1 (web-1, running), i-2 (web-2, stopped) and 5 more; launch template web``."""
    by_kind: dict[str, list[Use]] = {}
    for use in uses:
        by_kind.setdefault(use.kind, []).append(use)
    told = []
    for kind, some in by_kind.items():
        named = ", ".join(str(use) for use in some[:most])
        more = f" and {len(some) - most} more" if len(some) > most else ""
        told.append(f"{kind} {named}" if len(some) == 1 else f"{len(some)} {kind}s: {named}{more}")
    return "; ".join(told)


# Doing


@dataclass(frozen=True)
class Done:
    """What became of one image: ``deleted`` snapshots are gone, ``kept`` ones are not, each with the reason."""

    outcome: Outcome[Image]
    deleted: Sequence[str] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


def check(client: Client, removals: Sequence[Removal], *, unprotect: bool = False) -> Iterator[Done]:
    """What :func:`deregister` would do. EC2: DeregisterImage and DeleteSnapshot with DryRun, one of each an image."""

    def ask(removal: Removal) -> Iterator[Done]:
        try:
            if not (removal.image.protected and unprotect):
                dry_run(client, "DeregisterImage", ImageId=removal.image.id)
            for snapshot in removal.deleted[:1]:
                _check_snapshot(client, snapshot)
        except Exception as error:
            yield Done(failed(removal.image, error))
        else:
            yield Done(Outcome(removal.image, "would deregister"))

    results = across(removals, ask, where=lambda removal: removal.image.id, most=AT_ONCE)
    yield from results
    results.check()


def _check_snapshot(client: Client, snapshot: str) -> None:
    try:
        dry_run(client, "DeleteSnapshot", SnapshotId=snapshot)
    except Exception as error:
        # Of course: the image is still there.
        if code_of(error) != "InvalidSnapshot.InUse":
            raise


def deregister(
    client: Client,
    removals: Sequence[Removal],
    by_snapshot: Mapping[str, Sequence[str]],
    *,
    unprotect: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Done]:
    """Deregister the images of a region; each takes those of its ``deleted`` snapshots along that are free then.

    ``by_snapshot`` are the images of each snapshot. An image that EC2 refuses keeps its snapshots.
    EC2: DeregisterImage, DeleteSnapshot; DisableImageDeregistrationProtection where wanted.
    """
    left = {snapshot: set(users) for snapshot, users in by_snapshot.items()}

    def work(removal: Removal) -> Iterator[Done]:
        image = removal.image
        try:
            _deregister(client, image, unprotect=unprotect)
        except Exception as error:
            yield Done(failed(image, error))
            return
        deleted, kept = [], {snapshot: f"in use by {', '.join(users)}" for snapshot, users in removal.kept.items()}
        for snapshot in removal.deleted:
            left.setdefault(snapshot, set()).discard(image.id)
            # Whoever deregisters the last image of a snapshot deletes it.
            if left[snapshot]:
                continue
            reason = delete_snapshot(client, snapshot, of=by_snapshot.get(snapshot, ()), sleep=sleep)
            if reason is None:
                deleted.append(snapshot)
            else:
                kept[snapshot] = reason
        yield Done(Outcome(image, "deregistered"), deleted, kept)

    results = across(removals, work, where=lambda removal: removal.image.id, most=AT_ONCE)
    yield from results
    results.check()


def _deregister(client: Client, image: Image, *, unprotect: bool) -> None:
    if image.protected and unprotect:
        client.call("DisableImageDeregistrationProtection", ImageId=image.id)
    try:
        client.call("DeregisterImage", ImageId=image.id)
    except Exception as error:
        # Gone already: a lost answer, or somebody was faster.
        gone = code_of(error) == "InvalidAMIID.Unavailable" and "no longer" in str(error)
        if not gone and code_of(error) != "InvalidAMIID.NotFound":
            raise


def delete_snapshot(
    client: Client, snapshot: str, *, of: Collection[str], sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Delete a snapshot of images (``of``) that are deregistered; None when it is gone, else why it stays.

    EC2: DeleteSnapshot; ListImagesInRecycleBin when EC2 says that it is in use.
    """
    from ectwo_cli.aws.explain import explain

    for pause in (*LAGS, None):
        try:
            client.call("DeleteSnapshot", SnapshotId=snapshot)
        except Exception as error:
            if code_of(error) == "InvalidSnapshot.NotFound":
                return None
            if code_of(error) == "InvalidSnapshot.InUse":
                if holding := sorted(images.recycled(client).intersection(of)):
                    return f"{', '.join(holding)} in the Recycle Bin needs it"
                # EC2 may not have noticed yet that they are gone.
                if pause is not None and any(image in str(error) for image in of):
                    sleep(pause)
                    continue
            return explain(error).message
        return None
    raise AssertionError("the last pause is None")
