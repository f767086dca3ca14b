"""The state of one copy, and what an observation makes of it: pure.

::

    queued -> submitting -> pending -> copying -> finalizing -> available -> finishing -> verifying -> done
      ^           |            |          |            |                        |
      |        unsure          +----------+------------+--> clearing            +-> done, with problems
      |           |                       |                    |
      +-----------+-----------------------|--------------------+   (another attempt)
                                          +--> failed

    skipped, blocked, conflict: decided by the plan.   detached, cancelled: watching ended, or the user cancelled.

*pending*: EC2 has it, no percent yet. *finalizing*: all snapshots are complete, the image is not available yet.
*clearing*: a failed copy is being removed before the next attempt. *unsure*: it may exist (the answer to
``CopySnapshot``, which has no idempotency token, was lost; or EC2 says that there is one already), so it is looked
for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from enum import Enum

from ectwo_cli.migration import classify
from ectwo_cli.records import dataclass

MOST_ATTEMPTS = 3
INVISIBLE_FOR = 180.0
LOST_FOR = 60.0
TAKEN_FOR = 30.0
STALLED_AFTER = 1800.0
LOST = "lost"
NAME_TAKEN = "InvalidAMIName.Duplicate"


class State(str, Enum):
    """See the module."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    UNSURE = "unsure"
    PENDING = "pending"
    COPYING = "copying"
    FINALIZING = "finalizing"
    AVAILABLE = "available"
    FINISHING = "finishing"
    VERIFYING = "verifying"
    DONE = "done"
    CLEARING = "clearing"
    FAILED = "failed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"
    CONFLICT = "conflict"
    DETACHED = "detached"
    CANCELLED = "cancelled"


WATCHED = {State.PENDING, State.COPYING, State.FINALIZING}
SLOT = {State.SUBMITTING, State.UNSURE, *WATCHED}
WAITING = {State.QUEUED, State.CLEARING}
OVER = {State.DONE, State.FAILED, State.SKIPPED, State.BLOCKED, State.CONFLICT, State.DETACHED, State.CANCELLED}


@dataclass(frozen=True)
class PartSeen:
    """A snapshot of the copy; ``origin`` is the source's snapshot it is made from, ``None`` when EC2 does not tell."""

    id: str
    origin: str | None
    state: str
    percent: float | None
    message: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Seen:
    """One look at a copy.

    ``state`` is EC2's state of the image (of the snapshot, when that is what is copied): ``None`` when it was not
    asked for, ``""`` when it was and EC2 did not know it, ``"gone"`` when EC2 knows that it is no more.
    """

    state: str | None
    parts: tuple[PartSeen, ...]
    reason: str | None = None


@dataclass(frozen=True)
class Accepted:
    """EC2 gave the copy an ID."""

    id: str


@dataclass(frozen=True)
class Refused:
    """EC2 refused the request, or did not answer."""

    verdict: classify.Verdict
    has_token: bool


@dataclass(frozen=True)
class Cleared:
    """The failed copy is gone (or stays, for ``problem``); the next attempt may begin."""

    problem: str | None = None


@dataclass(frozen=True)
class Unfound:
    """EC2 was asked for a copy that may exist and does not know it (yet). ``holder`` has its name."""

    holder: str | None = None


Observation = Seen | Accepted | Refused | Cleared | Unfound


@dataclass(frozen=True)
class Copy:
    """One copy on its way.

    ``weights`` are the bytes of each source snapshot. ``attempt`` numbers the attempts over all runs, ``tried`` those
    of this one. Times are seconds of the run's clock.
    """

    state: State
    weights: Mapping[str, int]
    attempt: int = 1
    tried: int = 0
    id: str | None = None
    clear: tuple[str, ...] = ()
    parts: tuple[PartSeen, ...] = ()
    done_bytes: int = 0
    submitted_at: float | None = None
    ended_at: float | None = None
    changed_at: float = 0.0
    seen: bool = False
    stalled: bool = False
    refusals: int = 0
    unsure: str | None = None
    unsure_since: float = 0.0
    looks: int = 0
    not_before: float = 0.0
    reason: str | None = None
    fix: str | None = None
    key_trouble: bool = False
    problems: tuple[str, ...] = field(default=())

    @property
    def bytes(self) -> int:
        """What the copy moves at most."""
        return sum(self.weights.values())

    @property
    def percent(self) -> float | None:
        """0 to 100, weighted by bytes; ``None`` before EC2 tells any."""
        if self.state in {State.FINALIZING, State.AVAILABLE, State.FINISHING, State.VERIFYING, State.DONE}:
            return 100.0
        if self.state is not State.COPYING or not self.bytes:
            return None
        return 100.0 * self.done_bytes / self.bytes

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in OVER


def begin(copy: Copy, now: float) -> Copy:
    """The request is being sent."""
    return replace(copy, state=State.SUBMITTING, submitted_at=now, changed_at=now)


def advance(copy: Copy, observation: Observation, now: float) -> Copy:
    """The copy after ``observation``; an observation that tells nothing new gives the same copy."""
    if isinstance(observation, Seen):
        return _seen(copy, observation, now) if copy.state in WATCHED else copy
    if isinstance(observation, Accepted):
        return replace(
            copy,
            state=State.PENDING,
            id=observation.id,
            tried=copy.tried + 1,
            changed_at=now,
            refusals=0,
            unsure=None,
            looks=0,
            seen=False,
            parts=(),
        )
    if isinstance(observation, Refused):
        return _refused(copy, observation, now)
    if isinstance(observation, Cleared):
        problems = (*copy.problems, observation.problem) if observation.problem else copy.problems
        return replace(_again(copy, now), clear=(), problems=problems)
    return _unfound(copy, observation, now)


def fail(copy: Copy, reason: str, now: float, fix: str | None = None, *, key_trouble: bool = False) -> Copy:
    """The end for this pair."""
    return replace(copy, state=State.FAILED, reason=reason, fix=fix, ended_at=now, key_trouble=key_trouble)


def _again(copy: Copy, now: float) -> Copy:
    return replace(
        copy,
        state=State.QUEUED,
        id=None,
        parts=(),
        done_bytes=0,
        submitted_at=None,
        seen=False,
        stalled=False,
        changed_at=now,
        reason=None,
        fix=None,
    )


def _refused(copy: Copy, refusal: Refused, now: float) -> Copy:
    verdict = refusal.verdict
    if verdict.reaction is classify.Reaction.EXISTS:
        return _unsure(copy, verdict.code, now)
    waits = {
        classify.Reaction.CAPACITY: 0.0,
        classify.Reaction.CREDENTIALS: 0.0,
        classify.Reaction.RETRY: min(60.0, 2.0 ** min(copy.refusals, 6)),
    }
    if verdict.reaction not in waits:
        return fail(copy, f"{verdict.code}: {verdict.message}", now, verdict.fix)
    # Throttles, full slots and a dead network are patience's business; a server that answers 5xx to one request again
    # and again is not.
    answered = (
        verdict.reaction is classify.Reaction.RETRY and not verdict.throttled and not verdict.sure and verdict.message
    )
    refusals = copy.refusals + (1 if verdict.reaction is classify.Reaction.RETRY else 0)
    if answered and verdict.code in classify.SERVER and refusals > 8:
        return fail(copy, f"{verdict.code}: {verdict.message}", now, verdict.fix)
    if not verdict.sure and not refusal.has_token:
        return _unsure(replace(copy, refusals=refusals), LOST, now)
    return replace(
        copy, state=State.QUEUED, submitted_at=None, refusals=refusals, not_before=now + waits[verdict.reaction]
    )


def _unsure(copy: Copy, code: str, now: float) -> Copy:
    return replace(copy, state=State.UNSURE, unsure=code, unsure_since=now, looks=0, not_before=now + 2.0)


def _unfound(copy: Copy, unfound: Unfound, now: float) -> Copy:
    if unfound.holder and copy.unsure == NAME_TAKEN:
        return fail(
            copy, f"its name is taken there by {unfound.holder}", now, "--on-conflict rename, or another --name"
        )
    patience = LOST_FOR if copy.unsure == LOST else TAKEN_FOR
    if now - copy.unsure_since < patience:
        return replace(copy, looks=copy.looks + 1, not_before=now + min(15.0, 2.0 ** (copy.looks + 2)))
    if copy.unsure == NAME_TAKEN:
        return fail(copy, "its name is taken there", now, "--on-conflict rename, or another --name")
    # The token belongs to a copy that is gone: another attempt has another one.
    attempt = copy.attempt + (copy.unsure != LOST)
    return replace(copy, state=State.QUEUED, submitted_at=None, unsure=None, attempt=attempt, tried=copy.tried + 1)


def _seen(copy: Copy, look: Seen, now: float) -> Copy:
    if look.state == "" and not look.parts:
        return _invisible(copy, now)
    if look.state in {"gone", "deregistered"}:
        return _vanished(copy, now) if copy.seen else _stale(copy, now)
    parts = look.parts or copy.parts
    done = max(copy.done_bytes, _done(copy, parts))
    # Complete snapshots prove nothing: they may be what the Recycle Bin kept of an image that is gone.
    alive = bool(look.state) or any(part.state == "pending" for part in look.parts)
    after = replace(copy, parts=parts, done_bytes=done, seen=copy.seen or alive)
    if look.state == "available":
        return replace(after, state=State.AVAILABLE, done_bytes=copy.bytes, changed_at=now)
    broken = [part for part in parts if part.state == "error"]
    if look.state in {"failed", "error", "invalid"} or broken:
        return _broken(after, look, broken, now)
    if not parts:
        state = copy.state
    elif len(parts) >= len(copy.weights) and all(part.state == "completed" for part in parts):
        state = State.FINALIZING
    elif done or copy.state is State.COPYING or any(part.percent for part in parts):
        state = State.COPYING
    else:
        state = State.PENDING
    if state is copy.state and done == copy.done_bytes:
        if look.state == "":
            return _invisible(after, now)
        return replace(after, stalled=now - copy.changed_at >= STALLED_AFTER)
    return replace(after, state=state, changed_at=now, stalled=False)


def _invisible(copy: Copy, now: float) -> Copy:
    # A single look may have met a lagging server.
    if now - copy.changed_at < INVISIBLE_FOR:
        return copy
    if copy.seen:
        return _vanished(copy, now)
    if copy.tried < MOST_ATTEMPTS:
        return replace(_stale(copy, now), tried=copy.tried)
    return fail(copy, f"{copy.id} never appeared", now)


def _vanished(copy: Copy, now: float) -> Copy:
    reason = f"{copy.id} vanished: it was deregistered meanwhile"
    return fail(copy, reason, now, "run the same command again to copy it anew")


def _stale(copy: Copy, now: float) -> Copy:
    """A token that EC2 remembers from a copy that is gone gives that copy's ID again; the next attempt has another."""
    return replace(_again(copy, now), attempt=copy.attempt + 1, tried=copy.tried - 1)


def _broken(copy: Copy, look: Seen, broken: list[PartSeen], now: float) -> Copy:
    told = [f"{part.id}: {part.message}" for part in broken if part.message]
    reason = "; ".join(dict.fromkeys(told)) or look.reason or "EC2 gave no reason"
    keys = [part.key for part in broken if part.message and classify.key_trouble(part.message)]
    if keys or classify.key_trouble(reason):
        key = next((key for key in keys if key), None)
        named = f"{reason} (key {key})" if key and key not in reason else reason
        return fail(copy, named, now, classify.key_fix(key), key_trouble=True)
    if copy.tried < MOST_ATTEMPTS:
        return replace(
            copy,
            state=State.CLEARING,
            clear=(copy.id,) if copy.id else (),
            attempt=copy.attempt + 1,
            reason=reason,
            changed_at=now,
        )
    return fail(copy, reason, now)


def _done(copy: Copy, parts: tuple[PartSeen, ...]) -> int:
    """The bytes moved; a part whose origin is not known gets an even share of what the known ones leave."""
    known = sum(copy.weights.get(part.origin or "", 0) for part in parts)
    unknown = [part for part in parts if part.origin not in copy.weights]
    share = (copy.bytes - known) / len(unknown) if unknown else 0.0
    total = 0.0
    for part in parts:
        weight = copy.weights.get(part.origin or "", share)
        total += weight * (100.0 if part.state == "completed" else part.percent or 0.0) / 100.0
    return min(copy.bytes, int(total))
