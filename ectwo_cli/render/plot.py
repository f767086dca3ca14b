"""Values over time, one line each, in letters: for a terminal of any width, with or without color."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ectwo_cli.query import text_of
from ectwo_cli.records import dataclass
from ectwo_cli.render.grid import Cell, measure, segments
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import escaped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

BLOCKS = "▁▂▃▄▅▆▇█"
LETTERS = "_.:-=+*#"
"""The same for terminals that speak ASCII alone, from low to high."""

MOST_PIECES = 120
BESIDE = 28
"""Columns for what stands left and right of a plot: a zone, a price, and space."""

STEPS = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 28)),
)
CLOSEST = 8
"""Columns from one round time to the next at least: a date and some space."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Line:
    """What is plotted: the values of equal pieces of the time, None where there is none; and the one at the end."""

    label: str
    parts: Sequence[float | None]
    last: float | None


@dataclass(frozen=True)
class Plot:
    """Lines on one scale, under a title that says what it is, over an axis of time (UTC)."""

    title: str
    lines: Sequence[Line]
    since: datetime
    until: datetime


def pieces(screen: Screen) -> int:
    """How many pieces of time there is room for."""
    return max(10, min(MOST_PIECES, screen.width - BESIDE))


def show_plot(screen: Screen, plot: Plot) -> None:
    """The plot on stdout, with an empty line after it."""
    from ectwo_cli.render.console import out_text

    screen.write(out_text(screen, Picture(plot, screen.width, levels(screen))))
    screen.write("\n")
    screen.flush()


def levels(screen: Screen) -> str:
    """The signs from low to high that stdout can say."""
    encoding = (getattr(screen.stdout, "encoding", None) or "ascii").lower().replace("-", "").replace("_", "")
    return BLOCKS if encoding.startswith("utf") else LETTERS


@dataclass(frozen=True)
class Picture:
    """A plot that rich prints."""

    plot: Plot
    width: int
    signs: str = BLOCKS

    def text(self) -> Iterator[list[Cell]]:
        """Its lines, as pieces of text with a style."""
        plot = self.plot
        values = [value for line in plot.lines for value in line.parts if value is not None]
        low, high = min(values, default=0.0), max(values, default=0.0)
        labels = [escaped(line.label) for line in plot.lines]
        left = max(map(measure, labels), default=0)
        ends = ["" if line.last is None else text_of(line.last) for line in plot.lines]
        right = max(map(len, ends), default=0)
        count = max((len(line.parts) for line in plot.lines), default=0)
        room = max(1, min(count, self.width - left - right - 4))

        scale = f"{self.signs[0]} {_short(low)}" + (f" to {self.signs[-1]} {_short(high)}" if high > low else "")
        yield [Cell(escaped(plot.title), "bold"), Cell(f"  {scale}")]
        for label, line, end in zip(labels, plot.lines, ends, strict=True):
            yield [
                Cell(label + " " * (left - measure(label) + 2)),
                *self._course(_fitted(line.parts, room), low, high),
                Cell("  " + end.rjust(right)),
            ]
        yield [Cell(" " * (left + 2) + axis(plot.since, plot.until, room), "dim")]

    def _course(self, parts: Sequence[float | None], low: float, high: float) -> Iterator[Cell]:
        top = len(self.signs) - 1
        for value in parts:
            if value is None:
                yield Cell(" ")
                continue
            # What never changes is no low price, nor a high one.
            level = round((value - low) / (high - low) * top) if high > low else top // 2
            yield Cell(self.signs[level], "green" if level <= 1 else "red" if level >= top - 1 else "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from segments(self.text())


def axis(since: datetime, until: datetime, room: int) -> str:
    """``|Nov 15    |Nov 17``: round times, each behind a stroke where it is."""
    length = (until - since).total_seconds()
    if length <= 0:
        return ""
    step = next((each for each in STEPS if each.total_seconds() / length * room >= CLOSEST), STEPS[-1])
    seconds = step.total_seconds()
    made = ""
    tick = -(-since.timestamp() // seconds) * seconds
    while tick < until.timestamp():
        at = int((tick - since.timestamp()) / length * room)
        label = "|" + _label(datetime.fromtimestamp(tick, timezone.utc), step)
        if at >= len(made) and at + len(label) <= room:
            made = made.ljust(at) + label
        tick += seconds
    return made


def _label(time: datetime, step: timedelta) -> str:
    if step < timedelta(days=1):
        return f"{time.hour:02d}:{time.minute:02d}"
    return f"{MONTHS[time.month - 1]} {time.day:02d}"


def _fitted(parts: Sequence[float | None], room: int) -> Sequence[float | None]:
    """The parts in fewer pieces: the mean of those that fall together."""
    if len(parts) <= room:
        return parts
    made: list[float | None] = []
    for piece in range(room):
        some = [
            value for value in parts[piece * len(parts) // room : (piece + 1) * len(parts) // room] if value is not None
        ]
        made.append(sum(some) / len(some) if some else None)
    return made


def _short(value: float) -> str:
    """Four digits that count."""
    return text_of(float(f"{value:.4g}"))
