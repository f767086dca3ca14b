"""Migrations as EC2 knows them: found by the tags of their copies, in all regions, with no memory of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ectwo_cli.migration import tags
from ectwo_cli.migration.cloud import Client
from ectwo_cli.migration.facts import Raw
from ectwo_cli.migration.plan import DEAD, UNDER_WAY, read_intent
from ectwo_cli.migration.results import Migration
from ectwo_cli.migration.wish import Wish
from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class Marked:
    """A copy that bears our tags, in a region. ``mark`` is ``None`` for one that was made by something else."""

    region: str
    resource: str
    id: str
    source: str
    state: str
    mark: tags.Mark | None
    raw: Raw

    @property
    def plan(self) -> str | None:
        """The migration that made it."""
        return self.mark.plan if self.mark else None


@dataclass(frozen=True)
class Intent:
    """What a migration was told to do: source IDs by region, destinations, wishes."""

    sources: Mapping[str, Sequence[str]]
    regions: Sequence[str]
    wish: Wish


def copies_in(client: Client, resources: Iterable[str] = ("image", "snapshot")) -> list[Marked]:
    """All copies in one region that bear our tags. EC2: DescribeImages, DescribeSnapshots."""
    found = []
    if "image" in resources:
        named = [{"Name": "tag-key", "Values": [tags.SOURCE]}]
        for page in client.pages("DescribeImages", "Images[]", Owners=["self"], Filters=named, MaxResults=1000):
            found += [_marked(client.region, "image", raw) for raw in page]
    if "snapshot" in resources:
        # The snapshots of a copied image bear the image as their source.
        named = [{"Name": f"tag:{tags.SOURCE}", "Values": ["*/snap-*"]}]
        for page in client.pages("DescribeSnapshots", "Snapshots[]", OwnerIds=["self"], Filters=named, MaxResults=1000):
            found += [_marked(client.region, "snapshot", raw) for raw in page]
    return found


def _marked(region: str, resource: str, raw: Raw) -> Marked:
    its = tags.as_dict(raw.get("Tags"))
    state = {"completed": "available", "error": "failed"}.get(str(raw.get("State")), str(raw.get("State")))
    id = str(raw.get("ImageId") or raw.get("SnapshotId"))
    return Marked(region, resource, id, its[tags.SOURCE], state, tags.Mark.read(its.get(tags.MIGRATION)), raw)


def migrations(copies: Sequence[Marked], profile: str | None = None) -> list[Migration]:
    """The migrations that these copies are of, the oldest first."""
    plans: dict[str, list[Marked]] = {}
    for copy in copies:
        if copy.plan:
            plans.setdefault(copy.plan, []).append(copy)
    made = [_migration(plan, its, copies, profile) for plan, its in plans.items()]
    return sorted(made, key=lambda each: (str(each.started_at or ""), each.id))


def _migration(plan: str, its: Sequence[Marked], copies: Sequence[Marked], profile: str | None) -> Migration:
    resource = its[0].resource
    intent = intent_of(its)
    if intent:
        sources = sorted(f"{region}/{id}" for region, ids in intent.sources.items() for id in ids)
        regions = sorted(intent.regions)
        pairs = {(source, region) for source in sources for region in regions if source.partition("/")[0] != region}
    else:
        pairs = {(copy.source, copy.region) for copy in its}
        sources, regions = sorted({source for source, _ in pairs}), sorted({region for _, region in pairs})
    # A pair may have been done by another migration, or by another tool.
    there = {
        (copy.source, copy.region): copy for copy in copies if copy.resource == resource and copy.state == "available"
    }
    done = len(pairs & set(there))
    states = [copy.state for copy in its if (copy.source, copy.region) not in there]
    if done == len(pairs):
        state = "done"
    elif any(state in UNDER_WAY for state in states):
        state = "copying"
    else:
        state = "failed" if any(state in DEAD for state in states) else "unfinished"
    return Migration(
        profile=profile,
        id=plan,
        type=f"{resource}s",
        state=state,
        done=done,
        total=len(pairs),
        started_at=min((moment for copy in its if (moment := begun(copy.raw))), default=None),
        destinations=regions,
        sources=sources,
    )


def intent_of(copies: Iterable[Marked]) -> Intent | None:
    """What the migration of these copies was told to do, where one of them carries it whole."""
    for copy in copies:
        found: dict[str, Any] | None = tags.unpack(tags.as_dict(copy.raw.get("Tags")))
        if found is not None:
            return Intent(*read_intent(copy.resource, found))
    return None


def begun(raw: Raw) -> datetime | None:
    """When a copy was begun."""
    told = raw.get("CreationDate") or raw.get("StartTime")
    return datetime.fromisoformat(told.replace("Z", "+00:00")) if isinstance(told, str) else told
