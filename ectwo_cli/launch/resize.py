"""Another instance type for an instance: whether it fits, and the change, with a way back."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from ectwo_cli.aws.calls import dry_run, is_lost
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import EctwoError, NotFound
from ectwo_cli.fanout import Results, across
from ectwo_cli.launch.choice import near
from ectwo_cli.launch.fit import misfits
from ectwo_cli.launch.gather import offered_types, types_of, zones_of
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass
from ectwo_cli.services import consequences, lifecycle, search
from ectwo_cli.services.machines import Facts, Machine
from ectwo_cli.services.waiting import LIMIT, Pace, Sight, Ticker

RUNS = ("pending", "running")
"""States after which an instance is started again."""


# Whether it fits


@dataclass(frozen=True)
class Types:
    """What EC2 says of the present and the new type: its elements of them, None for one that the region does not have;
    the zones that offer the new one; and near ones that the instance's zone offers, where it does not offer that."""

    old: Raw | None
    new: Raw | None
    zones: Sequence[str]
    near: Sequence[str]


def look_up(client: Client, item: Machine, type: str) -> Types:
    """EC2: DescribeInstanceTypes, DescribeInstanceTypeOfferings. Raises botocore's errors."""
    known = types_of(client, [type, item.type or type])
    zones = zones_of(client, [type])[type]
    others = near(type, offered_types(client, item.zone)) if item.zone not in zones else []
    return Types(known.get(item.type or ""), known.get(type), zones, others)


def check(item: Machine, type: str, types: Types) -> None:
    """Raises NotFound for a type that is none here, EctwoError for whatever else EC2 would refuse."""
    name = item.name or item.id
    if item.state in ("shutting-down", "terminated"):
        raise EctwoError(f"{name} is {item.state}, so it can't be resized", code="IncorrectInstanceState")
    if item.is_spot:
        raise EctwoError(
            f"{name} is a spot instance, whose type can't be changed",
            hint=f"launch another: 'ectwo instances clone {item.region}/{item.id} --type {type}'",
        )
    if item.root_type == "instance-store":
        raise EctwoError(f"the root volume of {name} is an instance store, so it can't be stopped and resized")
    if item.hibernates:
        raise EctwoError(f"{name} was launched so that it can hibernate, and such an instance can't be resized")
    instead = f"like it, and offered in {item.zone}: {', '.join(types.near)}" if types.near else None
    if types.new is None:
        raise NotFound(f"no instance type {type} in {item.region}", hint=instead)
    if item.zone not in types.zones:
        there = f"{item.region} has it in {', '.join(types.zones)}" if types.zones else None
        raise EctwoError(
            f"{type} is not offered in {item.zone}, where {name} is",
            hint="; ".join(each for each in (there, instead) if each) or None,
        )
    if wrong := unfit(item, types.new):
        raise EctwoError(f"{type} does not fit {name}: it {'; it '.join(wrong)}", hint="choose another type")


def unfit(item: Machine, kind: Raw) -> list[str]:
    """Everything in which the type does not fit the instance. Pure."""
    own = {
        "Architecture": item.architecture,
        "VirtualizationType": item.virtualization,
        "BootMode": item.boot_mode,
        "EnaSupport": item.ena,
        "RootDeviceType": item.root_type,
    }
    said = [each.replace("the image", "the instance") for each in misfits(own, kind)]
    most = kind.get("NetworkInfo", {}).get("MaximumNetworkInterfaces")
    if most is not None and len(item.interface_ids) > most:
        said.append(f"takes {most} network interfaces, and the instance has {len(item.interface_ids)}")
    if item.ebs_optimized and kind.get("EbsInfo", {}).get("EbsOptimizedSupport") == "unsupported":
        said.append("can't be EBS-optimized, which the instance is")
    return said


def consequences_of(item: Machine, types: Types) -> list[str]:
    """What it brings about, in words. Pure."""
    told: list[str] = []
    if item.state in RUNS:
        store = bool((types.old or {}).get("InstanceStorageSupported"))
        told.append("it is stopped, and started again: it does not answer for some minutes")
        told += consequences.of_stopping(item, Facts(instance_store=store), for_good=False)
    old, new = ((each or {}).get("EbsInfo", {}).get("NvmeSupport") for each in (types.old, types.new))
    if new == "required" and old == "unsupported":
        told.append("disks have NVMe names there: its system needs the driver, and /etc/fstab no names of devices")
    return told


def rehearse(client: Client, item: Machine, type: str) -> None:
    """Whether it would be permitted. EC2: StopInstances, ModifyInstanceAttribute and StartInstances with DryRun.

    Raises botocore's ClientError if not.
    """
    if item.state in RUNS:
        dry_run(client, "StopInstances", InstanceIds=[item.id])
    if item.state == "stopped":
        # Of a running one EC2 would say that it has to be stopped first.
        dry_run(client, "ModifyInstanceAttribute", InstanceId=item.id, InstanceType={"Value": type})
    if item.state in RUNS:
        dry_run(client, "StartInstances", InstanceIds=[item.id])


# Doing it


def carry_out(
    client: Client,
    item: Machine,
    type: str,
    *,
    wait: bool = True,
    limit: timedelta | None = LIMIT,
    pace: Pace = Pace(),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Results[tuple[Client, Sequence[Machine]], Sight[Machine]]:
    """Stop it, change it, and start it again if it ran; when the new type is refused, put the old one back.

    Without ``wait`` the start at the end is not waited for. EC2: StopInstances, ModifyInstanceAttribute,
    StartInstances; DescribeInstances once a tick.
    """

    def work(place: tuple[Client, Sequence[Machine]]) -> Iterator[Sight[Machine]]:
        ticker = lifecycle.ticker_for(client, limit, pace, clock=clock, sleep=sleep)
        yield from _Resize(ticker, type, wait).run(item)

    return across([(client, [item])], work, where=lambda place: search.place_of(place[0]))


@dataclass
class _Resize:
    ticker: Ticker[Machine]
    type: str
    wait: bool

    def run(self, item: Machine) -> Iterator[Sight[Machine]]:
        runs = item.state in RUNS
        if item.type == self.type:
            yield self._end(item, action="unchanged")
            return
        last = yield from self._go(lifecycle.stop(), item)
        if last.ok is not True:
            # It was not touched, or nobody waits any more.
            yield last if last.late else replace(last, action=None)
            return
        stopped = last.item
        changed = self._change(stopped, self.type)
        if isinstance(changed, Exception):
            yield from self._undo(stopped, f"EC2 refuses type {self.type}", changed, runs, back=None)
            return
        if not runs:
            yield self._end(changed, action="resized")
            return
        last = yield from self._go(lifecycle.start(), changed, wait=self.wait)
        if last.ok is True:
            yield replace(last, action="resized")
        elif last.late:
            yield last
        else:
            reason = EctwoError(last.reason or "it failed", code=last.code)
            yield from self._undo(last.item, f"it did not start as {self.type}", reason, runs, back=item.type)

    def _go(
        self, order: lifecycle.Order, item: Machine, *, wait: bool = True
    ) -> Generator[Sight[Machine], None, Sight[Machine]]:
        """Carry out an order; passes on what is seen but the end, which it returns."""
        last: Sight[Machine] | None = None
        for sight in lifecycle.in_region(self.ticker, [item], order, wait=wait):
            if sight.ended:
                last = sight
            else:
                yield sight
        assert last is not None
        return last

    def _change(self, item: Machine, type: str) -> Machine | Exception:
        """The machine with its new type, or why EC2 refuses. EC2: ModifyInstanceAttribute."""
        for pause in (1.0, 2.0, 4.0, None):
            try:
                self.ticker.client.call("ModifyInstanceAttribute", InstanceId=item.id, InstanceType={"Value": type})
            except Exception as error:
                if is_lost(error):
                    found = self.ticker.see([item.id]) or {}
                    if item.id in found and found[item.id].type == type:
                        return found[item.id]
                # Right after it stopped EC2 may still believe that it is stopping.
                elif code_of(error) != "IncorrectInstanceState":
                    return error
                if pause is None:
                    return error
                self.ticker.sleep(pause)
            else:
                break
        return replace(item, type=type)

    def _undo(
        self, item: Machine, what: str, error: Exception, runs: bool, *, back: str | None
    ) -> Iterator[Sight[Machine]]:
        """Put the old type back (``back``, None where it was never taken away), and start it again if it ran."""
        from ectwo_cli.aws.explain import explain

        why = explain(error)
        target = f"{item.region}/{item.id}"
        reason = f"{what}: {why.message.rstrip('.')}"
        if back is not None:
            restored = self._change(item, back)
            if isinstance(restored, Exception):
                reason = f"{reason}; and its old type {back} can't be put back: {explain(restored).message}"
                yield self._fail(item, reason, why, f"it is stopped; try 'ectwo instances resize {target} {back}'")
                return
            item = restored
            reason = f"{reason}; its old type {back} is back"
        else:
            reason = f"{reason}; it keeps its type {item.type}"
        if not runs:
            yield self._fail(item, reason, why, why.hint)
            return
        last = yield from self._go(lifecycle.start(), item)
        if last.ok is True:
            yield self._fail(last.item, f"{reason}, and it runs again", why, why.hint)
        elif last.late:
            yield self._fail(last.item, f"{reason}, and it is starting", why, why.hint)
        else:
            reason = f"{reason}, but it does not start: {last.reason}"
            yield self._fail(last.item, reason, why, f"try 'ectwo instances start {target}'")

    def _end(self, item: Machine, *, action: str) -> Sight[Machine]:
        key = (item.profile, item.region, item.id)
        return Sight(key, item, item.state or "", ok=True, action=action)

    def _fail(self, item: Machine, reason: str, why: EctwoError, hint: str | None) -> Sight[Machine]:
        key = (item.profile, item.region, item.id)
        return Sight(key, item, item.state or "", ok=False, reason=reason, code=why.code, hint=hint)
