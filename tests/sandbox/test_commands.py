"""``ectwo sandbox``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ectwo_cli.sandbox import control
from tests.conftest import Ectwo
from tests.sandbox.test_control import free_port


@pytest.fixture
def alone(ectwo_here: Ectwo, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ectwo]:
    """ectwo for a user who has no sandbox yet."""
    monkeypatch.setattr(control, "PORT", free_port())
    yield ectwo_here
    control.stop()


def test_a_life(alone: Ectwo, home: Path) -> None:
    log = home / "state" / "ectwo" / "sandbox" / "server.log"
    run = alone("sandbox", "status")
    assert (run.code, run.out, run.err) == (
        3,
        "",
        "error: the sandbox is not running\nhint: ectwo sandbox start\n",
    )
    run = alone("sandbox", "start", "--seed-size", "small")
    box = control.status()
    assert box is not None
    where = f"small fleet, process {box.pid}, log {log}\n"
    assert (run.code, run.out, run.err) == (0, f"{box.endpoint}\n", f"started: {where}")
    run = alone("sandbox", "start")
    assert (run.code, run.out, run.err) == (0, f"{box.endpoint}\n", f"runs already: {where}")
    run = alone("sandbox", "status")
    assert (run.code, run.out.splitlines()[:4]) == (
        0,
        [f"endpoint\t{box.endpoint}", f"pid\t{box.pid}", f"port\t{box.port}", "seed_size\tsmall"],
    )
    assert set(json.loads(alone("sandbox", "status", "--json").out)) == {
        "endpoint",
        "pid",
        "port",
        "seed_size",
        "started_at",
        "log",
    }
    run = alone("sandbox", "env")
    assert run.out.splitlines()[:2] == [
        "unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SECURITY_TOKEN AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT "
        "AWS_CA_BUNDLE",
        f"export AWS_ENDPOINT_URL={box.endpoint}",
    ]
    assert f"set -gx AWS_ENDPOINT_URL {box.endpoint}" in alone("sandbox", "env", "--shell", "fish").out.splitlines()
    words = alone("sandbox", "env", "--shell", "powershell").out.splitlines()
    assert f"$Env:AWS_ENDPOINT_URL = '{box.endpoint}'" in words
    run = alone("sandbox", "reset", "--seed-size", "empty")
    assert (run.code, run.err) == (0, f"reset: empty fleet, process {box.pid}, log {log}\n")
    run = alone("sandbox", "stop")
    assert (run.code, run.out, run.err) == (0, "", f"stopped (process {box.pid})\n")
    run = alone("sandbox", "stop")
    assert (run.code, run.out, run.err) == (0, "", "the sandbox was not running\n")


def test_a_size_that_is_none(alone: Ectwo) -> None:
    run = alone("sandbox", "start", "--seed-size", "huge")
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(
        "error: invalid value for '--seed-size': 'huge' is not one of 'small', 'medium', 'large', 'empty'\n"
    )
