"""How the copies of a migration stand, and what is told of it: events, and the summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ectwo_cli.migration import events, finish, machine, scheduler
from ectwo_cli.migration.classify import Verdict
from ectwo_cli.migration.cloud import Clock
from ectwo_cli.migration.facts import Raw
from ectwo_cli.migration.machine import Copy, State
from ectwo_cli.migration.plan import Action, Pair, Plan, encryption
from ectwo_cli.records import dataclass


@dataclass
class _Pace:
    """The measured speed of a region."""

    at: float | None = None
    done: int = 0
    rate: float | None = None

    def measure(self, now: float, done: int) -> None:
        if self.at is not None and now > self.at:
            fresh = max(0, done - self.done) / (now - self.at)
            self.rate = fresh if self.rate is None else 0.5 * self.rate + 0.5 * fresh
        self.at, self.done = now, done


class Ledger:
    """The copies and lanes as they are, and the events not yet told."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.plan = plan
        self.clock = clock
        self.pairs: Mapping[int, Pair] = dict(enumerate(plan.pairs))
        self.begun = clock.now()
        self.copies: dict[int, Copy] = {index: _first(pair, self.begun) for index, pair in self.pairs.items()}
        self.raw: dict[int, Raw] = {index: pair.copy for index, pair in self.pairs.items() if pair.copy}
        self.snapshots: dict[int, Mapping[str, Raw]] = {index: pair.snapshots for index, pair in self.pairs.items()}
        self.verified: dict[int, tuple[str, ...]] = {}
        self.instances: dict[int, str] = {}
        self.ended: dict[int, float] = {}
        self.out: list[events.Event] = []
        self.dirty: set[str] = set()
        self.told: dict[str, tuple[Any, ...]] = {}
        self.last_seen: dict[str, Any] = {}
        self.lanes: dict[str, scheduler.Lane] = {}
        self.paces: dict[str, _Pace] = {region: _Pace() for region in plan.regions}
        self.of_region: dict[str, list[int]] = {region: [] for region in plan.regions}
        for index, pair in self.pairs.items():
            self.of_region[pair.region].append(index)

    def _of(self, region: str) -> dict[int, Copy]:
        return {index: self.copies[index] for index in self.of_region[region]}

    # What to tell

    def _set(self, index: int, after: Copy, *, quiet: bool = False) -> None:
        before = self.copies[index]
        self.copies[index] = after
        if before.state is not after.state:
            if after.over:
                self.ended[index] = self.clock.now()
            if not quiet:
                self._tell_state(index, before, after)

    def _tell_state(self, index: int, before: Copy, after: Copy) -> None:
        pair = self.pairs[index]
        if after.over:
            self.ended.setdefault(index, self.clock.now())
        self.dirty.add(pair.region)
        self._say(
            events.StateChanged,
            source=pair.source.label,
            region=pair.region,
            id=after.id or before.id,
            before=State.QUEUED.value if before.state is State.SUBMITTING else before.state.value,
            after=after.state.value,
            reason=after.reason,
            resource=self.plan.resource,
        )

    def _tell_error(self, index: int, region: str, verdict: Verdict) -> None:
        self._say(
            events.Failed,
            source=self.pairs[index].source.label,
            region=region,
            code=verdict.code,
            reaction=verdict.reaction.value,
            message=verdict.message,
            fix=verdict.fix,
        )

    def _tell_wait(self, region: str, hold: scheduler.Hold, copies: Mapping[int, Copy]) -> None:
        lane = self.lanes[region]
        if hold.why == "slots" and scheduler.flying(copies) < lane.slots.most:
            self._tell_once(region, "slots", lane, lane.slots.limit)
        elif hold.why is None and self.told.get(region, ("",))[0] == "slots":
            del self.told[region]

    def _tell_once(self, region: str, why: str, lane: scheduler.Lane, limit: int | None) -> None:
        copies = self._of(region).values()
        pending = sum(copy.state in machine.SLOT for copy in copies)
        queued = sum(copy.state in machine.WAITING for copy in copies)
        if self.told.get(region) != (why, pending, limit):
            self.told[region] = (why, pending, limit)
            self._say(events.Waiting, region=region, why=why, limit=limit, pending=pending, queued=queued)

    def _say(self, kind: type[events.Event], **body: Any) -> None:
        self.out.append(kind(at=self.clock.today(), plan=self.plan.id, **body))

    def flush(self) -> Iterator[events.Event]:
        """The events since the last time, then where the regions that changed are."""
        told, self.out = self.out, []
        yield from told
        changed, self.dirty = [region for region in self.lanes if region in self.dirty], set()
        for region in changed:
            yield self.progress(region)

    def planned(self) -> events.Planned:
        """The first event."""
        return events.Planned(
            at=self.clock.today(),
            plan=self.plan.id,
            pairs=len(self.pairs),
            bytes=self.plan.bytes,
            regions=self.plan.regions,
            copies=tuple(self._status(index) for index in self.pairs),
        )

    def progress(self, region: str) -> events.Progress:
        """Where a region is."""
        copies = self._of(region)
        counts = dict.fromkeys(("copying", "queued", "done", "failed"), 0)
        for copy in copies.values():
            counts[_group(copy.state)] += 1
        lane = self.lanes[region]
        return events.Progress(
            at=self.clock.today(),
            plan=self.plan.id,
            region=region,
            done_bytes=self._done_bytes(region),
            bytes=self._bytes(region),
            counts=counts,
            rate=self.paces[region].rate if counts["copying"] else None,
            eta=self._eta(region),
            slots=(scheduler.flying(copies), lane.slots.known),
            seen=self.last_seen.get(region),
            copies=tuple(self._status(index) for index in copies),
        )

    def _bytes(self, region: str) -> int:
        return sum(
            self.pairs[index].bytes for index, copy in self._of(region).items() if copy.state is not State.FAILED
        )

    def _done_bytes(self, region: str) -> int:
        return sum(
            copy.done_bytes
            for index, copy in self._of(region).items()
            if self.pairs[index].bytes and copy.state is not State.FAILED
        )

    def _eta(self, region: str) -> float | None:
        rate = self.paces[region].rate
        left = self._bytes(region) - self._done_bytes(region)
        return left / rate if rate and left > 0 else None

    def _status(self, index: int) -> events.CopyStatus:
        copy, pair = self.copies[index], self.pairs[index]
        return events.CopyStatus(
            source=pair.source.label,
            region=pair.region,
            name=pair.desired.name,
            id=copy.id,
            state=copy.state.value,
            percent=copy.percent,
            bytes=pair.source.bytes,
            done_bytes=copy.done_bytes,
            reason=copy.reason,
        )

    def summary(self, reason: str | None, *, detached_on_purpose: bool) -> events.Summary:
        """The last event. ``reason`` is why watching was stopped, if it was."""
        states = [copy.state for copy in self.copies.values()]
        flawed = sum(
            bool(copy.problems or self.verified.get(index))
            for index, copy in self.copies.items()
            if copy.state is State.DONE
        )
        queued = sum(state in {State.QUEUED, State.CLEARING, State.SUBMITTING} for state in states)
        detached = states.count(State.DETACHED)
        unfinished = queued or detached
        stopped = reason or ("detach" if detached_on_purpose else None)
        return events.Summary(
            at=self.clock.today(),
            plan=self.plan.id,
            done=states.count(State.DONE),
            skipped=states.count(State.SKIPPED),
            failed=sum(state in {State.FAILED, State.BLOCKED, State.CONFLICT} for state in states),
            detached=detached,
            queued=queued,
            flawed=flawed,
            stopped=stopped if unfinished else None,
            resume=self.plan.resume if unfinished or State.FAILED in states else None,
            resource=self.plan.resource,
            results=tuple(self._result(index) for index in self.pairs),
        )

    def _result(self, index: int) -> events.Result:
        copy, pair = self.copies[index], self.pairs[index]
        raw, snapshots = self.raw.get(index), self.snapshots.get(index, {})
        origins = finish.origins(pair.source, raw, snapshots) if raw and copy.id else {}
        if not origins:
            origins = {part.id: part.origin or "" for part in copy.parts}
        sizes = {part.id: part.bytes for part in pair.source.parts}
        ended = self.ended.get(index)
        return events.Result(
            source=pair.source.label,
            destination=pair.region,
            name=pair.desired.name,
            id=copy.id,
            snapshots=tuple(
                {"source": origin or None, "id": id, "bytes": sizes.get(origin)}
                for id, origin in sorted(origins.items())
            ),
            action=pair.action.value,
            state=copy.state.value,
            seconds=ended - copy.submitted_at if ended is not None and copy.submitted_at is not None else None,
            attempts=copy.tried,
            reason=copy.reason or pair.reason,
            fix=copy.fix or pair.fix,
            verify=self.verified.get(index),
            bytes=pair.source.bytes,
            encryption=encryption(pair),
            problems=copy.problems,
            instance_id=self.instances.get(index),
        )


def _first(pair: Pair, now: float) -> Copy:
    """The copy as the plan found it."""
    states = {
        Action.COPY: State.CLEARING if pair.clear else State.QUEUED,
        Action.ADOPT: State.PENDING,
        Action.FIX: State.AVAILABLE,
        Action.SKIP: State.SKIPPED,
        Action.BLOCKED: State.BLOCKED,
        Action.CONFLICT: State.CONFLICT,
    }
    return Copy(
        states[pair.action],
        {part.id: part.bytes for part in pair.source.parts},
        attempt=pair.attempt,
        id=pair.id,
        clear=pair.clear,
        changed_at=now,
        seen=pair.action is Action.ADOPT,
        reason=pair.reason,
        fix=pair.fix,
    )


def _group(state: State) -> str:
    if state in {State.DONE, State.SKIPPED}:
        return "done"
    if state in {State.FAILED, State.BLOCKED, State.CONFLICT, State.CANCELLED}:
        return "failed"
    return "queued" if state in {State.QUEUED, State.CLEARING, State.SUBMITTING} else "copying"
