"""``images migrate`` and ``snapshots migrate``: plan, ask, carry out, tell."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ectwo_cli.aws.session import Account
from ectwo_cli.commands.migrate_back import marked_copies, show_rows, take_back
from ectwo_cli.commands.migrate_options import Copying, Going, Sources
from ectwo_cli.errors import EctwoError, Interrupted, NotFound, Partial, StillGoing, Terminated, UsageError
from ectwo_cli.options.acting import Consent, Waiting
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.query import Query, duration

if TYPE_CHECKING:
    from ectwo_cli.migration import events
    from ectwo_cli.migration.cloud import Control
    from ectwo_cli.migration.found import Intent
    from ectwo_cli.migration.plan import Plan
    from ectwo_cli.migration.results import CopyRow
    from ectwo_cli.migration.wish import Wish

TYPED_ABOVE = 1024**4
"""Bytes above which the question wants the count of copies to be typed."""


def migrate(
    sources: Sources[Any],
    copying: Copying,
    going: Going,
    view: ViewOptions[CopyRow],
    consent: Consent,
    waiting: Waiting,
    *,
    resource: str,
    launch: str | None = None,
) -> None:
    """Migrate, take up, cancel or undo: what the verb of both groups does."""
    account = _account(sources)
    if going.cancel or going.undo:
        take_back(sources, account, going, view, consent, resource)
        return
    if going.resume:
        if copying.to:
            raise UsageError("--resume goes where the migration goes; leave --to out")
        id, intent = _resumed(sources, account, going, resource)
        plan = _planned(sources, account, resource, intent.sources, intent.regions, intent.wish, id=id)
    else:
        regions = _destinations(sources, account, copying)
        wish = copying.wish(regions, launch)
        selection = sources.select()
        ids: dict[str, list[str]] = {}
        for item in selection.items:
            ids.setdefault(item.region, []).append(item.id)
        plan = _planned(sources, account, resource, ids, regions, wish)
        if consent.yes and selection.ambiguous:
            consent.require("", ambiguous=selection.ambiguous)
    carry_out(sources, account, plan, going, view, consent, waiting)


def _account(scope: Scope) -> Account:
    if len(scope.accounts) != 1:
        raise UsageError("a migration is within one account: give one --profile")
    return scope.accounts[0]


def _destinations(scope: Scope, account: Account, copying: Copying) -> list[str]:
    if not copying.to:
        raise UsageError("where to?", hint="say --to REGION, as often as you like; --to 'eu-*' means all that match")
    return dataclasses.replace(scope, region=copying.to, exclude_region=[]).regions_of(account)


def _planned(
    scope: Scope,
    account: Account,
    resource: str,
    ids: Mapping[str, Sequence[str]],
    regions: Sequence[str],
    wish: Wish,
    *,
    id: str | None = None,
) -> Plan:
    from ectwo_cli.migration.api import plan_copies

    gone: list[str] = []
    plan = plan_copies(account, resource, ids, regions, wish, now=scope.program.now, id=id, missing=gone.extend)
    for label in gone:
        scope.screen.warn(f"{label} is gone")
    return dataclasses.replace(plan, resume=_resume_command(scope, resource, plan))


def _resume_command(scope: Scope, resource: str, plan: Plan) -> str:
    """What takes this migration up again, on any machine."""
    if any(pair.intent for pair in plan.pairs) or any(pair.mark == plan.id for pair in plan.pairs):
        said = ["ectwo", f"{resource}s", "migrate", "--resume", plan.id]
        said += [word for name in scope.profile for word in ("--profile", name)]
        said += ["--endpoint-url", scope.endpoint_url] if scope.endpoint_url else []
        said += ["--sandbox"] if scope.sandbox else []
        return shlex.join(said)
    # Too long a list to be carried by tags: only the command itself knows all of it.
    return shlex.join(["ectwo", *sys.argv[1:]])


def _resumed(scope: Scope, account: Account, going: Going, resource: str) -> tuple[str, Intent]:
    from ectwo_cli.migration import found

    copies = marked_copies(scope, account, [resource])
    known = {each.id: each for each in found.migrations(copies)}
    if going.targets:
        (id,) = going.targets
        if id not in known:
            raise NotFound(f"no migration {id}", hint="see 'ectwo images migrations'")
    else:
        open_ones = [each for each in known.values() if each.state != "done"]
        if not open_ones:
            raise NotFound("no migration is unfinished")
        if len(open_ones) > 1:
            names = ", ".join(each.id for each in open_ones)
            raise UsageError(f"{len(open_ones)} migrations are unfinished: {names}", hint="say --resume ID")
        id = open_ones[0].id
    intent = found.intent_of(copy for copy in copies if copy.plan == id)
    if intent is None:
        raise UsageError(
            f"the copies of {id} do not tell all that it was to do", hint="run the command that began it once more"
        )
    return id, intent


# Carrying out


def carry_out(
    scope: Scope,
    account: Account,
    plan: Plan,
    going: Going,
    view: ViewOptions[CopyRow],
    consent: Consent,
    waiting: Waiting,
) -> None:
    """Show the plan, ask, do it, show what it came to. Raises what the exit code says."""
    from ectwo_cli.migration import outcome
    from ectwo_cli.migration.plan import Action
    from ectwo_cli.render import migration as look

    screen = scope.screen
    look.show_preview(screen, plan, slots=look.at_a_time(plan, going.max_parallel), table=not consent.dry_run)
    _warn_duration(scope, plan)
    if consent.dry_run:
        _show_plan(scope, plan, view)
        bad = plan.count(Action.BLOCKED, Action.CONFLICT)
        if bad:
            for result in outcome.plan_results(plan):
                if result.reason and result.state in ("blocked", "conflict"):
                    screen.error(result.reason, hint=result.fix, where=f"{result.name} to {result.destination}")
            raise Partial("") if bad < len(plan.pairs) else EctwoError("")
        return
    if not plan.idle:
        count = plan.count(Action.COPY, Action.FIX, Action.ADOPT)
        big = plan.bytes >= TYPED_ABOVE
        question = f"Make {count} {'copy' if count == 1 else 'copies'}, {look.size(plan.bytes)}?"
        consent.require(question, count=count, everything=big)
    last = _watch(scope, account, plan, going, view, waiting)
    _show(scope, view, last)
    _finish(last)


def copy_of_image(scope: Scope, account: Account, image: str, source: str, to: str, waiting: Waiting) -> str:
    """The ID of the copy of an image in another region, which is made unless it is there: for what launches of it.

    Raises what ``images migrate`` would, with the same words.
    """
    from ectwo_cli.migration import outcome
    from ectwo_cli.migration.plan import Action
    from ectwo_cli.migration.results import CopyRow
    from ectwo_cli.migration.wish import Wish

    plan = _planned(scope, account, "image", {source: [image]}, [to], Wish())
    if plan.count(Action.BLOCKED, Action.CONFLICT):
        (result,) = outcome.plan_results(plan)
        raise EctwoError(f"{image} can't be copied to {to}: {result.reason}", hint=result.fix)
    going = Going(scope.program)
    view: ViewOptions[CopyRow] = ViewOptions(scope.program, resource=CopyRow, output="table")
    last = _watch(scope, account, plan, going, view, dataclasses.replace(waiting, no_wait=False))
    _finish(last)
    id = last.results[0].id
    assert id is not None
    return id


def _watch(
    scope: Scope, account: Account, plan: Plan, going: Going, view: ViewOptions[CopyRow], waiting: Waiting
) -> events.Summary:
    import time

    from ectwo_cli.migration import api, engine
    from ectwo_cli.migration.cloud import Control
    from ectwo_cli.render import migration as look

    control = Control()
    options = engine.Options(
        max_parallel=going.max_parallel,
        order=going.order,
        timeout=waiting.limit.total_seconds() if waiting.limit is not None else None,
        interval=duration(going.interval, what="--interval").total_seconds(),
        detach=waiting.no_wait,
        deep=going.verify == "deep",
    )
    began = time.monotonic()
    with _signals(control), look.Watching(scope.screen) as watching:
        for event in api.migrate(account, plan, options, control):
            watching.take(event)
            if view.format == "jsonl":
                _stream(scope, event)
    look.show_summary(scope.screen, event, time.monotonic() - began)  # type: ignore[arg-type]
    return event  # type: ignore[return-value]


class _signals:  # noqa: N801 - used as a context, like a function
    """While it goes on: the first Ctrl-C (or SIGTERM, SIGHUP) stops watching, the second leaves at once."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        import signal

        names = {"SIGINT": "interrupt", "SIGTERM": "terminate", "SIGHUP": "terminate"}
        for name, reason in names.items():
            number = getattr(signal, name, None)
            if number is not None:
                self.before[number] = signal.signal(number, self._handler(reason))

    def __exit__(self, *args: object) -> None:
        import signal

        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handler(self, reason: str) -> Callable[[int, Any], None]:
        def handle(number: int, frame: Any) -> None:
            if self.control.reason is not None:
                raise KeyboardInterrupt
            self.control.stop(reason)

        return handle


def _finish(last: events.Summary) -> None:
    """Raises what the exit code of the summary is the code of; everything has been said."""
    code = last.exit_code()
    kinds = {each.exit_code: each for each in (EctwoError, Partial, StillGoing, Interrupted, Terminated)}
    if code:
        raise kinds[code]("")


def _warn_duration(scope: Scope, plan: Plan) -> None:
    from ectwo_cli.migration.plan import Action, shortest_duration

    asked = plan.wish.duration
    if not asked:
        return
    sizes: dict[tuple[str, str], list[int]] = {}
    for pair in plan.pairs:
        if pair.action is Action.COPY:
            sizes.setdefault((pair.source.region, pair.region), []).extend(part.bytes for part in pair.source.parts)
    for (source, region), parts in sizes.items():
        least = shortest_duration(parts)
        if least > asked:
            scope.screen.warn(f"{source} to {region} takes at least {least} minutes at AWS's limits, not {asked}")


# What it came to


def _stream(scope: Scope, event: events.Event) -> None:
    from ectwo_cli.migration.events import as_json
    from ectwo_cli.render import data

    data.write_jsonl(scope.screen, [as_json(event)])
    scope.screen.flush()


def _show(scope: Scope, view: ViewOptions[CopyRow], last: events.Summary) -> None:
    from ectwo_cli.migration import outcome

    if view.format == "jsonl":
        return
    if view.format in ("json", "yaml"):
        _show_document(scope, view, last.document())
        return
    rows = outcome.rows(last.results)
    show_rows(scope, view, [row for row in rows if row.id] if view.format == "ids" else rows)


def _show_plan(scope: Scope, plan: Plan, view: ViewOptions[CopyRow]) -> None:
    from ectwo_cli.migration import outcome
    from ectwo_cli.migration.plan import Action
    from ectwo_cli.migration.results import PlanRow
    from ectwo_cli.render.migration import plan_rows

    made = outcome.plan_results(plan)
    document = {
        "plan": plan.id,
        "pairs": [result.as_json(plan.resource) for result in made],
        "totals": {action.value: plan.count(action) for action in Action},
        "resume": None,
    }
    if view.format in ("json", "yaml"):
        _show_document(scope, view, document)
    elif view.format == "jsonl":
        from ectwo_cli.render import data

        data.write_jsonl(scope.screen, document["pairs"])  # type: ignore[arg-type]
    elif view.format == "table" and not view.columns:
        from ectwo_cli.render.show import show
        from ectwo_cli.render.view import view as view_of
        from ectwo_cli.services.search import Page

        show(scope.screen, view_of(PlanRow, header=not view.no_header), [Page(plan_rows(plan))], Query(PlanRow))
    else:
        show_rows(scope, view, outcome.rows(made))


def _show_document(scope: Scope, view: ViewOptions[Any], document: Mapping[str, Any]) -> None:
    from ectwo_cli.render import data

    value = data.queried(document, view.jmespath) if view.jmespath is not None else document
    (data.write_json_value if view.format == "json" else data.write_yaml_value)(scope.screen, value)
