"""Start, stop, reboot and terminate instances: what to do in which state, and the doing of it.

What is to be done to one instance is pure: :func:`decide`, from its state and from what was asked of EC2 already.
:func:`carry_out` is the rest: it sends what is due in batches, looks once a region and tick, and decides again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import timedelta
from typing import Any

from ectwo_cli.aws.calls import dry_run, is_lost, is_passing, is_throttle
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.fanout import Results, across
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services import bulk, machines, search
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.machines import NOTHING, Facts, Machine
from ectwo_cli.services.waiting import LIMIT, Pace, Sight, Ticker, id_of, key_of, looks_by_id

GRACE = 30.0
"""Seconds for which EC2 may still show the state from before a request that it accepted."""

TRIES = 5
"""So many times a request is sent that got lost, or that EC2 refused for a state that an instance is just leaving."""

TRIES_THROTTLED = 10
"""So many times a request is sent that EC2 throttles, which takes about half a minute."""


# What to do


@dataclass(frozen=True)
class Leg:
    """One request and the state that it leads to.

    It is sent in the states ``ready``; ``before`` them come those that lead there by themselves. ``moving`` is on the
    way to the ``goal``, where nothing is to be sent, unless the request is what counts (``always``).
    """

    operation: str
    goal: str
    ready: frozenset[str]
    before: frozenset[str]
    moving: frozenset[str]
    doing: str
    done: str
    always: bool = False


START = Leg(
    "StartInstances",
    goal="running",
    ready=frozenset({"stopped"}),
    before=frozenset({"stopping"}),
    moving=frozenset({"pending"}),
    doing="starting",
    done="started",
)
STOP = Leg(
    "StopInstances",
    goal="stopped",
    ready=frozenset({"running"}),
    before=frozenset({"pending"}),
    moving=frozenset({"stopping"}),
    doing="stopping",
    done="stopped",
)
# EC2 helps an instance that hangs in stopping, when it is asked to stop it by force.
FORCED_STOP = replace(STOP, ready=frozenset({"running", "pending", "stopping"}), before=frozenset())
TERMINATE = Leg(
    "TerminateInstances",
    goal="terminated",
    ready=frozenset({"pending", "running", "stopping", "stopped"}),
    before=frozenset(),
    moving=frozenset({"shutting-down"}),
    doing="terminating",
    done="terminated",
)
REBOOT = Leg(
    "RebootInstances",
    goal="running",
    ready=frozenset({"running"}),
    before=frozenset({"pending"}),
    moving=frozenset(),
    doing="rebooting",
    done="rebooted",
    always=True,
)


@dataclass(frozen=True)
class Order:
    """What is asked for: the ``legs`` one after the other, with parameters of their requests.

    ``verb`` is the command's name. ``unprotect``: termination protection is switched off where it is in the way.
    """

    verb: str
    legs: tuple[Leg, ...]
    doing: str
    done: str
    params: Mapping[str, Any] = field(default_factory=dict)
    unprotect: bool = False

    @property
    def guard(self) -> str | None:
        """The protection that can refuse it."""
        operation = self.legs[0].operation
        return {"TerminateInstances": "disableApiTermination", "StopInstances": "disableApiStop"}.get(operation)

    @property
    def stops(self) -> bool:
        """Whether it stops instances, for a while or for good."""
        return self.legs[0].operation == "StopInstances"


def start() -> Order:
    return Order("start", (START,), START.doing, START.done)


def stop(*, force: bool = False, hibernate: bool = False) -> Order:
    params = {**({"Force": True} if force else {}), **({"Hibernate": True} if hibernate else {})}
    done = "hibernated" if hibernate else STOP.done
    return Order("stop", (FORCED_STOP if force else STOP,), STOP.doing, done, params)


def reboot(*, hard: bool = False) -> Order:
    # A pending instance is not stopped by half: it has to run before it can be started again.
    legs = (STOP, START) if hard else (REBOOT,)
    return Order("reboot", legs, REBOOT.doing, REBOOT.done)


def terminate(*, unprotect: bool = False) -> Order:
    return Order("terminate", (TERMINATE,), TERMINATE.doing, TERMINATE.done, unprotect=unprotect)


@dataclass(frozen=True)
class Track:
    """One instance on its way. ``leg`` counts from 0; ``sent``: its request was accepted, at ``since``, when the
    instance was as in ``before``; ``acted``: any request was. ``tries`` counts requests without success."""

    item: Machine
    leg: int = 0
    sent: bool = False
    acted: bool = False
    since: float = 0.0
    before: Machine | None = None
    tries: int = 0


@dataclass(frozen=True)
class Send:
    """The leg's request is due."""


@dataclass(frozen=True)
class Wait:
    """Nothing to do but look again."""


@dataclass(frozen=True)
class Done:
    """This leg's goal is reached."""


@dataclass(frozen=True)
class Never:
    """It can't be done, or not any more."""

    reason: str
    code: str | None = None
    hint: str | None = None


Decision = Send | Wait | Done | Never


def decide(order: Order, track: Track, now: float) -> Decision:
    """What is to be done about an instance in its present state. ``now`` counts seconds, as ``track.since``."""
    leg, state = order.legs[track.leg], track.item.state or ""
    if track.sent:
        return _after(order, leg, track, state, now)
    # A hard reboot of what is stopped, but not by us, would be a start.
    foreign = len(order.legs) > 1 and track.leg == 0 and not track.acted
    if state == leg.goal and not leg.always and not foreign:
        return Done()
    if state in leg.ready:
        return Send()
    if state in leg.before or (state in leg.moving and not foreign):
        return Wait()
    return Never(*_unfit(order, track.item))


def _after(order: Order, leg: Leg, track: Track, state: str, now: float) -> Decision:
    """What to do once the request was accepted."""
    if state == leg.goal:
        return Done()
    if state in leg.moving:
        return Wait()
    reason = f": {track.item.state_reason}" if track.item.state_reason else ""
    if state in leg.ready or state in leg.before:
        # Back where it was; or EC2 does not show yet that it went.
        if not _moved_since(track) and now - track.since < GRACE:
            return Wait()
        return Never(f"it is {state} again{reason}" if _moved_since(track) else f"it stays {state}")
    return Never(f"it is {state}{reason}")


def _moved_since(track: Track) -> bool:
    """Whether the instance has been elsewhere since its request was accepted: a start leaves a new time and reason."""
    before = track.before or track.item
    return (track.item.state_reason, track.item.launched_at) != (before.state_reason, before.launched_at)


def _unfit(order: Order, item: Machine) -> tuple[str, str | None, str | None]:
    """Why the verb is none for an instance in this state."""
    words = {"start": "started", "stop": "stopped", "reboot": "rebooted", "terminate": "terminated"}
    hint = None
    if order.verb == "reboot" and item.state in ("stopping", "stopped"):
        hint = f"start it: 'ectwo instances start {item.region}/{item.id}'"
    return f"it is {item.state}, so it can't be {words[order.verb]}", "IncorrectInstanceState", hint


def foresee(order: Order, item: Machine, facts: Facts = NOTHING, *, wait: bool = True) -> Decision:
    """What will be decided first, with what else is known to stand in the way; before anything is sent."""
    first = decide(order, Track(item), 0.0)
    leg = order.legs[0]
    if isinstance(first, Wait) and not wait and item.state in leg.before:
        return Never(
            f"it is {item.state}, and can't be {leg.done} before that is over",
            "IncorrectInstanceState",
            "leave --no-wait out",
        )
    if not isinstance(first, Send):
        return first
    if order.stops:
        if item.root_type == "instance-store":
            return Never(
                "its root volume is an instance store, so it can't be stopped",
                "UnsupportedOperation",
                "it can only run, be rebooted, or be terminated",
            )
        if order.params.get("Hibernate") and not item.hibernates:
            return Never(
                "it was not launched so that it can hibernate",
                "UnsupportedHibernationConfiguration",
                "stop it without --hibernate",
            )
        if facts.spot == "one-time":
            return ONE_TIME
    if facts.protected and not order.unprotect:
        return guarded(order, item)
    return first


ONE_TIME = Never(
    "it is a one-time spot instance, which can't be stopped",
    "UnsupportedOperation",
    "terminate it; an instance of a persistent spot request can be stopped ('ectwo spot request --persistent')",
)


def guarded(order: Order, item: Machine) -> Never:
    """The answer where a protection is on."""
    if order.stops:
        return Never("stop protection is on", "OperationNotPermitted", "switch it off first (attribute disableApiStop)")
    return Never(
        "termination protection is on",
        "OperationNotPermitted",
        f"add --unprotect, or switch it off: 'ectwo instances protect {item.region}/{item.id} --off'",
    )


def refused(order: Order, item: Machine, error: Exception) -> Never:
    """What EC2's refusal means for one instance."""
    text, code = str(error), code_of(error)
    if code == "OperationNotPermitted" and ("disableApiTermination" in text or "disableApiStop" in text):
        return guarded(order, item)
    if code == "UnsupportedOperation" and "one-time Spot" in text:
        return ONE_TIME
    from ectwo_cli.aws.explain import explain

    told = explain(error)
    return Never(told.message, told.code, told.hint)


# Doing it


def carry_out(
    places: Sequence[tuple[Client, Sequence[Machine]]],
    order: Order,
    *,
    facts: Mapping[tuple[str | None, str, str], Facts] | None = None,
    wait: bool = True,
    limit: timedelta | None = LIMIT,
    pace: Pace = Pace(),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Results[tuple[Client, Sequence[Machine]], Sight[Machine]]:
    """Do it in all regions at once, and wait for the end; yields what is seen of each instance on the way.

    EC2: the order's operations in batches, DescribeInstances once a region and tick; ModifyInstanceAttribute for what
    is to be unprotected.
    """

    def work(place: tuple[Client, Sequence[Machine]]) -> Iterator[Sight[Machine]]:
        client, items = place
        ticker = ticker_for(client, limit, pace, clock=clock, sleep=sleep)
        yield from in_region(ticker, items, order, facts=facts, wait=wait)

    return across([place for place in places if place[1]], work, where=lambda place: search.place_of(place[0]))


def ticker_for(
    client: Client,
    limit: timedelta | None,
    pace: Pace = Pace(),
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Ticker[Machine]:
    """The looks at one region's machines. EC2: DescribeInstances."""
    return Ticker(client, looks_by_id(Machine), id_of, limit, pace, clock=clock, sleep=sleep)


def in_region(
    ticker: Ticker[Machine],
    items: Sequence[Machine],
    order: Order,
    *,
    facts: Mapping[tuple[str | None, str, str], Facts] | None = None,
    wait: bool = True,
) -> Iterator[Sight[Machine]]:
    """One region's part of :func:`carry_out`. Raises botocore's errors when EC2 can't be asked any more."""
    return _Run(ticker.client, order, facts or {}, ticker, wait).run(items)


@dataclass
class _Run:
    """One region's part of it."""

    client: Client
    order: Order
    facts: Mapping[tuple[str | None, str, str], Facts]
    ticker: Ticker[Machine]
    wait: bool
    tracks: dict[str, Track] = field(default_factory=dict)

    def run(self, items: Sequence[Machine]) -> Iterator[Sight[Machine]]:
        for item in items:
            first = foresee(self.order, item, self.facts.get(key_of(item), NOTHING), wait=self.wait)
            if isinstance(first, Never):
                yield self._never(Track(item), first)
            else:
                self.tracks[item.id] = Track(item)
        yield from self._advance()
        while self.tracks:
            if self.ticker.late:
                yield from (replace(self._sight(track), late=True) for track in self.tracks.values())
                return
            self.ticker.pause()
            found = self.ticker.see(list(self.tracks))
            if found is not None:
                yield from self._take(found)
            yield from self._advance()

    def _take(self, found: Mapping[str, Machine]) -> Iterator[Sight[Machine]]:
        for name, track in list(self.tracks.items()):
            if name in found:
                self.tracks[name] = replace(track, item=found[name])
            elif self.order.legs[track.leg].goal == "terminated":
                # An hour after its end EC2 forgets an instance.
                self.tracks[name] = replace(track, item=replace(track.item, state="terminated"))
            elif self.ticker.clock() - track.since >= GRACE and track.tries >= TRIES:
                yield self._end(track, Never("EC2 does not list it any more", "InvalidInstanceID.NotFound"))
            else:
                self.tracks[name] = replace(track, tries=track.tries + 1)

    def _advance(self) -> Iterator[Sight[Machine]]:
        """Decide about all, send what is due, and again, until nothing more is due now."""
        while True:
            due: dict[int, list[str]] = {}
            for name, track in list(self.tracks.items()):
                decision = decide(self.order, track, self.ticker.clock())
                if isinstance(decision, Done) and track.leg + 1 < len(self.order.legs):
                    track = self.tracks[name] = Track(track.item, track.leg + 1, acted=track.acted)
                    decision = decide(self.order, track, self.ticker.clock())
                if isinstance(decision, Send):
                    due.setdefault(track.leg, []).append(name)
                elif isinstance(decision, Wait) and not self.wait:
                    yield self._end(track, Done())
                elif isinstance(decision, Wait):
                    yield self._sight(track, detail=self.ticker.trouble)
                else:
                    yield self._end(track, decision)
            again = False
            for number, names in due.items():
                leg = self.order.legs[number]
                # Should nobody wait for the answer, it may have been done all the same.
                yield from (replace(self._sight(self.tracks[name]), doing=leg.doing) for name in names)
                for sight, moved in self._send(leg, names):
                    again = again or moved
                    if sight is not None:
                        yield sight
            if not again:
                return

    def _send(self, leg: Leg, names: list[str]) -> Iterator[tuple[Sight[Machine] | None, bool]]:
        """Send a leg's request for some; gives what is seen, and whether there is something to decide again now."""
        for name in list(names) if self.order.unprotect else []:
            track = self.tracks[name]
            if self.facts.get(key_of(track.item), NOTHING).protected and (problem := self._unprotect(name)):
                names.remove(name)
                yield self._end(track, refused(self.order, track.item, problem)), False
        for some, answer in bulk.in_batches(names, lambda ids: self._request(leg, ids)):
            states = {} if isinstance(answer, Exception) else _states(answer)
            for name in some:
                track = self.tracks[name]
                if isinstance(answer, Exception):
                    yield self._refused(leg, track, answer)
                    continue
                item = replace(track.item, state=states.get(name, track.item.state))
                now = self.ticker.clock()
                track = replace(track, item=item, sent=True, acted=True, since=now, before=track.item, tries=0)
                self.tracks[name] = track
                if leg.always or not self.wait:
                    yield self._end(track, Done()), False
                else:
                    yield self._sight(track), item.state == leg.goal

    def _request(self, leg: Leg, ids: list[str]) -> dict[str, Any]:
        params = self.order.params if leg.operation == self.order.legs[0].operation else {}
        # Not again by the SDK: when an answer is lost, a look tells whether anything is left to be asked for.
        return self.client.call_once(leg.operation, InstanceIds=ids, **params)

    def _refused(self, leg: Leg, track: Track, error: Exception) -> tuple[Sight[Machine] | None, bool]:
        name, tried = track.item.id, replace(track, tries=track.tries + 1)
        code = code_of(error) or ""
        if code == "InvalidInstanceID.NotFound" and leg.goal == "terminated":
            return self._end(replace(track, item=replace(track.item, state="terminated")), Done()), False
        if code == "OperationNotPermitted" and self.order.unprotect and "disableApiTermination" in str(error):
            if problem := self._unprotect(name):
                return self._end(track, refused(self.order, track.item, problem)), False
            self.tracks[name] = tried
            if tried.tries < TRIES:
                return None, True
        elif leg.always and is_lost(error):
            unknown = Never(
                f"no answer came from EC2, so it may have been {leg.done} or not; it was not asked again",
                code or None,
                f"see when it came up: 'ectwo instances console {track.item.region}/{name}'",
            )
            return self._end(track, unknown), False
        elif self._is_worth_another_try(error, code) and tried.tries < (
            TRIES_THROTTLED if is_throttle(error) else TRIES
        ):
            # A lost request may have been carried out: the next look tells.
            self.tracks[name] = replace(tried, acted=track.acted or is_lost(error))
            return self._sight(self.tracks[name], detail="EC2 did not take it yet, trying again"), False
        return self._end(track, refused(self.order, track.item, error)), False

    def _is_worth_another_try(self, error: Exception, code: str) -> bool:
        if is_passing(error):
            return True
        # It may just be on its way to another state, or too new to be known everywhere.
        return self.wait and code in ("IncorrectInstanceState", "InvalidInstanceID.NotFound", "IncorrectState")

    def _unprotect(self, name: str) -> Exception | None:
        """Switch termination protection off; gives the error when that fails."""
        try:
            self.client.call("ModifyInstanceAttribute", InstanceId=name, DisableApiTermination={"Value": False})
        except Exception as error:
            return error
        return None

    def _sight(self, track: Track, *, detail: str = "") -> Sight[Machine]:
        leg, state = self.order.legs[track.leg], track.item.state or ""
        going = track.sent or state in leg.moving
        doing = leg.doing if going else ""
        return Sight(key_of(track.item), track.item, state, detail, action=leg.doing, sent=going, doing=doing)

    def _end(self, track: Track, decision: Decision) -> Sight[Machine]:
        self.tracks.pop(track.item.id, None)
        if isinstance(decision, Never):
            return self._never(track, decision)
        leg = self.order.legs[track.leg]
        ended = track.item.state == leg.goal
        action = (self.order.done if ended else self.order.doing) if track.acted else "unchanged"
        return replace(self._sight(track), ok=True, action=action)

    def _never(self, track: Track, why: Never) -> Sight[Machine]:
        if track.leg > 0:
            why = Never(
                f"it was stopped, and did not start again: {why.reason}",
                why.code,
                f"try again: 'ectwo instances start {track.item.region}/{track.item.id}'",
            )
        return replace(self._sight(track), ok=False, action=None, reason=why.reason, code=why.code, hint=why.hint)


def _states(answer: Mapping[str, Any]) -> dict[str, str]:
    """The states that EC2's answer to a request tells, by ID."""
    for changes in answer.values():
        if isinstance(changes, list):
            return {each["InstanceId"]: each["CurrentState"]["Name"] for each in changes if "CurrentState" in each}
    return {}


def rehearse(
    places: Sequence[tuple[Client, Sequence[Machine]]],
    order: Order,
    facts: Mapping[tuple[str | None, str, str], Facts],
    *,
    wait: bool = True,
) -> Results[tuple[Client, Sequence[Machine]], Outcome[Machine]]:
    """What :func:`carry_out` would do. EC2: the order's operations with DryRun, in batches."""

    def work(place: tuple[Client, Sequence[Machine]]) -> Iterator[Outcome[Machine]]:
        client, items = place
        known = {item.id: item for item in items}
        asked: list[str] = []
        for item in items:
            first = foresee(order, item, facts.get(key_of(item), NOTHING), wait=wait)
            if isinstance(first, Never):
                yield Outcome(item, None, first.reason, first.code, first.hint)
            elif isinstance(first, Done) or item.state in order.legs[0].moving:
                yield Outcome(item, "unchanged")
            else:
                asked.append(item.id)

        def ask(ids: list[str]) -> dict[str, Any]:
            for leg in order.legs:
                params = order.params if leg is order.legs[0] else {}
                dry_run(client, leg.operation, InstanceIds=ids, **params)
            return {}

        for ids, answer in bulk.in_batches(asked, ask):
            for id in ids:
                if isinstance(answer, Exception):
                    why = refused(order, known[id], answer)
                    yield Outcome(known[id], None, why.reason, why.code, why.hint)
                else:
                    yield Outcome(known[id], f"would {order.verb}")

    return across([place for place in places if place[1]], work, where=lambda place: search.place_of(place[0]))


# What else to know of an instance


def protect(client: Client, items: Sequence[Instance], *, on: bool, check: bool = False) -> Iterator[Outcome[Instance]]:
    """Switch termination protection on or off, where it is not so already; with ``check`` only ask whether it would
    be permitted. EC2: DescribeInstanceAttribute and ModifyInstanceAttribute, which take one instance each."""
    from ectwo_cli.services.outcomes import failed

    words = ("protect", "protected") if on else ("unprotect", "unprotected")
    for item in items:
        if item.state in ("shutting-down", "terminated"):
            yield Outcome(item, None, f"it is {item.state}, so it can't be {words[1]}", "IncorrectInstanceState")
            continue
        try:
            if machines.is_protected(client, item.id) is on:
                yield Outcome(item, "unchanged")
                continue
            change = {"InstanceId": item.id, "DisableApiTermination": {"Value": on}}
            if check:
                dry_run(client, "ModifyInstanceAttribute", **change)
            else:
                client.call("ModifyInstanceAttribute", **change)
        except Exception as error:
            yield failed(item, error)
        else:
            yield Outcome(item, f"would {words[0]}" if check else words[1])


def console(client: Client, id: str) -> tuple[str, Any]:
    """The console's text and when it was taken; the latest where the type can give that.

    EC2: GetConsoleOutput. Raises botocore's errors.
    """
    try:
        answer = client.call("GetConsoleOutput", InstanceId=id, Latest=True)
    except Exception as error:
        if code_of(error) not in ("UnsupportedOperation", "InvalidParameterCombination", "InvalidParameterValue"):
            raise
        answer = client.call("GetConsoleOutput", InstanceId=id)
    return answer.get("Output") or "", answer.get("Timestamp")
