"""The states of instances that can be waited for: running, stopped, terminated, and ok (its checks passed)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ectwo_cli.aws.calls import batches
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.model import column, resource
from ectwo_cli.services import search
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.waiting import Goal, Look

UNTIL = ("running", "stopped", "terminated", "ok")

ENDING = ("shutting-down", "terminated")

# Reasons to be stopped after which an instance can be started as it is; any other says why a start failed.
_WANTED = ("Client.UserInitiated", "Client.InstanceInitiated", "Server.ScheduledStop", "Server.SpotInstance")


@resource(**vars(Instance.kind))
class Checked(Instance):
    """An instance with its two checks. EC2: DescribeInstances, and DescribeInstanceStatus for what is below Checks."""

    system_status: str | None = column("Checks.SystemStatus.Status", help="the check of the host")
    instance_status: str | None = column("Checks.InstanceStatus.Status", help="the check of the instance")


def until(word: str) -> Goal[Any]:
    """The goal that ``word``, one of :data:`UNTIL`, names; for ``ok`` with the look of :func:`checks`."""
    if word == "ok":
        return Goal("ok", reached=_is_ok, hopeless=lambda item: _hopeless("running", item), detail=_checks_of)
    return Goal(
        word,
        reached=lambda item: item.state == word,
        hopeless=lambda item: _hopeless(word, item),
        gone=word == "terminated",
    )


def _hopeless(word: str, item: Instance) -> str | None:
    reason = item.state_reason or ""
    if word != "terminated" and item.state in ENDING:
        return f"it is {item.state}{f': {reason}' if reason else ''}"
    if word == "running" and item.state == "stopped" and reason and not reason.startswith(_WANTED):
        return f"it is stopped: {reason}"
    return None


def _is_ok(item: Any) -> bool:
    checks = (getattr(item, "system_status", None), getattr(item, "instance_status", None))
    return item.state == "running" and checks == ("ok", "ok")


def _checks_of(item: Any) -> str:
    if item.state != "running" or not getattr(item, "instance_status", None):
        return ""
    return f"system {item.system_status}, instance {item.instance_status}"


def checks() -> Look[Any]:
    """The look for ``ok``: those that were not seen running yet are described, of the others the checks are asked.

    One for each wait, since it remembers who runs. EC2: DescribeInstances, DescribeInstanceStatus.
    """
    running: dict[tuple[str | None, str, str], Checked] = {}

    def look(client: Client, ids: Sequence[str]) -> Iterator[Checked]:
        keys = {id: (client.profile, client.region, id) for id in ids}
        unknown = [id for id in ids if keys[id] not in running]
        for some in batches(unknown, 200):
            for page in search.find(client, search.by_ids(Checked, some)):
                for item in page.items:
                    if item.state == "running":
                        running[keys[item.id]] = item
                    else:
                        yield item
        for some in batches([id for id in ids if keys[id] in running], 100):
            statuses = _statuses(client, some)
            for id in some:
                item = _with_checks(running[keys[id]], statuses.get(id, {}))
                if item.state != "running":
                    del running[keys[id]]
                yield item

    return look


def _statuses(client: Client, ids: list[str]) -> dict[str, Any]:
    # It has no filter on the ID; each of these was seen a moment ago.
    try:
        answer = client.call("DescribeInstanceStatus", InstanceIds=ids, IncludeAllInstances=True)
    except Exception as error:
        if code_of(error) == "InvalidInstanceID.NotFound":
            # Gone, or not known everywhere yet; DescribeInstances will tell.
            return {id: {"InstanceState": {"Name": "unknown"}} for id in ids}
        raise
    return {each["InstanceId"]: each for each in answer["InstanceStatuses"]}


def _with_checks(item: Checked, status: Any) -> Checked:
    return replace(
        item,
        state=status.get("InstanceState", {}).get("Name", item.state),
        system_status=status.get("SystemStatus", {}).get("Status"),
        instance_status=status.get("InstanceStatus", {}).get("Status"),
    )
