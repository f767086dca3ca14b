"""``watch``: what changed between two looks."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest
from render_fakes import NOW, Server, make_screen, server

from ectwo_cli.errors import UsageError
from ectwo_cli.query import Query
from ectwo_cli.render.live import Frame, _in_place, changes, watch
from ectwo_cli.render.view import fields, names, view

ONE, TWO, THREE, FOUR = (server(number) for number in (1, 2, 3, 4))
CHANGED = replace(TWO, state="stopping", public_ip=None)
FIELDS = fields(Server, names(view(Server)))


def test_changes() -> None:
    found = changes([ONE, TWO, THREE], [FOUR, ONE, CHANGED], FIELDS)
    assert [(each.item, each.kind, each.was) for each in found] == [
        (FOUR, "added", {}),
        (ONE, "same", {}),
        (CHANGED, "changed", {"state": "running", "public_ip": "54.0.0.2"}),
        (THREE, "removed", {}),
    ]
    assert [each.kind for each in changes(None, [ONE], FIELDS)] == ["same"]
    # The same ID in another region or account is another thing.
    assert [each.kind for each in changes([ONE], [replace(ONE, region="eu-west-1")], FIELDS)] == ["added", "removed"]


def test_what_is_not_shown_is_no_change() -> None:
    assert [each.kind for each in changes([TWO], [CHANGED], fields(Server, ["id"]))] == ["same"]


def frame(width: int = 100, height: int = 24, **asked: object) -> list[str]:
    screen = make_screen(out=True, width=width, environ={"LINES": str(height)})
    found = _in_place(changes([ONE, TWO, THREE], [FOUR, ONE, CHANGED], FIELDS), Query(Server, limit=3))
    shown = Frame(screen, view(Server, **asked), FIELDS, found, NOW)
    return ["".join(cell.text for cell in line).rstrip() for line in shown.lines()]


def test_a_frame_marks_what_changed_and_keeps_what_went_in_its_place() -> None:
    assert frame() == [
        "  region     name   id                   state     type      public_ip  launched_at",
        "  us-east-1  web-1  i-00000000000000001  running   t3.micro  54.0.0.1   3d ago",
        "~ us-east-1  web-2  i-00000000000000002  stopping  t3.micro  -          3d ago",
        "- us-east-1  web-3  i-00000000000000003  running   t3.micro  54.0.0.3   3d ago",
        "+ us-east-1  web-4  i-00000000000000004  running   t3.micro  54.0.0.4   3d ago",
        "3 servers, 2026-11-22T15:04:05Z (Ctrl-C ends)",
    ]


def test_a_frame_fits_the_terminal() -> None:
    assert frame(60, 5) == [
        "  name  id                  state    type     public_ip age",
        "us-east-1",
        "  web-1 i-00000000000000001 running  t3.micro 54.0.0.1  3d",
        "3 servers, 2026-11-22T15:04:05Z, 3 more lines do not fit (…",
    ]


def test_a_frame_highlights_the_cells() -> None:
    found = changes([TWO, THREE], [CHANGED], FIELDS)
    shown = Frame(make_screen(width=100), view(Server), FIELDS, found, NOW)
    styles = [{cell.text.strip(): cell.style for cell in line if cell.text.strip()} for line in shown.lines()]
    assert styles[1]["stopping"] == "yellow reverse"
    assert styles[1]["-"] == "dim reverse"
    assert styles[1]["web-2"] == ""
    assert styles[2]["web-3"] == "strike dim"


SNAPSHOTS = [[ONE, TWO], [ONE, CHANGED], [ONE, CHANGED], [ONE, FOUR]]


@pytest.mark.parametrize("format", ["table", "tsv"])
def test_into_a_pipe_a_line_for_each_change(format: str) -> None:
    screen = make_screen()
    watch(screen, view(Server, format=format, columns=["id,state"]), SNAPSHOTS, Query(Server))
    at = "2026-11-22T15:04:05Z"
    assert screen.out == (
        "time\tchange\tid\tstate\n"
        f"{at}\tadded\ti-00000000000000001\trunning\n"
        f"{at}\tadded\ti-00000000000000002\trunning\n"
        f"{at}\tchanged\ti-00000000000000002\tstopping\n"
        f"{at}\tadded\ti-00000000000000004\trunning\n"
        f"{at}\tremoved\ti-00000000000000002\tstopping\n"
    )


def test_jsonl_says_what_it_was() -> None:
    screen = make_screen()
    watch(screen, view(Server, format="jsonl", columns=["id,state"]), SNAPSHOTS[:2], Query(Server))
    assert [json.loads(line) for line in screen.out.splitlines()][1:] == [
        {"time": "2026-11-22T15:04:05Z", "change": "added", "id": TWO.id, "state": "running"},
        {
            "time": "2026-11-22T15:04:05Z",
            "change": "changed",
            "id": TWO.id,
            "state": "stopping",
            "was": {"state": "running"},
        },
    ]


@pytest.mark.parametrize("format", ["json", "yaml", "ids"])
def test_what_has_no_lines_is_refused(format: str) -> None:
    with pytest.raises(UsageError) as caught:
        watch(make_screen(), view(Server, format=format), SNAPSHOTS, Query(Server))
    assert caught.value.message == f"watch has no {format} form"


LIVE = """
import os, sys, time
sys.path.insert(0, {folder!r})
from render_fakes import Server, server
from ectwo_cli.query import Query
from ectwo_cli.render.live import watch
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.view import view
screen = Screen(sys.stdin, sys.stdout, sys.stderr, os.environ)
def snapshots():
    yield [server(1), server(2)]
    screen.warn("eu-west-1 did not answer")
    yield [server(1)]
    sys.stdin.readline()
    yield [server(3)]
    time.sleep(60)
try:
    watch(screen, view(Server, columns=["id"]), snapshots(), Query(Server))
except KeyboardInterrupt:
    print("ended")
"""


def test_on_a_terminal_it_is_redrawn_until_ctrl_c() -> None:
    environ = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[3])}
    code = LIVE.format(folder=str(Path(__file__).parent))
    child = pexpect.spawn(sys.executable, ["-c", code], env=environ, encoding="utf-8", timeout=30, dimensions=(24, 100))
    child.expect(r"2 servers, .*?\(Ctrl-C ends\)")
    child.expect("warning:.*? eu-west-1 did not answer")
    child.expect(r"1 server, .*?\(Ctrl-C ends\)")
    child.send("typed\n")
    child.expect(r"1 server, .*?\(Ctrl-C ends\)")
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before)
    assert "+ i-00000000000000003" in drawn
    # What is typed meanwhile is not echoed into the table.
    assert "typed" not in drawn
    child.sendintr()
    child.expect("ended")
    assert "\x1b[?25h" in child.before
    child.expect(pexpect.EOF)
