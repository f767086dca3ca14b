"""A migration to look at: the plan before the question, live bars or lines while it goes on, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ectwo_cli.migration import events, money
from ectwo_cli.migration.plan import Action, Pair, Plan, encryption
from ectwo_cli.migration.results import PlanRow
from ectwo_cli.render.grid import Cell, Grid, cut, layout, measure, segments
from ectwo_cli.render.plan import UNLIMITED, colored
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import escaped
from ectwo_cli.render.values import elapsed
from ectwo_cli.render.view import fields

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from typing_extensions import Self

FEW = 12
"""Up to so many copies have a line each."""

WIDE = 120
"""Columns from which on the preview of many copies has the IDs of the sources beside their names."""

REFRESHES_A_SECOND = 8
HEARTBEAT = 60.0
BAR = (12, 40)
"""Columns of a bar, at least and at most."""

FACTS, SURE = 8, 3
"""How many facts there are beside a bar, and how many of them are never left out."""

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def size(count: float) -> str:
    """``512 MiB``, ``1.5 GiB``, ``2.0 TiB``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB" if count < 1024 else f"{count / 1024:.1f} TiB"


# Before


def plan_rows(plan: Plan) -> list[PlanRow]:
    """The plan as a table."""
    return [
        PlanRow(
            region=pair.region,
            action=pair.action.value,
            name=pair.desired.name,
            source=pair.source.label,
            size=_size_of(pair),
            encryption=encryption(pair),
            carries=_carries(pair),
            id=pair.id,
            reason=pair.reason,
        )
        for pair in plan.pairs
    ]


def show_preview(screen: Screen, plan: Plan, *, slots: int, table: bool = True) -> None:
    """On stderr: every pair, then what it comes to. Not with ``--quiet``, unless somebody is going to be asked."""
    if screen.quiet and not screen.can_ask:
        return
    counted = [(plan.count(action), action) for action in Action]
    told = ", ".join(f"{count} to {_VERBS[action]}" if action in _VERBS else f"{count} {_STATES[action]}"
                     for count, action in counted if count)  # fmt: skip
    sources = len({pair.source.label for pair in plan.pairs})
    title = f"Migrate {_count(sources, plan.resource) or 'nothing'} to {_count(len(plan.regions), 'region')}"
    screen.say(screen.paint(f"{title} ({plan.id}): {told or 'nothing to do'}", "1"))
    if table:
        for line in _table(screen, plan_rows(plan)):
            screen.say("  " + line)
    for line in _totals(plan, slots):
        screen.say(f"  {line}")
    for note in dict.fromkeys((*plan.notes, *(note for pair in plan.pairs for note in pair.notes))):
        screen.say(f"{screen.paint('!', '1;33')} {escaped(note)}")


_VERBS = {Action.COPY: "copy", Action.FIX: "fix", Action.ADOPT: "adopt"}
_STATES = {Action.SKIP: "skipped", Action.BLOCKED: "blocked", Action.CONFLICT: "in conflict"}


def _table(screen: Screen, items: Sequence[PlanRow]) -> Iterator[str]:
    if not items:
        return
    names = ["region", "action", "name", "source", "size", "encryption", "carries", "id", "reason"]
    grouped = len(items) > FEW
    if grouped:
        # What is the same for several destinations is one row.
        items = _grouped(items)
        names = ["action", "name", "source", "size", "encryption", "carries", "reason", "region"]
        if screen.err_is_terminal and screen.width < WIDE:
            names.remove("source")
    used = [name for name in names if any(getattr(item, name) for item in items)]
    now = screen.clock()
    width = screen.width - 2 if screen.err_is_terminal else UNLIMITED
    chosen = [
        replace(field, name="to", is_id=False) if field.name == "region" else field for field in fields(PlanRow, used)
    ]
    made = layout(chosen, items, width, now)
    for line in Grid(made, items, now).lines():
        yield colored(screen, line)
    if made.dropped:
        yield f"(not shown: {', '.join(made.dropped)})"


def _grouped(items: Sequence[PlanRow]) -> list[PlanRow]:
    whole = len({item.region for item in items})
    groups: dict[tuple[Any, ...], list[PlanRow]] = {}
    for item in items:
        alike = (item.source, item.action, item.size, item.encryption, item.carries, item.reason)
        # A name that the template makes of the destination tells rows apart; the default one does not.
        groups.setdefault((*alike, item.name), []).append(item)
    return [
        replace(its[0], region=f"all {whole}" if len(its) == whole else ", ".join(item.region for item in its), id=None)
        for its in groups.values()
    ]


def _totals(plan: Plan, slots: int) -> Iterator[str]:
    for region in plan.regions:
        copies = [pair for pair in plan.pairs if pair.region == region and pair.action is Action.COPY]
        if copies:
            waves = -(-len(copies) // slots)
            more = f", in {waves} waves of {slots}" if waves > 1 else ""
            exact = all(part.exact for pair in copies for part in pair.source.parts)
            at_most = "" if exact else "up to "
            yield f"{region}: {len(copies)} to copy, {at_most}{size(sum(pair.bytes for pair in copies))}{more}"
    if plan.count(Action.COPY) and plan.bytes:
        cost = money.estimate(plan)
        surcharge = f", time-based {money.dollars((cost.surcharge, cost.surcharge))}" if cost.surcharge else ""
        yield (
            f"about {money.dollars(cost.transfer)} for the transfer{surcharge}, then up to "
            f"{money.dollars(cost.storage)} a month for storage (USD, prices of {money.PRICED_AT}, copies in full)"
        )


def _size_of(pair: Pair) -> str:
    exact = all(part.exact for part in pair.source.parts)
    return f"{'' if exact else 'up to '}{size(pair.source.bytes)}"


def _carries(pair: Pair) -> str | None:
    desired = pair.desired
    told = [
        _count(len(desired.tags), "tag"),
        _count(len(desired.permissions), "permission"),
        f"deprecation {desired.deprecate_at[:10]}" if desired.deprecate_at else "",
        "protection" if desired.protect else "",
    ]
    return ", ".join(part for part in told if part) or None


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}" if count else ""


# Meanwhile


class Watching:
    """``with Watching(screen) as view: view.take(event)``: live bars on a terminal, else a line for each change.

    ``clock`` counts seconds. Silent with ``--quiet``; leaves the cursor as it was, however it ends.
    """

    def __init__(self, screen: Screen, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._regions: dict[str, events.Progress] = {}
        self._taken: dict[str, float] = {}
        self._copies: dict[tuple[str, str], events.CopyStatus] = {}
        self._waits: dict[str, events.Waiting] = {}
        self._live: Any = None
        self._began = self._said = clock()

    def __enter__(self) -> Self:
        if self._screen.err_is_terminal and not self._screen.is_dumb and not self._screen.quiet:
            self._start_live()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._screen.above = None
            live, self._live = self._live, None
            live.stop()

    def take(self, event: events.Event) -> None:
        """Show what an event changes."""
        if isinstance(event, events.Planned):
            self._copies = {(status.region, status.source): status for status in event.copies}
        elif isinstance(event, events.Progress):
            self._regions[event.region] = event
            self._taken[event.region] = self._clock()
            self._copies |= {(status.region, status.source): status for status in event.copies}
            if not event.slots[1] or event.slots[0] < event.slots[1]:
                self._waits.pop(event.region, None)
            self._beat()
        elif isinstance(event, events.Waiting):
            self._waits[event.region] = event
        if self._live is None and not self._screen.quiet and (line := self._line_of(event)):
            self._said = self._clock()
            self._screen.note(line)
        elif self._live is not None and isinstance(event, events.Noted):
            self._screen.note(f"{event.region}: {event.message}")

    # Lines, off a terminal

    def _line_of(self, event: events.Event) -> str | None:
        if isinstance(event, events.StateChanged):
            name = self._name(event.region, event.source)
            reason = f" ({event.reason})" if event.reason else ""
            return f"{event.region}: {name}{f' ({event.id})' if event.id else ''}: {event.after}{reason}"
        if isinstance(event, events.Waiting):
            return f"{event.region}: {_WAITS[event.why]}: {event.pending} under way, {event.queued} waiting"
        if isinstance(event, events.Noted):
            return f"{event.region}: {event.message}"
        return None

    def _name(self, region: str, source: str) -> str:
        status = self._copies.get((region, source))
        return status.name if status else source

    def _beat(self) -> None:
        if self._live is not None or self._screen.quiet or self._clock() - self._said < HEARTBEAT:
            return
        self._said = self._clock()
        for region, progress in self._regions.items():
            counts = progress.counts
            if counts["copying"] or counts["queued"]:
                told = [_done_of(progress), f"{_percent(progress.done_bytes, progress.bytes):.0f}%", *_speed(progress)]
                self._screen.note(f"{region}: {', '.join(told)}")

    # Live

    def _start_live(self) -> None:
        from rich.live import Live
        from rich.text import Text

        from ectwo_cli.render.console import err_console

        console = err_console(self._screen)
        live = Live(
            self,
            console=console,
            refresh_per_second=REFRESHES_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        live.start()
        self._live = live
        self._screen.above = lambda line: console.print(Text.from_ansi(line))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from segments(self.lines(self._screen.width - 1, max(self._screen.height - 2, 3)))

    def lines(self, width: int, height: int) -> Iterator[list[Cell]]:
        """The display: a bar for each destination, and under it a row for each copy when they are few and fit."""
        # Copies of them: the display is drawn by a thread of rich while events are taken.
        regions, copies = list(self._regions.values()), list(self._copies.values())
        rows = len(copies) <= FEW and len(regions) + len(copies) <= height
        shown = regions[:height] if len(regions) <= height else regions[: height - 1]
        facts = [self._facts(progress) for progress in shown]
        widths = [max((measure(each[column]) for each in facts), default=0) for column in range(FACTS)]
        left = max((measure(each.region) for each in shown), default=0)
        room = width - left - 1 - sum(widths[:SURE]) - 2 * SURE
        kept = list(range(SURE))
        for column in range(SURE, FACTS):
            if widths[column] and room - widths[column] - 2 >= BAR[0]:
                room -= widths[column] + 2
                kept.append(column)
        long = max(BAR[0] // 2, min(BAR[1], room))
        for progress, told in zip(shown, facts, strict=True):
            text = "".join(f"  {told[column]:>{widths[column]}}" for column in kept if widths[column])
            yield self._bar(progress, left, long, text)
            if rows:
                its = [status for status in copies if status.region == progress.region]
                yield from self._rows(its, width)
        if len(shown) < len(regions):
            yield [Cell(f"and {len(regions) - len(shown)} more regions", "dim")]

    def _facts(self, progress: events.Progress) -> list[str]:
        """What is told beside a bar, in the order in which it is worth its place; ``FACTS`` of them."""
        counts = progress.counts
        percent = f"{self._percent(progress):.0f}%"
        done = f"{counts['done']}/{sum(counts.values())}"
        trouble = f"{counts['failed']} failed" if counts["failed"] else ""
        if _finished(progress):
            return [percent, done, trouble, "", "", "", "", ""]
        waits = self._waits.get(progress.region)
        return [
            percent,
            done,
            trouble,
            f"{elapsed(progress.eta)} left" if progress.eta is not None else "",
            _WAITS[waits.why] if waits else "",
            f"{size(progress.rate)}/s" if progress.rate else "",
            f"{size(self._between(progress))} of {size(progress.bytes)}",
            f"slots {progress.slots[0]}/{progress.slots[1]}",
        ]

    def _percent(self, progress: events.Progress) -> float:
        if _finished(progress) and not progress.bytes:
            return 100.0
        return _percent(self._between(progress), progress.bytes)

    def _bar(self, progress: events.Progress, left: int, long: int, text: str) -> list[Cell]:
        full = int(long * self._percent(progress) / 100)
        color = "cyan"
        if _finished(progress):
            color = "red" if progress.counts["failed"] else "green"
        return [
            Cell(f"{progress.region:<{left}} ", "bold"),
            Cell("━" * full, color),
            Cell("━" * (long - full) if self._screen.color_err else " " * (long - full), "dim"),
            Cell(text),
        ]

    def _rows(self, copies: Sequence[events.CopyStatus], width: int) -> Iterator[list[Cell]]:
        names = min(max((measure(escaped(each.name)) for each in copies), default=0), max(width - 50, 10))
        for status in copies:
            sign, style = self._sign(status)
            name = cut(escaped(status.name), names)
            percent = f"{status.percent:3.0f}%" if status.percent is not None and status.state == "copying" else "    "
            made = [
                Cell(f"  {sign} ", style),
                Cell(name + " " * (names - measure(name)) + "  "),
                Cell(f"{status.id or '':<21}  ", "dim"),
                Cell(percent + "  "),
                Cell(status.state, style),
            ]
            room = width - sum(measure(cell.text) for cell in made) - 2
            if status.reason and room > 8:
                made.append(Cell("  " + cut(escaped(status.reason), room), "dim"))
            yield made

    def _sign(self, status: events.CopyStatus) -> tuple[str, str]:
        if status.state in {"done", "skipped"}:
            return "✓", "green" if status.state == "done" else "dim"
        if status.state in {"failed", "blocked", "conflict"}:
            return "✗", "red"
        if status.state in {"queued", "detached"}:
            return "·", "dim"
        return SPINNER[int(self._clock() * REFRESHES_A_SECOND) % len(SPINNER)], "cyan"

    def _between(self, progress: events.Progress) -> float:
        """What may have been moved since EC2 was last asked: by the measured rate, and never past the next percent."""
        if not progress.rate:
            return float(progress.done_bytes)
        since = self._clock() - self._taken[progress.region]
        ahead = min(progress.rate * since, progress.bytes / 100)
        return min(float(progress.bytes), progress.done_bytes + ahead)


_WAITS = {"slots": "waiting for a slot", "throttled": "throttled", "unreachable": "no answer, asking again"}


def _percent(done: float, whole: int) -> float:
    return 100.0 * done / whole if whole else 0.0


def _finished(progress: events.Progress) -> bool:
    return not progress.counts["copying"] and not progress.counts["queued"]


def _done_of(progress: events.Progress) -> str:
    return f"{progress.counts['done']}/{sum(progress.counts.values())}"


def _speed(progress: events.Progress) -> list[str]:
    told = []
    if progress.rate:
        told.append(f"{size(progress.rate)}/s")
    if progress.eta is not None:
        told.append(f"{elapsed(progress.eta)} left")
    return told


# After


def show_summary(screen: Screen, last: events.Summary, seconds: float) -> None:
    """On stderr: each failure with its hint, what was left, and the command to take it up again."""
    for result in last.results:
        where = f"{result.name} to {result.destination}"
        if result.state in {"failed", "blocked", "conflict"}:
            screen.error(result.reason or "failed", hint=result.fix, where=where)
        for problem in result.problems:
            screen.error(problem, where=where)
        for difference in result.verify or ():
            screen.error(f"differs from its source: {difference}", where=where)
    moved = sum(result.bytes for result in last.results if result.state == "done" and result.action == "copy")
    told = [f"{count} {name}" for name, count in last.totals().items() if count]
    rate = f", {size(moved)} in {elapsed(seconds)}" if moved else ""
    screen.note(f"{', '.join(told) or 'nothing to do'}{rate}")
    if screen.quiet and last.exit_code() == 0:
        # All is as it was asked for, and what goes on is in the result.
        return
    if last.stopped:
        _show_left(screen, last)
    if last.resume:
        screen.hint(f"to take it up again: {last.resume}")


_STOPPED = {
    "interrupt": "interrupted",
    "terminate": "terminated",
    "timeout": "the time is up",
    "credentials": "the credentials have expired",
    "detach": "not waiting",
}


def _show_left(screen: Screen, last: events.Summary) -> None:
    flying = [result for result in last.results if result.state == "detached"]
    waiting = [result for result in last.results if result.state in {"queued", "clearing", "submitting"}]
    screen.say(f"{_STOPPED[str(last.stopped)]}; copies that have been started go on in EC2")
    for result in flying:
        screen.say(escaped(f"  in flight: {result.destination}/{result.id or '?'} {result.name} ({result.source})"))
    for result in waiting:
        screen.say(escaped(f"  not started: {result.name} ({result.source}) to {result.destination}"))


def at_a_time(plan: Plan, most: int | None) -> int:
    """How many copies are under way at a time in a destination, for the preview."""
    from ectwo_cli.migration.scheduler import DEFAULT_MOST, IMAGE_SLOTS, SNAPSHOT_SLOTS

    limit = IMAGE_SLOTS if plan.resource == "image" else SNAPSHOT_SLOTS
    return min(most or DEFAULT_MOST, limit)
