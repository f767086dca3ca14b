"""When which copy may begin in one destination, and when to look again: pure. Regions do not depend on each other."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace

from ectwo_cli.migration.machine import SLOT, Copy, State
from ectwo_cli.records import dataclass

IMAGE_SLOTS = 300
SNAPSHOT_SLOTS = 20
DEFAULT_MOST = 50
FULL_PAUSE = 60.0
CANARY_PATIENCE = 60.0
SLOWEST = 1 / 30

FIRST_INTERVAL = 5.0
LAST_INTERVAL = 30.0
EVERY_IMAGES = 8
NO_SNAPSHOT_FOR = 4.0


@dataclass(frozen=True)
class Bucket:
    """A token bucket at about half of what AWS allows; throttling halves its rate, success brings it back slowly."""

    capacity: float = 20.0
    rate: float = 0.5
    base: float = 0.5
    level: float = 20.0
    at: float = 0.0

    def _now(self, now: float) -> float:
        return min(self.capacity, self.level + max(0.0, now - self.at) * self.rate)

    def ready_at(self, now: float) -> float:
        """When a token is there: ``now`` or later."""
        missing = 1.0 - self._now(now)
        return now if missing <= 1e-9 else now + missing / self.rate

    def take(self, now: float) -> Bucket:
        """One request goes."""
        return replace(self, level=self._now(now) - 1.0, at=now)

    def throttled(self, now: float) -> Bucket:
        """AWS said that it was too fast."""
        return replace(self, level=0.0, at=now, rate=max(SLOWEST, self.rate / 2))

    def eased(self, now: float) -> Bucket:
        """A request went well."""
        return replace(self, level=self._now(now), at=now, rate=min(self.base, self.rate * 1.1))


@dataclass(frozen=True)
class Slots:
    """How many copies may be in flight. ``limit`` is EC2's for everybody, ``others`` those that are not ours.

    Both are only starting values: a refusal corrects them (``full_at`` of ours were in flight then), and a request
    that goes through although it seemed too many does too.
    """

    most: int
    limit: int
    others: int = 0
    full_at: int | None = None
    retry_at: float = 0.0

    @property
    def known(self) -> int:
        """How many of ours fit, as far as known."""
        free = max(0, self.limit - self.others)
        return min(self.most, free if self.full_at is None else min(free, self.full_at))

    def free(self, flying: int, now: float) -> bool:
        """Whether one more may be tried; beyond what is known to fit only once in a while."""
        return flying < self.most and (flying < self.known or now >= self.retry_at)

    def refused(self, flying: int, limit: int | None, now: float, jitter: float) -> Slots:
        """EC2 had no slot for one more than ``flying``."""
        learned = self.limit if limit is None else limit
        others = self.others if limit is None else max(0, limit - flying)
        return replace(self, limit=learned, others=others, full_at=flying, retry_at=now + FULL_PAUSE * jitter)

    def accepted(self, flying: int, now: float) -> Slots:
        """EC2 took one; ``flying`` counts it."""
        slots = self
        if self.full_at is not None and flying > self.full_at:
            slots = replace(slots, full_at=flying, retry_at=now)
        if flying > self.limit - self.others:
            slots = replace(slots, others=max(0, self.limit - flying), limit=max(self.limit, flying), retry_at=now)
        return slots

    def ended(self, now: float) -> Slots:
        """One of ours ended: its slot may be tried at once."""
        return self if self.full_at is None else replace(self, retry_at=min(self.retry_at, now))


@dataclass(frozen=True)
class Lane:
    """One destination: its slots, its rate, its canary, and when to look again.

    ``canary`` is the first copy there; others wait until it is on its way (``open``), so that a wrong key or a
    missing right is met once and not by all. ``stopped`` says why nothing more is submitted there.
    """

    region: str
    slots: Slots
    bucket: Bucket = field(default_factory=Bucket)
    canary: int | None = None
    open: bool = False
    stopped: str | None = None
    began_at: float | None = None
    poll_at: float = 0.0
    ticks: int = 0
    pause_until: float = 0.0

    def jitter(self) -> float:
        """0.9 to 1.1, different for each region and tick, the same for each run: so regions do not ask all at once."""
        return 0.9 + 0.2 * hashlib.sha256(f"{self.region}{self.ticks}".encode()).digest()[0] / 255


@dataclass(frozen=True)
class Go:
    """Submit this copy now."""

    index: int


@dataclass(frozen=True)
class Hold:
    """Nothing now. ``until`` is when to ask again (``None``: when something has changed); ``why`` as in
    :class:`Waiting`.
    """

    until: float | None
    why: str | None = None


def flying(copies: Mapping[int, Copy]) -> int:
    """How many of ours hold a slot."""
    return sum(copy.state in SLOT for copy in copies.values())


def decide(
    lane: Lane, queue: Sequence[int], copies: Mapping[int, Copy], now: float, *, cautious: bool = True
) -> Go | Hold:
    """What to submit in this destination now; ``cautious`` lets the canary go first."""
    waiting = [index for index in queue if copies[index].state is State.QUEUED]
    if lane.stopped or not waiting:
        return Hold(None)
    if now < lane.pause_until:
        return Hold(lane.pause_until)
    if cautious and not lane.open and lane.canary is not None:
        canary = copies[lane.canary]
        if canary.state in {State.SUBMITTING, State.UNSURE, State.PENDING}:
            patience = (canary.submitted_at if canary.submitted_at is not None else now) + CANARY_PATIENCE
            if now < patience:
                return Hold(patience)
        elif canary.state is State.QUEUED:
            waiting = [lane.canary]
    count = flying(copies)
    if not lane.slots.free(count, now):
        until = lane.slots.retry_at if count < lane.slots.most else None
        return Hold(until, "slots")
    moving = {part for copy in copies.values() if copy.state in SLOT for part in copy.weights}
    ready = [index for index in waiting if not moving.intersection(copies[index].weights)]
    due = [index for index in ready if copies[index].not_before <= now]
    if not due:
        return Hold(min((copies[index].not_before for index in ready), default=None))
    token_at = lane.bucket.ready_at(now)
    if token_at > now:
        return Hold(token_at, "rate")
    return Go(due[0])


def submitted(lane: Lane, index: int, now: float, first: float = FIRST_INTERVAL) -> Lane:
    """A request is being sent; the first look is ``first`` seconds later."""
    canary = lane.canary if lane.canary is not None or lane.open else index
    began = lane.began_at if lane.began_at is not None else now
    poll_at = lane.poll_at if lane.poll_at > now else now + first * lane.jitter()
    return replace(lane, bucket=lane.bucket.take(now), canary=canary, began_at=began, poll_at=poll_at)


def canary_sings(lane: Lane, copies: Mapping[int, Copy], now: float) -> Lane:
    """Open the lane when its canary is on its way (or nobody knows after a minute); a dead one makes room for the
    next.
    """
    if lane.open or lane.canary is None:
        return lane
    canary = copies[lane.canary]
    refused = canary.state is State.QUEUED and canary.not_before > now
    if refused or canary.state in {State.FAILED, State.CLEARING}:
        # Its own trouble must not hold up the others: the next one goes ahead of them.
        return replace(lane, canary=None)
    if canary.state in {State.QUEUED, State.SUBMITTING, State.UNSURE, State.PENDING}:
        since = canary.submitted_at
        patient = since is None or now - since < CANARY_PATIENCE
        return lane if patient else replace(lane, open=True)
    return replace(lane, open=True)


def interval(lane: Lane, now: float, eta: float | None, first: float = FIRST_INTERVAL) -> float:
    """Seconds until the next look: often at first and near the end, seldom in the middle of a long copy."""
    elapsed = now - lane.began_at if lane.began_at is not None else 0.0
    slow = min(LAST_INTERVAL, max(first, elapsed / 8))
    if eta is not None:
        slow = min(slow, max(first, eta / 2))
    return slow * lane.jitter()


def order(sizes: Sequence[int], how: str = "smallest") -> list[int]:
    """The queue: indices of ``sizes``; ``how`` is ``smallest``, ``largest`` or ``given``."""
    if how == "given":
        return list(range(len(sizes)))
    return sorted(range(len(sizes)), key=lambda index: sizes[index] if how == "smallest" else -sizes[index])


def ask_images(lane: Lane, copies: Collection[Copy], now: float) -> bool:
    """Whether a look at the images can tell something: see section 'polling' of the engine."""
    if lane.ticks % EVERY_IMAGES == EVERY_IMAGES - 1:
        return True
    return any(telling(copy, now) for copy in copies)


def telling(copy: Copy, now: float) -> bool:
    """Whether the image itself may have news that its snapshots do not have."""
    if copy.state is State.FINALIZING:
        return True
    if copy.state not in {State.PENDING, State.COPYING}:
        return copy.state is State.VERIFYING
    if any(part.state == "error" for part in copy.parts):
        return True
    since = copy.submitted_at if copy.submitted_at is not None else copy.changed_at
    return not copy.parts and (now - since >= NO_SNAPSHOT_FOR or not copy.weights)
