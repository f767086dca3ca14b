"""Values as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from render_fakes import NOW

from ectwo_cli.render.values import ago, elapsed, exact, human, state_style


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0, "0s ago", "0s"),
        (119, "119s ago", "119s"),
        (120, "2m ago", "2m"),
        (7199, "119m ago", "119m"),
        (7200, "2h ago", "2h"),
        (3 * 86400, "3d ago", "3d"),
        (59 * 86400, "59d ago", "59d"),
        (60 * 86400, "2mo ago", "2mo"),
        (800 * 86400, "2y ago", "2y"),
        (-3 * 86400, "in 3d", "+3d"),
        (-0.2, "0s ago", "0s"),
    ],
)
def test_ages(seconds: float, long: str, short: str) -> None:
    moment = NOW - timedelta(seconds=seconds)
    assert (ago(moment, NOW), ago(moment, NOW, short=True)) == (long, short)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        ({}, "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", "b\x1b"], r"a, b\x1b"),
        ({"env": "dev", "k\n": "v\x9b"}, r"env=dev, k\n=v\x9b"),
        ([{"protocol": "tcp", "port": 22, "note": None}, {"protocol": "udp"}], "tcp 22, udp"),
        (NOW - timedelta(days=3), "3d ago"),
    ],
)
def test_values_in_a_table(value: object, text: str) -> None:
    assert human(value, NOW) == text


def test_a_time_where_there_is_room() -> None:
    assert exact(NOW - timedelta(days=3), NOW) == "2026-11-19T15:04:05Z (3d ago)"


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0s"), (59, "59s"), (67, "1m07s"), (7500, "2h05m")])
def test_time_spent(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_states_have_colors_and_other_words_none() -> None:
    assert [state_style("state", word) for word in ("running", "stopping", "failed", "stopped", "new-one")] == [
        "green",
        "yellow",
        "red",
        "dim",
        "",
    ]
    assert state_style("name", "running") == ""
    assert state_style("opt_in_status", "opted-in") == "green"
