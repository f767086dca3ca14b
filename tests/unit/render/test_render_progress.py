"""Waiting, shown."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pexpect
import pytest
from render_fakes import Seen, make_screen

from ectwo_cli.render.progress import Waits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(screen: Seen) -> tuple[Waits, Clock]:
    clock = Clock()
    return Waits(screen, "stopping", clock=clock), clock


def test_without_a_terminal_each_change_is_a_line_and_each_minute_a_sign_of_life() -> None:
    screen = make_screen()
    shown, clock = waits(screen)
    with shown:
        shown.update("a", "web-1", "running")
        shown.update("b", "web-2\x1b", "running")
        clock.now += 5
        shown.update("a", "web-1", "stopping", "User initiated")
        shown.update("a", "web-1", "stopping", "User initiated")
        clock.now += 59
        shown.update("b", "web-2\x1b", "running")
        clock.now += 2
        shown.update("b", "web-2\x1b", "running")
        shown.done("a", "stopped")
        shown.done("a", "stopped")
        clock.now += 3600
        shown.done("b", "terminated", ok=False)
    assert screen.err == (
        "web-1: running\n"
        "web-2\\x1b: running\n"
        "web-1: stopping (User initiated)\n"
        "still stopping: 2 of 2 to go after 1m06s\n"
        "web-1: stopped after 1m06s\n"
        "web-2\\x1b: terminated (failed) after 1h01m\n"
    )
    assert screen.out == ""


def test_quiet_says_nothing() -> None:
    for screen in (make_screen(quiet=True), make_screen(quiet=True, err=True, out=True)):
        shown, clock = waits(screen)
        with shown:
            shown.update("a", "web-1", "running")
            clock.now += 100
            shown.update("a", "web-1", "running")
            shown.done("a", "stopped")
        assert screen.err == ""


def display(shown: Waits, width: int, height: int) -> list[str]:
    return ["".join(cell.text for cell in line) for line in shown.lines(width, height)]


def test_the_live_lines() -> None:
    shown, clock = waits(make_screen())
    shown.update("a", "web-1 (us-east-1/i-00000000000000001)", "running")
    shown.update("b", "日本語 (us-east-1/i-00000000000000002)", "stopping", "User initiated shutdown\x9b")
    shown.update("c", "web-3", "running")
    clock.now += 67
    shown.done("a", "stopped")
    shown.done("c", "terminated", ok=False)
    assert display(shown, 90, 10) == [
        "✓ web-1 (us-east-1/i-00000000000000001)   stopped      1m07s",
        "⠦ 日本語 (us-east-1/i-00000000000000002)  stopping     1m07s  User initiated shutdown\\x9b",
        "✗ web-3                                   terminated   1m07s",
    ]
    assert display(shown, 50, 10) == [
        "✓ web-1 (us-east-1/i-00000000…  stopped      1m07s",
        "⠦ 日本語 (us-east-1/i-0000000…  stopping     1m07s",
        "✗ web-3                         terminated   1m07s",
    ]


def test_more_than_fit_are_the_unfinished_ones_and_a_count() -> None:
    shown, _ = waits(make_screen())
    for number in range(6):
        shown.update(number, f"web-{number}", "running")
    shown.done(0, "stopped")
    shown.done(2, "stopped")
    assert display(shown, 60, 4) == [
        "⠋ web-1  running      0s",
        "⠋ web-3  running      0s",
        "⠋ web-4  running      0s",
        "  stopping: 2 of 6 done",
    ]


LIVE = """
import os, sys, time
from ectwo_cli.render.progress import Waits
from ectwo_cli.render.screen import Screen
screen = Screen(sys.stdin, sys.stdout, sys.stderr, os.environ)
try:
    with Waits(screen, "stopping") as waits:
        waits.update(1, "web-1", "running")
        screen.warn("one\\x1b[2J region failed")
        waits.update(1, "web-1", "stopping")
        time.sleep(float(sys.argv[1]))
        waits.done(1, "stopped")
except KeyboardInterrupt:
    print("interrupted")
print("result")
"""
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def live(seconds: float) -> pexpect.spawn[str]:
    environ = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[3])}
    environ.pop("NO_COLOR", None)
    return pexpect.spawn(
        sys.executable, ["-c", LIVE, str(seconds)], env=environ, encoding="utf-8", timeout=30, dimensions=(24, 80)
    )


def test_on_a_terminal_the_lines_are_live_and_make_room_for_the_result() -> None:
    child = live(0.3)
    child.expect(pexpect.EOF)
    seen = child.before
    assert "web-1  stopping" in SEQUENCE.sub("", seen)
    assert "warning: one\\x1b[2J region failed" in SEQUENCE.sub("", seen)
    # The cursor was hidden, and is back.
    assert seen.index("\x1b[?25l") < seen.rindex("\x1b[?25h")
    assert seen.endswith("result\r\n")
    # The last thing before the result is that the line of web-1 is erased.
    assert seen.removesuffix("result\r\n").endswith("\x1b[2K")


@pytest.mark.parametrize("how", ["key", "signal"])
def test_an_interrupt_brings_the_cursor_back(how: str) -> None:
    child = live(60)
    child.expect("stopping")
    if how == "key":
        child.sendintr()
    else:
        os.kill(child.pid, signal.SIGINT)
    child.expect("interrupted\r\nresult")
    assert child.before.rindex("\x1b[?25h") > child.before.rindex("web-1") if "web-1" in child.before else True
    child.expect(pexpect.EOF)
