"""What a verb brings about for one instance, in words for the plan that is shown before it asks. Pure."""

from __future__ import annotations

from typing import Any

from ectwo_cli.services.lifecycle import Order
from ectwo_cli.services.machines import NOTHING, Facts, Machine


def of(order: Order, item: Machine, facts: Facts = NOTHING) -> list[str]:
    """The consequences of an order for an instance that it will hit."""
    if order.verb == "terminate":
        return _of_terminating(order, item, facts)
    if order.stops:
        return of_stopping(item, facts, for_good=order.verb == "stop", params=order.params)
    if order.verb == "reboot":
        return ["it does not answer for a minute or so; its addresses and data stay"]
    return []


def of_stopping(item: Machine, facts: Facts = NOTHING, *, for_good: bool, params: Any = ()) -> list[str]:
    """Of being stopped: ``for_good``, or to be started again at once."""
    told: list[str] = []
    if "Force" in params:
        told.append("it is not shut down cleanly: what it has not written to its disks is lost")
    if "Hibernate" in params:
        told.append("its memory is saved on its root volume, where it is billed")
    told += _of_data(facts)
    if item.public_ip and not item.has_elastic_ip:
        when = "the next start" if for_good else "the start"
        told.append(f"its public address is given up; {when} brings another")
    elif item.public_ip:
        told.append("its Elastic IP stays")
    if for_good and item.disks:
        told.append("its volumes are billed while it is stopped")
    if item.scaling_group:
        told.append(f"part of Auto Scaling group {item.scaling_group}, which will replace it")
    return told


def _of_terminating(order: Order, item: Machine, facts: Facts) -> list[str]:
    told: list[str] = []
    if facts.protected:
        told.append("termination protection is on, and is switched off")
    root = [disk for disk in item.disks if disk["device"] == item.root_device]
    others = [disk for disk in item.disks if disk not in root]
    for disks, noun in ((root, "root volume"), (others, "volume")):
        told += [
            f"{noun} {disk['volume_id']} is {'deleted' if disk['deleted'] else 'kept, and billed'}" for disk in disks
        ]
    told += _of_data(facts)
    if item.public_ip and not item.has_elastic_ip:
        told.append(f"public address {item.public_ip} is given up")
    elif item.public_ip:
        told.append(f"Elastic IP {item.public_ip} is kept, and billed")
    if item.scaling_group:
        told.append(f"part of Auto Scaling group {item.scaling_group}, which will replace it")
    if facts.spot == "persistent":
        told.append(
            f"its spot request {item.spot_request_id} is persistent and will launch another: "
            "'ectwo spot cancel' ends that"
        )
    return told


def _of_data(facts: Facts) -> list[str]:
    return ["data on its instance-store disks is lost"] if facts.instance_store else []
