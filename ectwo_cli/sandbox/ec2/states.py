"""The life of an instance: pending, running, stopping, stopped, shutting-down, terminated, and what each brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ectwo_cli.sandbox.ec2 import disks, network
from ectwo_cli.sandbox.world import Region, Thing

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

USER_SHUTDOWN = {
    "Code": "Client.UserInitiatedShutdown",
    "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
}


def state(thing: Thing) -> str:
    """The name of the instance's state."""
    return str(thing.data["State"]["Name"])


def _turn(here: Region, thing: Thing, name: str) -> int:
    """Enter a state. A later turn makes the effects that were planned for an earlier one void."""
    thing.data["State"] = {"Code": CODES[name], "Name": name}
    thing.extra["turn"] += 1
    return int(thing.extra["turn"])


def _later(here: Region, thing: Thing, turn: int, delay: float, effect: Any) -> None:
    def apply() -> None:
        if thing.extra["turn"] == turn:
            effect()

    here.after(delay, apply)


def start_launch(
    here: Region, thing: Thing, failure: Mapping[str, str] | None = None, *, delay: float | None = None
) -> None:
    """A new instance is pending; then it runs, or ends for the reason in ``failure``."""
    seconds = here.settings.transition if delay is None else delay
    turn = _turn(here, thing, "pending")
    if failure:
        thing.extra["failure"] = dict(failure)
        _later(here, thing, turn, seconds, lambda: _ended(here, thing, dict(failure)))
    else:
        _later(here, thing, turn, seconds, lambda: _running(here, thing))


def start(here: Region, thing: Thing, failure: Mapping[str, str] | None = None) -> None:
    """A stopped instance is pending; then it runs, or is stopped again for the reason in ``failure``."""
    turn = _turn(here, thing, "pending")
    thing.data["LaunchTime"] = here.moment()
    thing.data["StateTransitionReason"] = ""
    thing.data.pop("StateReason", None)
    if failure:
        _later(here, thing, turn, here.settings.transition, lambda: _stopped(here, thing, dict(failure)))
    else:
        _later(here, thing, turn, here.settings.transition, lambda: _running(here, thing))


def stop(here: Region, thing: Thing, *, hibernate: bool = False, delay: float | None = None) -> None:
    """A running instance is stopping, then stopped."""
    turn = _turn(here, thing, "stopping")
    reason = dict(USER_SHUTDOWN)
    if hibernate:
        reason = {
            "Code": "Client.UserInitiatedHibernate",
            "Message": "Client.UserInitiatedHibernate: User initiated hibernate",
        }
    thing.data["StateReason"] = reason
    thing.data["StateTransitionReason"] = _by_user(here)
    seconds = here.settings.transition * 1.2 if delay is None else delay
    _later(here, thing, turn, seconds, lambda: _stopped(here, thing, reason))


def terminate(
    here: Region, thing: Thing, reason: Mapping[str, str] = USER_SHUTDOWN, *, delay: float | None = None
) -> None:
    """An instance is shutting down, then terminated."""
    turn = _turn(here, thing, "shutting-down")
    thing.data["StateReason"] = dict(reason)
    thing.data["StateTransitionReason"] = _by_user(here)
    seconds = here.settings.transition if delay is None else delay
    _later(here, thing, turn, seconds, lambda: _ended(here, thing, reason))


def put(here: Region, thing: Thing, name: str, at: float | None = None, *, delay: float | None = None) -> None:
    """Put an instance into a state that lasts, or into one that ends after ``delay`` (``pending``, ``stopping``, …)."""
    if name == "running":
        _running(here, thing, at)
    elif name == "stopped":
        thing.data["StateTransitionReason"] = _by_user(here, at)
        _stopped(here, thing, dict(USER_SHUTDOWN))
    elif name == "terminated":
        thing.data["StateTransitionReason"] = _by_user(here, at)
        _ended(here, thing, dict(USER_SHUTDOWN))
    elif name == "pending":
        start_launch(here, thing, delay=delay)
    elif name == "stopping":
        stop(here, thing, delay=delay)
    elif name == "shutting-down":
        terminate(here, thing, delay=delay)
    else:
        raise ValueError(name)


def _by_user(here: Region, at: float | None = None) -> str:
    return f"User initiated ({here.moment(at):%Y-%m-%d %H:%M:%S} GMT)"


def _running(here: Region, thing: Thing, at: float | None = None) -> None:
    _turn(here, thing, "running")
    thing.extra["running_since"] = here.now() if at is None else at
    if thing.extra["public"] and not thing.data.get("PublicIpAddress"):
        give_address(here, thing)


def _stopped(here: Region, thing: Thing, reason: dict[str, str]) -> None:
    _turn(here, thing, "stopped")
    thing.data["StateReason"] = reason
    if not _elastic(here, thing):
        take_address(thing)
    if thing.extra.pop("terminate_when_stopped", False):
        terminate(here, thing)


def _ended(here: Region, thing: Thing, reason: Mapping[str, str]) -> None:
    _turn(here, thing, "terminated")
    thing.data["StateReason"] = dict(reason)
    for address in here.addresses.values():
        if address.data.get("InstanceId") == thing.id:
            for name in ("InstanceId", "AssociationId", "NetworkInterfaceId", "NetworkInterfaceOwnerId",
                         "PrivateIpAddress"):  # fmt: skip
                address.data.pop(name, None)
    take_address(thing)
    for mapping in list(thing.data["BlockDeviceMappings"]):
        volume = here.volumes.get(mapping["Ebs"]["VolumeId"])
        if volume is None:
            continue
        if mapping["Ebs"]["DeleteOnTermination"]:
            disks.delete_volume(here, volume)
        else:
            disks.detach(here, volume)
    thing.data["BlockDeviceMappings"] = []
    thing.data["NetworkInterfaces"] = []
    thing.data["SecurityGroups"] = []
    thing.data["PrivateDnsName"] = ""
    for name in ("PrivateIpAddress", "SubnetId", "VpcId"):
        thing.data.pop(name, None)
    thing.extra["ended"] = here.now()
    if not thing.extra.get("kept"):
        here.after(here.settings.terminated_for, lambda: _forget(here, thing))


def _forget(here: Region, thing: Thing) -> None:
    here.instances.pop(thing.id, None)
    here.tags.pop(thing.id, None)


def _elastic(here: Region, thing: Thing) -> bool:
    return any(one.data.get("InstanceId") == thing.id for one in here.addresses.values())


def give_address(here: Region, thing: Thing, address: str | None = None, *, owner: str = "amazon") -> None:
    """Give an instance a public address: one of Amazon's, or an Elastic IP address."""
    given = address or network.public_address(here)
    name = network.dns(here, given)
    thing.data["PublicIpAddress"] = given
    thing.data["PublicDnsName"] = name
    for interface in thing.data["NetworkInterfaces"][:1]:
        association = {"IpOwnerId": owner, "PublicDnsName": name, "PublicIp": given}
        interface["Association"] = association
        interface["PrivateIpAddresses"][0]["Association"] = association


def take_address(thing: Thing) -> None:
    """Take an instance's public address away."""
    thing.data.pop("PublicIpAddress", None)
    thing.data["PublicDnsName"] = ""
    for interface in thing.data["NetworkInterfaces"][:1]:
        interface.pop("Association", None)
        interface["PrivateIpAddresses"][0].pop("Association", None)
