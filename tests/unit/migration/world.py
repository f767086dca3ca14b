"""Short ways to plan and run a migration against the scripted EC2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ectwo_cli.migration import engine, events, survey
from ectwo_cli.migration.cloud import Client, Control
from ectwo_cli.migration.plan import Plan
from ectwo_cli.migration.wish import Wish

from .fake import ACCOUNT, FakeCloud, FakeEC2

RESUME = "ectwo images migrate --resume"


def plan_of(
    ec2: FakeEC2, ids: Mapping[str, Sequence[str]], regions: Sequence[str], resource: str = "image", **wishes: Any
) -> Plan:
    def everywhere(regions: Sequence[str], work: Callable[[Client], Any]) -> dict[str, Any]:
        return {region: work(ec2.client(region)) for region in regions}

    return survey.prepare(
        everywhere,
        resource,
        ids,
        regions,
        Wish(**wishes),
        account=ACCOUNT,
        now=ec2.clock.today(),
        resume=RESUME,
    )


def run(
    ec2: FakeEC2,
    plan: Plan,
    *,
    hook: Callable[[], None] = lambda: None,
    control: Control | None = None,
    most_hours: float = 48,
    **options: Any,
) -> tuple[list[events.Event], events.Summary]:
    """All events, and the last one. Fails when it goes on for too long."""
    told = []
    until = ec2.clock.now() + most_hours * 3600
    for event in engine.migrate(plan, FakeCloud(ec2, hook), ec2.clock, engine.Options(**options), control):
        told.append(event)
        assert ec2.clock.now() < until, "it never ends"
    last = told[-1]
    assert isinstance(last, events.Summary)
    return told, last


def migrate(
    ec2: FakeEC2, ids: Mapping[str, Sequence[str]], regions: Sequence[str], resource: str = "image", **wishes: Any
) -> events.Summary:
    """Plan and run; the summary."""
    return run(ec2, plan_of(ec2, ids, regions, resource, **wishes))[1]


def copies_of(ec2: FakeEC2, source: str, region: str) -> list[dict[str, Any]]:
    """What lives in ``region`` and was made of ``source``."""
    ec2.settle()
    its = ec2.regions[region]
    label = [("SourceImageId", its.images), ("source", its.snapshots)][source.startswith("snap")]
    if label[0] == "SourceImageId":
        return [raw for raw in label[1].values() if raw.get("SourceImageId") == source and raw["State"] != "failed"]
    return [
        raw
        for raw in label[1].values()
        if any(tag["Key"] == "ectwo:source" and tag["Value"].endswith(f"/{source}") for tag in raw["Tags"])
        and raw["State"] != "error"
    ]


def tags_of(raw: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw["Tags"]}


def kinds(told: Sequence[events.Event]) -> list[str]:
    return [event.kind for event in told]
