"""Start, stop, reboot, terminate, resize and wait against the server; AWS's own client reads back what was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from ectwo_cli.errors import EctwoError, NotFound
from ectwo_cli.launch import resize
from ectwo_cli.services import goals, lifecycle, machines, waiting
from ectwo_cli.services.lifecycle import Order
from ectwo_cli.services.machines import Facts
from ectwo_cli.services.waiting import Sight
from tests.ec2 import Ec2
from tests.fleet import Time, client, launch, states
from tests.fleet import machines as machines_of

HERE = "us-east-2"
SLOW = 30.0


@pytest.fixture
def slow(user: Ec2) -> Ec2:
    """States take half a minute; only the clock of the test lets it pass."""
    user.settings(transition=SLOW, status=60)
    return user


def do(ec2: Ec2, order: Order, *ids: str, region: str = HERE, **options: Any) -> dict[str, Sight[Any]]:
    """Carry out an order; the last sight of each instance."""
    time, here = Time(ec2), client(region)
    places = [(here, machines_of(here, *ids))]
    sights = lifecycle.carry_out(places, order, clock=time.clock, sleep=time.sleep, **options)
    return ended(sights)


def ended(sights: Iterable[Sight[Any]]) -> dict[str, Sight[Any]]:
    last = {sight.item.id: sight for sight in sights}
    assert all(sight.ended for sight in last.values())
    return last


def told(sights: dict[str, Sight[Any]], ids: Sequence[str]) -> list[tuple[str | None, str]]:
    return [(sights[id].action or sights[id].reason, sights[id].item.state) for id in ids]


# Every state


def test_start_in_every_state(slow: Ec2) -> None:
    ids = launch(slow, HERE, "a", "b", "c", "d", "e")
    for id, state in zip(ids, ("stopped", "running", "stopping", "pending", "terminated"), strict=True):
        slow.happen(HERE, instance=id, state=state)
    slow.forget_calls()
    done = do(slow, lifecycle.start(), *ids)
    assert told(done, ids) == [
        ("started", "running"),
        ("unchanged", "running"),
        ("started", "running"),
        ("unchanged", "running"),
        ("it is terminated, so it can't be started", "terminated"),
    ]
    assert states(slow, HERE, *ids) == ["running", "running", "running", "running", "terminated"]
    # One call for what was stopped, one for what had to stop first.
    assert len(slow.calls("StartInstances")) == 2


def test_stop_in_every_state(slow: Ec2) -> None:
    ids = launch(slow, HERE, "a", "b", "c", "d", "e")
    for id, state in zip(ids, ("running", "stopped", "stopping", "pending", "shutting-down"), strict=True):
        slow.happen(HERE, instance=id, state=state)
    done = do(slow, lifecycle.stop(), *ids)
    assert told(done, ids) == [
        ("stopped", "stopped"),
        ("unchanged", "stopped"),
        ("unchanged", "stopped"),
        ("stopped", "stopped"),
        ("it is shutting-down, so it can't be stopped", "shutting-down"),
    ]
    assert states(slow, HERE, *ids[:4]) == ["stopped"] * 4


def test_terminate_in_every_state(slow: Ec2) -> None:
    ids = launch(slow, HERE, "a", "b", "c", "d")
    for id, state in zip(ids, ("running", "stopped", "shutting-down", "terminated"), strict=True):
        slow.happen(HERE, instance=id, state=state)
    done = do(slow, lifecycle.terminate(), *ids)
    assert [action for action, _ in told(done, ids)] == ["terminated", "terminated", "unchanged", "unchanged"]
    assert states(slow, HERE, *ids) == ["terminated"] * 4


def test_a_hard_reboot_stops_and_starts(slow: Ec2) -> None:
    ids = launch(slow, HERE, "a", "b")
    slow.advance(SLOW)
    slow.happen(HERE, instance=ids[1], state="stopped")
    slow.forget_calls()
    done = do(slow, lifecycle.reboot(hard=True), *ids)
    assert told(done, ids) == [("rebooted", "running"), ("it is stopped, so it can't be rebooted", "stopped")]
    assert [call["operation"] for call in slow.calls() if "Describe" not in call["operation"]] == [
        "StopInstances",
        "StartInstances",
    ]


def test_a_stop_by_force_and_one_that_hibernates(user: Ec2) -> None:
    (id, plain) = launch(user, HERE, "a", "b")
    assert do(user, lifecycle.stop(force=True), id)[id].action == "stopped"
    assert user.calls("StopInstances")[-1]["parameters"]["Force"] in (True, "true")
    refused = do(user, lifecycle.stop(hibernate=True), plain)[plain]
    assert (refused.reason, refused.code) == (
        "it was not launched so that it can hibernate",
        "UnsupportedHibernationConfiguration",
    )
    options = {"HibernationOptions": {"Configured": True}}
    (sleeper,) = launch(user, HERE, "c", type="m5.large", **options)
    assert do(user, lifecycle.stop(hibernate=True), sleeper)[sleeper].action == "hibernated"


def test_without_waiting_it_returns_at_once(slow: Ec2) -> None:
    ids = launch(slow, HERE, "a", "b", "c")
    slow.advance(SLOW)
    slow.happen(HERE, instance=ids[1], state="stopping")
    slow.happen(HERE, instance=ids[2], state="pending")
    slow.forget_calls()
    done = do(slow, lifecycle.stop(), *ids, wait=False)
    assert told(done, ids) == [
        ("stopping", "stopping"),
        ("unchanged", "stopping"),
        ("it is pending, and can't be stopped before that is over", "pending"),
    ]
    assert slow.counts() == {"DescribeInstances": 1, "StopInstances": 1}


def test_the_time_runs_out_while_ec2_goes_on(slow: Ec2) -> None:
    (id,) = launch(slow, HERE, "a")
    slow.advance(SLOW)
    sight = do(slow, lifecycle.stop(), id, limit=timedelta(seconds=10))[id]
    assert (sight.ok, sight.late, sight.sent, sight.action, sight.item.state) == (
        None,
        True,
        True,
        "stopping",
        "stopping",
    )
    slow.advance(SLOW * 2)
    assert states(slow, HERE, id) == ["stopped"]


def test_the_time_runs_out_before_anything_could_be_done(slow: Ec2) -> None:
    (id,) = launch(slow, HERE, "a")
    slow.happen(HERE, instance=id, state="stopping")
    sight = do(slow, lifecycle.start(), id, limit=timedelta(seconds=10))[id]
    assert (sight.late, sight.sent) == (True, False)
    assert slow.calls("StartInstances") == []


# Wait


def wait(ec2: Ec2, word: str, *ids: str, limit: float = 1200) -> dict[str, Sight[Any]]:
    time, here = Time(ec2), client(HERE)
    sights = waiting.wait(
        [(here, machines_of(here, *ids))],
        goals.until(word),
        look=goals.checks() if word == "ok" else None,
        limit=timedelta(seconds=limit),
        clock=time.clock,
        sleep=time.sleep,
    )
    return ended(sights)


def test_wait_for_each_state(slow: Ec2) -> None:
    first, second, third = launch(slow, HERE, "a", "b", "c")
    slow.happen(HERE, instance=second, state="stopping")
    slow.happen(HERE, instance=third, state="shutting-down")
    assert wait(slow, "running", first)[first].ok is True
    assert wait(slow, "stopped", second)[second].ok is True
    assert wait(slow, "terminated", third)[third].ok is True


def test_wait_for_the_checks(slow: Ec2) -> None:
    (id,) = launch(slow, HERE, "a")
    slow.forget_calls()
    sight = wait(slow, "ok", id)[id]
    assert (sight.ok, sight.item.state, sight.detail) == (True, "running", "system ok, instance ok")
    # While it starts its state is asked for, afterwards its checks: one call a tick.
    counts = slow.counts()
    assert counts["DescribeInstances"] > 3 and counts["DescribeInstanceStatus"] > 3


def test_wait_fails_at_once_for_what_has_ended(slow: Ec2) -> None:
    first, second = launch(slow, HERE, "a", "b")
    slow.happen(HERE, instance=first, state="terminated")
    seen = wait(slow, "running", first, second)
    assert seen[first].reason == "it is terminated: Client.UserInitiatedShutdown: User initiated shutdown"
    assert seen[second].ok is True


def test_wait_is_late_for_what_does_not_happen(slow: Ec2) -> None:
    (id,) = launch(slow, HERE, "a")
    assert wait(slow, "stopped", id, limit=300)[id].late is True


def test_wait_for_many_is_one_describe_a_tick(slow: Ec2) -> None:
    ids = launch(slow, HERE, *(f"n{n}" for n in range(20)))
    slow.forget_calls()
    assert {sight.ok for sight in wait(slow, "running", *ids).values()} == {True}
    ticks = slow.counts()["DescribeInstances"] - 1
    assert 5 <= ticks <= 12
    assert set(slow.counts()) == {"DescribeInstances"}


# Facts for the plan


def test_what_describe_instances_does_not_tell_is_learnt(user: Ec2) -> None:
    boto = user.boto(HERE)
    plain, guarded = launch(user, HERE, "a", "b")
    (disky,) = launch(user, HERE, "c", type="m5d.large")
    boto.modify_instance_attribute(InstanceId=guarded, DisableApiTermination={"Value": True})
    here = client(HERE)
    items = machines_of(here, plain, guarded, disky)
    user.forget_calls()
    facts = machines.learn([(here, items)], attribute="disableApiTermination")
    assert {key[2]: fact for key, fact in facts.items()} == {
        plain: Facts(protected=False, instance_store=False),
        guarded: Facts(protected=True, instance_store=False),
        disky: Facts(protected=False, instance_store=True),
    }
    assert user.counts() == {"DescribeInstanceTypes": 1, "DescribeInstanceAttribute": 3}


def test_facts_that_may_not_be_learnt_are_left_out(user: Ec2) -> None:
    (id,) = launch(user, HERE, "a")
    here = client(HERE)
    items = machines_of(here, id)
    user.fault("DescribeInstanceTypes", deny=True, times=None)
    user.fault("DescribeInstanceAttribute", deny=True, times=None)
    assert machines.learn([(here, items)], attribute="disableApiStop") == {(None, HERE, id): Facts()}


# Protection


def test_protection_is_switched_where_it_is_not_so_already(user: Ec2) -> None:
    first, second = launch(user, HERE, "a", "b")
    here = client(HERE)
    items = machines_of(here, first, second)
    assert [each.action for each in lifecycle.protect(here, items[:1], on=True)] == ["protected"]
    user.forget_calls()
    assert [each.action for each in lifecycle.protect(here, items, on=True)] == ["unchanged", "protected"]
    assert user.counts() == {"DescribeInstanceAttribute": 2, "ModifyInstanceAttribute": 1}
    assert [each.action for each in lifecycle.protect(here, items, on=False, check=True)] == ["would unprotect"] * 2
    assert machines.is_protected(here, first) is True
    assert [each.action for each in lifecycle.protect(here, items, on=False)] == ["unprotected"] * 2
    user.happen(HERE, instance=first, state="terminated")
    (gone,) = lifecycle.protect(here, machines_of(here, first), on=True)
    assert gone.error == "it is terminated, so it can't be protected"


# Resize


def change(ec2: Ec2, id: str, type: str, **options: Any) -> Sight[Any]:
    time, here = Time(ec2), client(HERE)
    (item,) = machines_of(here, id)
    resize.check(item, type, resize.look_up(here, item, type))
    return ended(resize.carry_out(here, item, type, clock=time.clock, sleep=time.sleep, **options))[id]


def type_of(ec2: Ec2, id: str) -> str:
    answer = ec2.boto(HERE).describe_instances(InstanceIds=[id])
    return str(answer["Reservations"][0]["Instances"][0]["InstanceType"])


def test_one_that_runs_is_stopped_changed_and_started(slow: Ec2) -> None:
    (id,) = launch(slow, HERE, "a")
    slow.advance(SLOW)
    slow.forget_calls()
    sight = change(slow, id, "t3.small")
    assert (sight.ok, sight.action, sight.item.type, sight.item.state) == (True, "resized", "t3.small", "running")
    assert (type_of(slow, id), states(slow, HERE, id)) == ("t3.small", ["running"])
    changing = [call["operation"] for call in slow.calls() if not call["operation"].startswith("Describe")]
    assert changing == ["StopInstances", "ModifyInstanceAttribute", "StartInstances"]


def test_one_that_is_stopped_stays_stopped(user: Ec2) -> None:
    (id,) = launch(user, HERE, "a")
    user.happen(HERE, instance=id, state="stopped")
    assert change(user, id, "t3.small").action == "resized"
    assert (type_of(user, id), states(user, HERE, id)) == ("t3.small", ["stopped"])


def refusal(ec2: Ec2, id: str, type: str) -> EctwoError:
    here = client(HERE)
    (item,) = machines_of(here, id)
    with pytest.raises(EctwoError) as error:
        resize.check(item, type, resize.look_up(here, item, type))
    return error.value


def test_a_type_that_does_not_fit_is_refused_before_anything_is_done(user: Ec2) -> None:
    (id,) = launch(user, HERE, "a")
    missing = refusal(user, id, "t3.tiny")
    assert isinstance(missing, NotFound)
    assert missing.message == f"no instance type t3.tiny in {HERE}"
    assert missing.hint is not None and missing.hint.startswith(f"like it, and offered in {HERE}")
    assert refusal(user, id, "m7g.large").message == (
        "m7g.large does not fit a: it is arm64, and the instance is x86_64"
    )
    user.happen(HERE, instance=id, state="terminated")
    assert refusal(user, id, "t3.small").message == "a is terminated, so it can't be resized"


def test_a_spot_instance_is_not_resized(user: Ec2) -> None:
    (id,) = launch(user, HERE, "a", InstanceMarketOptions={"MarketType": "spot"})
    refused = refusal(user, id, "t3.small")
    assert (refused.message, refused.hint) == (
        "a is a spot instance, whose type can't be changed",
        f"launch another: 'ectwo instances clone {HERE}/{id} --type t3.small'",
    )


def test_what_does_not_fit_is_said_of_the_instance(user: Ec2) -> None:
    (id,) = launch(user, HERE, "a")
    (item,) = machines_of(client(HERE), id)
    kind = {
        "ProcessorInfo": {"SupportedArchitectures": ["arm64"]},
        "SupportedVirtualizationTypes": ["paravirtual"],
        "NetworkInfo": {"MaximumNetworkInterfaces": 0},
    }
    assert resize.unfit(item, kind) == [
        "is arm64, and the instance is x86_64",
        "runs paravirtual images, and the instance is hvm",
        "takes 0 network interfaces, and the instance has 1",
    ]
