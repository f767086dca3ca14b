"""The ssh command for an instance. Pure, but for looking at what key files are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.keys import store
from ectwo_cli.keys.public import PublicKey, read_public
from ectwo_cli.records import dataclass
from ectwo_cli.services.instances import Instance

CONNECT_TIMEOUT = 10
"""Seconds that ssh tries to reach a host: a closed port does not answer at all."""


@dataclass(frozen=True)
class Way:
    """How to reach hosts, as the user said it. ``options`` are ssh's own (``Port=2222``), and go before ours."""

    user: str | None = None
    identity: Path | None = None
    port: int | None = None
    via: str | None = None
    private: bool = False
    options: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises UsageError for what ssh would take for an option, and for a key file that is not there."""
        for name, value in (("--user", self.user), ("--via", self.via)):
            if value is not None and (not value or value.startswith("-") or any(char.isspace() for char in value)):
                raise UsageError(f"bad {name} {value!r}")
        if self.identity is not None and not self.identity.is_file():
            raise UsageError(f"there is no key file {self.identity}")


@dataclass(frozen=True)
class Login:
    """One login: ``key`` None lets ssh try what it has itself; ``thrown_away``: it is Instance Connect's."""

    item: Instance
    host: str
    user: str
    key: Path | None
    thrown_away: bool = False


def host_of(item: Instance, way: Way, *, again: str) -> str:
    """The address to go to. Raises EctwoError when the instance can't be reached, and says what to do.

    ``again`` is a command line of ectwo for this instance, without its verb: ``ectwo instances VERB ...``.
    """
    name = item.name or item.id
    if item.state != "running":
        fixes = {
            "stopped": again.replace("VERB", "start", 1),
            "stopping": again.replace("VERB", "start", 1),
            "pending": f"{again.replace('VERB', 'wait', 1)} --until running",
        }
        fix = fixes.get(str(item.state))
        raise EctwoError(f"{name} is {item.state}, not running", hint=f"'{fix}'" if fix else None)
    if item.platform == "windows" and way.user is None:
        raise EctwoError(
            f"{name} runs Windows, which is logged in to with RDP",
            hint=f"its address is {item.public_ip or item.private_ip}; where OpenSSH is installed on it, say --user",
        )
    if way.via or way.private:
        if item.private_ip is None:
            raise EctwoError(f"{name} has no private address")
        return item.private_ip
    if item.public_ip is None:
        raise EctwoError(
            f"{name} has no public address",
            hint="say --via HOST to go through a machine that reaches it, or --private from within its network; "
            "'ectwo addresses associate' gives it an address",
        )
    return item.public_ip


def saved_key(key_dir: Path, item: Instance) -> Path | None:
    """The private key where ``keypairs create`` saves it; None when it is not there."""
    if item.key_name is None:
        return None
    file = store.default_file(key_dir, item.region, item.key_name)
    return file if file.is_file() else None


def key_like(public: PublicKey | None, folder: Path) -> Path | None:
    """The private key in ``folder`` whose ``.pub`` beside it is this public key: of a pair that was imported."""
    if public is None:
        return None
    try:
        candidates = sorted(folder.glob("*.pub"))
    except OSError:
        return None
    for file in candidates:
        private = file.with_suffix("")
        if private.is_file() and _public_in(file) == public.blob:
            return private
    return None


def _public_in(file: Path) -> bytes | None:
    try:
        return read_public(file.read_text(), where=str(file)).blob
    except (OSError, UnicodeDecodeError, UsageError):
        return None


def command_line(login: Login, way: Way, command: Sequence[str] = (), *, batch: bool = False) -> list[str]:
    """ssh's arguments. ``batch``: nobody is there to answer questions.

    A host is known by the instance's ID, since addresses are used again; a new one is trusted the first time.
    """
    return [
        "ssh",
        *_options(way.options),
        *(["-o", "BatchMode=yes", "-o", "LogLevel=ERROR"] if batch else []),
        *_options(
            (f"HostKeyAlias={login.item.id}", "StrictHostKeyChecking=accept-new", f"ConnectTimeout={CONNECT_TIMEOUT}")
        ),
        *(["-p", str(way.port)] if way.port is not None else []),
        *(["-i", str(login.key), "-o", "IdentitiesOnly=yes"] if login.key is not None else []),
        *(["-J", way.via] if way.via is not None else []),
        "-l",
        login.user,
        "--",
        login.host,
        *command,
    ]


def _options(options: Iterable[str]) -> list[str]:
    return [word for option in options for word in ("-o", option)]
