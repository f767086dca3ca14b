"""Sources, destinations and what exists there -> what is to do: pure.

:func:`make` compares, for every pair of a source and a destination, what should be with what is. Nothing is
remembered between runs: a plan made after a crash, on another machine, or after another tool's work is made the same
way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from ectwo_cli.migration import finish, tags
from ectwo_cli.migration.desired import DEFAULT_KEY, Desired, desire, digest
from ectwo_cli.migration.facts import Destination, Raw, Source, ebs_snapshot_ids, lineage
from ectwo_cli.migration.wish import Wish
from ectwo_cli.records import dataclass
from ectwo_cli.services import image_names

DEAD = {"failed", "error", "invalid"}
UNDER_WAY = {"pending", "transient"}


class Action(str, Enum):
    """What is to be done about one pair."""

    COPY = "copy"
    SKIP = "skip"
    FIX = "fix"
    ADOPT = "adopt"
    BLOCKED = "blocked"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One source to one region.

    ``reason`` says why it is blocked, in conflict or skipped; ``fix`` what to do about it. ``id`` is the existing
    copy to skip, fix or adopt, ``copy`` and ``snapshots`` EC2's elements of it. ``attempt`` is the number of the next
    attempt; ``clear`` are failed copies of ours to be removed before it.
    """

    source: Source
    region: str
    action: Action
    desired: Desired
    account: str
    reason: str | None = None
    fix: str | None = None
    id: str | None = None
    copy: Raw = field(default_factory=dict)
    snapshots: Mapping[str, Raw] = field(default_factory=dict)
    permissions: tuple[Raw, ...] = ()
    attempt: int = 1
    clear: tuple[str, ...] = ()
    mark: str | None = None
    duration: int | None = None
    intent: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """What this pair moves: nothing when there is nothing to copy."""
        return self.source.bytes if self.action in (Action.COPY, Action.ADOPT) else 0

    def token(self, attempt: int) -> str:
        """The ClientToken: the same on every machine for the same copy, so that two requests make one copy."""
        return digest(
            self.account,
            self.source.label,
            self.region,
            self.desired.name,
            self.desired.encrypt,
            self.desired.asked_key,
            attempt,
        )

    def request(self, plan: str, attempt: int) -> tuple[str, dict[str, Any]]:
        """``(operation, parameters)`` of the copy. Nothing in it depends on the time or on the machine."""
        marks = {tags.SOURCE: self.source.label, tags.MIGRATION: str(tags.Mark(plan, self.desired.spec, attempt))}
        parameters: dict[str, Any] = {"SourceRegion": self.source.region}
        if self.desired.encrypt:
            parameters["Encrypted"] = True
            if self.desired.asked_key:
                parameters["KmsKeyId"] = self.desired.asked_key
        if self.desired.description:
            parameters["Description"] = self.desired.description
        whole = {**self.desired.tags, **marks, **self.intent}
        tagged = [{"ResourceType": self.source.resource, "Tags": tags.as_list(whole)}]
        if self.source.resource == "snapshot":
            if self.duration:
                parameters["CompletionDurationMinutes"] = self.duration
            return "CopySnapshot", {**parameters, "SourceSnapshotId": self.source.id, "TagSpecifications": tagged}
        if self.source.parts:
            tagged.append(
                {"ResourceType": "snapshot", "Tags": tags.as_list({**self.desired.common_part_tags, **marks})}
            )
        if self.duration:
            parameters["SnapshotCopyCompletionDurationMinutes"] = self.duration
        return "CopyImage", {
            **parameters,
            "SourceImageId": self.source.id,
            "Name": self.desired.name,
            "TagSpecifications": tagged,
            "ClientToken": self.token(attempt),
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is to be done; the same command makes a plan of the same ``id``."""

    id: str
    resource: str
    pairs: tuple[Pair, ...]
    wish: Wish
    destinations: tuple[Destination, ...]
    resume: str | None = None
    notes: tuple[str, ...] = ()

    def count(self, *actions: Action) -> int:
        """How many pairs are of these actions."""
        return sum(pair.action in actions for pair in self.pairs)

    @property
    def bytes(self) -> int:
        """What is to be moved."""
        return sum(pair.bytes for pair in self.pairs)

    @property
    def regions(self) -> tuple[str, ...]:
        """The destinations, in their order."""
        return tuple(destination.region for destination in self.destinations)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done."""
        return not self.count(Action.COPY, Action.FIX, Action.ADOPT)


def plan_id(account: str, resource: str, sources: Iterable[str], regions: Iterable[str], wish: Wish) -> str:
    """``m`` (images) or ``s`` (snapshots) and nine hexadecimal characters."""
    return resource.replace("image", "m")[0] + digest(account, sorted(sources), sorted(regions), wish.as_json())[:9]


def intent_of(sources: Sequence[Source], regions: Sequence[str], wish: Wish) -> dict[str, Any]:
    """What :mod:`~ectwo_cli.migration.tags` packs into the intent tags."""
    by_region: dict[str, list[str]] = {}
    for source in sources:
        by_region.setdefault(source.region, []).append(source.id.partition("-")[2])
    return {"s": {region: sorted(ids) for region, ids in by_region.items()}, "d": sorted(regions), "w": wish.as_json()}


def read_intent(resource: str, found: Mapping[str, Any]) -> tuple[dict[str, list[str]], list[str], Wish]:
    """``(source IDs by region, destinations, wish)`` of an intent."""
    prefix = "ami" if resource == "image" else "snap"
    sources = {region: [f"{prefix}-{id}" for id in ids] for region, ids in found["s"].items()}
    return sources, list(found["d"]), Wish.from_json(found["w"])


def make(
    sources: Sequence[Source],
    destinations: Sequence[Destination],
    wish: Wish,
    *,
    account: str,
    now: datetime,
    resume: str | None = None,
    id: str | None = None,
) -> Plan:
    """The plan. Pairs are in the order of the sources, then of the destinations; a source's own region is left out.

    ``id`` is that of a migration that is taken up again: it stays what it was, even if a source is gone since.
    """
    resource = sources[0].resource if sources else "image"
    regions = [destination.region for destination in destinations]
    id = id or plan_id(account, resource, [source.label for source in sources], regions, wish)
    intent = tags.pack(intent_of(sources, regions, wish))
    pairs: list[Pair] = []
    notes: list[str] = []
    taken: dict[tuple[str, str], str] = {}
    for source in sources:
        for destination in destinations:
            if destination.region == source.region:
                notes.append(f"{source.label} is in {destination.region} already")
                continue
            pair = decide(source, destination, wish, account=account, plan=id, now=now)
            if pair.action is Action.COPY and resource == "image":
                pair = _unique_in_plan(pair, taken, wish)
            if pair.action is Action.COPY and len(pair.desired.tags) + 2 + len(intent) <= tags.MOST_TAGS:
                pair = replace(pair, intent=intent)
            pairs.append(pair)
    return Plan(
        id=id,
        resource=resource,
        pairs=tuple(pairs),
        wish=wish,
        destinations=tuple(destinations),
        resume=resume,
        notes=tuple(dict.fromkeys(notes)),
    )


def decide(source: Source, destination: Destination, wish: Wish, *, account: str, plan: str, now: datetime) -> Pair:
    """The action for one pair; the rules in their order."""
    desired = desire(source, destination, wish, account, now)
    pair = Pair(
        source=source,
        region=destination.region,
        action=Action.COPY,
        desired=desired,
        account=account,
        duration=wish.duration,
        notes=tuple(_notes(source, destination)),
    )
    if destination.trouble:
        return replace(pair, action=Action.BLOCKED, reason=destination.trouble, fix=destination.fix)
    copies = _copies(source, destination, wish, plan)
    alive = [copy for copy in copies if copy.get("State") not in DEAD]
    if alive:
        return _existing(pair, alive, destination, wish)
    ours = [(copy, _mark(copy)) for copy in copies]
    attempts = [mark.attempt for _, mark in ours if mark]
    pair = replace(
        pair,
        attempt=max(attempts, default=0) + 1,
        clear=tuple(_id(copy) for copy, mark in ours if mark),
    )
    if trouble := _source_trouble(source) or _wish_trouble(pair, destination):
        return replace(pair, action=Action.BLOCKED, reason=trouble[0], fix=trouble[1])
    return _name_free(pair, destination, wish) if source.resource == "image" else pair


def _id(copy: Raw) -> str:
    return str(copy.get("ImageId") or copy["SnapshotId"])


def _mark(copy: Raw) -> tags.Mark | None:
    return tags.Mark.read(tags.as_dict(copy.get("Tags")).get(tags.MIGRATION))


def _copies(source: Source, destination: Destination, wish: Wish, plan: str) -> list[Raw]:
    """The copies of ``source`` there: those of this very plan first, then the available ones, then the oldest."""
    pending = {
        told.image
        for raw in destination.pending
        if (told := lineage(raw.get("Description"))) and told.source_image == source.id
    }

    def is_copy(raw: Raw) -> bool:
        its = tags.as_dict(raw.get("Tags"))
        if its.get(tags.SOURCE):
            return its[tags.SOURCE] == source.label
        if not wish.adopt:
            return False
        if source.resource == "snapshot":
            told = lineage(raw.get("Description"))
            return bool(told and (told.source_snapshot, told.source_region) == (source.id, source.region))
        if raw.get("SourceImageId") == source.id and raw.get("SourceImageRegion") == source.region:
            return not raw.get("SourceInstanceId")
        return raw["ImageId"] in pending

    def rank(raw: Raw) -> tuple[bool, bool, str, str]:
        mark = _mark(raw)
        return (
            not (mark and mark.plan == plan),
            raw.get("State") not in {"available", "completed"},
            str(raw.get("CreationDate") or raw.get("StartTime") or ""),
            _id(raw),
        )

    return sorted(
        filter(is_copy, destination.images if source.resource == "image" else destination.snapshots), key=rank
    )


def _existing(pair: Pair, alive: Sequence[Raw], destination: Destination, wish: Wish) -> Pair:
    by_id = {raw["SnapshotId"]: raw for raw in destination.snapshots}
    matching = [(copy, _difference(pair, copy, by_id, wish)) for copy in alive]
    copy, difference = next((found for found in matching if found[1] is None), matching[0])
    mark = _mark(copy)
    pair = replace(
        pair,
        id=_id(copy),
        copy=copy,
        snapshots={id: by_id[id] for id in finish.ids_of(pair.source, copy) if id in by_id},
        permissions=destination.permissions.get(_id(copy), ()),
        mark=mark.plan if mark else None,
        attempt=mark.attempt if mark else 1,
    )
    others = [_id(other) for other in alive if other is not copy]
    if others and difference is None:
        pair = replace(pair, notes=(*pair.notes, f"there are more copies of it: {', '.join(others)}"))
    if difference:
        return _conflict(pair, f"copied before as {_id(copy)}, {difference}", wish)
    if copy.get("State") in UNDER_WAY:
        return replace(pair, action=Action.ADOPT)
    if copy.get("State") not in {"available", "completed"}:
        return replace(pair, action=Action.SKIP, reason=f"{_id(copy)} is {copy.get('State')} there")
    parts = {id: destination.permissions.get(id, ()) for id in pair.snapshots}
    todo = finish.steps(pair.source, pair.desired, copy, pair.snapshots, pair.permissions, parts)
    return replace(pair, action=Action.FIX if todo or wish.launch else Action.SKIP)


def _difference(pair: Pair, copy: Raw, snapshots: Mapping[str, Raw], wish: Wish) -> str | None:
    """What of an existing copy can't be mended and was asked to be otherwise."""
    if pair.source.resource == "image" and wish.name is not None:
        renamed = renamed_name(pair)
        if copy.get("Name") not in {pair.desired.name, renamed}:
            return f"under the name {copy.get('Name')!r}"
    if not wish.encrypts:
        return None
    found = [snapshots[id] for id in finish.ids_of(pair.source, copy) if id in snapshots]
    if any(not raw.get("Encrypted") and raw.get("State") != "pending" for raw in found):
        return "not encrypted"
    wanted = pair.desired.key
    if wanted and wanted.startswith("arn:"):
        others = sorted({str(raw["KmsKeyId"]) for raw in found if raw.get("KmsKeyId")} - {wanted})
        if others:
            return f"encrypted with {', '.join(others)}"
    return None


def renamed_name(pair: Pair) -> str:
    """The name that ``--on-conflict rename`` gives."""
    tail = f"-{pair.source.id}"
    return pair.desired.name[: 128 - len(tail)] + tail


def _conflict(pair: Pair, reason: str, wish: Wish) -> Pair:
    if wish.on_conflict == "skip":
        return replace(pair, action=Action.SKIP, reason=reason)
    if wish.on_conflict == "fail":
        fix = "--on-conflict skip, rename or copy-anyway decides what to do"
        return replace(pair, action=Action.CONFLICT, reason=reason, fix=fix)
    pair = replace(pair, action=Action.COPY, id=None, copy={}, snapshots={}, mark=None, reason=None)
    if wish.on_conflict == "rename" and pair.source.resource == "image":
        pair = replace(pair, desired=replace(pair.desired, name=renamed_name(pair)))
    return pair


def _name_free(pair: Pair, destination: Destination, wish: Wish) -> Pair:
    holders = [raw for raw in destination.images if raw.get("Name") == pair.desired.name and _id(raw) not in pair.clear]
    if not holders:
        return pair
    return _conflict(pair, f"the name {pair.desired.name!r} is taken there by {_id(holders[0])}", wish)


def _unique_in_plan(pair: Pair, taken: dict[tuple[str, str], str], wish: Wish) -> Pair:
    holder = taken.setdefault((pair.region, pair.desired.name), pair.source.label)
    if holder == pair.source.label:
        return pair
    return _conflict(pair, f"{holder} gets the name {pair.desired.name!r} there", wish)


def _source_trouble(source: Source) -> tuple[str, str | None] | None:
    if source.state != "available":
        if source.resource == "snapshot":
            return f"{source.label} is not completed", None
        return f"{source.label} is {source.state}", "wait until it is available" if source.state == "pending" else None
    for part in source.parts:
        if part.tier != "standard":
            return f"{part.id} is archived", f"restore it first: aws ec2 restore-snapshot-tier --snapshot-id {part.id}"
        if part.readable and part.state != "completed":
            return f"{part.id} is {part.state}", None
        if not part.readable and source.own:
            return f"{part.id} is gone", None
    products = source.raw.get("ProductCodes") or ()
    if not source.own and any(code.get("ProductCodeType") == "marketplace" for code in products):
        return f"{source.label} is a Marketplace image of another account", "it can be copied by its owner alone"
    return None


def _wish_trouble(pair: Pair, destination: Destination) -> tuple[str, str | None] | None:
    desired = pair.desired
    if destination.key and destination.key.problem:
        return destination.key.problem, "give a key of that region with --kms-key REGION=KEY"
    if pair.source.resource == "image" and (problem := image_names.problem(desired.name)):
        return problem, "--name gives another"
    for wanted in (desired.tags, *desired.part_tags.values()):
        if len(wanted) + 2 > tags.MOST_TAGS:
            return (
                f"{len(wanted)} tags and 2 of ectwo, EC2 allows {tags.MOST_TAGS}",
                "--no-tags leaves those of the source out",
            )
        if problem := tags.problem(wanted):
            return problem, "--no-tags leaves those of the source out"
    if desired.permissions and desired.encrypted:
        if any(permission.get("Group") == "all" for permission in desired.permissions):
            return "an encrypted copy can't be public", "leave out --with-permissions"
        managed = (
            desired.key is None
            or desired.key == DEFAULT_KEY
            or bool(destination.key and destination.key.managed_by_aws)
        )
        if managed:
            return "a copy under the default key of AWS can't be shared", "give a key of your own with --kms-key"
    return None


def _notes(source: Source, destination: Destination) -> Iterable[str]:
    if source.raw.get("SourceImageRegion") == destination.region:
        yield f"{source.label} is itself a copy of {destination.region}/{source.raw.get('SourceImageId')}"
    if source.raw.get("RootDeviceType") == "instance-store":
        yield f"{source.label} is backed by an instance store: it needs S3 permissions and shows no percent"
    if source.raw.get("VirtualizationType") == "paravirtual":
        yield f"{source.label} is paravirtual: its kernel may not exist in {destination.region}"
    if destination.key and destination.key.unchecked:
        yield f"{destination.key.asked} in {destination.region} could not be checked: kms:DescribeKey is not permitted"
    if not source.own and any(not part.readable for part in source.parts):
        yield f"the snapshots of {source.label} can't be seen: its owner may not have shared them"


def snapshot_ids(images: Iterable[Raw]) -> list[str]:
    """All snapshots of these images, each once."""
    return list(dict.fromkeys(id for image in images for id in ebs_snapshot_ids(image)))


def encryption(pair: Pair) -> str:
    """The outcome in words: ``plain``, ``encrypted (KEY)``."""
    if not pair.desired.encrypted:
        return "plain"
    if pair.desired.key:
        arn = pair.desired.key.startswith("arn:")
        return f"encrypted ({pair.desired.key.rpartition('/')[2] if arn else pair.desired.key})"
    return "encrypted"


def shortest_duration(sizes: Iterable[int]) -> int:
    """The least minutes of a time-based copy: 500 MiB/s for one snapshot, 2,000 MiB/s for all of a pair of regions."""
    found = list(sizes)
    mib = 1024**2
    seconds = max([max(found, default=0) / (500 * mib), sum(found) / (2000 * mib)])
    return max(15, -(-int(seconds) // 900) * 15)
