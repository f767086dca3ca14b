"""A sandbox server of the tests' own, and what tests say to it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).parents[1]
ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"

# Everything that could lead a test to somebody's real account, terminal settings or files.
_FOREIGN = ("AWS_", "ECTWO_", "MOTO_", "XDG_")
_STRAY = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM", "PAGER", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Ec2:
    """A running server. Its control channel is described in ``ectwo_cli/sandbox/server.py``."""

    port: int
    pid: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def control(self, method: str, what: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, f"/_ectwo/{what}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise AssertionError(f"{method} {what}: {text.decode()}")
        return json.loads(text)

    def fault(self, operation: str, **rule: Any) -> None:
        """Add a rule: see ``ectwo_cli/sandbox/faults.py``. ``code`` is short for an ``error`` of that code."""
        code = rule.pop("code", None)
        if code:
            message, status = rule.pop("message", f"{code}."), rule.pop("status", 400)
            rule["error"] = {"code": code, "message": message, "status": status}
        self.control("POST", "faults", {"operation": operation, **rule})

    def clear_faults(self) -> None:
        self.control("DELETE", "faults")

    def calls(self, operation: str | None = None, *, region: str | None = None) -> list[dict[str, Any]]:
        """The calls since the test began or ``forget_calls``, in order."""
        return [
            call
            for call in self.control("GET", "calls")["calls"]
            if operation in (None, call["operation"]) and region in (None, call["region"])
        ]

    def counts(self) -> dict[str, int]:
        """How often each operation was called."""
        counts: dict[str, int] = self.control("GET", "calls")["counts"]
        return counts

    def forget_calls(self) -> None:
        self.control("DELETE", "calls")

    def settings(self, **values: Any) -> None:
        """Change ``Settings``; ``speed=1`` is what people have, ``speed=0`` everything at once."""
        self.control("POST", "settings", values)

    def advance(self, seconds: float) -> None:
        """Let time pass in the sandbox."""
        self.control("POST", "clock", {"advance": seconds})

    def happen(self, region: str, **what: Any) -> None:
        """Something that no call brings about: ``instance=…, impaired="system"`` and so on."""
        self.control("POST", "world", {"region": region, **what})

    def reset(self, seed_size: str | None = None) -> None:
        self.control("POST", "reset", {"seed_size": seed_size} if seed_size else {})

    def environment(self, account: str = ACCOUNT) -> dict[str, str]:
        """The AWS variables that lead a program here and nowhere else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": f"SANDBOX-{account}",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def boto(self, region: str = "us-east-1", service: str = "ec2", *, account: str = ACCOUNT) -> Any:
        """A plain boto3 client: the witness of what ectwo did."""
        return _client(self.endpoint, region, service, account)


@cache
def _session(account: str) -> boto3.session.Session:
    return boto3.session.Session(aws_access_key_id=f"SANDBOX-{account}", aws_secret_access_key="sandbox")


@cache
def _client(endpoint: str, region: str, service: str, account: str) -> Any:
    # Loading EC2's model takes longer than most tests: one session, and one client a region, for all of them.
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    return _session(account).client(service, region_name=region, endpoint_url=endpoint, config=config)


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Our environment without what is foreign to a test, with all folders of a user below ``home``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name.upper() not in _STRAY
    }
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": str(ROOT),
        "TZ": "UTC",
        **more,
    }


def start(folder: Path, *, seed_size: str = "small", speed: float = 0) -> tuple[subprocess.Popen[bytes], Ec2]:
    """A server process of its own, ready to answer. Its log is in ``folder``."""
    ready = folder / "ready.json"
    log = folder / "server.log"
    command = [sys.executable, "-m", "ectwo_cli.sandbox.server", "--port", "0", "--until-eof"]
    command += ["--ready", str(ready), "--seed-size", seed_size, "--speed", str(speed)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            # A pipe that ends with us, however that happens.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(folder),
            cwd=folder,
        )
    limit = time.monotonic() + 60
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > limit:
            process.kill()
            raise AssertionError(f"the sandbox server did not start:\n{log.read_text()}")
        time.sleep(0.02)
    return process, Ec2(int(json.loads(ready.read_text())["port"]), process.pid)


def names(reservations: Mapping[str, Any]) -> list[str]:
    """The names of a DescribeInstances answer, in its order; nameless ones are ``-``."""
    return [
        next((tag["Value"] for tag in instance.get("Tags", ()) if tag["Key"] == "Name"), "-")
        for one in reservations["Reservations"]
        for instance in one["Instances"]
    ]
