"""What tests share: one sandbox server for each worker, reset before each test that uses it, and ways to run ectwo."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ec2 import ROOT, Ec2, clean_environment, start


@dataclass(frozen=True)
class Run:
    """How a run of ectwo ended."""

    code: int
    out: str
    err: str


Ectwo = Callable[..., Run]


@pytest.fixture(scope="session")
def ec2_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ec2]:
    """A sandbox server: small fleet, every change done by the next request. Use ``ec2``, which resets it."""
    process, server = start(tmp_path_factory.mktemp("ec2"))
    yield server
    assert process.stdin is not None
    process.stdin.close()
    process.wait(10)


@pytest.fixture
def ec2(ec2_server: Ec2) -> Ec2:
    """The server as it was at first: its fleet anew, no faults, no calls, everything instant."""
    ec2_server.reset()
    return ec2_server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home folder, with nothing in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def user(ec2: Ec2, home: Path, monkeypatch: pytest.MonkeyPatch) -> Ec2:
    """This process as a user whose AWS is the sandbox server, without any configuration."""
    environment = clean_environment(home, **ec2.environment())
    for name in set(os.environ) - set(environment) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return ec2


@pytest.fixture
def ectwo(ec2: Ec2, home: Path) -> Ectwo:
    """Run ectwo as a process: ``ectwo("instances", "find", stdin="", timeout=60, AWS_REGION="eu-west-1")``."""

    def run(*arguments: str, stdin: str = "", timeout: float = 60, **environment: str) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "ectwo_cli", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=home,
            env=clean_environment(home, **ec2.environment(), **environment),
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def ectwo_here(user: Ec2, monkeypatch: pytest.MonkeyPatch) -> Ectwo:
    """Run ectwo in this process, which is several times faster: no terminal, nothing shared between runs."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Run:
        from ectwo_cli.main import main

        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = main(list(arguments))
        return Run(code, out.getvalue(), err.getvalue())

    return run


__all__ = ["ROOT", "Ectwo", "Run"]
