"""``watch``: a table redrawn in place, with what has changed marked; off a terminal, a line for each change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic

from ectwo_cli.errors import UsageError
from ectwo_cli.model import R
from ectwo_cli.query import Query, iso
from ectwo_cli.records import dataclass
from ectwo_cli.render import data
from ectwo_cli.render.grid import Cell, Grid, cut, layout, segments
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import cell
from ectwo_cli.render.view import Field, View, fields, names

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

STREAMED = ("table", "wide", "tsv", "csv", "jsonl")


@dataclass(frozen=True)
class Change(Generic[R]):
    """What became of one item since the snapshot before; ``was`` holds the old values of what changed."""

    item: R
    kind: str
    """``added``, ``removed``, ``changed``, or ``same``."""
    was: Mapping[str, Any]


def watch(screen: Screen, view: View[R], snapshots: Iterable[Sequence[R]], query: Query[R]) -> None:
    """Show each snapshot as it comes, until there are no more or Ctrl-C, which passes through as KeyboardInterrupt.

    On a terminal a table, redrawn; else, and with ``tsv``, ``csv`` and ``jsonl``, a line for each change: the first
    snapshot is all ``added``. Raises UsageError for a format that has no lines.
    """
    if view.format not in STREAMED:
        raise UsageError(f"watch has no {view.format} form", hint=f"one of {', '.join(STREAMED)}")
    chosen = fields(view.cls, names(view))
    if view.format in ("table", "wide") and screen.out_is_terminal and not screen.is_dumb:
        _redraw(screen, view, chosen, snapshots, query)
    else:
        _stream(screen, view, chosen, snapshots, query)


def changes(before: Sequence[R] | None, after: Sequence[R], fields: Sequence[Field]) -> list[Change[R]]:
    """The items of ``after``, in their order, each with what became of it; then those of ``before`` that are gone.

    What is there from the beginning (``before`` None) has not been added.
    """
    old = {_key(item): item for item in before or ()}
    made: list[Change[R]] = []
    for item in after:
        previous = old.pop(_key(item), None)
        if previous is None:
            made.append(Change(item, "same" if before is None else "added", {}))
            continue
        was = {each.name: each.get(previous) for each in fields if each.get(previous) != each.get(item)}
        made.append(Change(item, "changed" if was else "same", was))
    return made + [Change(item, "removed", {}) for item in old.values()]


def _key(item: Any) -> tuple[Any, ...]:
    return (getattr(item, "profile", None), getattr(item, "region", None), getattr(item, item.kind.id))


# Redrawn


_MARKS = {
    "added": Cell("+", "bold green"),
    "removed": Cell("-", "bold red"),
    "changed": Cell("~", "bold yellow"),
    "same": Cell(" "),
}


def _redraw(
    screen: Screen, view: View[R], chosen: Sequence[Field], snapshots: Iterable[Sequence[R]], query: Query[R]
) -> None:
    from rich.console import ConsoleDimensions
    from rich.live import Live
    from rich.text import Text

    from ectwo_cli.render.console import out_console

    console = out_console(screen)
    live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    before: list[R] | None = None
    with _no_echo(screen), live:
        if screen.err_is_terminal:
            screen.above = lambda line: console.print(Text.from_ansi(line))
        try:
            for snapshot in snapshots:
                after = query.order(snapshot)
                found = _in_place(changes(before, after, chosen), query)
                # The terminal may have been resized.
                console.size = ConsoleDimensions(screen.width, screen.height)
                live.update(Frame(screen, view, chosen, found, screen.clock()), refresh=True)
                before = after
        finally:
            screen.above = None


def _in_place(found: Sequence[Change[R]], query: Query[R]) -> list[Change[R]]:
    """Those that are gone, once more where they stood."""
    if all(each.kind != "removed" for each in found):
        return list(found)
    by_item = {id(each.item): each for each in found}
    unlimited = replace(query, limit=None, one=False)
    return [by_item[id(item)] for item in unlimited.order(each.item for each in found)]


@contextlib.contextmanager
def _no_echo(screen: Screen) -> Iterator[None]:
    """What is typed meanwhile must not be written into the table."""
    try:
        import termios
    except ImportError:
        # Windows.
        yield
        return
    try:
        fd = screen.stdin.fileno()
        saved = termios.tcgetattr(fd)
    except (OSError, ValueError, AttributeError, termios.error):
        # Not a terminal.
        yield
        return
    silent = list(saved)
    silent[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, silent)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, saved)


@dataclass(frozen=True)
class Frame(Generic[R]):
    """One state of the display: the table, cut to the height, and a line on what it is."""

    screen: Screen
    view: View[R]
    chosen: Sequence[Field]
    found: Sequence[Change[R]]
    now: datetime

    def lines(self) -> Iterator[list[Cell]]:
        present = sum(each.kind != "removed" for each in self.found)
        outer = [Field(each.name, each.type, _of_item(each), each.is_id) for each in self.chosen]
        plan = layout(outer, self.found, self.screen.width - 2, self.now, header=self.view.header)
        table = list(Grid(plan, self.found, self.now, self.view.header, _style, lambda each: _MARKS[each.kind]).lines())
        room = max(self.screen.height - 2, 1)
        yield from table[:room]
        noun = self.view.cls.kind
        footer = f"{present} {noun.noun if present == 1 else noun.plural}, {iso(self.now.replace(microsecond=0))}"
        if len(table) > room:
            footer += f", {len(table) - room} more lines do not fit"
        if plan.dropped:
            footer += f", without {', '.join(plan.dropped)}"
        # One that the terminal wraps would spoil the redrawing.
        yield [Cell(cut(footer + " (Ctrl-C ends)", self.screen.width - 1), "dim")]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from segments(self.lines())


def _of_item(field: Field) -> Any:
    return lambda change: field.get(change.item)


def _style(change: Any, field: Field) -> str:
    if change.kind == "removed":
        return "strike dim"
    return "reverse" if field.name in change.was else ""


# Streamed


def _stream(
    screen: Screen, view: View[R], chosen: Sequence[Field], snapshots: Iterable[Sequence[R]], query: Query[R]
) -> None:
    before: list[R] = []
    names = [each.name for each in chosen]
    write = data.write_csv if view.format == "csv" else data.write_tsv
    if view.format != "jsonl" and view.header:
        write(screen, [["time", "change", *names]])
    for snapshot in snapshots:
        after = query.order(snapshot)
        found = [each for each in changes(before, after, chosen) if each.kind != "same"]
        moment = iso(screen.clock().replace(microsecond=0))
        if view.format == "jsonl":
            data.write_jsonl(
                screen,
                (
                    {
                        "time": moment,
                        "change": each.kind,
                        **{field.name: field.get(each.item) for field in chosen},
                        **({"was": dict(each.was)} if each.was else {}),
                    }
                    for each in found
                ),
            )
        else:
            write(screen, ([moment, each.kind, *(cell(field.get(each.item)) for field in chosen)] for each in found))
        before = after
