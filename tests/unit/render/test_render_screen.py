"""Streams: which is a terminal, which takes color, how wide; and what is said on stderr."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest
from render_fakes import Seen, Stream, make_screen

from ectwo_cli.render.screen import Screen


def colors(environ: dict[str, str], *, out: bool, err: bool, no_color: bool = False) -> tuple[bool, bool]:
    screen = Screen(Stream(), Stream(terminal=out), Stream(terminal=err), environ, no_color=no_color)
    return screen.color_out, screen.color_err


@pytest.mark.parametrize(
    ("environ", "no_color", "expected"),
    [
        ({}, False, (False, True)),
        ({"TERM": "xterm"}, False, (False, True)),
        ({"TERM": "dumb"}, False, (False, False)),
        ({"NO_COLOR": "1"}, False, (False, False)),
        ({"NO_COLOR": ""}, False, (False, True)),
        ({}, True, (False, False)),
        ({"FORCE_COLOR": "1"}, False, (True, True)),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False, (True, True)),
        ({"FORCE_COLOR": ""}, False, (False, True)),
        ({"FORCE_COLOR": "0"}, False, (False, True)),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, (False, False)),
        ({"FORCE_COLOR": "1"}, True, (False, False)),
    ],
)
def test_color_is_for_each_stream(environ: dict[str, str], no_color: bool, expected: tuple[bool, bool]) -> None:
    assert colors(environ, out=False, err=True, no_color=no_color) == expected


@pytest.mark.parametrize(
    ("environ", "width"), [({"COLUMNS": "132"}, 132), ({}, 80), ({"COLUMNS": "wide"}, 80), ({"COLUMNS": "0"}, 80)]
)
def test_width_without_a_terminal(environ: dict[str, str], width: int) -> None:
    assert Screen(Stream(), Stream(), Stream(), environ).width == width


def test_width_and_height_of_a_real_terminal() -> None:
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        with os.fdopen(theirs, "w") as stderr:
            screen = Screen(Stream(), Stream(), stderr, {})
            assert (screen.width, screen.height) == (111, 33)
            assert (screen.out_is_terminal, screen.err_is_terminal) == (False, True)
    finally:
        os.close(ours)


@pytest.mark.parametrize(
    ("ask", "err", "can"), [(True, True, True), (True, False, False), (False, True, False), (False, False, False)]
)
def test_a_question_needs_stdin_and_stderr(ask: bool, err: bool, can: bool) -> None:
    assert make_screen(ask=ask, err=err).can_ask is can


def test_a_closed_stream_is_no_terminal() -> None:
    closed = io.StringIO()
    closed.close()
    assert Screen(closed, closed, closed, {}).out_is_terminal is False


def test_what_is_said_on_stderr() -> None:
    screen = make_screen()
    screen.note("no servers found")
    screen.warn("old\nnews")
    screen.error("stop was refused", code="UnauthorizedOperation", hint="ask\x1b[2J", where="us-east-1")
    screen.error("no such thing (Gone)", code="Gone")
    assert screen.out == ""
    assert screen.err == (
        "no servers found\n"
        "warning: old\\nnews\n"
        "error: us-east-1: stop was refused (UnauthorizedOperation)\n"
        "hint: ask\\x1b[2J\n"
        "error: no such thing (Gone)\n"
    )


def test_quiet_leaves_errors_and_their_hints() -> None:
    screen = make_screen(quiet=True)
    screen.note("a")
    screen.warn("b")
    screen.error("c", hint="d")
    assert screen.err == "error: c\nhint: d\n"


def test_colors_of_what_is_said() -> None:
    screen = make_screen(err=True, environ={"NO_COLOR": ""})
    screen.warn("w")
    screen.error("e", hint="h")
    assert screen.err == ("\x1b[1;33mwarning:\x1b[0m w\n\x1b[1;31merror:\x1b[0m e\n\x1b[1;36mhint:\x1b[0m h\n")


def test_lines_go_above_a_live_display() -> None:
    screen = make_screen()
    above: list[str] = []
    screen.above = above.append
    screen.warn("w")
    assert (above, screen.err) == (["warning: w"], "")


def test_what_an_encoding_can_not_say_is_written_out() -> None:
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    screen = Seen(Stream(), stdout, Stream(), {})
    screen.write("café 日\n")
    screen.flush()
    assert raw.getvalue() == b"caf\\xe9 \\u65e5\n"


WRITER = """
import os, sys
from ectwo_cli.render.screen import Screen
screen = Screen(sys.stdin, sys.stdout, sys.stderr, os.environ)
for number in range(100_000):
    screen.write(f"{number}\\n")
screen.flush()
print("never reached", file=sys.stderr)
"""


def test_a_reader_that_has_gone_ends_it_quietly() -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
