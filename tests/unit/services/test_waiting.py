"""The wait engine, without a network and without time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ectwo_cli.aws.session import Account, Client
from ectwo_cli.services import waiting
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.waiting import Goal, Pace, Sight, Ticker


class Throttled(Exception):
    response = {"Error": {"Code": "RequestLimitExceeded", "Message": "slow down"}}  # noqa: RUF012


class Denied(Exception):
    response = {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}  # noqa: RUF012


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


CLIENT = Client(Account(None), "us-east-1")
RUNNING = Goal[Instance](
    "running",
    reached=lambda item: item.state == "running",
    hopeless=lambda item: (item.state_reason or "it ended") if item.state == "terminated" else None,
)


def instance(name: str, state: str, reason: str | None = None) -> Instance:
    return Instance(region="us-east-1", id=f"i-{name}", state=state, state_reason=reason)


def script(*looks: Any) -> Callable[[Client, Sequence[str]], Iterable[Instance]]:
    """A look that gives these answers one after the other, the last one for ever."""
    answers = list(looks)
    asked: list[Sequence[str]] = []

    def look(client: Client, ids: Sequence[str]) -> Iterable[Instance]:
        asked.append(list(ids))
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [each for each in answer if each.id in ids]

    look.asked = asked  # type: ignore[attr-defined]
    return look


def watch(
    look: Any, items: Sequence[Instance], goal: Goal[Instance] = RUNNING, limit: float | None = 1200
) -> tuple[list[Sight[Instance]], Clock]:
    clock = Clock()
    ticker: Ticker[Instance] = Ticker(
        CLIENT,
        look,
        waiting.id_of,
        None if limit is None else timedelta(seconds=limit),
        Pace(),
        clock=clock,
        sleep=clock.sleep,
    )
    return list(waiting.watch(ticker, items, goal)), clock


def seen(sights: Iterable[Sight[Instance]]) -> list[tuple[str, str, bool | None]]:
    return [(sight.item.id, sight.state, sight.ok) for sight in sights]


def test_what_is_there_already_costs_no_call() -> None:
    look = script([])
    sights, clock = watch(look, [instance("a", "running")])
    assert seen(sights) == [("i-a", "running", True)]
    assert look.asked == [] and clock.slept == []  # type: ignore[attr-defined]


def test_one_look_asks_for_all_that_are_not_there_yet() -> None:
    pending = [instance("a", "pending"), instance("b", "pending")]
    look = script([instance("a", "running"), pending[1]], [instance("b", "running")])
    sights, _ = watch(look, pending)
    assert look.asked == [["i-a", "i-b"], ["i-b"]]  # type: ignore[attr-defined]
    assert seen(sights) == [
        ("i-a", "pending", None),
        ("i-b", "pending", None),
        ("i-a", "running", True),
        ("i-b", "pending", None),
        ("i-b", "running", True),
    ]


def test_what_can_not_be_reached_any_more_fails_at_once_with_the_reason() -> None:
    look = script([instance("a", "terminated", "Server.InsufficientInstanceCapacity")])
    sights, clock = watch(look, [instance("a", "pending")])
    assert (sights[-1].ok, sights[-1].reason) == (False, "Server.InsufficientInstanceCapacity")
    assert len(clock.slept) == 1


def test_pauses_grow_up_to_the_most() -> None:
    pending = [instance("a", "pending")]
    looks = [pending] * 9
    _, clock = watch(script(*looks, [instance("a", "running")]), pending)
    assert clock.slept == [
        1.0,
        1.25,
        1.5625,
        1.953125,
        2.44140625,
        3.0517578125,
        3.814697265625,
        4.76837158203125,
        5,
        5,
    ]


def test_the_time_limit_cuts_the_last_pause_and_leaves_the_rest_late() -> None:
    pending = [instance("a", "pending"), instance("b", "pending")]
    sights, clock = watch(script([instance("a", "running"), pending[1]]), pending, limit=2.5)
    assert sum(clock.slept) == 2.5
    assert [(sight.item.id, sight.ok, sight.late) for sight in sights[-1:]] == [("i-b", None, True)]


def test_no_time_at_all_looks_at_what_is_known() -> None:
    sights, clock = watch(script([]), [instance("a", "pending"), instance("b", "running")], limit=0)
    assert [(sight.item.id, sight.ok, sight.late) for sight in sights[-2:]] == [
        ("i-b", True, False),
        ("i-a", None, True),
    ]
    assert clock.slept == []


def test_an_id_that_is_not_visible_yet_is_waited_for() -> None:
    look = script([], [], [instance("a", "running")])
    sights, _ = watch(look, [instance("a", "pending")])
    assert seen(sights)[-1] == ("i-a", "running", True)


def test_an_id_that_stays_invisible_is_gone() -> None:
    sights, clock = watch(script([]), [instance("a", "pending")])
    assert (sights[-1].ok, sights[-1].reason) == (False, "EC2 does not list it any more")
    assert waiting.INVISIBLE <= sum(clock.slept) < waiting.INVISIBLE + 10


def test_gone_may_be_the_goal() -> None:
    goal = Goal[Instance]("terminated", reached=lambda item: item.state == "terminated", gone=True)
    sights, _ = watch(script([]), [instance("a", "shutting-down")], goal)
    assert (sights[-1].ok, sights[-1].state) == (True, "terminated")


def test_a_throttled_look_is_tried_again_later() -> None:
    look = script(Throttled(), Throttled(), [instance("a", "running")])
    sights, clock = watch(look, [instance("a", "pending")])
    assert [sight.detail for sight in sights] == ["", *["no answer from EC2, trying again"] * 2, ""]
    assert seen(sights)[-1] == ("i-a", "running", True)
    assert clock.slept == [1.0, 2.5, 4.6875]


def test_after_too_many_unanswered_looks_the_error_comes_through() -> None:
    look = script(Throttled())
    with pytest.raises(Throttled):
        watch(look, [instance("a", "pending")], limit=None)
    assert len(look.asked) == waiting.TRIES  # type: ignore[attr-defined]


def test_a_missing_permission_is_not_waited_out() -> None:
    with pytest.raises(Denied):
        watch(script(Denied()), [instance("a", "pending")])


def test_regions_are_waited_for_side_by_side_and_one_that_fails_spoils_nothing() -> None:
    clock = Clock()
    west = Client(Account(None), "us-west-2")

    def look(client: Client, ids: Sequence[str]) -> Iterable[Instance]:
        if client.region == "us-west-2":
            raise Denied
        return [instance("a", "running")]

    elsewhere = replace(instance("w", "pending"), region="us-west-2")
    results = waiting.wait(
        [(CLIENT, [instance("a", "pending")]), (west, [elsewhere])], RUNNING, look=look, clock=clock, sleep=clock.sleep
    )
    last = {sight.key: sight for sight in results}
    assert last[None, "us-east-1", "i-a"].ok is True
    (failure,) = results.failures
    (sight,) = waiting.failed(failure, [elsewhere])
    assert (failure.where, sight.ok, sight.reason, sight.code) == ("us-west-2", False, "no", "UnauthorizedOperation")


def test_the_default_look_is_one_describe_with_a_filter() -> None:
    calls: list[Any] = []

    class Fake(Client):
        def call(self, operation: str, **params: Any) -> dict[str, Any]:
            calls.append((operation, params))
            return {"Reservations": [{"Instances": [{"InstanceId": "i-a", "State": {"Name": "running"}}]}]}

    look = waiting.looks_by_id(Instance)
    assert [item.state for item in look(Fake(Account(None), "us-east-1"), ["i-a", "i-b"])] == ["running"]
    ((operation, params),) = calls
    assert operation == "DescribeInstances"
    assert params["Filters"] == [{"Name": "instance-id", "Values": ["i-a", "i-b"]}]
