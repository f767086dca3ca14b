"""Carry a plan out and tell what happens.

::

    plan = make(sources, destinations, Wish(), account=account, now=clock.today())
    for event in migrate(plan, cloud, clock):
        print(as_json(event))

Every region has one job at a time: a submit, a look, a finishing call. What to do next is decided here, in one
thread, from the pure parts (:mod:`machine`, :mod:`scheduler`, :mod:`finish`, :mod:`verify`); a job (:mod:`effects`,
:mod:`watch`) only talks to EC2. What came of it stands in the :mod:`ledger`, which tells it.
Nothing is kept outside EC2, so the program may die at any moment: a new plan, made by the same command, takes up what
is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ectwo_cli.migration import classify, effects, events, finish, machine, scheduler, verify, watch
from ectwo_cli.migration.classify import Reaction, Verdict
from ectwo_cli.migration.cloud import Answer, Client, Clock, Cloud, Control
from ectwo_cli.migration.ledger import Ledger
from ectwo_cli.migration.machine import Copy, State
from ectwo_cli.migration.plan import Action, Plan
from ectwo_cli.records import dataclass

LAST_WORDS = 5.0
"""Seconds that requests under way get to answer when watching ends, so that their IDs can be told."""

STEP_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to go about it. ``timeout`` in seconds from the start; ``interval`` is the shortest time between looks;
    ``detach`` submits all that has a slot and watches nothing; ``deep`` verifies with further calls."""

    max_parallel: int | None = None
    order: str = "smallest"
    timeout: float | None = None
    interval: float = scheduler.FIRST_INTERVAL
    detach: bool = False
    deep: bool = False


def migrate(
    plan: Plan, cloud: Cloud, clock: Clock, options: Options | None = None, control: Control | None = None
) -> Iterator[events.Event]:
    """Carry out ``plan``: :class:`~events.Planned` first, :class:`~events.Summary` last.

    EC2: CopyImage or CopySnapshot for each pair; DescribeSnapshots (and DescribeImages) a few times a minute for each
    region; CreateTags, ModifyImageAttribute, ModifySnapshotAttribute, EnableImageDeprecation, DeregisterImage where
    needed. What EC2 refuses is told in events, never raised. An interrupt in here, or :meth:`Control.stop`, ends
    watching: copies go on.
    """
    run = _Run(plan, clock, options or Options(), control or Control())
    yield run.planned()
    yield from run.flush()
    while not run.over():
        try:
            for region, job in run.jobs():
                cloud.begin(region, job)
            for answer in cloud.collect(run.patience()):
                run.fold(answer)
        except KeyboardInterrupt:
            run.control.stop("interrupt")
        yield from run.flush()
    until = clock.now() + LAST_WORDS
    while run.busy and clock.now() < until:
        for answer in cloud.collect(until - clock.now()):
            run.fold(answer)
    run.leave()
    yield from run.flush()
    yield run.summary(run.control.reason, detached_on_purpose=run.options.detach)


@dataclass(frozen=True)
class _Job:
    """What is under way in a region."""

    what: str
    index: int | None = None
    operation: str = ""
    indices: tuple[int, ...] = ()
    every_image: bool = False


class _Run(Ledger):
    """One carrying out: what is done next, and what comes of it."""

    def __init__(self, plan: Plan, clock: Clock, options: Options, control: Control) -> None:
        super().__init__(plan, clock)
        self.options = options
        self.control = control
        self.busy: dict[str, _Job] = {}
        self.todo: dict[int, list[finish.Step]] = {}
        self.tries: dict[int, int] = {}
        self.drops: dict[str, list[str]] = {}
        self.queues = {region: self._queue(indices) for region, indices in self.of_region.items()}
        self.lanes = {
            destination.region: self._lane(destination.region, destination.others) for destination in plan.destinations
        }
        for index, pair in self.pairs.items():
            if pair.action is Action.FIX:
                self._to_finish(index)

    def _queue(self, indices: Sequence[int]) -> list[int]:
        sizes = [self.pairs[index].source.bytes for index in indices]
        return [indices[position] for position in scheduler.order(sizes, self.options.order)]

    def _lane(self, region: str, others: int) -> scheduler.Lane:
        images = self.plan.resource == "image"
        limit = scheduler.IMAGE_SLOTS if images else scheduler.SNAPSHOT_SLOTS
        most = self.options.max_parallel or (scheduler.DEFAULT_MOST if images else limit)
        bucket = scheduler.Bucket(at=self.begun) if images else scheduler.Bucket(rate=2.5, base=2.5, at=self.begun)
        slots = scheduler.Slots(most, limit, others, retry_at=self.begun)
        flying = any(copy.state in machine.SLOT for copy in self._of(region).values())
        return scheduler.Lane(region, slots, bucket, began_at=self.begun if flying else None, poll_at=self.begun)

    # What to do next

    def over(self) -> bool:
        """Whether there is nothing more to do or to wait for."""
        if self.options.timeout is not None and self.clock.now() - self.begun >= self.options.timeout:
            self.control.stop("timeout")
        if self.control.reason:
            return True
        if all(copy.over for copy in self.copies.values()) and not self.busy and not any(self.drops.values()):
            return True
        return self.options.detach and not self.busy and all(self._submitted(region) for region in self.lanes)

    def _submitted(self, region: str) -> bool:
        copies = self._of(region)
        if any(
            copy.state in {State.CLEARING, State.UNSURE, State.FINISHING, State.VERIFYING} for copy in copies.values()
        ):
            return False
        if not any(copy.state is State.QUEUED for copy in copies.values()):
            return True
        hold = scheduler.decide(self.lanes[region], self.queues[region], copies, self.clock.now(), cautious=False)
        return isinstance(hold, scheduler.Hold) and (hold.until is None or hold.why == "slots")

    def jobs(self) -> list[tuple[str, Callable[[Client], Any]]]:
        """A job for every idle region that has something to do now."""
        now = self.clock.now()
        idle = [region for region in self.lanes if region not in self.busy]
        return [(region, job) for region in idle if (job := self._job(region, now))]

    def patience(self) -> float:
        """Seconds until something is due without an answer from EC2."""
        now = self.clock.now()
        due = [self._due(region, now) for region in self.lanes if region not in self.busy]
        if self.options.timeout is not None:
            due.append(self.begun + self.options.timeout)
        return max(0.01, min([moment for moment in due if moment is not None], default=now + 60.0) - now)

    def _due(self, region: str, now: float) -> float | None:
        lane, copies = self.lanes[region], self._of(region)
        moments = [
            copy.not_before
            for copy in copies.values()
            if copy.state in {State.CLEARING, State.UNSURE, State.FINISHING, State.VERIFYING}
        ]
        if self._watching(copies):
            moments.append(lane.poll_at)
        hold = scheduler.decide(lane, self.queues[region], copies, now, cautious=not self.options.detach)
        if isinstance(hold, scheduler.Hold) and hold.until is not None:
            moments.append(hold.until)
        return min(moments, default=None)

    def _watching(self, copies: Mapping[int, Copy]) -> bool:
        return not self.options.detach and any(copy.state in machine.WATCHED for copy in copies.values())

    def _job(self, region: str, now: float) -> Callable[[Client], Any] | None:
        lane, copies = self.lanes[region], self._of(region)
        if self.drops.get(region):
            return self._start(
                region, _Job("drop"), partial(effects.remove, self.drops[region].pop(0), self.plan.resource, ())
            )
        for index, copy in copies.items():
            if copy.not_before <= now and (job := self._chore(region, index, copy)):
                return job
        if self._watching(copies) and lane.poll_at <= now:
            return self._look(region, copies, now)
        decision = scheduler.decide(lane, self.queues[region], copies, now, cautious=not self.options.detach)
        if isinstance(decision, scheduler.Go):
            return self._submit(region, decision.index, now)
        self._tell_wait(region, decision, copies)
        return self._reread(region, copies, now)

    def _start(self, region: str, job: _Job, work: Callable[[Client], Any]) -> Callable[[Client], Any]:
        self.busy[region] = job
        return work

    def _chore(self, region: str, index: int, copy: Copy) -> Callable[[Client], Any] | None:
        pair = self.pairs[index]
        if copy.state is State.CLEARING:
            parts = tuple(part.id for part in copy.parts)
            return self._start(
                region, _Job("clear", index), partial(effects.remove, copy.clear[0], self.plan.resource, parts)
            )
        if copy.state is State.UNSURE:
            return self._start(region, _Job("find", index), partial(watch.find_again, pair=pair, plan=self.plan.id))
        if copy.state is State.FINISHING and self.todo.get(index):
            step = self.todo[index][0]
            return self._start(
                region, _Job("step", index, step.operation), partial(effects.call, step.operation, step.parameters)
            )
        return None

    def _look(self, region: str, copies: Mapping[int, Copy], now: float) -> Callable[[Client], Any]:
        lane = self.lanes[region]
        watched = watch.watched(copies)
        every = scheduler.ask_images(lane, (), now)
        job = _Job("look", indices=tuple(watched), every_image=every)
        pairs = {index: self.pairs[index] for index in watched}
        return self._start(
            region, job, partial(watch.look, plan=self.plan.id, pairs=pairs, copies=watched, now=now, every_image=every)
        )

    def _submit(self, region: str, index: int, now: float) -> Callable[[Client], Any]:
        copy = self.copies[index]
        self.lanes[region] = scheduler.submitted(self.lanes[region], index, now, self.options.interval)
        self._set(index, machine.begin(copy, now), quiet=True)
        operation, parameters = self.pairs[index].request(self.plan.id, copy.attempt)
        return self._start(region, _Job("submit", index, operation), partial(effects.call, operation, parameters))

    def _reread(self, region: str, copies: Mapping[int, Copy], now: float) -> Callable[[Client], Any] | None:
        waiting = {
            index: copy for index, copy in copies.items() if copy.state is State.VERIFYING and copy.not_before <= now
        }
        if not waiting or any(copy.state is State.FINISHING for copy in copies.values()):
            return None
        ids = {index: str(copy.id) for index, copy in waiting.items()}
        pairs = {index: self.pairs[index] for index in waiting}
        return self._start(
            region, _Job("verify", indices=tuple(ids)), partial(effects.reread, pairs, ids, self.options.deep)
        )

    # What came of it

    def fold(self, answer: Answer) -> None:
        """Take an answer in."""
        job = self.busy.pop(answer.region)
        if answer.error is not None and not classify.is_cloud_error(answer.error):
            raise answer.error
        now = self.clock.now()
        getattr(self, f"_after_{job.what}")(answer, job, now)
        lane = self.lanes[answer.region]
        self.lanes[answer.region] = scheduler.canary_sings(lane, self._of(answer.region), now)
        self.dirty.add(answer.region)

    def _after_submit(self, answer: Answer, job: _Job, now: float) -> None:
        assert job.index is not None
        lane, copy = self.lanes[answer.region], self.copies[job.index]
        flying = scheduler.flying(self._of(answer.region))
        if answer.error is None:
            id = str(answer.value.get("ImageId") or answer.value["SnapshotId"])
            self.lanes[answer.region] = replace(
                lane, slots=lane.slots.accepted(flying, now), bucket=lane.bucket.eased(now)
            )
            self._accept(job.index, id, now)
            return
        verdict = classify.classify(job.operation, answer.error)
        if verdict.throttled:
            lane = replace(lane, bucket=lane.bucket.throttled(now))
            self._tell_once(answer.region, "throttled", lane, None)
        if verdict.reaction is Reaction.CAPACITY:
            lane = replace(lane, slots=lane.slots.refused(flying - 1, verdict.limit, now, lane.jitter()))
        self.lanes[answer.region] = lane
        self._set(
            job.index, machine.advance(copy, machine.Refused(verdict, self.plan.resource == "image"), now), quiet=True
        )
        if verdict.reaction in {Reaction.FATAL, Reaction.REGION, Reaction.CREDENTIALS}:
            self._tell_error(job.index, answer.region, verdict)
        if verdict.reaction is Reaction.EXISTS:
            source = self.pairs[job.index].source.label
            message = f"{source} was copied there by somebody ({verdict.code}); looking for that copy"
            self._say(events.Noted, source=source, region=answer.region, message=message)
        if self.copies[job.index].state is State.FAILED:
            self._tell_state(job.index, copy, self.copies[job.index])
        if verdict.reaction is Reaction.REGION:
            self._stop_region(answer.region, f"{verdict.code}: {verdict.message}", verdict.fix, now)
        if verdict.reaction is Reaction.CREDENTIALS:
            self.control.stop("credentials")

    def _accept(self, index: int, id: str, now: float) -> None:
        before = self.copies[index]
        self.copies[index] = machine.advance(before, machine.Accepted(id), now)
        pair = self.pairs[index]
        self._say(
            events.Submitted,
            source=pair.source.label,
            region=pair.region,
            id=id,
            attempt=before.attempt,
            resource=self.plan.resource,
        )
        self._tell_state(index, replace(before, state=State.QUEUED), self.copies[index])

    def _after_find(self, answer: Answer, job: _Job, now: float) -> None:
        assert job.index is not None
        if answer.error is not None:
            verdict = classify.classify("DescribeImages", answer.error)
            if verdict.reaction is Reaction.CREDENTIALS:
                self.control.stop("credentials")
            self.copies[job.index] = replace(self.copies[job.index], not_before=now + 5.0)
            return
        found, holder = answer.value
        if found:
            self._accept(job.index, found, now)
        else:
            self._set(job.index, machine.advance(self.copies[job.index], machine.Unfound(holder), now))

    def _after_clear(self, answer: Answer, job: _Job, now: float) -> None:
        assert job.index is not None
        copy, problem = self.copies[job.index], None
        if answer.error is not None:
            verdict = classify.classify("DeregisterImage", answer.error)
            if verdict.reaction is Reaction.CREDENTIALS:
                self.control.stop("credentials")
            if verdict.reaction in {Reaction.RETRY, Reaction.CREDENTIALS}:
                self.copies[job.index] = replace(copy, not_before=now + 5.0)
                return
            if verdict.reaction is not Reaction.VISIBILITY:
                problem = f"the failed copy {copy.clear[0]} could not be removed: {verdict.message}"
        if copy.clear[1:]:
            self.copies[job.index] = replace(copy, clear=copy.clear[1:])
            return
        self._set(job.index, machine.advance(copy, machine.Cleared(problem), now))

    def _after_drop(self, answer: Answer, job: _Job, now: float) -> None:
        """A twin that could not be removed was named when it was found; there is no more to say."""

    def _after_look(self, answer: Answer, job: _Job, now: float) -> None:
        region, lane = answer.region, self.lanes[answer.region]
        if answer.error is not None:
            verdict = classify.classify("DescribeSnapshots", answer.error)
            if verdict.reaction is Reaction.CREDENTIALS:
                self.control.stop("credentials")
            lane = replace(lane, ticks=lane.ticks + 1)
            wait = scheduler.interval(lane, now, None, self.options.interval) * (2 if verdict.throttled else 1)
            self.lanes[region] = replace(lane, poll_at=now + wait)
            self._tell_once(region, "throttled" if verdict.throttled else "unreachable", lane, None)
            return
        self.told.pop(region, None) if self.told.get(region, ("",))[0] == "unreachable" else None
        found: watch.Look = answer.value
        self.last_seen[region] = self.clock.today()
        self.raw.update(found.images)
        self.snapshots.update(found.snapshots)
        for index, kept, others in found.twins:
            self._twins(region, index, kept, others)
        for index, seen in found.seen.items():
            self._see(index, seen, now)
        pace = self.paces[region]
        pace.measure(now, self._done_bytes(region))
        lane = replace(self.lanes[region], ticks=lane.ticks + 1)
        self.lanes[region] = replace(
            lane, poll_at=now + scheduler.interval(lane, now, self._eta(region), self.options.interval)
        )

    def _see(self, index: int, seen: machine.Seen, now: float) -> None:
        before = self.copies[index]
        after = machine.advance(before, seen, now)
        pair = self.pairs[index]
        self._set(index, after)
        if after.stalled and not before.stalled:
            self._say(
                events.Noted,
                source=pair.source.label,
                region=pair.region,
                message="no progress for 30 minutes; still watching",
            )
        if before.state in machine.SLOT and after.state not in machine.SLOT:
            lane = self.lanes[pair.region]
            self.lanes[pair.region] = replace(lane, slots=lane.slots.ended(now))
        if after.state is State.AVAILABLE:
            self._to_finish(index)
        elif after.state is State.FAILED and before.state is not State.FAILED:
            code = "KMS" if after.key_trouble else "Failed"
            self._tell_error(index, pair.region, Verdict(Reaction.FATAL, code, after.reason or "", after.fix))
            if (
                after.key_trouble
                and self.lanes[pair.region].canary == index
                and pair.desired.encrypted
                and not pair.source.encrypted
            ):
                # The source is plain, so it is the key of the destination, and that is the same for all copies there.
                self._stop_region(pair.region, after.reason or "", after.fix, now)

    def _twins(self, region: str, index: int, kept: str, others: tuple[str, ...]) -> None:
        pair = self.pairs[index]
        self.copies[index] = replace(self.copies[index], id=kept)
        message = f"copied twice; {kept} is kept, {', '.join(others)} removed"
        self._say(events.Noted, source=pair.source.label, region=region, message=message)
        self.drops.setdefault(region, []).extend(others)

    def _to_finish(self, index: int) -> None:
        pair = self.pairs[index]
        permissions = pair.permissions if self.copies[index].id == pair.id else ()
        destination = next(each for each in self.plan.destinations if each.region == pair.region)
        parts = {id: destination.permissions.get(id, ()) for id in self.snapshots[index]}
        steps = list(
            finish.steps(pair.source, pair.desired, self.raw[index], self.snapshots[index], permissions, parts)
        )
        self.todo[index] = steps
        if steps:
            self._set(index, replace(self.copies[index], state=State.FINISHING))
            return
        self._verify(index, fresh=False)

    def _after_step(self, answer: Answer, job: _Job, now: float) -> None:
        assert job.index is not None
        copy = self.copies[job.index]
        step = self.todo[job.index][0]
        if answer.error is not None:
            verdict = classify.classify(job.operation, answer.error)
            if verdict.reaction is Reaction.CREDENTIALS:
                self.control.stop("credentials")
                return
            tries = self.tries[job.index] = self.tries.get(job.index, 0) + 1
            again = verdict.reaction in {Reaction.RETRY, Reaction.VISIBILITY, Reaction.CAPACITY}
            if again and (verdict.throttled or tries < STEP_TRIES):
                self.copies[job.index] = replace(copy, not_before=now + min(30.0, 2.0**tries))
                return
            self._tell_error(job.index, answer.region, verdict)
            copy = replace(copy, problems=(*copy.problems, f"{step.what}: {verdict.code}: {verdict.message}"))
        elif step.operation == "RunInstances":
            self.instances[job.index] = answer.value["Instances"][0]["InstanceId"]
            pair = self.pairs[job.index]
            self._say(
                events.Noted,
                source=pair.source.label,
                region=pair.region,
                message=f"launched {self.instances[job.index]} of {copy.id}",
            )
        self.tries.pop(job.index, None)
        self.copies[job.index] = copy
        self.todo[job.index].pop(0)
        if self.todo[job.index]:
            return
        if job.index in self.verified:
            self._done(job.index)
        else:
            self._set(job.index, replace(copy, state=State.VERIFYING))

    def _verify(self, index: int, *, fresh: bool) -> None:
        """Compare; with what the last look brought, when that is enough."""
        pair, raw, snapshots = self.pairs[index], self.raw[index], self.snapshots[index]
        ids = finish.ids_of(pair.source, raw)
        whole = all(snapshots.get(id, {}).get("State") == "completed" for id in ids) and (ids or not pair.source.parts)
        if not fresh and (not whole or self.options.deep):
            self._set(index, replace(self.copies[index], state=State.VERIFYING))
            return
        self._verified(index, verify.differences(pair, raw, snapshots))

    def _verified(self, index: int, diff: tuple[str, ...]) -> None:
        pair = self.pairs[index]
        self.verified[index] = diff
        self._say(events.Verified, source=pair.source.label, region=pair.region, ok=not diff, diff=diff)
        if self.plan.wish.launch and pair.source.resource == "image" and not diff:
            id, type = str(self.copies[index].id), self.plan.wish.launch
            self.todo[index] = [finish.launch(pair.source, pair.desired, pair.region, id, type)]
            self._set(index, replace(self.copies[index], state=State.FINISHING))
            return
        self._done(index)

    def _done(self, index: int) -> None:
        self._set(index, replace(self.copies[index], state=State.DONE, ended_at=self.clock.now()))

    def _after_verify(self, answer: Answer, job: _Job, now: float) -> None:
        if answer.error is not None:
            verdict = classify.classify("DescribeImages", answer.error)
            if verdict.reaction is Reaction.CREDENTIALS:
                self.control.stop("credentials")
            for index in job.indices:
                tries = self.tries[index] = self.tries.get(index, 0) + 1
                self.copies[index] = replace(self.copies[index], not_before=now + min(30.0, 2.0**tries))
                if verdict.reaction is Reaction.FATAL or tries > STEP_TRIES:
                    self._verified(index, (f"could not be read: {verdict.code}",))
            return
        raws, snapshots, more = answer.value
        for index in job.indices:
            self.tries.pop(index, None)
            if index not in raws:
                self._verified(index, ("is not there any more",))
                continue
            self.raw[index], self.snapshots[index] = raws[index], snapshots[index]
            diff = verify.differences(self.pairs[index], raws[index], snapshots[index])
            self._verified(index, (*diff, *more.get(index, ())))

    def _stop_region(self, region: str, reason: str, fix: str | None, now: float) -> None:
        self.lanes[region] = replace(self.lanes[region], stopped=reason)
        for index, copy in self._of(region).items():
            if copy.state in machine.WAITING:
                self._set(index, machine.fail(copy, f"not tried, {region} refused another: {reason}", now, fix))

    def leave(self) -> None:
        """Watching has ended: what is in flight goes on in EC2."""
        for index, copy in self.copies.items():
            if not copy.over and copy.state not in machine.WAITING and (copy.id or copy.state is not State.SUBMITTING):
                self._set(index, replace(copy, state=State.DETACHED))
