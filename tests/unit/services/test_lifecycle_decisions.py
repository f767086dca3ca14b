"""What is to be done in which state: the whole table of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ectwo_cli.services import consequences, lifecycle
from ectwo_cli.services.lifecycle import GRACE, Done, Never, Order, Send, Track, Wait
from ectwo_cli.services.machines import Facts, Machine

THEN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def machine(state: str, **more: Any) -> Machine:
    known = {"region": "us-east-1", "id": "i-0123456789abcdef0", "name": "web-1", "state": state, "launched_at": THEN}
    defaults: dict[str, Any] = {
        "root_type": "ebs",
        "root_device": "/dev/xvda",
        "disks": [{"device": "/dev/xvda", "volume_id": "vol-1", "deleted": True}],
        "address_owners": [],
        "hibernates": False,
        "lifecycle": "on-demand",
        "tags": {},
    }
    return Machine(**{**known, **defaults, **more})


def decided(order: Order, state: str) -> str:
    return type(lifecycle.decide(order, Track(machine(state)), 0.0)).__name__.lower()


STATES = ("pending", "running", "stopping", "stopped", "shutting-down", "terminated")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (lifecycle.start(), "wait done wait send never never"),
        (lifecycle.stop(), "wait send wait done never never"),
        (lifecycle.stop(force=True), "send send send done never never"),
        (lifecycle.terminate(), "send send send send wait done"),
        (lifecycle.reboot(), "wait send never never never never"),
        (lifecycle.reboot(hard=True), "wait send never never never never"),
    ],
    ids=["start", "stop", "stop --force", "terminate", "reboot", "reboot --hard"],
)
def test_what_is_done_first_in_each_state(order: Order, expected: str) -> None:
    assert [decided(order, state) for state in STATES] == expected.split()


def test_what_can_not_be_done_says_the_state() -> None:
    said = lifecycle.decide(lifecycle.start(), Track(machine("terminated")), 0.0)
    assert said == Never("it is terminated, so it can't be started", "IncorrectInstanceState", None)
    said = lifecycle.decide(lifecycle.reboot(), Track(machine("stopped")), 0.0)
    assert said == Never(
        "it is stopped, so it can't be rebooted",
        "IncorrectInstanceState",
        "start it: 'ectwo instances start us-east-1/i-0123456789abcdef0'",
    )


def sent(state: str, **more: Any) -> Track:
    """A track whose request was accepted at second 100, of an instance that was stopped by its user."""
    before = machine("stopped", state_reason="Client.UserInitiatedShutdown: User initiated shutdown")
    return Track(replace(before, state=state, **more), sent=True, acted=True, since=100.0, before=before)


def test_after_it_was_sent_the_state_on_the_way_is_waited_out() -> None:
    assert lifecycle.decide(lifecycle.start(), sent("pending"), 101.0) == Wait()
    assert lifecycle.decide(lifecycle.start(), sent("running"), 101.0) == Done()


def test_a_state_from_before_may_be_shown_for_a_while() -> None:
    assert lifecycle.decide(lifecycle.start(), sent("stopped"), 100.0 + GRACE - 1) == Wait()
    assert lifecycle.decide(lifecycle.start(), sent("stopped"), 100.0 + GRACE) == Never("it stays stopped")


def test_one_that_is_stopped_again_fails_at_once_with_the_reason() -> None:
    again = sent("stopped", launched_at=THEN + timedelta(days=1), state_reason="Server.InternalError: no disk")
    assert lifecycle.decide(lifecycle.start(), again, 101.0) == Never(
        "it is stopped again: Server.InternalError: no disk"
    )


def test_one_that_ends_meanwhile_fails_at_once_with_the_reason() -> None:
    ended = sent("terminated", state_reason="Client.UserInitiatedShutdown: User initiated shutdown")
    said = lifecycle.decide(lifecycle.start(), ended, 101.0)
    assert said == Never("it is terminated: Client.UserInitiatedShutdown: User initiated shutdown")


def test_a_request_that_may_have_got_lost_is_judged_by_the_state() -> None:
    lost = Track(machine("stopping"), acted=True, tries=1)
    assert lifecycle.decide(lifecycle.reboot(hard=True), lost, 0.0) == Wait()
    assert lifecycle.decide(lifecycle.stop(), Track(machine("running"), acted=True, tries=1), 0.0) == Send()


def test_a_hard_reboot_starts_what_it_has_stopped() -> None:
    second = Track(machine("stopped"), leg=1, acted=True)
    assert lifecycle.decide(lifecycle.reboot(hard=True), second, 0.0) == Send()


# What is known to stand in the way


def refusal(order: Order, item: Machine, facts: Facts = Facts(), *, wait: bool = True) -> str | None:
    said = lifecycle.foresee(order, item, facts, wait=wait)
    return said.reason if isinstance(said, Never) else None


def test_what_stands_in_the_way_is_foreseen() -> None:
    running = machine("running")
    stop, terminate = lifecycle.stop(), lifecycle.terminate()
    assert refusal(stop, running) is None
    assert refusal(stop, replace(running, root_type="instance-store")) == (
        "its root volume is an instance store, so it can't be stopped"
    )
    assert refusal(lifecycle.stop(hibernate=True), running) == "it was not launched so that it can hibernate"
    assert refusal(lifecycle.stop(hibernate=True), replace(running, hibernates=True)) is None
    assert refusal(stop, running, Facts(spot="one-time")) == "it is a one-time spot instance, which can't be stopped"
    assert refusal(stop, running, Facts(spot="persistent")) is None
    assert refusal(stop, running, Facts(protected=True)) == "stop protection is on"
    assert refusal(terminate, running, Facts(protected=True)) == "termination protection is on"
    assert refusal(lifecycle.terminate(unprotect=True), running, Facts(protected=True)) is None
    assert refusal(lifecycle.reboot(hard=True), running, Facts(spot="one-time")) is not None
    assert refusal(lifecycle.reboot(), running, Facts(spot="one-time")) is None


def test_without_waiting_what_has_to_be_waited_for_can_not_be_done() -> None:
    start, stop = lifecycle.start(), lifecycle.stop()
    assert refusal(start, machine("stopping"), wait=False) == "it is stopping, and can't be started before that is over"
    assert refusal(stop, machine("pending"), wait=False) == "it is pending, and can't be stopped before that is over"
    assert refusal(stop, machine("stopping"), wait=False) is None


# What it brings about


def test_consequences_of_stopping() -> None:
    order = lifecycle.stop()
    assert consequences.of(order, machine("running")) == ["its volumes are billed while it is stopped"]
    rich = machine(
        "running",
        public_ip="198.51.100.7",
        address_owners=["amazon"],
        disks=[{"device": "/dev/xvda"}, {"device": "/dev/sdf"}],
        tags={"aws:autoscaling:groupName": "shop"},
    )
    assert consequences.of(order, rich, Facts(instance_store=True)) == [
        "data on its instance-store disks is lost",
        "its public address is given up; the next start brings another",
        "its volumes are billed while it is stopped",
        "part of Auto Scaling group shop, which will replace it",
    ]
    elastic = machine("running", public_ip="198.51.100.7", address_owners=["123456789012"], disks=[])
    assert consequences.of(order, elastic) == ["its Elastic IP stays"]
    assert consequences.of(lifecycle.stop(force=True), machine("running", disks=[])) == [
        "it is not shut down cleanly: what it has not written to its disks is lost"
    ]
    assert consequences.of(lifecycle.stop(hibernate=True), machine("running", disks=[])) == [
        "its memory is saved on its root volume, where it is billed"
    ]


def test_consequences_of_terminating() -> None:
    item = machine(
        "running",
        public_ip="198.51.100.7",
        address_owners=["amazon"],
        lifecycle="spot",
        spot_request_id="sir-1",
        disks=[
            {"device": "/dev/xvda", "volume_id": "vol-1", "deleted": True},
            {"device": "/dev/sdf", "volume_id": "vol-2", "deleted": False},
        ],
    )
    assert consequences.of(lifecycle.terminate(unprotect=True), item, Facts(protected=True, spot="persistent")) == [
        "termination protection is on, and is switched off",
        "root volume vol-1 is deleted",
        "volume vol-2 is kept, and billed",
        "public address 198.51.100.7 is given up",
        "its spot request sir-1 is persistent and will launch another: 'ectwo spot cancel' ends that",
    ]
    kept = machine(
        "stopped",
        disks=[{"device": "/dev/xvda", "volume_id": "vol-1", "deleted": False}],
        public_ip="198.51.100.7",
        address_owners=["123456789012"],
    )
    assert consequences.of(lifecycle.terminate(), kept) == [
        "root volume vol-1 is kept, and billed",
        "Elastic IP 198.51.100.7 is kept, and billed",
    ]


def test_consequences_of_rebooting() -> None:
    item = machine("running", public_ip="198.51.100.7", address_owners=["amazon"])
    assert consequences.of(lifecycle.reboot(), item) == [
        "it does not answer for a minute or so; its addresses and data stay"
    ]
    assert consequences.of(lifecycle.reboot(hard=True), item, Facts(instance_store=True)) == [
        "data on its instance-store disks is lost",
        "its public address is given up; the start brings another",
    ]
