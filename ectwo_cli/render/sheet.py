"""One resource on a terminal: names on the left, values on the right, long ones wrapped, rules as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ectwo_cli.records import dataclass
from ectwo_cli.render.grid import Cell, Grid, layout, measure, segments
from ectwo_cli.render.text import escaped
from ectwo_cli.render.values import ABSENT, exact, human, state_style
from ectwo_cli.render.view import Field

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


@dataclass(frozen=True)
class Sheet:
    fields: Sequence[Field]
    item: Any
    now: datetime
    width: int

    def lines(self) -> Iterator[list[Cell]]:
        left = max(measure(escaped(each.name)) for each in self.fields)
        room = max(self.width - left - 2, 20)
        for field in self.fields:
            name = escaped(field.name)
            for i, line in enumerate(self._value(field, room)):
                head = Cell(name + " " * (left - measure(name)), "bold") if i == 0 else Cell(" " * left)
                yield [head, Cell("  "), *line]

    def _value(self, field: Field, room: int) -> Iterator[list[Cell]]:
        value = field.get(self.item)
        if isinstance(value, Mapping) and value:
            yield from self._pairs(value, room)
        elif isinstance(value, (list, tuple)) and value and all(isinstance(part, Mapping) for part in value):
            yield from self._inner(value, room)
        elif isinstance(value, (list, tuple)) and value:
            for part in value:
                yield from ([Cell(line)] for line in wrapped(human(part, self.now), room))
        else:
            text = exact(value, self.now)
            style = "dim" if text is ABSENT else state_style(field.name, value)
            yield from ([Cell(line, style)] for line in wrapped(text, room))

    def _pairs(self, value: Mapping[Any, Any], room: int) -> Iterator[list[Cell]]:
        keys = [escaped(str(key)) for key in value]
        left = min(max(measure(key) for key in keys), room // 2)
        for key, part in zip(keys, value.values(), strict=True):
            text = "" if part == "" else exact(part, self.now)
            if measure(key) > left:
                # A key too long for its column gets the line to itself.
                yield from ([Cell(line, "cyan")] for line in wrapped(key, room))
                first = Cell(" " * left)
            else:
                first = Cell(key + " " * (left - measure(key)), "cyan")
            for i, line in enumerate(wrapped(text, room - left - 1)):
                yield [first if i == 0 else Cell(" " * left), Cell(" "), Cell(line)]

    def _inner(self, rows: Sequence[Mapping[str, Any]], room: int) -> Iterator[list[Cell]]:
        keys = list(dict.fromkeys(key for row in rows for key in row))
        inner = [_inner_field(key, rows) for key in keys]
        yield from Grid(layout(inner, rows, room, self.now), rows, self.now).lines()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from segments(self.lines())


def _inner_field(key: str, rows: Sequence[Mapping[str, Any]]) -> Field:
    values = [row[key] for row in rows if row.get(key) is not None]
    number = bool(values) and all(isinstance(value, (int, float)) for value in values)
    return Field(key, int if number else str, lambda row: row.get(key))


def wrapped(text: str, room: int) -> list[str]:
    """``text`` in lines of ``room`` columns, broken at spaces and commas where there are some. At least one line."""
    room = max(room, 1)
    lines: list[str] = []
    while measure(text) > room:
        end = _fitting(text, room)
        at = max(text.rfind(" ", 0, end), text.rfind(",", 0, end))
        if at > end // 2:
            end = at + 1
        lines.append(text[:end].rstrip())
        text = text[end:].lstrip(" ")
    return [*lines, text]


def _fitting(text: str, room: int) -> int:
    """How many characters of ``text`` take at most ``room`` columns; at least one."""
    taken = 0
    for count, char in enumerate(text):
        taken += measure(char)
        if taken > room:
            return max(count, 1)
    return len(text)
