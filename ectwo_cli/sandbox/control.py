"""Finding, starting and stopping the sandbox's server. Light: neither moto nor botocore is imported here.

The server is a process of its own that outlives the terminal. What is known of it is in one file in the user's state
folder, and is believed only when the server at that port says the same ``boot``: a stale file, a process that died, a
process ID that another has now, a stranger on the port all fail that.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.records import dataclass

if TYPE_CHECKING:
    import subprocess

HOST = "127.0.0.1"
PORT = 5577
"""Where the sandbox is when nobody says otherwise; when that is taken, it takes another."""

SEED_SIZE = "medium"
ACCESS_KEY = "SANDBOX-123456789012"
"""No key of AWS has a hyphen."""

SECRET_KEY = "sandbox"
REGION = "us-east-1"

UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_CA_BUNDLE",
)
"""Variables that would lead an AWS program elsewhere, and that have no harmless value."""

_SERVICES = (
    "EC2",
    "STS",
    "SSM",
    "PRICING",
    "KMS",
    "IAM",
    "SERVICE_QUOTAS",
    "AUTO_SCALING",
    "EC2_INSTANCE_CONNECT",
)

_PATIENCE = 60.0
"""How long a start may take, in seconds. One takes two; on a busy machine many times that."""

_PORT_TAKEN = 98


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. ``started_at`` is in seconds since the epoch, ``log`` the server's log file."""

    pid: int
    port: int
    seed_size: str
    started_at: float
    boot: str
    log: Path

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that send any AWS program here, with credentials that are none.

        The variables of ``UNSET`` have to be out of the way too.
        """
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            **{f"AWS_ENDPOINT_URL_{name}": self.endpoint for name in _SERVICES},
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": f"{HOST},localhost",
            "no_proxy": f"{HOST},localhost",
        }


def ensure() -> Sandbox:
    """The running sandbox, or a new one. Raises EctwoError when none can be started."""
    return status() or start(None, SEED_SIZE)


def status() -> Sandbox | None:
    """The running sandbox, if there is one."""
    try:
        note = json.loads(_note().read_text())
        port, boot = int(note["port"]), str(note["boot"])
        health = ask(port, "GET", "health", patience=5.0)
        if health["boot"] != boot:
            return None
        return Sandbox(
            pid=int(health["pid"]),
            port=port,
            seed_size=str(health["seed_size"]),
            started_at=float(health["started_at"]),
            boot=boot,
            log=_log(),
        )
    except (OSError, ValueError, KeyError, TypeError):
        # No file, half a file, nobody at the port, or somebody else: all mean that ours does not run.
        return None


def start(port: int | None = None, seed_size: str = SEED_SIZE) -> Sandbox:
    """Start a sandbox, or find the one that runs.

    ``port`` None is ``PORT``, or another one when that is taken. Raises UsageError when moto is not installed, when the
    port asked for is taken, or when one runs already at another port or with another fleet; EctwoError when it fails.
    """
    _check_installed()
    with _lock():
        running = status()
        if running is not None:
            return _same(running, port, seed_size)
        _note().unlink(missing_ok=True)
        found = _spawn(PORT if port is None else port, seed_size)
        if found is None and port is None:
            found = _spawn(0, seed_size)
        if found is None:
            raise UsageError(f"port {port} is taken by another program", hint="without --port, a free one is found")
        return found


def stop() -> Sandbox | None:
    """Stop the sandbox that runs. Gives what was stopped; None when none runs. Raises EctwoError when it won't end."""
    with _lock():
        running = status()
        if running is None:
            _note().unlink(missing_ok=True)
            return None
        ask(running.port, "POST", "stop")
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            if status() is None:
                _note().unlink(missing_ok=True)
                return running
            time.sleep(0.02)
        raise EctwoError(f"the sandbox (process {running.pid}) does not end", hint=f"its log is {running.log}")


def reset(seed_size: str | None = None) -> Sandbox:
    """Make the fleet of the sandbox anew, starting it if none runs."""
    running = status()
    if running is None:
        return start(None, seed_size or SEED_SIZE)
    ask(running.port, "POST", "reset", {"seed_size": seed_size} if seed_size else {}, patience=_PATIENCE)
    return status() or running


def ask(port: int, method: str, what: str, body: Any = None, *, patience: float = 30.0) -> Any:
    """Talk to a sandbox's control channel. Raises OSError when nobody is there, ValueError when it is no sandbox."""
    import http.client

    connection = http.client.HTTPConnection(HOST, port, timeout=patience)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, f"/_ectwo/{what}", data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as problem:
        raise ValueError(f"the program at port {port} is not the sandbox") from problem
    finally:
        connection.close()
    if response.status != 200:
        raise ValueError(text.decode(errors="replace").strip())
    return json.loads(text)


def _same(running: Sandbox, port: int | None, seed_size: str) -> Sandbox:
    if port not in (None, 0, running.port):
        raise UsageError(f"the sandbox runs already, on port {running.port}", hint="stop it first: ectwo sandbox stop")
    return running


def _folder() -> Path:
    import platformdirs

    folder = Path(platformdirs.user_state_dir("ectwo")) / "sandbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise EctwoError(
            f"the state folder {folder} can't be made: {problem.strerror}", hint="set XDG_STATE_HOME to one that can"
        ) from problem
    return folder


def _note() -> Path:
    return _folder() / "server.json"


def _log() -> Path:
    return _folder() / "server.log"


@contextmanager
def _lock() -> Iterator[None]:
    """One at a time: two commands that start the sandbox at once get the same one."""
    path = _folder() / "lock"
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)


def _check_installed() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("moto", "werkzeug", "xmltodict", "cryptography") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the sandbox needs {', '.join(missing)}, which is not installed",
            hint="pip install 'ectwo[sandbox]'",
        )


def _spawn(port: int, seed_size: str) -> Sandbox | None:
    """A new server at that port (0: any); None when the port is taken. Raises EctwoError when it does not come up."""
    import subprocess
    import uuid

    boot = uuid.uuid4().hex
    log = _log()
    command = [sys.executable, "-m", "ectwo_cli.sandbox.server", "--port", str(port), "--seed-size", seed_size]
    command += ["--ready", str(_note()), "--boot", boot]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
            start_new_session=True,
            cwd=_folder(),
            env=_server_environment(),
        )
    limit = time.monotonic() + _PATIENCE
    while time.monotonic() < limit:
        found = status()
        if found is not None and found.boot == boot:
            _forget(process)
            return found
        code = process.poll()
        if code == _PORT_TAKEN:
            return None
        if code is not None:
            last = log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise EctwoError(f"the sandbox did not start: {last or f'exit code {code}'}", hint=f"its log is {log}")
        time.sleep(0.03)
    process.kill()
    process.wait()
    raise EctwoError(f"the sandbox did not start within {_PATIENCE:.0f} seconds", hint=f"its log is {log}")


def _forget(process: subprocess.Popen[bytes]) -> None:
    # Popen warns when it is dropped while its process runs; that this one runs on is the point.
    process.returncode = 0


def _server_environment() -> dict[str, str]:
    """Ours, without anything of AWS: the server has no business there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "ECTWO_"))}
    here = str(Path(__file__).resolve().parents[2])
    path = [part for part in kept.get("PYTHONPATH", "").split(os.pathsep) if part]
    kept["PYTHONPATH"] = os.pathsep.join([here, *(part for part in path if part != here)])
    return kept
