"""``images migrate``, ``images migrations`` and ``snapshots migrate`` against a server, read back by boto3."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.conftest import Ectwo
from tests.ec2 import OTHER_ACCOUNT, Ec2, clean_environment
from tests.migrating import HOME, copied, copies, make_images, snapshots_of, tags_of

WEST, EU, SOUTH = "us-west-2", "eu-west-1", "ap-south-1"
QUICK = ("--yes", "--interval", "0.05")


def migration_of(ectwo: Ectwo) -> dict[str, Any]:
    [found] = json.loads(ectwo("images", "migrations", "--json").out)
    return dict(found)


def test_images_go_to_regions_with_all_that_belongs_to_them(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = make_images(ec2, ["web-1", "web-2"], Description="the web")
    done = ectwo_here("images", "migrate", "web-1", f"{HOME}/{ids[1]}", "--to", f"{WEST},{EU}", *QUICK)
    assert done.code == 0, done.err
    header, *rows = done.out.splitlines()
    assert header == "region\tname\tid\tstate\tsource\tseconds"
    made = {(region, id): image for region in (WEST, EU) for id in ids for image in copies(ec2, region, id)}
    assert sorted(row.rsplit("\t", 1)[0] for row in rows) == sorted(
        f"{region}\t{image['Name']}\t{image['ImageId']}\tdone\t{HOME}/{id}" for (region, id), image in made.items()
    )
    for (region, id), image in made.items():
        assert (image["State"], image["Description"], image["EnaSupport"]) == ("available", "the web", True)
        its = tags_of(image)
        assert its["app"] == image["Name"] and its["ectwo:source"] == f"{HOME}/{id}"
        assert set(its) == {"app", "ectwo:source", "ectwo:migration", "ectwo:intent"}
        [snapshot] = snapshots_of(ec2, region, image)
        assert {key: value for key, value in tags_of(snapshot).items() if key != "ectwo:migration"} == {
            "disk": image["Name"],
            "ectwo:source": f"{HOME}/{id}",
        }
    # Tags came with the copies: nothing was written afterwards.
    assert ec2.calls("CreateTags") == []
    assert len(copied(ec2)) == 4


def test_again_there_is_nothing_to_do(ec2: Ec2, ectwo_here: Ectwo) -> None:
    make_images(ec2, ["web-1"])
    assert ectwo_here("images", "migrate", "web-1", "-r", HOME, "--to", WEST, *QUICK).code == 0
    again = ectwo_here("images", "migrate", "web-1", "-r", HOME, "--to", WEST)
    assert again.code == 0
    assert again.out.splitlines()[1].split("\t")[3] == "skipped"
    assert len(copied(ec2)) == 1


def test_the_events(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "-o", "jsonl", *QUICK)
    told = [json.loads(line) for line in done.out.splitlines()]
    [image] = copies(ec2, WEST, id)
    plan = told[0]["plan"]
    assert all(event["v"] == 1 and event["plan"] == plan and event["ts"].endswith("Z") for event in told)
    bare = [{key: value for key, value in event.items() if key not in ("v", "ts", "plan")} for event in told]
    size = bare[0]["bytes"]
    copy = {"source": f"{HOME}/{id}", "region": WEST}
    assert bare[0] == {"event": "plan", "pairs": 1, "bytes": size, "regions": [WEST]}
    assert bare[1] == {"event": "submit", **copy, "image_id": image["ImageId"], "attempt": 1}
    states = [event for event in bare if event["event"] == "state"]
    assert all(event["image_id"] == image["ImageId"] for event in states)
    assert [(event["from"], event["to"]) for event in states] == [
        ("queued", "pending"),
        ("pending", "available"),
        ("available", "done"),
    ]
    assert {"event": "verify", **copy, "ok": True, "diff": []} in bare
    progress = [event for event in bare if event["event"] == "progress"][-1]
    assert progress == {
        "event": "progress",
        "region": WEST,
        "done_bytes": size,
        "bytes": size,
        "pairs": {"copying": 0, "queued": 0, "done": 1, "failed": 0},
        "rate": None,
        "eta": None,
        "slots": [0, 50],
    }
    assert bare[-1] == {
        "event": "summary",
        "done": 1,
        "skipped": 0,
        "failed": 0,
        "detached": 0,
        "queued": 0,
        "flawed": 0,
        "stopped": None,
        "resume": None,
    }


def test_the_document(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "--json", *QUICK)
    document = json.loads(done.out)
    [image] = copies(ec2, WEST, id)
    [snapshot] = snapshots_of(ec2, WEST, image)
    [origin] = snapshots_of(ec2, HOME, ec2.boto().describe_images(ImageIds=[id])["Images"][0])
    [pair] = document.pop("pairs")
    assert isinstance(pair.pop("seconds"), float | int)
    size = origin["FullSnapshotSizeInBytes"]
    assert pair == {
        "source": f"{HOME}/{id}",
        "destination": WEST,
        "name": "web-1",
        "image_id": image["ImageId"],
        "snapshots": [{"source": origin["SnapshotId"], "id": snapshot["SnapshotId"], "bytes": size}],
        "bytes": size,
        "encryption": "plain",
        "action": "copy",
        "state": "done",
        "attempts": 1,
        "reason": None,
        "fix": None,
        "verify": {"ok": True, "diff": []},
        "problems": [],
        "instance_id": None,
    }
    assert document == {
        "plan": migration_of(ectwo_here)["id"],
        "totals": {"done": 1, "skipped": 0, "failed": 0, "detached": 0, "queued": 0, "flawed": 0},
        "stopped": None,
        "resume": None,
    }


def test_a_dry_run_changes_nothing(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", f"{WEST},{EU}", "-n")
    assert done.code == 0
    assert [line.split("\t")[:4] for line in done.out.splitlines()] == [
        ["region", "action", "name", "source"],
        [EU, "copy", "web-1", f"{HOME}/{id}"],
        [WEST, "copy", "web-1", f"{HOME}/{id}"],
    ]
    assert copied(ec2) == []
    plan = json.loads(ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "-n", "--json").out)
    assert plan["totals"] == {"copy": 1, "skip": 0, "fix": 0, "adopt": 0, "blocked": 0, "conflict": 0}


def test_without_a_yes_nothing_is_done(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST)
    assert (done.code, done.out) == (10, "")
    assert done.err.splitlines()[-2:] == [
        "error: not done: this needs a yes, and there is no terminal to ask on",
        "hint: say --yes",
    ]
    assert copied(ec2) == []


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["web-1"], 2, "where to?"),
        (["web-1", "--to", "nowhere"], 2, "no region matches 'nowhere'"),
        (["--to", WEST], 2, "which images?"),
        (["--to", WEST, "--tag", "a=b"], 2, "which are to be copied? --tag is a tag for the copies"),
        (["nothing", "--to", WEST], 3, "no image nothing"),
        (["web-1", "--to", WEST, "--tag", "a"], 2, "--tag 'a': a tag for the copies is KEY=VALUE"),
        (["web-1", "--to", WEST, "--tag", "aws:a=b"], 2,
            "--tag 'aws:a=b': keys that begin with aws: or ectwo: are reserved"),
        (["web-1", "--to", WEST, "--name", "{nome}"], 2, "--name '{nome}': unknown field {nome}"),
        (["web-1", "--to", WEST, "--share", "me"], 2, "--share me: neither an account (12 digits) nor the ARN of an "
            "organization or unit, nor public"),
        (["web-1", "--to", WEST, "--kms-key", f"{EU}=k"], 2, f"--kms-key {EU}=k: {EU} is not among the destinations"),
        (["web-1", "--to", WEST, "--completion-duration", "20m"], 2, "a time-based copy of 20 minutes is not possible"),
        (["web-1", "--to", WEST, "--on-conflict", "panic"], 2, "unknown --on-conflict 'panic'"),
        (["web-1", "--to", WEST, "--order", "random"], 2, "--order random"),
        (["--resume", "--to", WEST], 2, "--resume goes where the migration goes; leave --to out"),
        (["--resume"], 3, "no migration is unfinished"),
        (["--resume", "nonsense"], 2, "'nonsense' is no migration"),
        (["--undo", "m000000000"], 3, "no migration m000000000"),
        (["--cancel", "m000000000", "--undo", "m000000000"], 2, "--resume, --cancel and --undo exclude each other"),
        (["--force", "web-1", "--to", WEST], 2, "--force is for --undo"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant(ec2: Ec2, ectwo_here: Ectwo, arguments: list[str], code: int, error: str) -> None:
    make_images(ec2, ["web-1"])
    done = ectwo_here("images", "migrate", *arguments, *QUICK)
    assert (done.code, done.out) == (code, "")
    assert f"error: {error}" in done.err.splitlines()
    assert copied(ec2) == []


def test_many_by_a_query_from_several_regions(ec2: Ec2, ectwo_here: Ectwo) -> None:
    make_images(ec2, ["web-1", "web-2"])
    make_images(ec2, ["web-3"], region=EU)
    done = ectwo_here(
        "images", "migrate", "--where", "tags.app = web-*", "--to", f"{EU},{WEST}", "-q", "-o", "csv", *QUICK
    )
    assert done.code == 0
    rows = [line.split(",") for line in done.out.splitlines()[1:]]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        (EU, "web-1", "done"),
        (EU, "web-2", "done"),
        (WEST, "web-1", "done"),
        (WEST, "web-2", "done"),
        (WEST, "web-3", "done"),
    ]


def test_ids_from_stdin_and_out_again(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = make_images(ec2, ["web-1", "web-2"])
    lines = "".join(f"{HOME}/{id}\n" for id in ids)
    done = ectwo_here("images", "migrate", "-", "--to", WEST, "-o", "ids", *QUICK, stdin=lines)
    assert sorted(done.out.splitlines()) == sorted(
        f"{WEST}/{image['ImageId']}" for id in ids for image in copies(ec2, WEST, id)
    )


def test_names_tags_and_permissions_as_asked(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    ec2.boto().modify_image_attribute(ImageId=id, LaunchPermission={"Add": [{"UserId": OTHER_ACCOUNT}]})
    ec2.boto().enable_image_deprecation(ImageId=id, DeprecateAt="2030-01-01T00:00:00Z")
    done = ectwo_here(
        "images", "migrate", id, "-r", HOME, "--to", WEST, "--name", "{name}-{to}", "--tag", "team=blue", "--no-tags",
        "--with-permissions", "--share", "111122223333", "--verify", "deep", *QUICK,
    )  # fmt: skip
    assert done.code == 0, done.err
    [image] = copies(ec2, WEST, id)
    assert image["Name"] == f"web-1-{WEST}"
    assert image["DeprecationTime"].startswith("2030-01-01T00:00")
    assert {key for key in tags_of(image) if not key.startswith("ectwo:")} == {"team"}
    told = ec2.boto(WEST).describe_image_attribute(ImageId=image["ImageId"], Attribute="launchPermission")
    assert sorted(each["UserId"] for each in told["LaunchPermissions"]) == ["111122223333", OTHER_ACCOUNT]
    again = ectwo_here(
        "images", "migrate", id, "-r", HOME, "--to", WEST, "--name", "{name}-{to}", "--tag", "team=blue", "--no-tags",
        "--with-permissions", "--share", "111122223333", "-q",
    )  # fmt: skip
    assert again.out.splitlines()[1].split("\t")[3] == "skipped"


def test_encryption_and_a_key_that_is_not_there(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "--kms-key", "alias/none", *QUICK)
    assert done.code == 1
    assert done.err.splitlines()[-3:] == [
        f"error: web-1 to {WEST}: there is no key alias/none in {WEST}",
        "hint: give a key of that region with --kms-key REGION=KEY",
        "1 failed",
    ]
    assert ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "--encrypt", *QUICK).code == 0
    [image] = copies(ec2, WEST, id)
    assert all(snapshot["Encrypted"] for snapshot in snapshots_of(ec2, WEST, image))


def test_a_taken_name(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    [other] = make_images(ec2, ["web-1"], region=WEST)
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", f"{WEST},{EU}", *QUICK)
    assert done.code == 6
    assert f"error: web-1 to {WEST}: the name 'web-1' is taken there by {other}" in done.err.splitlines()
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", f"{WEST},{EU}", "--on-conflict", "rename", *QUICK)
    assert done.code == 0
    assert [image["Name"] for image in copies(ec2, WEST, id)] == [f"web-1-{id}"]


def test_a_migration_is_found_taken_up_and_undone_from_ec2_alone(ec2: Ec2, ectwo_here: Ectwo, tmp_path: Path) -> None:
    ids = make_images(ec2, ["web-1", "web-2", "web-3"])
    # The third copy is refused: two of six are missing after this.
    ec2.fault("CopyImage", match=ids[2], times=None, code="InternalError", status=400)
    began = ectwo_here("images", "migrate", *ids, "-r", HOME, "--to", f"{WEST},{EU}", "--timeout", "2", *QUICK)
    assert began.code == 8
    found = migration_of(ectwo_here)
    assert (found["state"], found["done"], found["total"]) == ("unfinished", 4, 6)
    assert found["destinations"] == [EU, WEST]
    assert found["sources"] == sorted(f"{HOME}/{id}" for id in ids)
    assert f"hint: to take it up again: ectwo images migrate --resume {found['id']}" in began.err.splitlines()
    ec2.clear_faults()
    resumed = ectwo_here("images", "migrate", "--resume", found["id"], *QUICK, XDG_STATE_HOME=str(tmp_path / "other"))
    assert resumed.code == 0, resumed.err
    assert migration_of(ectwo_here)["state"] == "done"
    assert all(len(copies(ec2, region, id)) == 1 for region in (WEST, EU) for id in ids)
    assert ectwo_here("images", "migrate", "--undo", found["id"]).code == 10
    undone = ectwo_here("images", "migrate", "--undo", found["id"], "--yes", "-o", "ids")
    assert (undone.code, len(undone.out.splitlines())) == (0, 6)
    assert json.loads(ectwo_here("images", "migrations", "--json").out) == []


def test_a_copy_in_use_is_not_undone(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    done = ectwo_here(
        "images", "migrate", id, "-r", HOME, "--to", f"{WEST},{EU}", "--launch", "t3.micro", "--json", *QUICK
    )
    assert done.code == 0, done.err
    pairs = json.loads(done.out)["pairs"]
    [instance] = ec2.boto(WEST).describe_instances(InstanceIds=[pairs[1]["instance_id"]])["Reservations"][0][
        "Instances"
    ]
    assert instance["ImageId"] == pairs[1]["image_id"]
    ec2.boto(EU).terminate_instances(InstanceIds=[pairs[0]["instance_id"]])
    plan = migration_of(ectwo_here)["id"]
    undone = ectwo_here("images", "migrate", "--undo", plan, "--yes", "-q")
    assert undone.code == 6 or undone.code == 1
    assert f"error: {WEST}/{pairs[1]['image_id']}: in use" in undone.err
    assert ectwo_here("images", "migrate", "--undo", plan, "--yes", "--force", "-q").code == 0
    assert copies(ec2, WEST, id) == []


def test_cancel_stops_what_is_under_way(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ids = make_images(ec2, ["web-1", "web-2"])
    ec2.settings(copy_rate=1e12, copy_least=3600)
    began = ectwo_here("images", "migrate", *ids, "-r", HOME, "--to", WEST, "--no-wait", "-q", *QUICK)
    assert (began.code, began.err) == (0, "")
    assert [line.split("\t")[3] for line in began.out.splitlines()[1:]] == ["detached", "detached"]
    found = migration_of(ectwo_here)
    assert found["state"] == "copying"
    cancelled = ectwo_here("images", "migrate", "--cancel", found["id"], "--yes")
    assert cancelled.code == 0
    assert [line.split("\t")[3] for line in cancelled.out.splitlines()[1:]] == ["cancelled", "cancelled"]
    marked = [{"Name": "tag-key", "Values": ["ectwo:migration"]}]
    assert ec2.boto(WEST).describe_images(Owners=["self"], Filters=marked)["Images"] == []
    assert ec2.boto(WEST).describe_snapshots(OwnerIds=["self"], Filters=marked)["Snapshots"] == []


def test_a_copy_of_another_tool_is_joined(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [id] = make_images(ec2, ["web-1"])
    ec2.settings(copy_rate=1e12, copy_least=3600)
    ec2.boto(WEST).copy_image(SourceRegion=HOME, SourceImageId=id, Name="mine")
    joined = ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "--json", "--no-wait", *QUICK)
    [pair] = json.loads(joined.out)["pairs"]
    assert (joined.code, pair["action"], pair["state"]) == (0, "adopt", "detached")
    ec2.advance(7200)
    done = ectwo_here("images", "migrate", id, "-r", HOME, "--to", WEST, "--json", *QUICK)
    [pair] = json.loads(done.out)["pairs"]
    assert (done.code, pair["action"], pair["state"]) == (0, "fix", "done")
    [image] = copies(ec2, WEST, id)
    assert tags_of(image) == {"app": "web-1", "ectwo:source": f"{HOME}/{id}"}
    assert len(copied(ec2)) == 1


def test_snapshots(ec2: Ec2, ectwo_here: Ectwo) -> None:
    [image] = make_images(ec2, ["web-1"])
    [origin] = snapshots_of(ec2, HOME, ec2.boto().describe_images(ImageIds=[image])["Images"][0])
    id = origin["SnapshotId"]
    done = ectwo_here(
        "snapshots", "migrate", id, "-r", HOME, "--to", f"{WEST},{EU}", "--tag", "a=b", "-o", "json", *QUICK
    )
    assert done.code == 0, done.err
    document = json.loads(done.out)
    for pair in document["pairs"]:
        [copy] = ec2.boto(pair["destination"]).describe_snapshots(SnapshotIds=[pair["snapshot_id"]])["Snapshots"]
        assert copy["Description"] == f"[Copied {id} from {HOME}]"
        assert tags_of(copy)["disk"] == "web-1" and tags_of(copy)["a"] == "b"
    assert migration_of(ectwo_here)["type"] == "snapshots"
    again = ectwo_here("snapshots", "migrate", id, "-r", HOME, "--to", f"{WEST},{EU}", "--tag", "a=b", "-q")
    assert {line.split("\t")[3] for line in again.out.splitlines()[1:]} == {"skipped"}
    assert len(copied(ec2)) == 2


def test_the_calls_of_20_images_into_4_regions(ec2: Ec2, ectwo_here: Ectwo) -> None:
    names = [f"web-{number:02d}" for number in range(20)]
    make_images(ec2, names)
    # The buckets of the local rates hold 20; canaries and slots are not what this is about.
    ec2.settings(copy_rate=1e12, copy_least=2.0)
    ec2.forget_calls()
    done = ectwo_here(
        "images", "migrate", "--source-tag", "app=web-*", "-r", HOME, "--to", f"{WEST},{EU},{SOUTH},ca-central-1",
        "--yes", "--interval", "1", "-q",
    )  # fmt: skip
    assert done.code == 0
    counts = ec2.counts()
    ticks = max(len(ec2.calls("DescribeSnapshots", region=region)) for region in (WEST, EU, SOUTH, "ca-central-1"))
    assert counts["CopyImage"] == 20 * 4 + 4
    assert sum(counts.values()) <= 20 * 4 + 1.5 * 4 * ticks + 7 * 4 + 4 + 1, counts


@pytest.mark.parametrize("width", [80, 200])
def test_on_a_terminal_it_asks_and_draws_bars(ec2: Ec2, home: Path, width: int) -> None:
    make_images(ec2, ["web-1"])
    ec2.settings(copy_rate=1e12, copy_least=1.0)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "ectwo_cli", "images", "migrate", "web-1", "-r", HOME, "--to", WEST, "--interval", "0.2"],
        dimensions=(30, width),
        timeout=60,
        encoding="utf-8",
        cwd=str(home),
        env={**clean_environment(home, **ec2.environment()), "TERM": "xterm-256color"},
    )
    child.expect_exact("Make 1 copy")
    child.expect_exact("[y/N]")
    child.sendline("y")
    child.expect_exact("━")
    child.expect("web-1.*copying|web-1.*finalizing|web-1.*done")
    # The cursor is back, and the table is on stdout.
    child.expect_exact("\x1b[?25h")
    child.expect(f"ami-[0-9a-f]{{17}} +done +{HOME}/ami-|{WEST}")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
