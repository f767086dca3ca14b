"""Whole migrations against the scripted EC2."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ectwo_cli.migration import events
from ectwo_cli.migration.cloud import Control
from ectwo_cli.migration.plan import Action

from .fake import GIB, FakeEC2, error, lost
from .world import copies_of, migrate, plan_of, run, tags_of

HOME = "us-east-1"
WEST, EU = "us-west-2", "eu-west-1"


@pytest.fixture
def ec2() -> FakeEC2:
    return FakeEC2()


def test_many_images_to_many_regions(ec2: FakeEC2) -> None:
    ids = {
        HOME: [ec2.add_image(HOME, f"web-{n}", (n + 1, 2)) for n in range(3)],
        "eu-north-1": [ec2.add_image("eu-north-1", "data", (8,))],
    }
    last = migrate(ec2, ids, [WEST, EU])
    assert last.totals() == {"done": 8, "skipped": 0, "failed": 0, "detached": 0, "queued": 0, "flawed": 0}
    assert last.exit_code() == 0
    for region in (WEST, EU):
        assert sorted(raw["Name"] for raw in ec2.regions[region].images.values()) == ["data", "web-0", "web-1", "web-2"]
    assert all(result.verify == () and len(result.snapshots) in (1, 2) for result in last.results)


def test_the_first_run_leaves_nothing_for_the_second(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, "web", Tags=[{"Key": "Name", "Value": "w"}, {"Key": "aws:cf", "Value": "x"}])]}
    assert migrate(ec2, ids, [WEST]).done == 1
    before = len(ec2.calls("CopyImage"))
    assert migrate(ec2, ids, [WEST]).skipped == 1
    assert [call for call in ec2.calls("CopyImage")[before:] if not call[3].get("DryRun")] == []


def test_own_region_and_no_source(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, "web")]}
    plan = plan_of(ec2, ids, [HOME])
    assert plan.pairs == ()
    assert plan.notes == (f"{HOME}/{ids[HOME][0]} is in {HOME} already",)
    assert run(ec2, plan)[1].exit_code() == 0


def test_tags_are_set_when_the_copy_is_made(ec2: FakeEC2) -> None:
    one, two = (
        ec2.add_snapshot(HOME, 1, Tags=[{"Key": "disk", "Value": disk}, {"Key": "env", "Value": "prod"}])
        for disk in "ab"
    )
    id = ec2.add_image(
        HOME, "web", snapshots=[one, two], Tags=[{"Key": "app", "Value": "web"}, {"Key": "aws:x", "Value": "1"}]
    )
    plan = plan_of(ec2, {HOME: [id]}, [WEST], tags=(("team", "blue"),))
    _told, last = run(ec2, plan)
    [image] = copies_of(ec2, id, WEST)
    its = tags_of(image)
    mark = its.pop("ectwo:migration")
    intent = its.pop("ectwo:intent")
    assert mark.startswith(f"{plan.id}.") and mark.endswith(".1") and intent
    assert its == {"app": "web", "team": "blue", "ectwo:source": f"{HOME}/{id}"}
    [copy] = [call[3] for call in ec2.calls("CopyImage") if not call[3].get("DryRun")]
    assert tags_of({"Tags": copy["TagSpecifications"][1]["Tags"]}) == {
        "env": "prod",
        "team": "blue",
        "ectwo:source": f"{HOME}/{id}",
        "ectwo:migration": mark,
    }
    # What differs between the snapshots is set once they are there: one call for each set.
    assert sorted(tags_of(ec2.regions[WEST].snapshots[part["id"]])["disk"] for part in last.results[0].snapshots) == [
        "a",
        "b",
    ]
    assert len(ec2.calls("CreateTags")) == 2
    assert last.results[0].verify == ()


def test_no_tags_but_those_that_were_given(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web", Tags=[{"Key": "app", "Value": "web"}])
    migrate(ec2, {HOME: [id]}, [WEST], carry_tags=False, tags=(("team", "blue"),))
    its = tags_of(copies_of(ec2, id, WEST)[0])
    assert {key for key in its if not key.startswith("ectwo:")} == {"team"}


def test_percent_never_falls_and_is_weighted_by_bytes(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, "web", (1, 30)), ec2.add_image(HOME, "data", (4,))]}
    told, _ = run(ec2, plan_of(ec2, ids, [WEST]))
    done = [event.done_bytes for event in told if isinstance(event, events.Progress)]
    assert done == sorted(done)
    assert done[-1] == 35 * GIB
    halfway = next(event for event in told if isinstance(event, events.Progress) and event.done_bytes > 17 * GIB)
    assert 100 < (halfway.at - told[0].at).total_seconds() < 200


def test_a_snapshot_shared_by_images_is_moved_by_one_at_a_time(ec2: FakeEC2) -> None:
    shared = ec2.add_snapshot(HOME, 3)
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}", snapshots=[shared]) for n in range(3)]}
    _, last = run(ec2, plan_of(ec2, ids, [WEST]))
    assert last.done == 3
    assert ec2.most_flying[WEST] == 1


def test_slots_are_waited_for_and_are_no_failure(ec2: FakeEC2) -> None:
    ec2.image_slots = 3
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}") for n in range(10)]}
    told, last = run(ec2, plan_of(ec2, ids, [WEST]))
    assert last.done == 10 and last.failed == 0
    assert next(event.pending for event in told if isinstance(event, events.Waiting)) == 3
    refused = len([call for call in ec2.calls("CopyImage") if not call[3].get("DryRun")]) - 10
    assert refused <= 10
    assert all(result.attempts == 1 for result in last.results)


def test_others_hold_the_slots(ec2: FakeEC2) -> None:
    ec2.snapshot_slots = 4
    ec2.speed = GIB / 300
    strangers = [ec2.add_snapshot(HOME, 2) for _ in range(4)]
    for id in strangers:
        ec2.client(WEST).call(
            "CopySnapshot",
            SourceRegion=HOME,
            SourceSnapshotId=id,
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": []}],
        )
    ids = {HOME: [ec2.add_snapshot(HOME) for _ in range(6)]}
    told, last = run(ec2, plan_of(ec2, ids, [WEST], "snapshot"))
    assert last.done == 6
    assert {event.why for event in told if isinstance(event, events.Waiting)} == {"slots"}
    assert len(ec2.calls("CopySnapshot")) < 4 + 6 + 40


def test_never_more_in_flight_than_was_asked(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}") for n in range(8)]}
    run(ec2, plan_of(ec2, ids, [WEST, EU]), max_parallel=2)
    assert dict(ec2.most_flying) == {WEST: 2, EU: 2}


def test_throttles_slow_it_down_and_fail_nothing(ec2: FakeEC2) -> None:
    def throttle(nth: int, region: str, operation: str, params: Any) -> None:
        if hashlib.sha256(str(nth).encode()).digest()[0] % 2:
            raise error("RequestLimitExceeded", "Request limit exceeded.", operation, 503)

    ids = {HOME: [ec2.add_image(HOME, f"web-{n}", Tags=[{"Key": "n", "Value": str(n)}]) for n in range(6)]}
    plan = plan_of(ec2, ids, [WEST, EU])
    ec2.before = throttle
    _, last = run(ec2, plan)
    assert last.totals()["done"] == 12 and last.exit_code() == 0


def test_a_lost_answer_to_copy_image_makes_no_second_copy(ec2: FakeEC2) -> None:
    lost_ones = {"n": 0}

    def lose(nth: int, region: str, operation: str, params: Any) -> None:
        if operation == "CopyImage" and lost_ones["n"] < 3:
            lost_ones["n"] += 1
            raise lost()

    ids = {HOME: [ec2.add_image(HOME, f"web-{n}") for n in range(3)]}
    plan = plan_of(ec2, ids, [WEST])
    ec2.after = lose
    _, last = run(ec2, plan)
    assert last.done == 3
    assert [len(copies_of(ec2, id, WEST)) for id in ids[HOME]] == [1, 1, 1]


def test_a_lost_answer_to_copy_snapshot_makes_no_second_copy(ec2: FakeEC2) -> None:
    ec2.visible_after = 12

    def lose(nth: int, region: str, operation: str, params: Any) -> None:
        if operation == "CopySnapshot" and not params.get("DryRun"):
            raise lost()

    ids = {HOME: [ec2.add_snapshot(HOME) for n in range(3)]}
    plan = plan_of(ec2, ids, [WEST], "snapshot")
    ec2.after = lose
    _, last = run(ec2, plan)
    assert last.done == 3
    assert [len(copies_of(ec2, id, WEST)) for id in ids[HOME]] == [1, 1, 1]
    assert len(ec2.calls("CopySnapshot")) == 3 + 1


def test_a_failed_copy_is_removed_and_tried_again(ec2: FakeEC2) -> None:
    ec2.fails = lambda source, region, nth: "Internal error" if nth == 1 else None
    ids = {HOME: [ec2.add_image(HOME, "web")]}
    _, last = run(ec2, plan_of(ec2, ids, [WEST]))
    assert (last.done, last.results[0].attempts) == (1, 2)
    assert len(ec2.regions[WEST].images) == 1 and len(ec2.regions[WEST].snapshots) == 1
    tokens = [call[3]["ClientToken"] for call in ec2.calls("CopyImage") if not call[3].get("DryRun")]
    assert len(set(tokens)) == 2


def test_a_copy_that_always_fails_does_not_stop_the_others(ec2: FakeEC2) -> None:
    bad, good = ec2.add_image(HOME, "bad"), ec2.add_image(HOME, "good")
    ec2.fails = lambda source, region, nth: "Disk on fire" if source == bad else None
    _told, last = run(ec2, plan_of(ec2, {HOME: [bad, good]}, [WEST]))
    assert (last.done, last.failed, last.exit_code()) == (1, 1, 6)
    [result] = [result for result in last.results if result.state == "failed"]
    assert result.attempts == 3
    assert result.reason is not None and result.reason.endswith(": Disk on fire")
    # The next run clears what is left of it.
    ec2.fails = lambda source, region, nth: None
    assert migrate(ec2, {HOME: [bad, good]}, [WEST]).totals()["done"] == 1
    assert [raw["State"] for raw in ec2.regions[WEST].images.values()] == ["available", "available"]


def test_a_bad_key_is_named_and_met_once_a_region(ec2: FakeEC2) -> None:
    arn = "arn:aws:kms:us-west-2:111122223333:key/1"
    ec2.keys[arn] = {"KeyState": "Enabled", "KeyUsage": "ENCRYPT_DECRYPT", "Arn": arn}
    ec2.bad_keys.add(arn)
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}") for n in range(4)]}
    _told, last = run(ec2, plan_of(ec2, ids, [WEST, EU], kms_keys=((WEST, arn),), encrypt=True))
    west = [result for result in last.results if result.destination == WEST]
    assert [result.state for result in west] == ["failed"] * 4
    assert "Given key ID is not accessible" in str(west[0].reason) and arn in str(west[0].reason)
    assert "kms:CreateGrant" in str(west[0].fix)
    assert sum(made for (_, region), made in ec2.made.items() if region == WEST) == 1
    assert [result.state for result in last.results if result.destination == EU] == ["done"] * 4
    assert last.exit_code() == 6


def test_a_region_that_denies_stops_alone(ec2: FakeEC2) -> None:
    def deny(nth: int, region: str, operation: str, params: Any) -> None:
        if region == WEST and operation == "CopyImage" and not params.get("DryRun"):
            raise error("UnauthorizedOperation", "You are not authorized", operation, 403)

    ids = {HOME: [ec2.add_image(HOME, f"web-{n}") for n in range(4)]}
    ec2.before = deny
    _told, last = run(ec2, plan_of(ec2, ids, [WEST, EU]))
    assert (last.done, last.failed) == (4, 4)
    assert len([call for call in ec2.calls("CopyImage") if call[1] == WEST and not call[3].get("DryRun")]) == 1


def test_a_dry_run_blocks_the_region_before_the_start(ec2: FakeEC2) -> None:
    def deny(nth: int, region: str, operation: str, params: Any) -> None:
        if region == WEST and operation == "CopyImage":
            raise error("UnauthorizedOperation", "You are not authorized", operation, 403)

    ec2.before = deny
    plan = plan_of(ec2, {HOME: [ec2.add_image(HOME, "web")]}, [WEST, EU])
    assert [(pair.region, pair.action) for pair in plan.pairs] == [(WEST, Action.BLOCKED), (EU, Action.COPY)]
    assert plan.pairs[0].reason == "UnauthorizedOperation: You are not authorized"


def test_a_copy_of_another_tool_is_adopted(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web", (4,), Tags=[{"Key": "app", "Value": "web"}])
    ec2.client(WEST).call("CopyImage", SourceRegion=HOME, SourceImageId=id, Name="mine", ClientToken="t")
    plan = plan_of(ec2, {HOME: [id]}, [WEST])
    assert [pair.action for pair in plan.pairs] == [Action.ADOPT]
    told, last = run(ec2, plan)
    assert last.done == 1
    assert any(isinstance(event, events.Progress) and 0 < event.done_bytes < 4 * GIB for event in told)
    [image] = copies_of(ec2, id, WEST)
    assert tags_of(image) == {"app": "web", "ectwo:source": f"{HOME}/{id}"}
    assert migrate(ec2, {HOME: [id]}, [WEST]).skipped == 1


def test_permissions_dates_and_protection_are_carried(ec2: FakeEC2) -> None:
    id = ec2.add_image(
        HOME, "web", DeprecationTime="2030-01-01T00:00:00.000Z", DeregistrationProtection="enabled-without-cooldown"
    )
    ec2.regions[HOME].images[id]["_permissions"] = [{"UserId": "444455556666"}, {"UserId": "111122223333"}]
    plan = plan_of(ec2, {HOME: [id]}, [WEST], permissions=True, share=("777788889999",))
    _, last = run(ec2, plan, deep=True)
    [image] = copies_of(ec2, id, WEST)
    assert image["_permissions"] == [{"UserId": "444455556666"}, {"UserId": "777788889999"}]
    assert image["DeprecationTime"] == "2030-01-01T00:00:00.000Z"
    assert image["DeregistrationProtection"] == "enabled-without-cooldown"
    assert ec2.regions[WEST].snapshots[last.results[0].snapshots[0]["id"]]["_permissions"] == [
        {"UserId": "777788889999"}
    ]
    assert last.results[0].verify == ()
    again = plan_of(ec2, {HOME: [id]}, [WEST], permissions=True, share=("777788889999",))
    assert [pair.action for pair in again.pairs] == [Action.SKIP]


def test_a_denied_permission_leaves_a_copy_with_a_problem(ec2: FakeEC2) -> None:
    def deny(nth: int, region: str, operation: str, params: Any) -> None:
        if operation == "ModifyImageAttribute":
            raise error("OperationNotPermitted", "blocked", operation)

    id = ec2.add_image(HOME, "web")
    ec2.before = deny
    _, last = run(ec2, plan_of(ec2, {HOME: [id]}, [WEST], share=("777788889999",)))
    assert (last.done, last.flawed, last.exit_code()) == (1, 1, 6)
    assert last.results[0].problems == ("launch permissions for 777788889999: OperationNotPermitted: blocked",)


def test_a_changed_attribute_is_found(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "web")

    def change(nth: int, region: str, operation: str, params: Any) -> None:
        for image in ec2.regions[WEST].images.values():
            image["EnaSupport"] = False

    plan = plan_of(ec2, {HOME: [id]}, [WEST])
    ec2.before = change
    _, last = run(ec2, plan)
    assert last.results[0].verify == ("EnaSupport: False instead of True",)
    assert last.exit_code() == 6


def test_the_timeout_stops_watching_not_copying(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}", (50,)) for n in range(4)]}
    _, last = run(ec2, plan_of(ec2, ids, [WEST]), timeout=30, max_parallel=2)
    assert (last.detached, last.queued, last.stopped, last.exit_code()) == (2, 2, "timeout", 8)
    assert last.resume == "ectwo images migrate --resume"
    assert migrate(ec2, ids, [WEST]).done == 4
    assert [len(copies_of(ec2, id, WEST)) for id in ids[HOME]] == [1] * 4


def test_expired_credentials_stop_watching(ec2: FakeEC2) -> None:
    def expire(nth: int, region: str, operation: str, params: Any) -> None:
        if ec2.clock.now() > 20:
            raise error("ExpiredToken", "The security token included in the request is expired", operation)

    plan = plan_of(ec2, {HOME: [ec2.add_image(HOME, "web", (50,))]}, [WEST])
    ec2.before = expire
    _, last = run(ec2, plan)
    assert (last.detached, last.stopped, last.exit_code()) == (1, "credentials", 8)


def test_an_interrupt_names_what_is_in_flight(ec2: FakeEC2) -> None:
    control = Control()
    plan = plan_of(ec2, {HOME: [ec2.add_image(HOME, f"web-{n}", (50,)) for n in range(2)]}, [WEST])

    def stop() -> None:
        if ec2.clock.now() > 20:
            control.stop("interrupt")

    _, last = run(ec2, plan, hook=stop, control=control)
    assert (last.detached, last.queued, last.exit_code()) == (2, 0, 130)
    assert all(result.id for result in last.results)


def test_detach_submits_all_that_has_a_slot(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}", (50,)) for n in range(5)]}
    _, last = run(ec2, plan_of(ec2, ids, [WEST, EU]), detach=True)
    assert (last.detached, last.queued, last.exit_code()) == (10, 0, 0)
    assert ec2.clock.now() == 0
    ec2.image_slots = 7
    ids[HOME] += [ec2.add_image(HOME, f"db-{n}", (50,)) for n in range(5)]
    _, last = run(ec2, plan_of(ec2, ids, [WEST]), detach=True)
    assert (last.detached, last.queued, last.exit_code()) == (7, 3, 8)


def test_the_canary_goes_first(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, f"web-{n}", (n + 1,)) for n in range(5)]}
    run(ec2, plan_of(ec2, ids, [WEST]))
    sent = [call for call in ec2.calls("CopyImage") if not call[3].get("DryRun")]
    assert [call[3]["Name"] for call in sent] == [f"web-{n}" for n in range(5)]
    assert sent[0][0] == 0 and all(call[0] >= ec2.first_percent_after for call in sent[1:])


@pytest.mark.parametrize("recycle_bin", [False, True])
def test_a_stale_token_is_no_dead_end(ec2: FakeEC2, recycle_bin: bool) -> None:
    # What a rule keeps leaves its snapshots behind, completed and with the old image's ID in their descriptions.
    ec2.regions[WEST].recycle_bin = recycle_bin
    ids = {HOME: [ec2.add_image(HOME, "web")]}
    migrate(ec2, ids, [WEST])
    [image] = copies_of(ec2, ids[HOME][0], WEST)
    ec2.client(WEST).call("DeregisterImage", ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)
    # EC2 remembers the token and answers with the image that is gone.
    began = ec2.clock.now()
    last = migrate(ec2, ids, [WEST])
    assert last.done == 1 and last.results[0].id != image["ImageId"]
    assert ec2.clock.now() - began < 60


def test_an_image_without_snapshots(ec2: FakeEC2) -> None:
    id = ec2.add_image(HOME, "store", snapshots=[], RootDeviceType="instance-store")
    assert migrate(ec2, {HOME: [id]}, [WEST]).done == 1


@pytest.mark.parametrize(("known", "seconds"), [(True, 60), (False, 400)])
def test_someone_deregisters_a_pending_copy(ec2: FakeEC2, known: bool, seconds: float) -> None:
    plan = plan_of(ec2, {HOME: [ec2.add_image(HOME, "web", (50,))]}, [WEST])

    def vanish() -> None:
        if ec2.clock.now() > 30:
            ec2.regions[WEST].gone.update(ec2.regions[WEST].images if known else ())
            ec2.regions[WEST].images.clear()
            ec2.regions[WEST].snapshots.clear()

    _, last = run(ec2, plan, hook=vanish)
    assert last.failed == 1 and "vanished" in str(last.results[0].reason)
    assert ec2.clock.now() < seconds


def test_a_stall_is_told_and_not_a_failure(ec2: FakeEC2) -> None:
    ec2.speed = GIB / 10_000
    told, last = run(ec2, plan_of(ec2, {HOME: [ec2.add_image(HOME, "web", (50,))]}, [WEST]), timeout=4 * 3600)
    notes = {event.message for event in told if isinstance(event, events.Noted)}
    assert notes == {"no progress for 30 minutes; still watching"}
    assert last.stopped == "timeout"


def test_each_copy_is_launched_once(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, "web")]}
    first = migrate(ec2, ids, [WEST, EU], launch="t3.micro")
    second = migrate(ec2, ids, [WEST, EU], launch="t3.micro")
    assert [result.instance_id for result in first.results] == [result.instance_id for result in second.results]
    assert [len(ec2.regions[region].instances) for region in (WEST, EU)] == [1, 1]


def test_snapshots_alone(ec2: FakeEC2) -> None:
    id = ec2.add_snapshot(HOME, 3, Description="nightly", Tags=[{"Key": "Name", "Value": "data"}])
    last = migrate(ec2, {HOME: [id]}, [WEST, EU], "snapshot")
    assert last.done == 2
    [copy] = copies_of(ec2, id, WEST)
    assert copy["Description"] == f"[Copied {id} from {HOME}] nightly"
    assert tags_of(copy)["Name"] == "data"
    assert migrate(ec2, {HOME: [id]}, [WEST, EU], "snapshot").skipped == 2


def test_calls_of_20_images_into_4_regions_stay_in_the_budget(ec2: FakeEC2) -> None:
    regions = [WEST, EU, "eu-central-1", "ap-southeast-1"]
    ec2.speed = 10 * GIB / 590

    def calls_and_ticks(images: int) -> tuple[int, int]:
        ids = {HOME: [ec2.add_image(HOME, f"{images}-{n}", (10,)) for n in range(images)]}
        start, before = ec2.clock.now(), len(ec2.log)
        plan = plan_of(ec2, ids, regions)
        _, last = run(ec2, plan)
        assert last.done == images * 4
        seconds = ec2.clock.now() - start
        assert 500 < seconds < 800
        made = len(ec2.log) - before
        ticks = -(-seconds // 15)
        assert made <= images * 4 + 1.13 * 4 * ticks + 7 * 4 + 4, made
        return made - images * 4, int(ticks)

    few, ticks_few = calls_and_ticks(5)
    many, ticks_many = calls_and_ticks(20)
    assert many - few <= 1.13 * 4 * abs(ticks_many - ticks_few) + 8


def test_a_token_of_another_command_is_no_dead_end(ec2: FakeEC2) -> None:
    ids = {HOME: [ec2.add_image(HOME, "web")]}
    migrate(ec2, ids, [WEST])
    [image] = copies_of(ec2, ids[HOME][0], WEST)
    ec2.client(WEST).call("DeregisterImage", ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)
    told, last = run(ec2, plan_of(ec2, ids, [WEST, EU]))
    assert last.done == 2
    assert [event.message for event in told if isinstance(event, events.Noted)] == [
        f"{HOME}/{ids[HOME][0]} was copied there by somebody (IdempotentParameterMismatch); looking for that copy"
    ]
