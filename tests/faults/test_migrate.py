"""Migrations through trouble: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ectwo
from tests.ec2 import Ec2, clean_environment
from tests.migrating import HOME, copied, copies, make_images, snapshots_of

WEST, EU = "us-west-2", "eu-west-2"
NO_REASON = {"Code": "Server.InternalError", "Message": "no"}
QUICK = ("-r", HOME, "--yes", "--interval", "0.1")


def slow(ec2: Ec2) -> None:
    """From now on copies take a second and a half."""
    ec2.settings(copy_rate=1e12, copy_least=1.5, snapshot_lag=0.2, transition=0.3)


def one_each(ec2: Ec2, ids: list[str], regions: tuple[str, ...] = (WEST, EU)) -> None:
    found = {(id, region): [image["State"] for image in copies(ec2, region, id)] for id in ids for region in regions}
    assert found == {key: ["available"] for key in found}
    for region in regions:
        marked = [{"Name": "tag-key", "Values": ["ectwo:migration"]}]
        snapshots = ec2.boto(region).describe_snapshots(OwnerIds=["self"], Filters=marked)["Snapshots"]
        used = [
            each["SnapshotId"]
            for id in ids
            for image in copies(ec2, region, id)
            for each in snapshots_of(ec2, region, image)
        ]
        assert sorted(each["SnapshotId"] for each in snapshots) == sorted(used)


@pytest.mark.parametrize(
    "faults",
    [
        [{"operation": "CopyImage", "times": 5, "code": "RequestLimitExceeded", "status": 503}],
        [{"operation": "Describe*", "skip": 12, "times": 6, "code": "RequestLimitExceeded", "status": 503}],
        [{"operation": "CopyImage", "skip": 2, "times": 3, "lose": True}],
        [{"operation": "CopyImage", "skip": 2, "times": 3, "cut": True}],
        [{"operation": "CopyImage", "skip": 2, "times": 3, "raw": {"status": 503, "body": "<html>no</html>"}}],
        [{"operation": "CopyImage", "skip": 2, "times": 2, "truncate": True}],
        [{"operation": "DescribeSnapshots", "skip": 6, "times": 4, "cut": True}],
        [{"operation": "CopyImage", "skip": 2, "times": 1, "outcome": {"StateMessage": "Internal error"}}],
        [{"operation": "CopyImage", "skip": 2, "times": 1, "outcome": {"StateReason": NO_REASON}}],
    ],
    ids=[
        "throttled", "looks-throttled", "lost", "cut", "page", "half", "looks-cut", "snapshot-fails", "image-fails",
    ],
)  # fmt: skip
def test_trouble_on_the_way(ec2: Ec2, ectwo_here: Ectwo, faults: list[dict[str, Any]]) -> None:
    ids = make_images(ec2, ["web-1", "web-2", "web-3"])
    for fault in faults:
        ec2.fault(**fault)
    done = ectwo_here("images", "migrate", *ids, "--to", f"{WEST},{EU}", *QUICK)
    assert done.code == 0, done.err
    ec2.clear_faults()
    one_each(ec2, ids)


def test_slots_are_never_exceeded_and_waited_for(ec2: Ec2, home: Path) -> None:
    ids = make_images(ec2, [f"web-{number}" for number in range(5)])
    slow(ec2)
    ec2.settings(image_slots=2)
    done = run(ec2, home, "images", "migrate", *ids, "--to", WEST, "-o", "jsonl", *QUICK)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    waits = [event for event in told if event["event"] == "wait"]
    # How many are pending is as of the last look, so one that has just ended may still count.
    assert {(event["why"], event["limit"]) for event in waits} <= {("slots", 2), ("slots", 300)}
    assert all(event["pending"] <= 3 for event in waits)
    assert waits
    assert [pair["attempt"] for pair in told if pair["event"] == "submit"] == [1] * 5
    one_each(ec2, ids, (WEST,))


def test_fresh_copies_are_hidden_for_a_while(ec2: Ec2, home: Path) -> None:
    ids = make_images(ec2, ["web-1", "web-2"])
    slow(ec2)
    ec2.advance(60)
    ec2.settings(visible_after=6)
    arguments = ("images", "migrate", *ids, "--to", WEST, *QUICK)
    first = begin(ec2, home, *arguments)
    wait_for(lambda: len(copied(ec2)) == 1)
    first.kill()
    first.communicate()
    # EC2 does not tell of the copies yet; the token does.
    assert run(ec2, home, *arguments).returncode == 0
    ec2.settings(visible_after=0)
    one_each(ec2, ids, (WEST,))


def test_a_snapshot_whose_answer_is_lost_is_not_copied_twice(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [image] = make_images(ec2, ["web-1"])
    [origin] = snapshots_of(ec2, HOME, ec2.boto().describe_images(ImageIds=[image])["Images"][0])
    ec2.fault("CopySnapshot", skip=1, times=1, lose=True)
    done = ectwo_here("snapshots", "migrate", origin["SnapshotId"], "--to", WEST, *QUICK)
    assert done.code == 0, done.err
    assert len(copied(ec2)) == 1


def test_a_denied_region_does_not_spoil_the_others(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = make_images(ec2, ["web-1", "web-2"])
    ec2.fault("CopyImage", region=WEST, times=None, deny=True)
    done = ectwo_here("images", "migrate", *ids, "--to", f"{WEST},{EU}", "-o", "json", *QUICK)
    assert done.code == 6
    assert [(pair["destination"], pair["state"]) for pair in json.loads(done.out)["pairs"]] == [
        (EU, "done"), (WEST, "blocked"), (EU, "done"), (WEST, "blocked"),
    ]  # fmt: skip
    assert [call for call in copied(ec2) if call["region"] == WEST] == []


def test_a_failed_copy_tells_the_snapshots_own_reason(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = make_images(ec2, ["web-1", "web-2"])
    ec2.fault("CopyImage", match=ids[0], skip=0, times=None, outcome={"StateMessage": "Given key ID is not accessible"})
    done = ectwo_here("images", "migrate", *ids, "--to", WEST, "-o", "json", *QUICK)
    assert done.code == 6
    failed, good = sorted(json.loads(done.out)["pairs"], key=lambda pair: str(pair["state"]), reverse=True)
    assert (good["state"], failed["state"], failed["attempts"]) == ("done", "failed", 1)
    assert failed["reason"] == f"{failed['snapshots'][0]['id']}: Given key ID is not accessible"
    # The next run removes it and copies anew.
    ec2.clear_faults()
    assert ectwo_here("images", "migrate", *ids, "--to", WEST, *QUICK).code == 0
    one_each(ec2, ids, (WEST,))


def test_expired_credentials_end_watching(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = make_images(ec2, ["web-1"])
    ec2.settings(copy_rate=1e12, copy_least=3600)
    ec2.fault(
        "DescribeSnapshots", region=WEST, skip=1, times=None, code="RequestExpired", message="Request has expired."
    )
    done = ectwo_here("images", "migrate", *ids, "--to", WEST, *QUICK)
    assert done.code == 8
    assert "the credentials have expired; copies that have been started go on in EC2" in done.err.splitlines()
    [image] = copies(ec2, WEST, ids[0])
    assert f"  in flight: {WEST}/{image['ImageId']} web-1 ({HOME}/{ids[0]})" in done.err.splitlines()


# Killed


def begin(ec2: Ec2, home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ectwo_cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        env=clean_environment(home, **ec2.environment()),
    )


def run(ec2: Ec2, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = begin(ec2, home, *arguments)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def wait_for(what: Callable[[], object]) -> None:
    limit = time.monotonic() + 60
    while not what():
        assert time.monotonic() < limit, "it never came to that"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)], ids=lambda each: str(each)
)
def test_a_signal_ends_watching_and_names_what_goes_on(ec2: Ec2, home: Path, number: int, code: int) -> None:
    ids = make_images(ec2, ["web-1", "web-2", "web-3"])
    slow(ec2)
    ec2.settings(copy_least=3600)
    process = begin(ec2, home, "images", "migrate", *ids, "--to", f"{WEST},{EU}", *QUICK, "--max-parallel", "1")
    wait_for(lambda: len(copied(ec2)) == 2)
    process.send_signal(number)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == code
    lines = err.splitlines()
    flying = [line for line in lines if line.startswith("  in flight: ")]
    made = [(region, image) for region in (EU, WEST) for id in ids for image in copies(ec2, region, id)]
    assert sorted(flying) == sorted(
        f"  in flight: {region}/{image['ImageId']} {image['Name']} ({HOME}/{image['SourceImageId']})"
        for region, image in made
    )
    assert len([line for line in lines if line.startswith("  not started: ")]) == 4
    [hint] = [line for line in lines if line.startswith("hint: to take it up again: ")]
    ec2.advance(7200)
    ec2.settings(copy_least=0)
    resume = hint.removeprefix("hint: to take it up again: ectwo ").split()
    assert run(ec2, home, *resume, "--yes", "--interval", "0.1").returncode == 0
    one_each(ec2, ids)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments_and_run_again(ec2: Ec2, home: Path, seed: int) -> None:
    chance = random.Random(seed)
    ids = make_images(ec2, ["web-1", "web-2", "web-3", "web-4"])
    slow(ec2)
    ec2.forget_calls()
    arguments = ("images", "migrate", *ids, "--to", f"{WEST},{EU}", *QUICK)
    calls = 0
    for _ in range(3):
        calls += chance.randint(1, 25)
        process = begin(ec2, home, *arguments)
        wait_for(lambda: process.poll() is not None or len(ec2.calls()) >= calls)  # noqa: B023
        process.kill()
        process.communicate()
    done = run(ec2, home, *arguments)
    assert done.returncode == 0, done.stderr
    one_each(ec2, ids)


def test_two_machines_at_once(ec2: Ec2, home: Path) -> None:
    ids = make_images(ec2, ["web-1", "web-2", "web-3"])
    slow(ec2)
    arguments = ("images", "migrate", *ids, "--to", f"{WEST},{EU}", *QUICK)
    both = [begin(ec2, home, *arguments) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    one_each(ec2, ids)
