"""``ectwo snapshots create``, ``register``, ``restore`` and ``delete``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ectwo_cli.aws.session import Client
from ectwo_cli.commands.snapshots_options import Orphaned, VolumeGone
from ectwo_cli.errors import UsageError, nearest
from ectwo_cli.fanout import across
from ectwo_cli.model import R
from ectwo_cli.options.acting import Consent, Waiting, carry_out
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Selection, Target, Targets, warn_of
from ectwo_cli.options.views import Report
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services import image_names, recycle, registering, search, snapshots, snapshotting
from ectwo_cli.services.images import Image
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.recycle import RecycledSnapshot
from ectwo_cli.services.snapshots import Snapshot
from ectwo_cli.services.volumes import Volume
from ectwo_cli.services.waiting import LIMIT, SLOW, Goal, Sight, key_of, wait


@dataclass(frozen=True)
class Losing(Targets[R]):
    """Snapshots that are to go: TARGETs or a query, which may be about what they have lost."""

    orphaned: Orphaned = False
    volume_gone: VolumeGone = False

    @property
    def asks(self) -> bool:
        """Whether there is a query."""
        return super().asks or self.orphaned or self.volume_gone


def delete(selected: Losing[Snapshot], consent: Consent, view: Report[Snapshot]) -> None:
    """See ``snapshots.delete``."""
    selection = selected.select(snapshots.finder(orphaned=selected.orphaned, volume_gone=selected.volume_gone))
    going = _show_plan(selected, selection.items)
    if going and not consent.dry_run:
        consent.require(
            "Delete 1 snapshot?" if going == 1 else f"Delete {going} snapshots?",
            count=going,
            everything=selection.everything,
            ambiguous=selection.ambiguous,
        )
    carry_out(selected, view, selection, snapshots.check_delete if consent.dry_run else snapshots.delete)


def _show_plan(scope: Scope, items: Sequence[Snapshot]) -> int:
    """Show what will be deleted; how many."""
    from ectwo_cli.render.plan import show_plan

    def look(place: tuple[Client, list[Snapshot]]) -> list[tuple[str | None, str, str]]:
        client, some = place
        return [(client.profile, client.region, id) for id in snapshots.users_of(client, some)]

    used = set(across(scope.by_region(items), look, where=lambda place: search.place_of(place[0])))
    going = [item for item in items if key_of(item) not in used]
    if going:
        notes = [f"this frees up to {sum(item.volume_size or 0 for item in going)} GiB"]
        if used:
            notes.append(f"{len(used)} more in use by images: left alone")
        show_plan(scope.screen, "These snapshots will be deleted:", [(item, []) for item in going], notes)
    return len(going)


def restore(selected: Targets[RecycledSnapshot], dry_run: bool, waiting: Waiting, view: Report[Snapshot]) -> None:
    """See ``snapshots.restore``."""
    selection = selected.select()
    if dry_run:
        return carry_out(selected, view, selection, recycle.check_snapshots)
    if not selection.items:
        selected.screen.note("no recycled snapshots matched")
    results = across(
        selected.by_region(selection.items),
        lambda place: recycle.restore_snapshots(*place),
        where=lambda place: search.place_of(place[0]),
    )
    begun = list(results)
    return _finish(selected, view, begun, _whole(selected), waiting, "restoring", selection, results.check)


@dataclass(frozen=True)
class Making:
    """What ``snapshots create`` was asked for."""

    targets: Sequence[str]
    wish: snapshotting.Wish
    rehearse: bool


def create(scope: Scope, making: Making, waiting: Waiting, view: Report[Snapshot]) -> None:
    """See ``snapshots.create``."""
    chosen = _chosen(scope, making.targets)
    if making.wish.exclude_boot and not any(isinstance(item, Instance) for item in chosen):
        raise UsageError("--exclude-boot is for instances")
    do = snapshotting.check if making.rehearse else snapshotting.create
    results = across(
        scope.by_region(chosen),
        lambda place: do(place[0], place[1], making.wish),
        where=lambda place: search.place_of(place[0]),
    )
    begun = list(results)
    if making.rehearse:
        _show(scope, view, begun)
        results.check()
        return Selection[Snapshot]([]).check(begun)
    return _finish(scope, view, begun, _whole(scope), waiting, "creating", Selection[Snapshot]([]), results.check)


def _chosen(scope: Scope, texts: Sequence[str]) -> list[Volume | Instance]:
    lines: list[str] = []
    for text in texts:
        lines += [line.strip() for line in scope.screen.stdin.read().splitlines()] if text == "-" else [text]
    refs = [(search.ref(line, Volume), search.ref(line, Instance)) for line in dict.fromkeys(lines) if line]
    if not refs:
        if "-" in texts:
            return []
        raise UsageError("which volumes or instances?", hint="name TARGETs, or - for stdin")
    volumes = search.look_up([volume for volume, instance in refs if not instance.is_id], scope.clients, Volume)
    instances = search.look_up([instance for volume, instance in refs if not volume.is_id], scope.clients, Instance)
    for found in (volumes, instances):
        found.results.check_any()
        warn_of(found.results, scope.screen)
    return snapshotting.choose(refs, volumes, instances)


def register(
    target: Target[Snapshot], wish: registering.Wish, waiting: Waiting, view: Report[Image], *, rehearse: bool
) -> None:
    """See ``snapshots.register``."""
    image_names.check(wish.name)
    for value, good, option in (
        (wish.architecture, registering.ARCHITECTURES, "--architecture"),
        (wish.virtualization, registering.VIRTUALIZATIONS, "--virtualization"),
        (wish.boot_mode, registering.BOOT_MODES, "--boot-mode"),
    ):
        if value is not None and value not in good:
            raise UsageError(f"unknown {option} {value!r}", hint=nearest(value, good))
    item = target.item()
    client = target.client_of(item)
    plan = registering.plan(item, wish, registering.origin(client, item))
    for warning in plan.warnings:
        target.screen.warn(warning)
    if rehearse:
        _show(target, view, [Outcome(registering.check(client, plan.request), "would register")])
        return
    made = Outcome(registering.register(client, plan.request), "registered")
    _finish(target, view, [made], registering.AVAILABLE, waiting, "registering", Selection[Image]([]))


def _whole(scope: Scope) -> Goal[Snapshot]:
    """A complete snapshot; on the way there, a bar for people and a number for logs."""
    from ectwo_cli.render.bars import bar

    if not scope.screen.err_is_terminal:
        return snapshotting.COMPLETED
    return replace(snapshotting.COMPLETED, detail=lambda item: bar(item.progress or 0, 12))


def _finish(
    scope: Scope,
    view: Report[R],
    begun: Sequence[Outcome[R]],
    goal: Goal[R],
    waiting: Waiting,
    verb: str,
    selection: Selection[Any],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Wait for what was begun, unless --no-wait, and show what became of it. Raises what the exit code says.

    ``check`` raises for regions in which nothing could be begun.
    """
    from ectwo_cli.follow import check_time, follow, outcomes

    going = [each for each in begun if not each.failed]
    done, ended = list(begun), []

    def again(late: Sequence[Sight[Any]]) -> str:
        items = [sight.item for sight in late]
        return "; ".join(scope.command(f"{items[0].kind.plural} show", [item]) for item in items[:3])

    if going and not waiting.no_wait:
        places = scope.by_region([each.item for each in going])
        ended = follow(scope.screen, wait(places, goal, pace=SLOW, limit=waiting.within(LIMIT)), verb=verb, again=again)
        actions = {key_of(each.item): each.action for each in going}
        done = [each for each in begun if each.failed]
        done += [
            replace(each, action=(each.error and each.action) or actions[key_of(each.item)]) for each in outcomes(ended)
        ]
    _show(scope, view, done)
    check_time(ended, verb=verb, again=again)
    check()
    selection.check(done)


def _show(scope: Scope, view: Report[R], outcomes: Sequence[Outcome[R]]) -> None:
    from ectwo_cli.render.show import show_outcomes

    show_outcomes(scope.screen, view.view(profiles=scope.several_profiles), outcomes)
