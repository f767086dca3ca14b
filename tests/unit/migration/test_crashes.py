"""Killed at any call and run again, on one machine or two at once: exactly one copy a pair, and nothing left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ectwo_cli.migration import engine, events
from ectwo_cli.migration.plan import Action

from .fake import GIB, FakeCloud, FakeEC2, Killed, lost
from .world import copies_of, plan_of, run

HOME = "us-east-1"
REGIONS = ["us-west-2", "eu-west-1"]


def scene(resource: str, count: int, *, shared: bool = False, **more: Any) -> tuple[FakeEC2, dict[str, list[str]]]:
    ec2 = FakeEC2(**more)
    if resource == "snapshot":
        return ec2, {HOME: [ec2.add_snapshot(HOME, n + 1) for n in range(count)]}
    both = [ec2.add_snapshot(HOME)] if shared else []
    tags = [{"Key": "app", "Value": "web"}]
    return ec2, {
        HOME: [
            ec2.add_image(HOME, f"web-{n}", snapshots=[*both, ec2.add_snapshot(HOME, n + 1)], Tags=tags)
            for n in range(count)
        ]
    }


def die(ec2: FakeEC2, at: int, *, acted: bool) -> None:
    """Be killed at the ``at``-th call from now: before EC2 carried it out, or after."""
    until = len(ec2.log) + at

    def strike(nth: int, region: str, operation: str, params: Mapping[str, Any]) -> None:
        if nth >= until:
            raise Killed

    ec2.before, ec2.after = (survive, strike) if acted else (strike, survive)


def survive(nth: int, region: str, operation: str, params: Mapping[str, Any]) -> None:
    """Nothing happens."""


def whole_run(ec2: FakeEC2, ids: dict[str, list[str]], resource: str, **wishes: Any) -> events.Summary:
    return run(ec2, plan_of(ec2, ids, REGIONS, resource, **wishes))[1]


def one_each(ec2: FakeEC2, ids: dict[str, list[str]], resource: str) -> None:
    counts = {(id, region): len(copies_of(ec2, id, region)) for id in ids[HOME] for region in REGIONS}
    assert counts == dict.fromkeys(counts, 1)
    for region in REGIONS:
        its = ec2.regions[region]
        assert {raw["State"] for raw in its.images.values()} <= {"available"}
        assert {raw["State"] for raw in its.snapshots.values()} == {"completed"}
        used = {d["Ebs"]["SnapshotId"] for raw in its.images.values() for d in raw["BlockDeviceMappings"]}
        assert resource == "snapshot" or set(its.snapshots) == used


@settings(max_examples=120, deadline=None)
@given(
    count=st.integers(1, 3),
    shared=st.booleans(),
    visible_after=st.sampled_from([0.0, 15.0]),
    first_fails=st.booleans(),
    kills=st.lists(st.tuples(st.integers(0, 45), st.booleans()), min_size=1, max_size=4),
    pause=st.sampled_from([0.0, 3.0, 60.0]),
)
def test_killed_at_any_call_and_run_again(
    count: int, shared: bool, visible_after: float, first_fails: bool, kills: list[tuple[int, bool]], pause: float
) -> None:
    ec2, ids = scene("image", count, shared=shared, visible_after=visible_after)
    if first_fails:
        ec2.fails = lambda source, region, nth: "Internal error" if nth == 1 else None
    for at, acted in kills:
        die(ec2, at, acted=acted)
        try:
            whole_run(ec2, ids, "image")
        except Killed:
            ec2.clock.seconds += pause
    ec2.before = ec2.after = survive
    last = whole_run(ec2, ids, "image")
    assert last.exit_code() == 0
    one_each(ec2, ids, "image")


@settings(max_examples=80, deadline=None)
@given(
    count=st.integers(1, 3),
    kills=st.lists(st.tuples(st.integers(0, 40), st.booleans()), min_size=1, max_size=4),
    first_fails=st.booleans(),
)
def test_snapshots_killed_at_any_call_and_run_again(
    count: int, kills: list[tuple[int, bool]], first_fails: bool
) -> None:
    ec2, ids = scene("snapshot", count)
    if first_fails:
        ec2.fails = lambda source, region, nth: "Internal error" if nth == 1 else None
    for at, acted in kills:
        die(ec2, at, acted=acted)
        try:
            whole_run(ec2, ids, "snapshot")
        except Killed:
            ec2.clock.seconds += 1.0
    ec2.before = ec2.after = survive
    assert whole_run(ec2, ids, "snapshot").exit_code() == 0
    one_each(ec2, ids, "snapshot")


class Rival:
    """Another machine with the same command. It goes on a little whenever the first is about to call EC2."""

    def __init__(self, ec2: FakeEC2, ids: dict[str, list[str]], resource: str, wishes: dict[str, Any]) -> None:
        self.told = self._run(ec2, ids, resource, wishes)
        self.last: events.Event | None = None

    def _run(
        self, ec2: FakeEC2, ids: dict[str, list[str]], resource: str, wishes: dict[str, Any]
    ) -> Iterator[events.Event]:
        plan = plan_of(ec2, ids, REGIONS, resource, **wishes)
        yield from engine.migrate(plan, FakeCloud(ec2), ec2.clock)

    def step(self, times: int) -> None:
        for _ in range(times):
            self.last = next(self.told, self.last)

    def finish(self) -> events.Summary:
        for event in self.told:
            self.last = event
        assert isinstance(self.last, events.Summary)
        return self.last


@settings(max_examples=100, deadline=None)
@given(
    resource=st.sampled_from(["image", "snapshot"]),
    count=st.integers(1, 3),
    steps=st.lists(st.integers(0, 6), min_size=1, max_size=40),
    visible_after=st.sampled_from([0.0, 15.0]),
    other_command=st.booleans(),
)
def test_two_machines_at_once(
    resource: str, count: int, steps: list[int], visible_after: float, other_command: bool
) -> None:
    ec2, ids = scene(resource, count, visible_after=visible_after if resource == "image" else 0.0)
    # Another command is another plan, with other tags: EC2 refuses the token with other parameters, and the copy is
    # found.
    wishes: dict[str, Any] = {"tags": (("by", "rival"),)} if other_command and resource == "image" else {}
    rival = Rival(ec2, ids, resource, wishes)
    turns = iter(steps)
    _, first = run(ec2, plan_of(ec2, ids, REGIONS, resource), hook=lambda: rival.step(next(turns, 0)))
    second = rival.finish()
    assert first.exit_code() == second.exit_code() == 0
    one_each(ec2, ids, resource)


@settings(max_examples=100, deadline=None)
@given(
    resource=st.sampled_from(["image", "snapshot"]),
    lost_calls=st.sets(st.integers(0, 60), max_size=25),
    acted=st.booleans(),
)
def test_answers_are_lost(resource: str, lost_calls: set[int], acted: bool) -> None:
    ec2, ids = scene(resource, 3, speed=GIB / 5)
    plan = plan_of(ec2, ids, REGIONS, resource)
    start = len(ec2.log)

    def lose(nth: int, region: str, operation: str, params: Mapping[str, Any]) -> None:
        if nth - start in lost_calls:
            raise lost()

    ec2.before, ec2.after = (survive, lose) if acted else (lose, survive)
    _, last = run(ec2, plan)
    assert last.exit_code() == 0
    one_each(ec2, ids, resource)


def test_another_machine_knows_the_whole_plan_from_one_tag() -> None:
    ec2, ids = scene("image", 3)
    die(ec2, 22, acted=True)
    with contextlib.suppress(Killed):
        whole_run(ec2, ids, "image", tags=(("team", "blue"),), name="{name}-{to}")
    ec2.before = ec2.after = survive
    made = [raw for region in REGIONS for raw in ec2.regions[region].images.values()]
    assert made
    from ectwo_cli.migration import tags
    from ectwo_cli.migration.plan import read_intent

    found = tags.unpack(tags.as_dict(made[0]["Tags"]))
    assert found is not None
    sources, regions, wish = read_intent("image", found)
    assert (sources, sorted(regions)) == (ids, sorted(REGIONS))
    assert (wish.tags, wish.name) == ((("team", "blue"),), "{name}-{to}")
    again = plan_of(ec2, sources, regions, tags=wish.tags, name=wish.name)
    assert {pair.action for pair in again.pairs} <= {Action.COPY, Action.ADOPT, Action.SKIP}
