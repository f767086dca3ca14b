"""Migrations to look at: the plan, bars and lines while they go on, what they came to."""

from __future__ import annotations

from typing import Any

import pytest
from render_fakes import NOW, make_screen

from ectwo_cli.migration import events
from ectwo_cli.render.migration import Watching, show_summary, size

GIB = 1024**3


def status(region: str, name: str, state: str, percent: float | None = None, **more: Any) -> events.CopyStatus:
    return events.CopyStatus(
        source=f"us-east-1/ami-{name}",
        region=region,
        name=name,
        id=None if state == "queued" else f"ami-{name:0>17}",
        state=state,
        percent=percent,
        bytes=GIB,
        done_bytes=0,
        **more,
    )


def planned(*copies: events.CopyStatus) -> events.Planned:
    return events.Planned(at=NOW, plan="m1", pairs=len(copies), bytes=GIB, regions=("us-west-2",), copies=copies)


def progress(region: str, done: float, counts: tuple[int, int, int, int], **more: Any) -> events.Progress:
    named = dict(zip(("copying", "queued", "done", "failed"), counts, strict=True))
    return events.Progress(
        at=NOW, plan="m1", region=region, done_bytes=int(done * GIB), bytes=10 * GIB, counts=named, **more
    )


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drawn(view: Watching, width: int, height: int = 40) -> list[str]:
    return ["".join(cell.text for cell in line).rstrip() for line in view.lines(width, height)]


def view_of(*told: events.Event, clock: Clock | None = None, color: bool = True) -> Watching:
    environ = {"NO_COLOR": ""} if color else {}
    view = Watching(make_screen(err=True, environ=environ), clock=clock or Clock())
    for event in told:
        view.take(event)
    return view


MANY = [status("us-west-2", f"web-{n}", "queued") for n in range(13)]


def test_a_bar_for_each_destination_lined_up() -> None:
    view = view_of(
        planned(*MANY),
        progress("us-west-2", 5, (4, 6, 2, 0), rate=50 * 1024**2, eta=102.4, slots=(4, 50)),
        progress("eu-central-1", 10, (0, 0, 11, 1), slots=(0, 50)),
    )
    assert drawn(view, 79) == [
        "us-west-2    ━━━━━━━━━━━━━━━━━━━━━   50%   2/12            1m42s left  50 MiB/s",
        "eu-central-1 ━━━━━━━━━━━━━━━━━━━━━  100%  11/12  1 failed",
    ]
    wide = drawn(view, 199)
    assert wide == [
        f"us-west-2    {'━' * 40}   50%   2/12            1m42s left  50 MiB/s  5.0 GiB of 10.0 GiB  slots 4/50",
        f"eu-central-1 {'━' * 40}  100%  11/12  1 failed",
    ]
    assert all(len(line) <= 79 for line in drawn(view, 79))


def test_a_row_for_each_copy_when_they_are_few() -> None:
    view = view_of(
        planned(status("us-west-2", "web-1", "queued"), status("us-west-2", "data", "queued")),
        progress(
            "us-west-2",
            5,
            (1, 0, 0, 1),
            copies=(
                status("us-west-2", "web-1", "copying", 50.0),
                status("us-west-2", "data", "failed", reason="Given key ID is not accessible"),
            ),
        ),
    )
    assert drawn(view, 100)[1:] == [
        "  ⠋ web-1  ami-000000000000web-1   50%  copying",
        "  ✗ data   ami-0000000000000data        failed  Given key ID is not accessible",
    ]


def test_between_two_looks_the_bar_goes_on_and_never_past_the_next_percent() -> None:
    clock = Clock()
    view = view_of(planned(*MANY), progress("us-west-2", 5, (1, 0, 0, 0), rate=GIB / 100, slots=(1, 1)), clock=clock)
    shown = []
    for clock.now in (0.0, 5.0, 1000.0):
        shown.append(drawn(view, 120)[0].split("  ")[-2].strip())
    assert shown == ["5.0 GiB of 10.0 GiB", "5.0 GiB of 10.0 GiB", "5.1 GiB of 10.0 GiB"]


def test_a_destination_that_waits_says_so() -> None:
    wait = events.Waiting(at=NOW, plan="m1", region="us-west-2", why="slots", limit=2, pending=2, queued=3)
    view = view_of(planned(*MANY), progress("us-west-2", 0, (2, 3, 0, 0), slots=(2, 2)), wait)
    assert "waiting for a slot" in drawn(view, 120)[0]
    view.take(progress("us-west-2", 0, (1, 3, 1, 0), slots=(1, 2)))
    assert "waiting for a slot" not in drawn(view, 120)[0]


def test_more_destinations_than_lines() -> None:
    view = view_of(planned(*MANY), *(progress(f"us-west-{n}", 0, (1, 0, 0, 0)) for n in range(6)))
    lines = drawn(view, 80, 4)
    assert (len(lines), lines[-1]) == (4, "and 3 more regions")


def test_off_a_terminal_a_line_a_change_and_a_heartbeat() -> None:
    clock = Clock()
    screen = make_screen()
    with Watching(screen, clock=clock) as view:
        view.take(planned(status("us-west-2", "web\x1b[31m", "queued")))
        change: dict[str, Any] = {"at": NOW, "plan": "m1", "source": "us-east-1/ami-web\x1b[31m", "region": "us-west-2"}
        view.take(events.StateChanged(**change, id="ami-1", before="queued", after="pending"))
        view.take(progress("us-west-2", 5, (1, 0, 0, 0), rate=50 * 1024**2, eta=102.4))
        clock.now = 61.0
        view.take(progress("us-west-2", 6, (1, 0, 0, 0), rate=50 * 1024**2, eta=102.4))
        view.take(events.StateChanged(**change, id="ami-1", before="copying", after="failed", reason="no"))
    assert screen.err.splitlines() == [
        r"us-west-2: web\x1b[31m (ami-1): pending",
        "us-west-2: 0/1, 60%, 50 MiB/s, 1m42s left",
        r"us-west-2: web\x1b[31m (ami-1): failed (no)",
    ]


def test_quiet_says_nothing_meanwhile() -> None:
    screen = make_screen(quiet=True)
    with Watching(screen) as view:
        view.take(planned(status("us-west-2", "web", "queued")))
        view.take(progress("us-west-2", 5, (1, 0, 0, 0)))
    assert (screen.out, screen.err) == ("", "")


def summary(*results: events.Result, **more: Any) -> events.Summary:
    counts = {"done": 0, "skipped": 0, "failed": 0, "detached": 0, "queued": 0, "flawed": 0}
    return events.Summary(
        at=NOW, plan="m1", **{**counts, "stopped": None, "resume": None, **more}, results=results
    )  # fmt: skip


def result(state: str, **more: Any) -> events.Result:
    plain: dict[str, Any] = {
        "source": "us-east-1/ami-1",
        "destination": "us-west-2",
        "name": "web",
        "id": None,
        "snapshots": (),
        "action": "copy",
        "seconds": None,
        "attempts": 1,
        "reason": None,
        "fix": None,
        "verify": None,
    }
    return events.Result(state=state, **{**plain, **more})


def test_what_it_came_to() -> None:
    screen = make_screen()
    last = summary(
        result(
            "done", bytes=GIB, verify=("EnaSupport: False instead of True",), problems=("tags of ami-1: Denied: no",)
        ),
        result("failed", reason="snap-1: Given key ID is not accessible", fix="allow it"),
        result("detached", id="ami-2"),
        result("queued"),
        done=1,
        failed=1,
        detached=1,
        queued=1,
        flawed=1,
        stopped="timeout",
        resume="ectwo images migrate --resume m1",
    )
    show_summary(screen, last, 61)
    assert screen.err.splitlines() == [
        "error: web to us-west-2: tags of ami-1: Denied: no",
        "error: web to us-west-2: differs from its source: EnaSupport: False instead of True",
        "error: web to us-west-2: snap-1: Given key ID is not accessible",
        "hint: allow it",
        "1 done, 1 failed, 1 detached, 1 queued, 1 flawed, 1.0 GiB in 1m01s",
        "the time is up; copies that have been started go on in EC2",
        "  in flight: us-west-2/ami-2 web (us-east-1/ami-1)",
        "  not started: web (us-east-1/ami-1) to us-west-2",
        "hint: to take it up again: ectwo images migrate --resume m1",
    ]


@pytest.mark.parametrize(
    ("counts", "stopped", "code"),
    [
        ({"done": 2}, None, 0),
        ({"skipped": 2}, None, 0),
        ({"done": 1, "failed": 1}, None, 6),
        ({"done": 1, "flawed": 1}, None, 6),
        ({"failed": 2}, None, 1),
        ({"detached": 2}, "interrupt", 130),
        ({"detached": 2}, "terminate", 143),
        ({"detached": 2}, "timeout", 8),
        ({"detached": 2}, "credentials", 8),
        ({"detached": 2}, "detach", 0),
        ({"detached": 2, "queued": 1}, "detach", 8),
    ],
)
def test_exit_codes(counts: dict[str, int], stopped: str | None, code: int) -> None:
    assert summary(stopped=stopped, **counts).exit_code() == code


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1536, "2 KiB"), (GIB // 2, "512 MiB"), (1.5 * GIB, "1.5 GiB"), (2048 * GIB, "2.0 TiB")],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text
