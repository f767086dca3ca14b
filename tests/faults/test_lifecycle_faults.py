"""Lifecycle verbs against a server that refuses members, throttles, loses answers and fails late.

The SDK's own retries are mostly off here, so that it is ectwo's patience that is seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ectwo_cli.launch import resize
from ectwo_cli.services import goals, lifecycle, tags, waiting
from ectwo_cli.services.lifecycle import Order
from ectwo_cli.services.machines import Facts
from ectwo_cli.services.waiting import Sight, key_of
from tests.ec2 import Ec2
from tests.fleet import Time, client, launch, machines, states

HERE = "us-east-2"


@pytest.fixture
def impatient(user: Ec2, monkeypatch: pytest.MonkeyPatch) -> Ec2:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    user.settings(transition=3)
    return user


def do(ec2: Ec2, order: Order, *ids: str, **options: Any) -> dict[str, Sight[Any]]:
    time, here = Time(ec2), client(HERE)
    places = [(here, machines(here, *ids))]
    ec2.forget_calls()
    return ended(lifecycle.carry_out(places, order, clock=time.clock, sleep=time.sleep, **options))


def ended(sights: Iterable[Sight[Any]]) -> dict[str, Sight[Any]]:
    last = {sight.item.id: sight for sight in sights}
    assert all(sight.ended for sight in last.values())
    return last


def running(ec2: Ec2, *names: str, **more: Any) -> list[str]:
    ids = launch(ec2, HERE, *names, **more)
    ec2.advance(60)
    return ids


# Refused members


def test_a_protected_one_is_reported_and_the_others_are_terminated(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b", "c")
    impatient.boto(HERE).modify_instance_attribute(InstanceId=ids[1], DisableApiTermination={"Value": True})
    done = do(impatient, lifecycle.terminate(), *ids)
    assert [done[id].ok for id in ids] == [True, False, True]
    assert (done[ids[1]].reason, done[ids[1]].code, done[ids[1]].hint) == (
        "termination protection is on",
        "OperationNotPermitted",
        f"add --unprotect, or switch it off: 'ectwo instances protect {HERE}/{ids[1]} --off'",
    )
    assert states(impatient, HERE, *ids) == ["terminated", "running", "terminated"]
    assert len(impatient.calls("TerminateInstances")) == 2


def test_what_is_protected_is_unprotected_when_asked(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b", "c")
    for id in ids[:2]:
        impatient.boto(HERE).modify_instance_attribute(InstanceId=id, DisableApiTermination={"Value": True})
    done = do(impatient, lifecycle.terminate(unprotect=True), *ids)
    assert {sight.action for sight in done.values()} == {"terminated"}
    assert len(impatient.calls("ModifyInstanceAttribute")) == 2


def test_what_is_known_to_be_protected_is_unprotected_first(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.boto(HERE).modify_instance_attribute(InstanceId=id, DisableApiTermination={"Value": True})
    (item,) = machines(client(HERE), id)
    facts = {key_of(item): Facts(protected=True)}
    assert do(impatient, lifecycle.terminate(unprotect=True), id, facts=facts)[id].action == "terminated"
    assert len(impatient.calls("TerminateInstances")) == 1


def test_one_time_spot_and_stop_protected_ones_are_reported_and_the_others_stopped(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b")
    (spot,) = running(impatient, "s", InstanceMarketOptions={"MarketType": "spot"})
    impatient.boto(HERE).modify_instance_attribute(InstanceId=ids[0], DisableApiStop={"Value": True})
    done = do(impatient, lifecycle.stop(), *ids, spot)
    assert done[ids[0]].reason == "stop protection is on"
    assert done[ids[1]].action == "stopped"
    assert done[spot].reason == "it is a one-time spot instance, which can't be stopped"


def test_a_refusal_that_names_nobody_is_found_by_halves(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b", "c", "d")
    impatient.fault("StopInstances", match=ids[2], times=None, code="UnauthorizedOperation", message="not you")
    done = do(impatient, lifecycle.stop(), *ids)
    assert [done[id].action for id in ids] == ["stopped", "stopped", None, "stopped"]
    assert (done[ids[2]].reason, done[ids[2]].code) == ("not you", "UnauthorizedOperation")


# Throttles and lost answers


def test_a_throttled_request_is_sent_again(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b")
    impatient.fault("StopInstances", code="RequestLimitExceeded", times=2)
    done = do(impatient, lifecycle.stop(), *ids)
    assert {sight.action for sight in done.values()} == {"stopped"}
    assert len(impatient.calls("StopInstances")) == 3


def test_one_that_is_throttled_for_ever_fails_at_last(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("StopInstances", code="RequestLimitExceeded", times=None)
    sight = do(impatient, lifecycle.stop(), id)[id]
    assert (sight.ok, sight.code) == (False, "RequestLimitExceeded")
    assert len(impatient.calls("StopInstances")) == lifecycle.TRIES_THROTTLED


def test_throttled_looks_are_waited_out(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    time, here = Time(impatient), client(HERE)
    places = [(here, machines(here, id))]
    impatient.fault("DescribeInstances", code="RequestLimitExceeded", times=4)
    sights = lifecycle.carry_out(places, lifecycle.stop(), clock=time.clock, sleep=time.sleep)
    assert ended(sights)[id].action == "stopped"


@pytest.mark.parametrize("fault", ["lose", "truncate"])
def test_a_start_whose_answer_is_lost_is_not_sent_twice(impatient: Ec2, fault: str) -> None:
    (id,) = running(impatient, "a")
    impatient.happen(HERE, instance=id, state="stopped")
    impatient.fault("StartInstances", **{fault: True})
    sight = do(impatient, lifecycle.start(), id)[id]
    assert (sight.ok, sight.action) == (True, "started")
    assert len(impatient.calls("StartInstances")) == 1


def test_a_start_that_never_arrived_is_sent_again(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.happen(HERE, instance=id, state="stopped")
    impatient.fault("StartInstances", cut=True)
    assert do(impatient, lifecycle.start(), id)[id].action == "started"
    assert states(impatient, HERE, id) == ["running"]


def test_a_reboot_whose_answer_is_lost_is_not_sent_twice(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b")
    impatient.fault("RebootInstances", lose=True)
    done = do(impatient, lifecycle.reboot(), *ids)
    assert {sight.reason for sight in done.values()} == {
        "no answer came from EC2, so it may have been rebooted or not; it was not asked again"
    }
    assert len(impatient.calls("RebootInstances")) == 1


def test_the_sdk_sends_nothing_twice_either(user: Ec2) -> None:
    (id,) = running(user, "a")
    user.fault("StopInstances", lose=True)
    assert do(user, lifecycle.stop(), id)[id].action == "stopped"
    assert len(user.calls("StopInstances")) == 1
    assert do(user, lifecycle.start(), id)[id].ok is True
    user.fault("RebootInstances", lose=True, times=None)
    assert do(user, lifecycle.reboot(), id)[id].ok is False
    assert len(user.calls("RebootInstances")) == 1


# Late failures


def test_a_start_that_fails_tells_the_reason_at_once(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.happen(HERE, instance=id, state="stopped")
    reason = {"Code": "Server.InternalError", "Message": "Server.InternalError: Internal error on launch"}
    impatient.fault("StartInstances", outcome={"StateReason": reason})
    sight = do(impatient, lifecycle.start(), id)[id]
    assert (sight.ok, sight.reason) == (False, "it is stopped again: Server.InternalError: Internal error on launch")


def test_one_that_is_terminated_while_it_starts_fails_at_once(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.happen(HERE, instance=id, state="stopped")
    time, here = Time(impatient), client(HERE)
    places = [(here, machines(here, id))]
    seen = []
    for sight in lifecycle.carry_out(places, lifecycle.start(), clock=time.clock, sleep=time.sleep):
        if sight.sent and not any(each.sent for each in seen):
            impatient.happen(HERE, instance=id, state="terminated")
        seen.append(sight)
    assert seen[-1].reason == "it is terminated: Client.UserInitiatedShutdown: User initiated shutdown"


def test_a_hard_reboot_that_can_not_start_says_that_it_was_stopped(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("StartInstances", times=None, code="InsufficientInstanceCapacity", message="We are out of it.")
    sight = do(impatient, lifecycle.reboot(hard=True), id)[id]
    assert (sight.reason, sight.code, sight.hint) == (
        "it was stopped, and did not start again: We are out of it.",
        "InsufficientInstanceCapacity",
        f"try again: 'ectwo instances start {HERE}/{id}'",
    )
    assert states(impatient, HERE, id) == ["stopped"]


def test_a_region_that_answers_no_more_is_its_own_failure(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    time, here = Time(impatient), client(HERE)
    places = [(here, machines(here, id))]
    impatient.fault("DescribeInstances", deny=True, times=None)
    results = lifecycle.carry_out(places, lifecycle.stop(), clock=time.clock, sleep=time.sleep)
    assert [(sight.ok, sight.sent) for sight in results] == [(None, False), (None, True)]
    (failure,) = results.failures
    (sight,) = waiting.failed(failure, places[0][1])
    assert (sight.ok, sight.code) == (False, "UnauthorizedOperation")
    impatient.clear_faults()
    impatient.advance(10)
    assert states(impatient, HERE, id) == ["stopped"]


def test_ids_that_are_not_visible_yet_are_waited_for(impatient: Ec2) -> None:
    impatient.settings(visible_after=20)
    (id,) = launch(impatient, HERE, "a")
    impatient.settings(visible_after=0)
    here = client(HERE)
    items = machines(here, id)
    impatient.settings(visible_after=20)
    time = Time(impatient)
    sights = waiting.wait([(here, items)], goals.until("running"), clock=time.clock, sleep=time.sleep)
    assert ended(sights)[id].ok is True
    assert time.now > 15


# Resize


def change(ec2: Ec2, id: str, type: str) -> Sight[Any]:
    time, here = Time(ec2), client(HERE)
    (item,) = machines(here, id)
    return ended(resize.carry_out(here, item, type, clock=time.clock, sleep=time.sleep))[id]


def type_of(ec2: Ec2, id: str) -> str:
    answer = ec2.boto(HERE).describe_instances(InstanceIds=[id])
    return str(answer["Reservations"][0]["Instances"][0]["InstanceType"])


def test_without_capacity_the_old_type_is_put_back_and_runs(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("StartInstances", code="InsufficientInstanceCapacity", message="We are out of it.")
    sight = change(impatient, id, "t3.small")
    assert (sight.ok, sight.code) == (False, "InsufficientInstanceCapacity")
    assert sight.reason == (
        "it did not start as t3.small: We are out of it; its old type t3.nano is back, and it runs again"
    )
    assert (type_of(impatient, id), states(impatient, HERE, id)) == ("t3.nano", ["running"])


def test_a_new_type_that_fails_late_is_put_back_too(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    reason = {"Code": "Server.InternalError", "Message": "Server.InternalError: broken"}
    impatient.fault("StartInstances", outcome={"StateReason": reason})
    sight = change(impatient, id, "t3.small")
    assert sight.reason == (
        "it did not start as t3.small: it is stopped again: Server.InternalError: broken; "
        "its old type t3.nano is back, and it runs again"
    )
    assert (type_of(impatient, id), states(impatient, HERE, id)) == ("t3.nano", ["running"])


def test_a_refused_change_starts_the_instance_again_as_it_was(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("ModifyInstanceAttribute", code="Unsupported", message="Not that one.")
    sight = change(impatient, id, "t3.small")
    assert sight.reason == "EC2 refuses type t3.small: Not that one; it keeps its type t3.nano, and it runs again"
    assert (type_of(impatient, id), states(impatient, HERE, id)) == ("t3.nano", ["running"])


def test_when_the_way_back_fails_too_the_message_says_where_it_stands(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("StartInstances", times=None, code="InsufficientInstanceCapacity", message="We are out of it.")
    sight = change(impatient, id, "t3.small")
    assert (sight.reason, sight.hint) == (
        "it did not start as t3.small: We are out of it; its old type t3.nano is back, "
        "but it does not start: We are out of it.",
        f"try 'ectwo instances start {HERE}/{id}'",
    )
    assert (type_of(impatient, id), states(impatient, HERE, id)) == ("t3.nano", ["stopped"])


def test_a_change_whose_answer_is_lost_is_looked_for(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("ModifyInstanceAttribute", lose=True)
    assert change(impatient, id, "t3.small").action == "resized"
    assert type_of(impatient, id) == "t3.small"
    assert len(impatient.calls("ModifyInstanceAttribute")) == 1


# Tags


def tagged(ec2: Ec2, change: tags.Change, *ids: str) -> list[Any]:
    here = client(HERE)
    known = tags.read(here, ids)
    items = [tags.tagged(here, id, known.get(id, {})) for id in ids]
    ec2.forget_calls()
    return list(tags.apply(here, items, change, sleep=Time(ec2).sleep))


def test_one_resource_that_is_gone_does_not_keep_the_others_from_their_tags(impatient: Ec2) -> None:
    ids = running(impatient, "a", "b")
    gone = "i-0123456789abcdef0"
    done = {each.item.resource_id: each for each in tagged(impatient, tags.Change({"k": "v"}), *ids, gone)}
    assert [done[id].action for id in ids] == ["set", "set"]
    assert done[gone].code == "InvalidInstanceID.NotFound"
    assert len(impatient.calls("CreateTags")) == 2


def test_tags_are_read_back_until_ec2_shows_them(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    body = "<CreateTagsResponse><return>true</return></CreateTagsResponse>"
    impatient.fault("CreateTags", raw={"status": 200, "body": body})
    (outcome,) = tagged(impatient, tags.Change({"k": "v"}), id)
    assert outcome.error == "EC2 took the change, but it does not show it"
    assert len(impatient.calls("DescribeTags")) == len(tags.PAUSES)


def test_a_throttled_look_at_tags_is_made_again(impatient: Ec2) -> None:
    (id,) = running(impatient, "a")
    impatient.fault("DescribeTags", code="RequestLimitExceeded", times=2, skip=1)
    (outcome,) = tagged(impatient, tags.Change({"k": "v"}), id)
    assert outcome.action == "set"
