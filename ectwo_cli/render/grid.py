"""The table on a terminal: which columns fit, how wide each is, and the lines of it.

The layout is ours, since it has to keep promises that a general table does not make: an ID is never cut, the least
important text is cut first, nothing goes missing silently. rich measures, colors and prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from ectwo_cli.records import dataclass
from ectwo_cli.render.text import escaped
from ectwo_cli.render.values import ABSENT, human, state_style
from ectwo_cli.render.view import Field

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.segment import Segment
    from rich.style import Style

ELLIPSIS = "…"
HEADING = "bold cyan"
SCOPES = ("profile", "region")
"""Columns that become a heading over their rows when the width does not suffice."""


@dataclass(frozen=True)
class Cell:
    text: str
    style: str = ""


@dataclass(frozen=True)
class Layout:
    """``fields`` that fit, under ``titles``, their ``widths``, the ``gap`` between; ``dropped`` are those that do not.

    ``headings`` are columns that stand over their rows; ``short`` makes ages short.
    """

    fields: tuple[Field, ...]
    titles: tuple[str, ...]
    widths: tuple[int, ...]
    gap: int
    short: bool
    headings: tuple[Field, ...] = ()
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """``floor`` is how far columns may shrink: not at all, comfortably, or as far as they can."""

    gap: int
    short: bool
    grouped: bool
    floor: Literal["natural", "comfortable", "least"]


# From roomy to narrow; the first that fits is taken.
ATTEMPTS = (
    Attempt(gap=2, short=False, grouped=False, floor="natural"),
    Attempt(gap=1, short=False, grouped=False, floor="natural"),
    Attempt(gap=2, short=False, grouped=False, floor="comfortable"),
    Attempt(gap=1, short=False, grouped=False, floor="comfortable"),
    Attempt(gap=1, short=True, grouped=False, floor="comfortable"),
    Attempt(gap=2, short=False, grouped=True, floor="comfortable"),
    Attempt(gap=1, short=True, grouped=True, floor="comfortable"),
    Attempt(gap=1, short=True, grouped=True, floor="least"),
    Attempt(gap=1, short=True, grouped=False, floor="least"),
)

WORTH_SQUEEZING = 8
"""So many columns are squeezed before one is left out; of more (``wide``), the last ones are left out first."""


def layout(fields: Sequence[Field], items: Sequence[Any], width: int, now: datetime, *, header: bool = True) -> Layout:
    """The roomiest layout that fits ``width``; as a last resort, without the last columns."""
    titles = {short: _titles(fields, short) for short in (False, True)}
    shapes = {
        short: [
            _measure(field, title if header else "", items, now, short)
            for field, title in zip(fields, titles[short], strict=True)
        ]
        for short in (False, True)
    }
    groupable = _groupable(fields, items)

    def made(first: int, kept: int, widths: tuple[int, ...], gap: int, short: bool) -> Layout:
        dropped = tuple(each.name for each in fields[kept:])
        return Layout(
            tuple(fields[first:kept]), titles[short][first:kept], widths, gap, short, tuple(fields[:first]), dropped
        )

    for kept in range(len(fields), 0, -1):
        for attempt in ATTEMPTS:
            first = groupable if attempt.grouped else 0
            if (attempt.grouped and not 0 < groupable < kept) or (attempt.floor == "least" and kept > WORTH_SQUEEZING):
                continue
            widths = _fit(shapes[attempt.short][first:kept], width, attempt)
            if widths is not None:
                return made(first, kept, widths, attempt.gap, attempt.short)
    # Not even one column fits; it is shown all the same.
    return made(0, 1, (shapes[True][0].natural,), 1, True)


def _titles(fields: Sequence[Field], short: bool) -> tuple[str, ...]:
    """The properties' own names, which are what ``--columns`` and ``--sort`` take; but ages are short."""
    one_age = sum(each.is_time for each in fields) == 1

    def title(field: Field) -> str:
        if not short or not field.is_time:
            # Names of tags are data.
            return escaped(field.name)
        return "age" if one_age else field.name.removesuffix("_at")

    return tuple(title(each) for each in fields)


@dataclass(frozen=True)
class Shape:
    """How wide a column wants to be, and how narrow it may become: comfortably, and at the worst."""

    natural: int
    comfortable: int
    least: int


def _measure(field: Field, title: str, items: Sequence[Any], now: datetime, short: bool) -> Shape:
    head = measure(title)
    body = max((measure(human(field.get(item), now, short=short)) for item in items), default=0)
    natural = max(head, body, 1)
    if field.is_id or field.is_time or field.is_number:
        return Shape(natural, natural, natural)
    return Shape(natural, min(natural, COMFORTABLE.get(field.name, 16)), min(natural, LEAST.get(field.name, 6)))


# By name, since what people look for most is cut last.
COMFORTABLE = {"name": 12, "state": 13, "type": 12}
LEAST = {"name": 8, "state": 8, "type": 8}


def _fit(shapes: Sequence[Shape], width: int, attempt: Attempt) -> tuple[int, ...] | None:
    room = width - attempt.gap * (len(shapes) - 1)
    widths = [each.natural for each in shapes]
    floors = [getattr(each, attempt.floor) for each in shapes]
    if sum(floors) > room:
        return None
    # The widest gives first.
    while (excess := sum(widths) - room) > 0:
        widest = max((w for w, floor in zip(widths, floors, strict=True) if w > floor), default=0)
        at = [i for i, w in enumerate(widths) if w == widest and w > floors[i]]
        next_widest = max((w for i, w in enumerate(widths) if w < widest and w > floors[i]), default=0)
        step = max(1, min(excess // len(at), widest - next_widest))
        for i in at:
            taken = min(step, widths[i] - floors[i], max(0, sum(widths) - room))
            widths[i] -= taken
    return tuple(widths)


def _groupable(fields: Sequence[Field], items: Sequence[Any]) -> int:
    """How many of the first columns can be headings: those of SCOPES, when each heading would come but once."""
    first = 0
    while first < len(fields) and fields[first].name in SCOPES:
        first += 1
    keys = [tuple(each.get(item) for each in fields[:first]) for item in items]
    runs = sum(1 for i, key in enumerate(keys) if i == 0 or key != keys[i - 1])
    return first if first and runs == len(set(keys)) else 0


Styler = Callable[[Any, Field], str]


def no_styles(item: Any, field: Field) -> str:
    return ""


@dataclass(frozen=True)
class Grid:
    """A table that rich prints. ``mark`` is a sign in front of each item; ``styler`` adds a style to a cell."""

    layout: Layout
    items: Sequence[Any]
    now: datetime
    header: bool = True
    styler: Styler = no_styles
    mark: Callable[[Any], Cell] | None = None

    def lines(self) -> Iterator[list[Cell]]:
        """The lines as pieces of text with a style; each piece padded, the last one not."""
        if self.header:
            first = [Cell(each, "bold") for each in self.layout.titles]
            yield self._line(first, Cell(" ") if self.mark else None)
        before: tuple[Any, ...] | None = None
        for item in self.items:
            heading = tuple(each.get(item) for each in self.layout.headings)
            if heading and heading != before:
                before = heading
                yield [Cell(" ".join(human(part, self.now) for part in heading if part is not None), HEADING)]
            yield self._line([self._cell(item, each) for each in self.layout.fields], self.mark and self.mark(item))

    @staticmethod
    def is_heading(line: Sequence[Cell]) -> bool:
        """Whether a line is not an item's own."""
        return len(line) == 1 and line[0].style == HEADING

    def _cell(self, item: Any, field: Field) -> Cell:
        value = field.get(item)
        text = human(value, self.now, short=self.layout.short)
        style = "dim" if text is ABSENT else state_style(field.name, value)
        return Cell(text, f"{style} {self.styler(item, field)}".strip())

    def _line(self, cells: Sequence[Cell], mark: Cell | None) -> list[Cell]:
        made: list[Cell] = [mark, Cell(" ")] if mark else []
        last = len(cells) - 1
        for i, (cell, field, width) in enumerate(zip(cells, self.layout.fields, self.layout.widths, strict=True)):
            text = cut(cell.text, width)
            space = " " * (width - measure(text))
            if field.is_number:
                made += [Cell(space), replace(cell, text=text)]
            else:
                made += [replace(cell, text=text), Cell(space if i < last else "")]
            if i < last:
                made.append(Cell(" " * self.layout.gap))
        return made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from segments(self.lines())


def segments(lines: Iterable[Sequence[Cell]]) -> Iterator[Segment]:
    """Lines of cells as what rich prints."""
    from rich.segment import Segment

    styles: dict[str, Style | None] = {"": None}
    for line in lines:
        for cell in line:
            if cell.text:
                if cell.style not in styles:
                    styles[cell.style] = _style(cell.style)
                yield Segment(cell.text, styles[cell.style])
        yield Segment.line()


def _style(text: str) -> Style:
    from rich.style import Style

    return Style.parse(text)


@lru_cache(maxsize=4096)
def measure(text: str) -> int:
    """Columns that the text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """``text``, with an ellipsis at its end if it is wider than ``width``."""
    if measure(text) <= width:
        return text
    if text.isascii():
        return text[: width - 1] + ELLIPSIS
    from rich.cells import set_cell_size

    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS
