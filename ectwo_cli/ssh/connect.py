"""Run ssh: one with the terminal, or many at once whose output is read."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import IO

from ectwo_cli.errors import EctwoError
from ectwo_cli.records import dataclass

FAILED = 255
"""The code of ssh when it did not come to the command at all."""


@dataclass(frozen=True)
class Line:
    """A line of a remote command's output, without its end; ``error``: it was on stderr."""

    text: str
    error: bool


@dataclass(frozen=True)
class End:
    """The remote command's code, or ssh's own."""

    code: int


def run(arguments: Sequence[str]) -> int:
    """Run ssh on this terminal; gives its code, 130 after Ctrl-C. Raises EctwoError where there is no ssh."""
    interrupted = False

    def note(*_: object) -> None:
        nonlocal interrupted
        interrupted = True

    # Ctrl-C is for the remote command. A handler, not SIG_IGN: ssh would inherit that.
    before = signal.signal(signal.SIGINT, note)
    try:
        with _started(arguments) as process:
            code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted and code in (FAILED, -signal.SIGINT):
        return 130
    return code if code >= 0 else 128 - code


@dataclass
class Running:
    """The ssh processes of many hosts, so that all can be ended."""

    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def lines(self, arguments: Sequence[str]) -> Iterator[Line | End]:
        """Run ssh with nothing on stdin: its output line by line, then its end."""
        process = _started(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.processes.append(process)
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            yield from _lines(process.stdout, process.stderr)
            code = process.wait()
        yield End(code if code >= 0 else 128 - code)

    def stop(self) -> None:
        """End those that still run."""
        for process in self.processes:
            with contextlib.suppress(OSError):
                process.terminate()


def answers(host: str, port: int, *, seconds: float = 3.0) -> bool:
    """Whether an SSH server greets there; some networks take any connection, and then say nothing."""
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            connection.settimeout(seconds)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _started(
    arguments: Sequence[str], *, stdin: int | None = None, stdout: int | None = None, stderr: int | None = None
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(arguments, stdin=stdin, stdout=stdout, stderr=stderr)
    except FileNotFoundError:
        raise EctwoError("there is no ssh on this machine", hint="install OpenSSH's client") from None


def _lines(stdout: IO[bytes], stderr: IO[bytes]) -> Iterator[Line]:
    rest = {False: b"", True: b""}
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ, False)
        selector.register(stderr, selectors.EVENT_READ, True)
        while selector.get_map():
            for key, _ in selector.select():
                data = key.fileobj.read1(65536)  # type: ignore[union-attr]
                if not data:
                    selector.unregister(key.fileobj)
                    continue
                *whole, rest[key.data] = (rest[key.data] + data).split(b"\n")
                for each in whole:
                    yield _line(each, error=key.data)
    for error, left in rest.items():
        if left:
            yield _line(left, error=error)


def _line(data: bytes, *, error: bool) -> Line:
    return Line(data.removesuffix(b"\r").decode("utf-8", "replace"), error)
