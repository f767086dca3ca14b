"""``ectwo snapshots``: finding, making, registering, deleting; what it does is read back with boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import Ec2

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
Raw = dict[str, Any]


def own(ec2: Ec2, region: str = "us-east-1") -> dict[str, Raw]:
    """The account's snapshots by ID."""
    return {each["SnapshotId"]: each for each in ec2.boto(region).describe_snapshots(OwnerIds=["self"])["Snapshots"]}


def tags(raw: Raw) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())}


def image(ec2: Ec2, name: str, region: str = "us-east-1") -> Raw:
    filters = [{"Name": "name", "Values": [name]}]
    (found,) = ec2.boto(region).describe_images(Owners=["self"], Filters=filters)["Images"]
    return dict(found)


def instance(ec2: Ec2, name: str) -> Raw:
    filters = [
        {"Name": "tag:Name", "Values": [name]},
        {"Name": "instance-state-name", "Values": ["running", "stopped"]},
    ]
    (found,) = ec2.boto().describe_instances(Filters=filters)["Reservations"]
    (only,) = found["Instances"]
    return dict(only)


def volumes(raw: Raw) -> list[str]:
    return [each["Ebs"]["VolumeId"] for each in raw["BlockDeviceMappings"]]


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


# Finding


def test_find_has_the_own_snapshots_of_all_regions(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("snapshots", "find", "--json")
    assert (run.code, run.err) == (0, "")
    expected = sorted((region, id) for region in REGIONS for id in own(ec2, region))
    assert sorted((each["region"], each["id"]) for each in records(run)) == expected


def test_one_snapshot_as_it_is_in_json(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = image(ec2, "shop-web-v1")
    (id,) = [each["Ebs"]["SnapshotId"] for each in made["BlockDeviceMappings"]]
    raw = own(ec2)[id]
    run = ectwo_here("snapshots", "show", f"us-east-1/{id}", "--json")
    assert json.loads(run.out) == {
        "region": "us-east-1",
        "name": "shop-web-v1",
        "id": id,
        "state": "completed",
        "progress": 100,
        "volume_size": 8,
        "started_at": "2025-03-14T09:41:00Z",
        "volume_id": raw["VolumeId"],
        "completed_at": "2025-03-14T09:41:00Z",
        "encrypted": False,
        "kms_key_id": None,
        "owner_id": "123456789012",
        "description": raw["Description"],
        "image_id": made["ImageId"],
        "instance_id": raw["Description"].partition("(")[2].partition(")")[0],
        "storage_tier": "standard",
        "state_reason": None,
        "tags": {"Name": "shop-web-v1", "app": "shop", "version": "1"},
    }


def test_snapshots_of_a_copy_belong_to_the_copy(ec2: Ec2, ectwo_here: Ectwo) -> None:
    copy = image(ec2, "shop-web-v3", "us-west-2")
    run = ectwo_here("snapshots", "find", "--image", copy["ImageId"], "--json")
    found = {each["id"]: each["volume_id"] for each in records(run)}
    # What CopyImage made names the copy, and has no volume.
    assert [found[each["Ebs"]["SnapshotId"]] for each in copy["BlockDeviceMappings"]] == [None, None]


def test_orphans_are_those_whose_image_is_gone(ec2: Ec2, ectwo_here: Ectwo) -> None:
    def orphans() -> set[str]:
        run = ectwo_here("snapshots", "find", "--orphaned", "-r", "us-east-1", "--json")
        assert (run.code, run.err) == (0, "")
        return {each["id"] for each in records(run)}

    before = orphans()
    main = image(ec2, "shop-web-v3")
    ec2.boto().deregister_image(ImageId=main["ImageId"])
    # Another image uses them, whatever their descriptions say.
    assert orphans() == before
    ec2.boto().deregister_image(ImageId=image(ec2, "shop-web-v3-debug")["ImageId"])
    assert orphans() == before | {each["Ebs"]["SnapshotId"] for each in main["BlockDeviceMappings"]}
    existing = {each["ImageId"] for each in ec2.boto().describe_images(Owners=["self"])["Images"]}
    assert not any(id in str(own(ec2)[each]["Description"]) for each in before for id in existing)


def test_a_disabled_image_is_not_gone(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = image(ec2, "shop-web-v1")
    ec2.boto().disable_image(ImageId=made["ImageId"])
    run = ectwo_here("snapshots", "find", "--orphaned", "-r", "us-east-1", "--json")
    assert made["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] not in {each["id"] for each in records(run)}


def test_volume_gone(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("snapshots", "find", "--volume-gone", "--json")
    expected = set()
    for region in REGIONS:
        there = {each["VolumeId"] for each in ec2.boto(region).describe_volumes()["Volumes"]}
        expected |= {
            id
            for id, raw in own(ec2, region).items()
            if raw["VolumeId"] not in there and raw["VolumeId"] != "vol-ffffffff"
        }
    assert expected and {each["id"] for each in records(run)} == expected


def test_what_cant_be_told_fails(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("DescribeImages", deny=True, times=None, region="us-east-1")
    run = ectwo_here("snapshots", "find", "--orphaned", "--json")
    assert run.code == 6
    assert run.err.startswith("error: us-east-1: ")
    assert {each["region"] for each in records(run)} == {"eu-west-1"}


def test_many_snapshots_take_no_call_each(ec2: Ec2, ectwo_here: Ectwo) -> None:
    client = ec2.boto()
    volume = client.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    for _ in range(30):
        client.create_snapshot(VolumeId=volume)
    ec2.forget_calls()
    run = ectwo_here("snapshots", "find", "--orphaned", "--volume-gone", "-r", "us-east-1", "-o", "jsonl")
    assert run.code == 0
    counts = ec2.counts()
    assert {name: counts[name] for name in counts if name != "DescribeRegions"} == {
        "DescribeSnapshots": 1,
        "DescribeImages": 1,
        "ListImagesInRecycleBin": 1,
        "DescribeVolumes": 1,
    }


def test_broad_searches_are_refused(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("snapshots", "find", "--owner", "all", "--state", "completed")
    assert run.code == 2 and "DescribeSnapshots" not in ec2.counts()


# Creating


def test_create_of_a_volume(ec2: Ec2, ectwo_here: Ectwo) -> None:
    volume = volumes(instance(ec2, "web-1"))[0]
    run = ectwo_here(
        "snapshots",
        "create",
        f"us-east-1/{volume}",
        "--description",
        "before",
        "--name",
        "safe",
        "--tag",
        "a=b",
        "--json",
    )
    assert run.code == 0
    (record,) = records(run)
    assert (record["state"], record["progress"], record["action"]) == ("completed", 100, "created")
    raw = own(ec2)[record["id"]]
    assert (raw["VolumeId"], raw["Description"], tags(raw)) == (volume, "before", {"Name": "safe", "a": "b"})


def test_create_of_an_instance_takes_all_its_volumes_at_once(ec2: Ec2, ectwo_here: Ectwo) -> None:
    db = instance(ec2, "db-1")
    before = set(own(ec2))
    run = ectwo_here("snapshots", "create", "us-east-1/db-1", "--copy-tags", "--tag", "run=1", "-o", "ids")
    made = {id: raw for id, raw in own(ec2).items() if id not in before}
    assert sorted(run.out.split()) == sorted(f"us-east-1/{id}" for id in made)
    assert sorted(raw["VolumeId"] for raw in made.values()) == sorted(volumes(db))
    assert {tags(raw)["run"] for raw in made.values()} == {"1"}
    assert {tags(raw)["Name"] for raw in made.values()} == {"db-1"}
    assert ec2.counts()["CreateSnapshots"] == 1


def test_create_without_the_root_volume(ec2: Ec2, ectwo_here: Ectwo) -> None:
    db = instance(ec2, "db-1")
    (root,) = [
        each["Ebs"]["VolumeId"] for each in db["BlockDeviceMappings"] if each["DeviceName"] == db["RootDeviceName"]
    ]
    run = ectwo_here("snapshots", "create", db["InstanceId"], "--exclude-boot", "--json")
    assert sorted(each["volume_id"] for each in records(run)) == sorted(set(volumes(db)) - {root})
    assert ectwo_here("snapshots", "create", root, "--exclude-boot").code == 2


@pytest.mark.parametrize("operation", ["CreateSnapshot", "CreateSnapshots"])
def test_a_lost_answer_makes_no_second_snapshot(ec2: Ec2, ectwo_here: Ectwo, operation: str) -> None:
    ec2.fault(operation, lose=True)
    db = instance(ec2, "db-1")
    target = db["InstanceId"] if operation == "CreateSnapshots" else volumes(db)[0]
    before = set(own(ec2))
    run = ectwo_here("snapshots", "create", target, "--json")
    assert run.code == 0
    assert {each["id"] for each in records(run)} == set(own(ec2)) - before
    assert len(records(run)) == (len(volumes(db)) if operation == "CreateSnapshots" else 1)


def test_a_failed_snapshot_fails(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("CreateSnapshot", outcome={"StateMessage": "The key is gone."})
    run = ectwo_here("snapshots", "create", volumes(instance(ec2, "web-1"))[0], "--json")
    assert run.code == 1
    (record,) = records(run)
    assert (record["state"], record["error"]) == ("error", "The key is gone.")


def test_create_can_leave_it_at_that(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.settings(copy_least=3600)
    volume = volumes(instance(ec2, "web-1"))[0]
    run = ectwo_here("snapshots", "create", f"us-east-1/{volume}", "--no-wait", "--json")
    assert (run.code, records(run)[0]["state"], run.err) == (0, "pending", "")
    run = ectwo_here("snapshots", "create", f"us-east-1/{volume}", "--timeout", "0s", "-o", "ids")
    assert run.code == 8
    assert run.err.splitlines()[-2:] == [
        f"error: the time is up; AWS goes on creating {run.out.strip()}",
        f"hint: take it up again with: ectwo snapshots show {run.out.strip()}",
    ]


def test_create_dry_run(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before = set(own(ec2))
    run = ectwo_here("snapshots", "create", "us-east-1/db-1", "-n", "--json", "--columns", "volume_id,action")
    assert sorted(each["volume_id"] for each in records(run)) == sorted(volumes(instance(ec2, "db-1")))
    assert {each["action"] for each in records(run)} == {"would create"}
    assert set(own(ec2)) == before


def test_create_of_what_is_not_there(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("snapshots", "create", "us-east-1/db-1", "nope")
    assert (run.code, run.err) == (3, "error: no volume or instance nope\n")
    assert "CreateSnapshots" not in ec2.counts()
    assert ectwo_here("snapshots", "create", "vol-12").code == 2


# Registering


def test_register_takes_what_it_can_from_the_image(ec2: Ec2, ectwo_here: Ectwo) -> None:
    source = image(ec2, "api-base-arm")
    snapshot = source["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    run = ectwo_here("snapshots", "register", f"us-east-1/{snapshot}", "--name", "again", "--tag", "a=b", "--json")
    assert (run.code, run.err) == (0, "")
    made = image(ec2, "again")
    assert records(run)[0]["id"] == made["ImageId"]
    for name in ("Architecture", "VirtualizationType", "BootMode", "EnaSupport", "RootDeviceName", "ImdsSupport"):
        assert made.get(name) == source.get(name), name
    assert made["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] == snapshot
    assert tags(made) == {"a": "b"}


def test_register_of_a_volume_of_an_instance(ec2: Ec2, ectwo_here: Ectwo) -> None:
    arm = instance(ec2, "api-1")
    client = ec2.boto()
    snapshot = client.create_snapshot(VolumeId=volumes(arm)[0])["SnapshotId"]
    run = ectwo_here("snapshots", "register", f"us-east-1/{snapshot}", "--name", "again")
    assert (run.code, run.err) == (0, "")
    assert image(ec2, "again")["Architecture"] == arm["Architecture"]


@pytest.mark.parametrize("name", ["ab", "a\nb:c", "x" * 129])
def test_register_refuses_a_bad_name_before_anything_is_sent(ec2: Ec2, ectwo_here: Ectwo, name: str) -> None:
    run = ectwo_here("snapshots", "register", "us-east-1/snap-0123456789abcdef0", "--name", name)
    assert run.code == 2
    assert run.err.startswith("error: the name ")
    assert ec2.calls("DescribeSnapshots") == []


def test_register_of_what_nothing_is_known_of(ec2: Ec2, ectwo_here: Ectwo) -> None:
    client = ec2.boto()
    volume = client.create_volume(Size=8, AvailabilityZone="us-east-1a")["VolumeId"]
    snapshot = client.create_snapshot(VolumeId=volume)["SnapshotId"]
    run = ectwo_here("snapshots", "register", f"us-east-1/{snapshot}", "--name", "plain", "-o", "ids")
    assert run.err == (f"warning: what {snapshot} came from is gone: x86_64 is assumed; --architecture says another\n")
    run = ectwo_here(
        "snapshots", "register", f"us-east-1/{snapshot}", "--name", "arm", "--architecture", "arm64", "-n", "--json"
    )
    assert (records(run)[0]["architecture"], records(run)[0]["action"]) == ("arm64", "would register")
    assert run.err == ""


def test_register_once_also_when_the_answer_is_lost(ec2: Ec2, ectwo_here: Ectwo) -> None:
    snapshot = image(ec2, "shop-web-v1")["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.fault("RegisterImage", lose=True)
    run = ectwo_here("snapshots", "register", f"us-east-1/{snapshot}", "--name", "again", "-o", "ids")
    assert (run.code, run.out) == (0, f"us-east-1/{image(ec2, 'again')['ImageId']}\n")
    # A name that was taken before is no success.
    run = ectwo_here("snapshots", "register", f"us-east-1/{snapshot}", "--name", "again")
    assert run.code == 1 and "InvalidAMIName.Duplicate" in run.err


# Deleting


def test_delete_refuses_what_images_are_made_of(ec2: Ec2, ectwo_here: Ectwo) -> None:
    made = image(ec2, "shop-web-v1")
    snapshot = made["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    run = ectwo_here("snapshots", "delete", snapshot, "--yes")
    assert run.code == 1
    assert run.err == (
        f"error: shop-web-v1 (us-east-1/{snapshot}): in use by {made['ImageId']}\n"
        "hint: 'ectwo images deregister' takes it along\n"
    )
    assert snapshot in own(ec2) and "DeleteSnapshot" not in ec2.counts()


def test_delete_of_orphans(ec2: Ec2, ectwo_here: Ectwo) -> None:
    orphans = {
        each["id"] for each in records(ectwo_here("snapshots", "find", "--orphaned", "-r", "us-east-1", "--json"))
    }
    before = set(own(ec2))
    run = ectwo_here("snapshots", "delete", "--orphaned", "-r", "us-east-1", "--yes", "--json")
    assert {each["id"]: each["action"] for each in records(run)} == dict.fromkeys(orphans, "deleted")
    assert before - set(own(ec2)) == orphans
    assert run.err.splitlines()[-1] == f"! this frees up to {8 * len(orphans)} GiB"


def test_delete_many_reads_images_once(ec2: Ec2, ectwo_here: Ectwo) -> None:
    client = ec2.boto()
    volume = client.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    made = [client.create_snapshot(VolumeId=volume, Description="junk")["SnapshotId"] for _ in range(12)]
    ec2.forget_calls()
    run = ectwo_here("snapshots", "delete", "--description", "junk", "-r", "us-east-1", "--yes", "-q")
    assert (run.code, run.err) == (0, "")
    assert not set(made) & set(own(ec2))
    counts = ec2.counts()
    assert (counts["DeleteSnapshot"], counts["DescribeImages"]) == (12, 2)


def test_delete_of_some(ec2: Ec2, ectwo_here: Ectwo) -> None:
    client = ec2.boto()
    volume = client.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    made = [client.create_snapshot(VolumeId=volume)["SnapshotId"] for _ in range(2)]
    ec2.fault("DeleteSnapshot", deny=True, times=None, match=made[0])
    run = ectwo_here("snapshots", "delete", *made, "--yes", "--json")
    assert run.code == 6
    assert {each["id"]: each["action"] for each in records(run)} == {made[0]: None, made[1]: "deleted"}


def test_delete_dry_run_and_no_terminal(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before = set(own(ec2))
    assert ectwo_here("snapshots", "delete", "--orphaned", "-r", "us-east-1", "-n").code == 0
    assert ectwo_here("snapshots", "delete", "--orphaned", "-r", "us-east-1").code == 10
    assert ectwo_here("snapshots", "delete").code == 2
    assert set(own(ec2)) == before


# The Recycle Bin


def test_restore(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("snapshots", "delete", "--orphaned", "-r", "eu-west-1", "--yes", "--json")
    (gone,) = [each["id"] for each in records(run)]
    assert gone not in own(ec2, "eu-west-1")
    run = ectwo_here(
        "snapshots", "restore", "--newer-than", "1h", "-r", "eu-west-1", "-n", "--json", "--columns", "id,action"
    )
    assert records(run) == [{"id": gone, "action": "would restore"}]
    run = ectwo_here("snapshots", "restore", f"eu-west-1/{gone}", "--json", "--columns", "id,state,action")
    assert records(run) == [{"id": gone, "state": "completed", "action": "restored"}]
    assert gone in own(ec2, "eu-west-1")
    assert ectwo_here("snapshots", "restore", f"eu-west-1/{gone}").code == 3
