"""Finding, starting and stopping the sandbox, whatever was left behind before."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.sandbox import control
from tests.ec2 import clean_environment


@pytest.fixture
def state(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state folder of a user who has no sandbox yet; whatever is started is stopped."""
    for name, value in clean_environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(control, "PORT", free_port())
    yield home / "state" / "ectwo" / "sandbox"
    control.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stranger(http.server.BaseHTTPRequestHandler):
    """Another program with a server of its own. It remembers who came."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        body = json.dumps({"boot": "mine", "pid": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[tuple[int, list[str]]]:
    """Its port, and the paths that it was asked for."""
    seen: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Stranger,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield int(server.server_address[1]), seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_start_find_stop(state: Path) -> None:
    assert control.status() is None
    box = control.start(None, "empty")
    assert (box.port, box.seed_size, box.endpoint) == (control.PORT, "empty", f"http://127.0.0.1:{control.PORT}")
    assert control.status() == control.ensure() == control.start(None, "large") == box
    assert os.getsid(box.pid) == box.pid, "it has a session of its own, so that no terminal ends it"
    with pytest.raises(UsageError, match=f"runs already, on port {box.port}"):
        control.start(free_port(), "empty")
    assert control.reset("small").seed_size == "small"
    assert control.stop() == control.Sandbox(**{**box.__dict__, "seed_size": "small"})
    assert (control.status(), control.stop()) == (None, None)
    assert sorted(path.name for path in state.iterdir()) == ["lock", "server.log"]


def test_a_server_that_was_killed(state: Path) -> None:
    first = control.start(None, "empty")
    os.kill(first.pid, signal.SIGKILL)
    limit = time.monotonic() + 10
    while control.status() is not None and time.monotonic() < limit:
        time.sleep(0.01)
    second = control.start(None, "empty")
    assert (second.boot == first.boot, control.status()) == (False, second)


@pytest.mark.parametrize(
    "left",
    [
        "",
        "{",
        "[]",
        '{"boot": "x"}',
        '{"boot": "x", "pid": 1, "port": 1}',
        '{"boot": "x", "pid": 1, "port": "eighty"}',
    ],
)
def test_a_file_that_is_worth_nothing(state: Path, left: str) -> None:
    state.mkdir(parents=True)
    (state / "server.json").write_text(left)
    assert control.status() is None
    assert control.stop() is None
    assert not (state / "server.json").exists()


def test_a_stranger_at_the_port(state: Path, stranger: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    port, seen = stranger
    state.mkdir(parents=True)
    (state / "server.json").write_text(json.dumps({"boot": "ours", "pid": os.getpid(), "port": port}))
    assert control.status() is None
    assert control.stop() is None, "what is not ours is not stopped"
    assert set(seen) == {"/_ectwo/health"}
    with pytest.raises(UsageError, match=f"port {port} is taken by another program"):
        control.start(port, "empty")
    monkeypatch.setattr(control, "PORT", port)
    assert control.start(None, "empty").port != port


def test_two_at_once_get_the_same(state: Path, home: Path) -> None:
    command = [sys.executable, "-m", "ectwo_cli", "sandbox", "start", "--seed-size", "empty", "--quiet"]
    runs = [subprocess.Popen(command, env=clean_environment(home), stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {run.communicate(timeout=120)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0, 0]
    box = control.status()
    assert box is not None
    assert said == {f"{box.endpoint}\n"}


def test_without_moto(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "moto" else find(name))
    with pytest.raises(UsageError) as caught:
        control.ensure()
    assert (caught.value.message, caught.value.hint) == (
        "the sandbox needs moto, which is not installed",
        "pip install 'ectwo[sandbox]'",
    )


def test_a_state_folder_that_can_not_be_made(home: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "file"))
        with pytest.raises(Exception, match="can't be made"):
            control.start(None, "empty")


def test_nothing_heavy_to_find_it() -> None:
    code = (
        "import sys, ectwo_cli.sandbox.control; print([m for m in sys.modules if m in {'moto', 'botocore', 'boto3'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_sandbox_is_all_that_is_asked(state: Path, home: Path, stranger: tuple[int, list[str]]) -> None:
    """A user's own account, endpoint, proxy and profile are all out of reach of --sandbox."""
    port, seen = stranger
    trap = f"http://127.0.0.1:{port}"
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(
        f"[default]\nregion = eu-north-1\nendpoint_url = {trap}\n[profile work]\nendpoint_url = {trap}\n"
    )
    (home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"
    )
    environment = clean_environment(
        home,
        AWS_ENDPOINT_URL=trap,
        AWS_ENDPOINT_URL_EC2=trap,
        AWS_PROFILE="work",
        AWS_USE_FIPS_ENDPOINT="true",
        AWS_ACCESS_KEY_ID="AKIAREAL",
        AWS_SECRET_ACCESS_KEY="real",
        AWS_SESSION_TOKEN="real",
        HTTP_PROXY=trap,
        http_proxy=trap,
    )
    box = control.start(None, "small")
    done = subprocess.run(
        [sys.executable, "-m", "ectwo_cli", "instances", "find", "--sandbox", "-o", "ids", "--name", "web-?"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 8)
    assert seen == []
    calls = control.ask(box.port, "GET", "calls")["calls"]
    assert {call["account"] for call in calls} == {"123456789012"}


def test_the_variables(state: Path) -> None:
    box = control.Sandbox(pid=1, port=5577, seed_size="small", started_at=0.0, boot="x", log=state)
    variables = box.environment()
    assert {name for name, value in variables.items() if value == "http://127.0.0.1:5577"} == {
        "AWS_ENDPOINT_URL",
        *(f"AWS_ENDPOINT_URL_{name}" for name in ("EC2", "STS", "SSM", "PRICING", "KMS", "IAM")),
        *(f"AWS_ENDPOINT_URL_{name}" for name in ("SERVICE_QUOTAS", "AUTO_SCALING", "EC2_INSTANCE_CONNECT")),
    }
    assert variables["AWS_ACCESS_KEY_ID"] == "SANDBOX-123456789012"
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
