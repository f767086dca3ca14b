"""What the engine needs of the outside: clients, one request at a time in each region, and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from ectwo_cli.records import dataclass

if TYPE_CHECKING:
    from ectwo_cli.aws.session import Account
    from ectwo_cli.fanout import Workers


class Client(Protocol):
    """EC2 (or KMS, STS) in one region: what of :class:`ectwo_cli.aws.session.Client` is used here."""

    @property
    def region(self) -> str:
        """Its name."""
        ...

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One request, with the SDK's retries."""
        ...

    def call_once(self, operation: str, **params: Any) -> dict[str, Any]:
        """One request, without: the engine waits and counts itself."""
        ...

    def pages(self, operation: str, items: str, **params: Any) -> Iterator[list[Mapping[str, Any]]]:
        """The elements at ``items``, page by page."""
        ...

    def sibling(self, *, service: str | None = None, region: str | None = None) -> Client:
        """Another service or region of the same account."""
        ...


@dataclass(frozen=True)
class Answer:
    """What came of one job: ``value``, or ``error``."""

    region: str
    value: Any = None
    error: BaseException | None = None


class Cloud(Protocol):
    """EC2 in all destinations at once."""

    def begin(self, region: str, job: Callable[[Client], Any]) -> None:
        """Start ``job`` in ``region``; the engine never has two there at a time."""
        ...

    def collect(self, patience: float) -> list[Answer]:
        """What has come in: waits for the first answer, at most ``patience`` seconds, or until woken."""
        ...


class Clock(Protocol):
    """Seconds that only go forward, and the time of day."""

    def now(self) -> float:
        """Seconds since some moment."""
        ...

    def today(self) -> datetime:
        """The time of day, with its zone."""
        ...


class RealClock:
    """The machine's."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def today(self) -> datetime:
        """UTC."""
        return datetime.now(timezone.utc)


@dataclass(frozen=True)
class AccountCloud:
    """The real one: an account's clients, each region's jobs on a worker of its own."""

    account: Account
    workers: Workers[Any]

    def begin(self, region: str, job: Callable[[Client], Any]) -> None:
        """Start ``job`` in ``region``."""
        # Everything that EC2 tells of an image is compared with its source.
        client: Client = self.account.client(region)
        self.workers.begin(region, lambda: job(client))

    def collect(self, patience: float) -> list[Answer]:
        """What has come in."""
        return [Answer(region, value, error) for region, value, error in self.workers.collect(patience)]


class Control:
    """How others stop the engine: a signal handler, another thread, a time limit. The first reason stands.

    ``wake`` ends a wait for answers; whoever has the cloud sets it.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.wake: Callable[[], None] = lambda: None

    def stop(self, reason: str) -> None:
        """``interrupt``, ``terminate``, ``timeout`` or ``credentials``: no new requests, then the summary."""
        if self.reason is None:
            self.reason = reason
        self.wake()
