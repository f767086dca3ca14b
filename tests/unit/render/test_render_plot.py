"""Plots: looked at, then written down."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

import pytest

from ectwo_cli.render.plot import BLOCKS, LETTERS, Line, Picture, Plot, axis, levels, pieces, show_plot
from ectwo_cli.render.screen import Screen

SINCE = datetime(2026, 11, 15, 16, tzinfo=timezone.utc)
WEEK = SINCE + timedelta(days=7)


class Terminal(io.StringIO):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def screen(width: int = 60, *, encoding: str = "utf-8", **environ: str) -> tuple[Screen, Terminal]:
    out = Terminal(encoding)
    return Screen(io.StringIO(), out, io.StringIO(), {"COLUMNS": str(width), **environ}), out


def rising(count: int, low: float = 0.02, high: float = 0.04) -> list[float | None]:
    return [low + (high - low) * index / (count - 1) for index in range(count)]


def plot(*lines: Line) -> Plot:
    return Plot("m6i.large linux, USD an hour", lines, SINCE, WEEK)


THREE = plot(
    Line("us-east-1a", rising(32), 0.04),
    Line("us-east-1b", [0.03] * 32, 0.03),
    Line("us-east-1c", [None] * 16 + rising(16, 0.04, 0.02), 0.0201),
)


def test_a_plot_without_color() -> None:
    made, out = screen(60, NO_COLOR="1")
    show_plot(made, THREE)
    assert out.getvalue() == (
        "m6i.large linux, USD an hour  ▁ 0.02 to █ 0.04\n"
        "us-east-1a  ▁▁▁▂▂▂▂▃▃▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▆▇▇▇▇███    0.04\n"
        "us-east-1b  ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄    0.03\n"
        "us-east-1c                  ██▇▇▆▆▅▅▄▄▃▃▂▂▁▁  0.0201\n"
        "                  |Nov 17  |Nov 19  |Nov 21\n"
        "\n"
    )


def test_the_same_in_ascii() -> None:
    made, out = screen(60, encoding="ascii", NO_COLOR="1")
    show_plot(made, THREE)
    assert out.getvalue().isascii()
    assert out.getvalue().splitlines()[3] == "us-east-1c                  ##**++==--::..__  0.0201"


def test_low_is_green_and_high_is_red_and_nothing_else_differs() -> None:
    made, out = screen(60, TERM="xterm")
    show_plot(made, THREE)
    colored = out.getvalue()
    assert "\x1b[32m▁\x1b[0m" in colored
    assert "\x1b[31m█\x1b[0m" in colored
    import re

    plain, bare = screen(60, NO_COLOR="1")
    show_plot(plain, THREE)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == bare.getvalue()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    made, out = screen(width, NO_COLOR="1")
    count = pieces(made)
    show_plot(made, plot(Line("ap-northeast-1a", rising(count), 0.0613), Line("us-east-1a", rising(count), 0.1)))
    _title, *lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width


def test_a_price_that_never_changes_is_in_the_middle() -> None:
    lines = list(Picture(plot(Line("us-east-1a", [0.03] * 5, 0.03)), 60).text())
    assert "".join(cell.text for cell in lines[1]) == "us-east-1a  ▄▄▄▄▄  0.03"
    assert "".join(cell.text for cell in lines[0]) == "m6i.large linux, USD an hour  ▁ 0.03"


def test_what_stands_in_a_label_is_data() -> None:
    made, out = screen(60, NO_COLOR="1")
    show_plot(made, Plot("a\x1b[31mb", [Line("z\n1", [1.0], 1.0)], SINCE, WEEK))
    assert "\x1b" not in out.getvalue()
    assert r"z\n1" in out.getvalue()


@pytest.mark.parametrize(
    ("length", "room", "expected"),
    [
        (timedelta(days=7), 52, "         |Nov 17        |Nov 19        |Nov 21"),
        (timedelta(hours=24), 40, "   |18:00    |00:00    |06:00    |12:00"),
        (timedelta(hours=3), 60, "|16:00    |16:30    |17:00    |17:30    |18:00    |18:30"),
        (timedelta(days=90), 50, " |Nov 19         |Dec 17        |Jan 14"),
        (timedelta(0), 40, ""),
        (timedelta(days=7), 5, ""),
    ],
)
def test_the_axis_has_round_times(length: timedelta, room: int, expected: str) -> None:
    assert axis(SINCE, SINCE + length, room) == expected


def test_the_signs_are_those_that_the_terminal_can_say() -> None:
    assert levels(screen(encoding="utf-8")[0]) == BLOCKS
    assert levels(screen(encoding="UTF8")[0]) == BLOCKS
    assert levels(screen(encoding="iso8859-1")[0]) == LETTERS
