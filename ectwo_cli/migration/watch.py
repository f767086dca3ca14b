"""Looking at copies: a few calls a region, however many copies there are.

The percent is that of the copy's snapshots; EC2 has none for an image. One DescribeSnapshots finds all of them by the
tag that they were made with; copies that something else made are found by EC2's own description of their snapshots.
Images are only asked for when they can tell something. IDs are always given as filters: as parameters, one ID that is
not visible yet would fail the whole call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ectwo_cli.migration import classify, tags
from ectwo_cli.migration.cloud import Client
from ectwo_cli.migration.facts import Raw, ebs_snapshot_ids, lineage, percent
from ectwo_cli.migration.machine import Copy, PartSeen, Seen, State, advance
from ectwo_cli.migration.plan import Pair
from ectwo_cli.migration.scheduler import telling
from ectwo_cli.records import dataclass

MOST_VALUES = 200
PAGE = 1000
MOST_PROBES = 5


@dataclass(frozen=True)
class Look:
    """What one look at a region found, by the indices of its copies. ``twins`` are ``(index, kept ID, other IDs)``."""

    seen: Mapping[int, Seen]
    images: Mapping[int, Raw] = field(default_factory=dict)
    snapshots: Mapping[int, Mapping[str, Raw]] = field(default_factory=dict)
    twins: Sequence[tuple[int, str, tuple[str, ...]]] = ()


def look(
    client: Client, plan: str, pairs: Mapping[int, Pair], copies: Mapping[int, Copy], now: float, *, every_image: bool
) -> Look:
    """Look at the ``copies`` in flight in one region. EC2: DescribeSnapshots, and DescribeImages when it can tell
    something.
    """
    found = snapshots_of(client, plan, pairs, copies)
    if next(iter(pairs.values())).source.resource == "snapshot":
        return read_snapshots(plan, pairs, copies, found)
    parts = {index: parts_of(pairs[index], copy, found, plan) for index, copy in copies.items()}
    tentative = {
        index: advance(copy, Seen(None, read_parts(parts[index])), now) if parts[index] else copy
        for index, copy in copies.items()
    }
    asked = {
        index: copy.id
        for index, copy in tentative.items()
        if copy.id and (every_image or telling(copy, now) or (copies[index].parts and not parts[index]))
    }
    images = {
        raw["ImageId"]: raw for raw in by_values(client, "DescribeImages", "Images", "image-id", list(asked.values()))
    }
    hidden = [index for index, id in asked.items() if id not in images]
    gone = {index for index in hidden[:MOST_PROBES] if is_gone(client, asked[index])}
    seen = {}
    for index in copies:
        raw = images.get(asked[index]) if index in asked else None
        state = None if index not in asked else str(raw.get("State")) if raw else "gone" if index in gone else ""
        reason = ((raw or {}).get("StateReason") or {}).get("Message")
        seen[index] = Seen(state, read_parts(parts[index]), reason)
    return Look(
        seen,
        {index: images[id] for index, id in asked.items() if id in images},
        {index: {raw["SnapshotId"]: raw for raw in its} for index, its in parts.items()},
    )


def is_gone(client: Client, id: str) -> bool:
    """Whether EC2 knows the image and knows that it is no more. One that is only not visible yet is unknown to it.

    A token that was used before gives the ID of the copy that was made then, even if that was deregistered since.
    """
    try:
        client.call_once("DescribeImages", ImageIds=[id])
    except Exception as error:
        if not classify.is_cloud_error(error):
            raise
        return classify.read(error)[0] == "InvalidAMIID.Unavailable"
    return False


def snapshots_of(client: Client, plan: str, pairs: Mapping[int, Pair], copies: Mapping[int, Copy]) -> list[Raw]:
    """All snapshots of these copies."""
    marks = sorted({plan, *(mark for index in copies if (mark := pairs[index].mark))})
    found = paged(
        client,
        "DescribeSnapshots",
        "Snapshots",
        OwnerIds=["self"],
        Filters=[{"Name": f"tag:{tags.MIGRATION}", "Values": [f"{mark}.*" for mark in marks]}],
    )
    strangers = [str(copy.id) for index, copy in copies.items() if copy.id == pairs[index].id and not pairs[index].mark]
    if strangers and next(iter(pairs.values())).source.resource == "snapshot":
        found += by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", strangers)
    elif strangers:
        wanted = [f"Copied for DestinationAmi {id} *" for id in strangers]
        found += by_values(client, "DescribeSnapshots", "Snapshots", "description", wanted)
    return found


def parts_of(pair: Pair, copy: Copy, found: Iterable[Raw], plan: str) -> list[Raw]:
    """The snapshots of one image copy: by EC2's description of them, else by our tags."""
    return [raw for raw in found if _belongs(raw, pair, copy, plan)]


def _belongs(raw: Raw, pair: Pair, copy: Copy, plan: str) -> bool:
    if told := lineage(raw.get("Description")):
        return told.image == copy.id
    its = tags.as_dict(raw.get("Tags"))
    mark = tags.Mark.read(its.get(tags.MIGRATION))
    return bool(
        mark
        and its.get(tags.SOURCE) == pair.source.label
        and mark.attempt == copy.attempt
        and mark.plan in {plan, pair.mark}
    )


def read_parts(found: Iterable[Raw]) -> tuple[PartSeen, ...]:
    """EC2's elements as the machine wants them, in a stable order."""
    return tuple(
        PartSeen(
            id=raw["SnapshotId"],
            origin=told.source_snapshot if (told := lineage(raw.get("Description"))) else None,
            state=str(raw.get("State") or "pending"),
            percent=percent(raw),
            message=raw.get("StateMessage") or None,
            key=raw.get("KmsKeyId"),
        )
        for raw in sorted(found, key=lambda raw: str(raw["SnapshotId"]))
    )


def read_snapshots(plan: str, pairs: Mapping[int, Pair], copies: Mapping[int, Copy], found: Sequence[Raw]) -> Look:
    """The same where snapshots themselves are copied. ``CopySnapshot`` has no token: two machines can make twins."""
    by_id = {raw["SnapshotId"]: raw for raw in found}
    seen: dict[int, Seen] = {}
    snapshots: dict[int, dict[str, Raw]] = {}
    twins = []
    for index, copy in copies.items():
        pair = pairs[index]
        same = sorted(twins_of(pair, plan, found), key=lambda raw: (str(raw.get("StartTime")), raw["SnapshotId"]))
        kept = copy.id
        if len(same) > 1:
            kept = same[0]["SnapshotId"]
            twins.append((index, str(kept), tuple(raw["SnapshotId"] for raw in same[1:])))
        raw = by_id.get(kept or "")
        if raw is None:
            seen[index] = Seen("", ())
            continue
        snapshots[index] = {raw["SnapshotId"]: raw}
        state = {"completed": "available", "error": "failed"}.get(str(raw.get("State")), str(raw.get("State")))
        part = PartSeen(
            raw["SnapshotId"],
            pair.source.id,
            str(raw.get("State")),
            percent(raw),
            raw.get("StateMessage") or None,
            raw.get("KmsKeyId"),
        )
        seen[index] = Seen(state, (part,), raw.get("StateMessage") or None)
    return Look(seen, {index: next(iter(its.values())) for index, its in snapshots.items()}, snapshots, twins)


def twins_of(pair: Pair, plan: str, found: Iterable[Raw]) -> list[Raw]:
    """The live snapshots that this very plan made of this source."""
    same = []
    for raw in found:
        its = tags.as_dict(raw.get("Tags"))
        mark = tags.Mark.read(its.get(tags.MIGRATION))
        if mark and mark.plan == plan and its.get(tags.SOURCE) == pair.source.label and raw.get("State") != "error":
            same.append(raw)
    return same


def reread(
    client: Client, pairs: Mapping[int, Pair], ids: Mapping[int, str]
) -> tuple[dict[int, Raw], dict[int, dict[str, Raw]]]:
    """Finished copies and their snapshots as they are now. EC2: DescribeImages, DescribeSnapshots."""
    if next(iter(pairs.values())).source.resource == "snapshot":
        raws = {
            raw["SnapshotId"]: raw
            for raw in by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", list(ids.values()))
        }
        found = {index: raws[id] for index, id in ids.items() if id in raws}
        return found, {index: {raw["SnapshotId"]: raw} for index, raw in found.items()}
    images = {
        raw["ImageId"]: raw for raw in by_values(client, "DescribeImages", "Images", "image-id", list(ids.values()))
    }
    wanted = [id for raw in images.values() for id in ebs_snapshot_ids(raw)]
    snapshots = {
        raw["SnapshotId"]: raw for raw in by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", wanted)
    }
    copies = {index: images[id] for index, id in ids.items() if id in images}
    return copies, {
        index: {id: snapshots[id] for id in ebs_snapshot_ids(raw) if id in snapshots} for index, raw in copies.items()
    }


def find_again(client: Client, pair: Pair, plan: str) -> tuple[str | None, str | None]:
    """``(copy, holder of the name)`` after a lost or ambiguous answer; ``None`` for what is not (yet) to be seen."""
    if pair.source.resource == "snapshot":
        found = twins_of(
            pair, plan, paged(client, "DescribeSnapshots", "Snapshots", OwnerIds=["self"], Filters=_of_source(pair))
        )
        first = min(found, key=lambda raw: (str(raw.get("StartTime")), raw["SnapshotId"]), default=None)
        return (first["SnapshotId"] if first else None), None
    images = paged(client, "DescribeImages", "Images", Owners=["self"], Filters=_of_source(pair))
    alive = [raw for raw in images if raw.get("State") in {"pending", "available"}]
    copy = min(alive, key=lambda raw: (str(raw.get("CreationDate")), raw["ImageId"]), default=None)
    if copy:
        return copy["ImageId"], None
    named = paged(
        client, "DescribeImages", "Images", Owners=["self"], Filters=[{"Name": "name", "Values": [pair.desired.name]}]
    )
    return None, named[0]["ImageId"] if named else None


def _of_source(pair: Pair) -> list[dict[str, Any]]:
    return [{"Name": f"tag:{tags.SOURCE}", "Values": [pair.source.label]}]


def by_values(client: Client, operation: str, items: str, name: str, values: Sequence[str], **more: Any) -> list[Raw]:
    """All elements with one of ``values`` in filter ``name``, in as many calls as EC2's limit on values asks for."""
    unique = list(dict.fromkeys(values))
    return [
        raw
        for start in range(0, len(unique), MOST_VALUES)
        for raw in _halving(client, operation, items, name, unique[start : start + MOST_VALUES], more)
    ]


def _halving(
    client: Client, operation: str, items: str, name: str, values: list[str], more: Mapping[str, Any]
) -> list[Raw]:
    others = list(more.get("Filters", ()))
    parameters = {**more, "Filters": [*others, {"Name": name, "Values": values}]}
    try:
        return paged(client, operation, items, **parameters)
    except Exception as error:
        if classify.read(error)[0] != "FilterLimitExceeded" or len(values) < 2:
            raise
    half = len(values) // 2
    return [
        raw for some in (values[:half], values[half:]) for raw in _halving(client, operation, items, name, some, more)
    ]


def paged(client: Client, operation: str, items: str, **parameters: Any) -> list[Raw]:
    """All pages, without the SDK's retries: a look that fails is a look that is skipped."""
    return [raw for page in _pages(client, operation, items, parameters) for raw in page]


def _pages(client: Client, operation: str, items: str, parameters: Mapping[str, Any]) -> Iterator[list[Raw]]:
    token: str | None = None
    while True:
        answer = client.call_once(operation, **parameters, MaxResults=PAGE, **({"NextToken": token} if token else {}))
        yield answer.get(items) or []
        token = answer.get("NextToken") or None
        if token is None:
            return


def watched(copies: Mapping[int, Copy]) -> dict[int, Copy]:
    """Those that a look is about."""
    return {
        index: copy for index, copy in copies.items() if copy.state in {State.PENDING, State.COPYING, State.FINALIZING}
    }
