"""What a launched instance is waited for."""

from __future__ import annotations

from ectwo_cli.services.instances import Instance, InstanceStatus
from ectwo_cli.services.waiting import Goal

ENDED = ("shutting-down", "terminated", "stopping", "stopped")


def ended_badly(item: Instance) -> str | None:
    """Why an instance that was launched will never run: EC2's reason. None while it may."""
    if item.state not in ENDED:
        return None
    return f"it is {item.state}: {item.state_reason}" if item.state_reason else f"it is {item.state}"


def checks_words(item: InstanceStatus) -> str:
    """``system ok, instance initializing``."""
    return f"system {item.system_status or 'unknown'}, instance {item.instance_status or 'unknown'}"


RUNNING: Goal[Instance] = Goal("running", reached=lambda item: item.state == "running", hopeless=ended_badly)
OK: Goal[InstanceStatus] = Goal(
    "ok",
    reached=lambda item: item.system_status == "ok" and item.instance_status == "ok",
    hopeless=lambda item: f"it is {item.state}" if item.state in ENDED else None,
    detail=checks_words,
)


def unchecked(item: Instance) -> InstanceStatus:
    """An instance whose checks have not been looked at yet."""
    return InstanceStatus(
        profile=item.profile,
        region=item.region,
        name=item.name,
        id=item.id,
        state=item.state,
        events=[],
        type=item.type,
        zone=item.zone,
        launched_at=item.launched_at,
        failed_since=None,
        tags=item.tags,
    )
