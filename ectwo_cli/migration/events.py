"""What a migration tells while it goes on: one frozen dataclass an event, and its JSON form.

Every event has ``at`` (UTC) and ``plan`` (the ID). :func:`as_json` gives the documents that ``-o jsonl`` prints;
their keys are added to over time, never renamed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timezone
from typing import Any, ClassVar

from ectwo_cli.records import dataclass

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Event(ABC):
    """What all events have."""

    kind: ClassVar[str]

    at: datetime
    plan: str

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """The keys of this event's own."""


@dataclass(frozen=True, kw_only=True)
class CopyStatus:
    """One copy, as the rows of a live view show it. ``percent`` is 0 to 100, ``None`` while EC2 tells none."""

    source: str
    region: str
    name: str
    id: str | None
    state: str
    percent: float | None
    bytes: int
    done_bytes: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Planned(Event):
    """The first event: how much there is to do."""

    kind = "plan"
    pairs: int
    bytes: int
    regions: tuple[str, ...]
    copies: tuple[CopyStatus, ...] = ()

    def body(self) -> dict[str, Any]:
        return {"pairs": self.pairs, "bytes": self.bytes, "regions": list(self.regions)}


@dataclass(frozen=True, kw_only=True)
class Submitted(Event):
    """EC2 has taken a copy and given it an ID."""

    kind = "submit"
    source: str
    region: str
    id: str
    attempt: int
    resource: str = "image"

    def body(self) -> dict[str, Any]:
        return {"source": self.source, "region": self.region, f"{self.resource}_id": self.id, "attempt": self.attempt}


@dataclass(frozen=True, kw_only=True)
class Progress(Event):
    """Where one destination is; ``rate`` in bytes a second and ``eta`` in seconds, both ``None`` while unknown.

    ``slots`` are the copies in flight and the most that may be. ``seen`` is when EC2 last answered there. ``copies``
    (all of the destination) is for views in the same process and left out of the JSON form.
    """

    kind = "progress"
    region: str
    done_bytes: int
    bytes: int
    counts: Mapping[str, int]
    rate: float | None = None
    eta: float | None = None
    slots: tuple[int, int] = (0, 0)
    seen: datetime | None = None
    copies: tuple[CopyStatus, ...] = ()

    def body(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "done_bytes": self.done_bytes,
            "bytes": self.bytes,
            "pairs": dict(self.counts),
            "rate": None if self.rate is None else round(self.rate),
            "eta": None if self.eta is None else round(self.eta),
            "slots": list(self.slots),
        }


@dataclass(frozen=True, kw_only=True)
class StateChanged(Event):
    """A copy went from one state to another."""

    kind = "state"
    source: str
    region: str
    id: str | None
    before: str
    after: str
    reason: str | None = None
    resource: str = "image"

    def body(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "source": self.source,
            "region": self.region,
            f"{self.resource}_id": self.id,
            "from": self.before,
            "to": self.after,
        }
        return told if self.reason is None else told | {"reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Waiting(Event):
    """A destination can't take more now. ``why`` is ``slots``, ``throttled`` or ``unreachable``."""

    kind = "wait"
    region: str
    why: str
    limit: int | None
    pending: int
    queued: int

    def body(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "why": self.why,
            "limit": self.limit,
            "pending": self.pending,
            "queued": self.queued,
        }


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """Something was refused. ``reaction`` is that of :class:`~ectwo_cli.migration.classify.Reaction`; ``source`` is
    ``None`` for a region.
    """

    kind = "error"
    source: str | None
    region: str
    code: str
    reaction: str
    message: str
    fix: str | None

    def body(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "region": self.region,
            "code": self.code,
            "class": self.reaction,
            "message": self.message,
            "fix": self.fix,
        }


@dataclass(frozen=True, kw_only=True)
class Verified(Event):
    """The copy was compared with its source; ``diff`` names what differs."""

    kind = "verify"
    source: str
    region: str
    ok: bool
    diff: tuple[str, ...]

    def body(self) -> dict[str, Any]:
        return {"source": self.source, "region": self.region, "ok": self.ok, "diff": list(self.diff)}


@dataclass(frozen=True, kw_only=True)
class Noted(Event):
    """Something to know that is not an error: a stalled copy, a duplicate, a launched instance."""

    kind = "note"
    source: str | None
    region: str
    message: str

    def body(self) -> dict[str, Any]:
        return {"source": self.source, "region": self.region, "message": self.message}


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one pair ended."""

    source: str
    destination: str
    name: str
    id: str | None
    snapshots: tuple[Mapping[str, Any], ...]
    action: str
    state: str
    seconds: float | None
    attempts: int
    reason: str | None
    fix: str | None
    verify: tuple[str, ...] | None
    bytes: int = 0
    encryption: str = "plain"
    problems: tuple[str, ...] = ()
    instance_id: str | None = None

    def as_json(self, resource: str) -> dict[str, Any]:
        """One element of ``pairs`` in the final document."""
        return {
            "source": self.source,
            "destination": self.destination,
            "name": self.name,
            f"{resource}_id": self.id,
            "snapshots": [dict(snapshot) for snapshot in self.snapshots],
            "bytes": self.bytes,
            "encryption": self.encryption,
            "action": self.action,
            "state": self.state,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "attempts": self.attempts,
            "reason": self.reason,
            "fix": self.fix,
            "verify": None if self.verify is None else {"ok": not self.verify, "diff": list(self.verify)},
            "problems": list(self.problems),
            "instance_id": self.instance_id,
        }


@dataclass(frozen=True, kw_only=True)
class Summary(Event):
    """The last event. ``stopped`` says why watching ended early: ``interrupt``, ``terminate``, ``timeout``,
    ``credentials``, ``detach``, or ``None`` when everything came to an end. ``resume`` is the command to take it up
    again, where there is a need."""

    kind = "summary"
    done: int
    skipped: int
    failed: int
    detached: int
    queued: int
    flawed: int
    stopped: str | None
    resume: str | None
    resource: str = "image"
    results: tuple[Result, ...] = field(default=())

    def body(self) -> dict[str, Any]:
        return {**self.totals(), "stopped": self.stopped, "resume": self.resume}

    def totals(self) -> dict[str, int]:
        """How many pairs ended how; ``queued`` were never started, ``flawed`` are done but for a step or a
        difference.
        """
        return {
            "done": self.done,
            "skipped": self.skipped,
            "failed": self.failed,
            "detached": self.detached,
            "queued": self.queued,
            "flawed": self.flawed,
        }

    def document(self) -> dict[str, Any]:
        """The final document of ``-o json``."""
        return {
            "plan": self.plan,
            "pairs": [result.as_json(self.resource) for result in self.results],
            "totals": self.totals(),
            "stopped": self.stopped,
            "resume": self.resume,
        }

    def exit_code(self) -> int:
        """The exit code of the command-line contract."""
        if self.stopped == "interrupt":
            return 130
        if self.stopped == "terminate":
            return 143
        if self.stopped in {"timeout", "credentials"}:
            return 8
        if self.stopped == "detach" and self.queued and not self.failed:
            return 8
        good = self.done + self.skipped + self.detached
        if self.failed:
            return 6 if good else 1
        return 6 if self.flawed else 0


def as_json(event: Event) -> dict[str, Any]:
    """The JSON form: ``v``, ``ts``, ``plan``, ``event``, then the event's own keys."""
    stamp = event.at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"v": VERSION, "ts": stamp, "plan": event.plan, "event": event.kind, **event.body()}
