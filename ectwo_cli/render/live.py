"""``watch``: a table redrawn in place, with what has changed marked; off a terminal, a line for each change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic

from ectwo_cli.errors import UsageError
from ectwo_cli.model import R
from ectwo_cli.query import Query, iso
from ectwo_cli.render import data
from ectwo_cli.render.grid import Cell, Grid, layout, segments
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import cell
from ectwo_cli.render.view import Field, View, fields, names

if TYPE_CHECKING:
    from rich.console import RenderableType

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
    """The items of ``after``, in their order, each with what became of it; then those of ``before`` that are gone."""
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
    from rich.live import Live
    from rich.text import Text

    from ectwo_cli.render.console import out_console

    console = out_console(screen)
    before: list[R] | None = None
    with Live(
        console=console,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
        vertical_overflow="crop",
    ) as live:
        same_terminal = screen.err_is_terminal
        if same_terminal:
            screen.above = lambda line: console.print(Text.from_ansi(line))
        try:
            for snapshot in snapshots:
                after = query.order(snapshot)
                console.size = (screen.width, screen.height)
                live.update(_frame(screen, view, chosen, changes(before, after, chosen)), refresh=True)
                before = after
        finally:
            screen.above = None


def _frame(screen: Screen, view: View[R], chosen: Sequence[Field], found: Sequence[Change[R]]) -> RenderableType:
    return Frame(screen, view, chosen, found, screen.clock())


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
        shown = list(self._by_place())
        outer = [Field(each.name, each.type, _of_item(each), each.is_id) for each in self.chosen]
        plan = layout(outer, shown, self.screen.width - 2, self.now, header=self.view.header)
        table = list(Grid(plan, shown, self.now, self.view.header, _style, lambda each: _MARKS[each.kind]).lines())
        room = max(self.screen.height - 2, 1)
        yield from table[:room]
        noun = self.view.cls.kind
        footer = f"{present} {noun.noun if present == 1 else noun.plural}, {iso(self.now.replace(microsecond=0))}"
        if len(table) > room:
            footer += f", {len(table) - room} more lines do not fit"
        if plan.dropped:
            footer += f", without {', '.join(plan.dropped)}"
        yield [Cell(footer + " (Ctrl-C ends)", "dim")]

    def _by_place(self) -> Iterator[Change[R]]:
        yield from self.found

    def __rich_console__(self, console: Any, options: Any) -> Any:
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
