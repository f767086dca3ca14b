"""``ectwo images``: finding, showing, cleaning up, sharing; what it does is read back with boto3."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import OTHER_ACCOUNT, Ec2

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
Raw = dict[str, Any]


def own(ec2: Ec2, region: str = "us-east-1") -> dict[str, Raw]:
    """The account's images of a region by name."""
    return {each["Name"]: each for each in ec2.boto(region).describe_images(Owners=["self"])["Images"]}


def snapshots(image: Raw) -> list[str]:
    return [each["Ebs"]["SnapshotId"] for each in image["BlockDeviceMappings"]]


def there(ec2: Ec2, region: str = "us-east-1") -> set[str]:
    """The IDs of the account's snapshots."""
    return {each["SnapshotId"] for each in ec2.boto(region).describe_snapshots(OwnerIds=["self"])["Snapshots"]}


def instances_of(ec2: Ec2, image: str, region: str = "us-east-1") -> list[Raw]:
    filters = [
        {"Name": "image-id", "Values": [image]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    found = ec2.boto(region).describe_instances(Filters=filters)["Reservations"]
    return [each for one in found for each in one["Instances"]]


def template(ec2: Ec2, name: str, *images: str) -> str:
    """A launch template of which version N launches the Nth image; the first one is the default."""
    client = ec2.boto()
    first, *others = images
    made = client.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": first})
    for image in others:
        client.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData={"ImageId": image})
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


def names(run: Run) -> list[str]:
    return sorted(each["name"] for each in records(run))


# Finding


def test_find_has_the_own_images_of_all_regions(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "find", "--json")
    assert (run.code, run.err) == (0, "")
    expected = sorted((region, each["ImageId"]) for region in REGIONS for each in own(ec2, region).values())
    assert sorted((each["region"], each["id"]) for each in records(run)) == expected


def test_one_image_as_it_is_in_json(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw, source = own(ec2, "us-west-2")["shop-web-v3"], own(ec2)["shop-web-v3"]
    run = ectwo_here("images", "find", "-r", "us-west-2", "--json")
    first, second = snapshots(raw)
    volume = {"type": "gp3", "encrypted": False}
    assert records(run) == [
        {
            "region": "us-west-2",
            "name": "shop-web-v3",
            "id": raw["ImageId"],
            "state": "available",
            "architecture": "x86_64",
            "platform": "linux",
            "created_at": "2026-02-22T09:41:00Z",
            "type": "machine",
            "kernel_id": None,
            "description": None,
            "owner_id": "123456789012",
            "public": False,
            "root_device_type": "ebs",
            "virtualization": "hvm",
            "boot_mode": "uefi-preferred",
            "size_gib": 28,
            "snapshot_ids": [first, second],
            "source": f"us-east-1/{source['ImageId']}",
            "source_instance_id": None,
            "deprecated_at": None,
            "protected": False,
            "last_launched_at": None,
            "state_reason": None,
            "alias": None,
            "volumes": [
                {"device": "/dev/xvda", "snapshot_id": first, "size_gib": 8, **volume},
                {"device": "/dev/sdf", "snapshot_id": second, "size_gib": 20, **volume},
            ],
            "tags": {"Name": "shop-web-v3", "app": "shop", "version": "3"},
        }
    ]


def test_broad_searches_are_refused_before_anything_is_sent(ec2: Ec2, ectwo_here: Ectwo) -> None:
    for owner in ("all", "amazon"):
        run = ectwo_here("images", "find", "--owner", owner, "--architecture", "arm64")
        assert run.code == 2
        assert run.err == (
            f"error: --owner {owner} alone means all that the world has made public\n"
            "hint: narrow it with --name 'al2023-ami-2023*-x86_64' or a tag, or say whose with an account's ID\n"
        )
    assert "DescribeImages" not in ec2.counts()


def test_images_of_others(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "find", "--owner", "amazon", "--name", "al2023*-arm64", "-r", "us-east-1", "--json")
    listed = ec2.boto().describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023*-arm64"]}])
    assert listed["Images"]
    assert names(run) == sorted(each["Name"] for each in listed["Images"])
    shared = ectwo_here("images", "find", "--owner", "all", "--name", "partner-*", "--json")
    assert names(shared) == ["partner-appliance", "partner-locked"]


def test_a_deprecated_image_of_others_is_found_by_its_id(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (image,) = ec2.boto().describe_images(Filters=[{"Name": "name", "Values": ["partner-appliance"]}])["Images"]
    owner = ec2.boto(account=image["OwnerId"])
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    owner.enable_image_deprecation(ImageId=image["ImageId"], DeprecateAt=soon)
    ec2.advance(7200)
    listed = ec2.boto().describe_images(Filters=[{"Name": "image-id", "Values": [image["ImageId"]]}])["Images"]
    assert listed == []
    run = ectwo_here("images", "show", f"us-east-1/{image['ImageId']}", "name")
    assert (run.code, run.out) == (0, "partner-appliance\n")


def test_a_disabled_image_is_found(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.boto().disable_image(ImageId=own(ec2)["shop-web-v1"]["ImageId"])
    assert names(ectwo_here("images", "find", "--state", "disabled", "--json")) == ["shop-web-v1"]


def test_unused_images(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "find", "--unused", "-r", "us-east-1", "--json")
    unused = [name for name, each in own(ec2).items() if not instances_of(ec2, each["ImageId"])]
    assert names(run) == sorted(unused)
    assert "shop-web-v3" not in unused and "shop-web-v1" in unused

    home = own(ec2)
    template(ec2, "shop", home["shop-web-v1"]["ImageId"], home["golden-2026"]["ImageId"])
    template(ec2, "old", home["api-base-arm"]["ImageId"])
    run = ectwo_here("images", "find", "--unused", "-r", "us-east-1", "--json")
    assert names(run) == sorted(set(unused) - {"shop-web-v1", "golden-2026", "api-base-arm"})
    # One look at what uses images for the region, however many images there are.
    assert ec2.counts()["DescribeLaunchTemplateVersions"] == 2


def test_unused_as_far_as_permitted(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("DescribeLaunchTemplateVersions", deny=True, times=None)
    ec2.fault("DescribeAutoScalingGroups", deny=True, times=None, service="autoscaling")
    run = ectwo_here("images", "find", "--unused", "--name", "shop*", "-r", "us-east-1", "-o", "ids")
    home = own(ec2)
    assert run.code == 0
    assert sorted(run.out.split()) == sorted(
        f"us-east-1/{home[name]['ImageId']}" for name in ("shop-web-v1", "shop-web-v3-debug")
    )
    assert run.err == (
        "warning: launch templates could not be looked at in us-east-1: not permitted\n"
        "warning: Auto Scaling groups could not be looked at in us-east-1: not permitted\n"
    )


def test_images_are_read_page_by_page(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ectwo_here("images", "find", "-r", "us-east-1", "--json")
    (call,) = ec2.calls("DescribeImages")
    assert call["parameters"]["MaxResults"] in (1000, "1000")


# Showing


def test_show_says_where_it_is_from_and_what_uses_it(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2)["shop-web-v3"]
    template(ec2, "shop", raw["ImageId"])
    run = ectwo_here("images", "show", "us-east-1/shop-web-v3", "--json")
    shown = json.loads(run.out)
    users = instances_of(ec2, raw["ImageId"])
    assert [each["id"] for each in shown["instances"]] == [each["InstanceId"] for each in users]
    assert {"name": "web-1", "state": "running", "zone": "us-east-1a"}.items() <= shown["instances"][0].items()
    assert shown["launch_templates"] == ["shop"]
    assert shown["launch_permissions"] == [
        each["UserId"]
        for each in ec2.boto().describe_image_attribute(ImageId=raw["ImageId"], Attribute="launchPermission")[
            "LaunchPermissions"
        ]
    ]
    assert shown["not_permitted"] == []
    assert shown["source_image"] is None


def test_show_of_a_copy_and_of_an_image_made_of_an_instance(ec2: Ec2, ectwo_here: Ectwo) -> None:
    source = own(ec2)["shop-web-v3"]["ImageId"]
    run = ectwo_here("images", "show", "us-west-2/shop-web-v3", "source", "source_image", "launch_permissions")
    assert run.out == f"us-east-1/{source}\nus-east-1/{source}\n"
    made = own(ec2)["api-base-arm"]
    run = ectwo_here("images", "show", "api-base-arm", "source_instance_id")
    assert run.out == f"{made['SourceInstanceId']}\n"


def test_show_without_permissions_says_so(ec2: Ec2, ectwo_here: Ectwo) -> None:
    for operation in ("DescribeInstances", "DescribeImageAttribute", "DescribeLaunchTemplateVersions"):
        ec2.fault(operation, deny=True, times=None)
    run = ectwo_here("images", "show", "us-east-1/shop-web-v3", "--json")
    shown = json.loads(run.out)
    assert run.code == 0
    assert (shown["instances"], shown["launch_permissions"], shown["launch_templates"]) == (None, None, None)
    assert shown["not_permitted"] == ["instances", "launch templates", "launch permissions"]


def test_plain_properties_cost_no_further_calls(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.forget_calls()
    run = ectwo_here("images", "show", "us-east-1/shop-web-v3", "architecture")
    assert run.out == "x86_64\n"
    assert {each["operation"] for each in ec2.calls()} <= {"DescribeImages", "DescribeRegions"}


# Deregistering


def test_deregister_takes_the_snapshots_along(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2)["shop-web-v1"]
    before = there(ec2)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes", "--json", "--columns", "id,action")
    assert run.code == 0
    assert records(run) == [{"id": raw["ImageId"], "action": "deregistered"}]
    assert run.err == (
        "These images will be deregistered:\n"
        "  region     name         id                     state      architecture  platform  created_at\n"
        f"  us-east-1  shop-web-v1  {raw['ImageId']}  available  x86_64        linux     20mo ago\n"
        "! 1 snapshot is deleted, which frees up to 8 GiB\n"
        "1 snapshot deleted, which frees up to 8 GiB\n"
    )
    assert "shop-web-v1" not in own(ec2)
    assert before - there(ec2) == set(snapshots(raw))


def test_snapshots_can_be_kept(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before = there(ec2)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes", "--keep-snapshots", "-q")
    assert (run.code, run.err) == (0, "")
    assert "shop-web-v1" not in own(ec2)
    assert there(ec2) == before


def test_snapshots_of_another_image_stay_until_that_goes_too(ec2: Ec2, ectwo_here: Ectwo) -> None:
    debug, main = own(ec2)["shop-web-v3-debug"], own(ec2)["shop-web-v3"]
    assert snapshots(debug) == snapshots(main)
    before = there(ec2)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v3-debug", "--yes", "-o", "ids")
    assert run.out == f"us-east-1/{debug['ImageId']}\n"
    assert run.err.splitlines()[-2:] == [
        f"{each} stays: in use by {main['ImageId']}" for each in sorted(snapshots(main))
    ]
    assert there(ec2) == before

    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v3", "--yes", "--force", "-o", "ids")
    assert run.err.splitlines()[-1] == "2 snapshots deleted, which frees up to 28 GiB"
    assert before - there(ec2) == set(snapshots(main))


def test_images_that_share_snapshots_go_together(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before, main = there(ec2), own(ec2)["shop-web-v3"]
    run = ectwo_here("images", "deregister", "--name", "shop-web-v3*", "-r", "us-east-1", "--yes", "--force")
    assert run.code == 0
    assert not any(name.startswith("shop-web-v3") for name in own(ec2))
    assert before - there(ec2) == set(snapshots(main))


def test_images_in_use_are_refused(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2)["shop-web-v2"]
    template(ec2, "shop", raw["ImageId"])
    (user, *_others) = instances_of(ec2, raw["ImageId"])
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v2", "--yes")
    assert run.code == 1
    assert run.err == (
        f"error: shop-web-v2 (us-east-1/{raw['ImageId']}): in use by instance {user['InstanceId']} (web-4, stopped); "
        "launch template shop\n"
        "hint: --force deregisters it all the same: what runs goes on, but nothing new can be launched from it\n"
    )
    assert "shop-web-v2" in own(ec2)


def test_some_in_use_are_partly_done(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "us-east-1/shop-web-v2", "--yes", "--json")
    assert run.code == 6
    assert [(each["name"], each["action"], "error" in each) for each in records(run)] == [
        ("shop-web-v1", "deregistered", False),
        ("shop-web-v2", None, True),
    ]
    assert {"shop-web-v1", "shop-web-v2"} & set(own(ec2)) == {"shop-web-v2"}


def test_an_image_of_a_numbered_template_version_of_a_group_is_in_use(ec2: Ec2, ectwo_here: Ectwo) -> None:
    """A group may launch a version that is neither the default nor the latest one."""
    home = own(ec2)
    images = [home[name]["ImageId"] for name in ("golden-2026", "shop-web-v1", "golden-2026")]
    made = template(ec2, "shop", *images)
    body = (
        '<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">'
        "<DescribeAutoScalingGroupsResult><AutoScalingGroups><member>"
        "<AutoScalingGroupName>workers</AutoScalingGroupName>"
        f"<LaunchTemplate><LaunchTemplateId>{made}</LaunchTemplateId><Version>2</Version></LaunchTemplate>"
        "</member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
    )
    raw = {"status": 200, "body": body}
    ec2.fault("DescribeAutoScalingGroups", service="autoscaling", raw=raw, times=None)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes")
    assert run.code == 1
    assert "in use by Auto Scaling group workers\n" in run.err


def test_denied_looks_do_not_stop(ec2: Ec2, ectwo_here: Ectwo) -> None:
    for operation in ("DescribeInstances", "DescribeLaunchTemplateVersions"):
        ec2.fault(operation, deny=True, times=None)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes", "-o", "ids")
    assert run.code == 0
    assert run.err.splitlines()[:2] == [
        "warning: instances could not be looked at in us-east-1: not permitted",
        "warning: launch templates could not be looked at in us-east-1: not permitted",
    ]
    assert "shop-web-v1" not in own(ec2)


def test_unused_is_not_guessed(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("DescribeInstances", deny=True, times=None)
    run = ectwo_here("images", "deregister", "--unused", "-r", "us-east-1", "--yes")
    assert (run.code, run.out) == (1, "")
    assert run.err == (
        "error: whether images are unused can't be told in us-east-1: looking at instances is not permitted\n"
        "hint: --force takes those for unused that nothing else uses\n"
    )
    assert "DeregisterImage" not in ec2.counts()


def test_a_region_that_fails_does_not_stop_the_others(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("DescribeInstances", region="us-east-1", code="InvalidParameterValue", message="No.", times=None)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "eu-west-1/mail-2024", "--yes", "--json")
    assert (run.code, [(each["name"], each["action"]) for each in records(run)]) == (6, [("mail-2024", "deregistered")])
    assert run.err.splitlines()[-1] == "error: us-east-1: No. (InvalidParameterValue)"
    assert "shop-web-v1" in own(ec2)


def test_a_denied_deregistration_leaves_the_snapshots(ec2: Ec2, ectwo_here: Ectwo) -> None:
    before = there(ec2)
    ec2.fault("DeregisterImage", deny=True, times=None)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes")
    assert run.code == 1
    assert "UnauthorizedOperation" in run.err
    assert "shop-web-v1" in own(ec2) and there(ec2) == before


def test_a_denied_snapshot_is_named(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2)["shop-web-v1"]
    ec2.fault("DeleteSnapshot", code="UnauthorizedOperation", message="You may not.", times=None, status=403)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes", "-o", "ids")
    assert (run.code, run.out) == (0, f"us-east-1/{raw['ImageId']}\n")
    assert run.err.splitlines()[-1] == f"{snapshots(raw)[0]} stays: You may not."


def test_a_lost_answer_is_no_failure(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("DeregisterImage", lose=True)
    ec2.fault("DeleteSnapshot", lose=True)
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--yes")
    assert run.code == 0
    assert run.err.splitlines()[-1] == "1 snapshot deleted, which frees up to 8 GiB"


def test_images_of_others_are_left_to_them(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (raw,) = ec2.boto().describe_images(Filters=[{"Name": "name", "Values": ["partner-appliance"]}])["Images"]
    target, whose = f"us-east-1/{raw['ImageId']}", f"partner-appliance (us-east-1/{raw['ImageId']})"
    run = ectwo_here("images", "deregister", target, "--yes")
    assert (run.code, run.err) == (1, f"error: {whose}: it belongs to account {raw['OwnerId']}\n")
    run = ectwo_here("images", "share", target, "--with", OTHER_ACCOUNT)
    assert (run.code, run.err) == (
        1,
        f"error: {whose}: it belongs to account {raw['OwnerId']}, which alone may share it\n",
    )
    assert "DeregisterImage" not in ec2.counts()


def test_protection_is_ended_on_request(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "deregister", "us-east-1/golden-2026", "--yes", "--force")
    assert (run.code, run.err.splitlines()[0]) == (
        1,
        f"error: golden-2026 (us-east-1/{own(ec2)['golden-2026']['ImageId']}): it is protected from deregistration",
    )
    assert ectwo_here("images", "deregister", "us-east-1/golden-2026", "--yes", "--unprotect").code == 0
    assert "golden-2026" not in own(ec2)


def test_keep_the_newest_of_each_app(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        "images", "deregister", "--tag", "app", "--unused", "--keep-newest", "1", "--group-by", "tags.app", "-y",
        "-r", "us-east-1", "--json",
    )  # fmt: skip
    # Of the shop's, the newest is shop-web-v3-debug; v2 and v3 are in use; of the others there is one each.
    assert (run.code, names(run)) == (0, ["shop-web-v1"])


def test_young_images_count_as_the_newest(ec2: Ec2, ectwo_here: Ectwo) -> None:
    whole = ("images", "deregister", "--name", "shop-web-*", "-r", "us-east-1", "--unused", "--dry-run", "--json")
    assert names(ectwo_here(*whole, "--older-than", "300d")) == ["shop-web-v1"]
    # Were only old ones counted, v1 and v2 would be the two newest.
    assert names(ectwo_here(*whole, "--older-than", "300d", "--keep-newest", "2")) == ["shop-web-v1"]
    assert names(ectwo_here(*whole, "--keep-newest", "4")) == []


def test_dry_run_asks_and_changes_nothing(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "--dry-run", "--json", "--columns", "name,action")
    assert (run.code, records(run)) == (0, [{"name": "shop-web-v1", "action": "would deregister"}])
    assert all(call["parameters"].get("DryRun") in (True, "true") for call in ec2.calls("DeregisterImage"))
    ec2.fault("DeregisterImage", deny=True, times=None)
    assert ectwo_here("images", "deregister", "us-east-1/shop-web-v1", "-n").code == 1
    assert "shop-web-v1" in own(ec2)


def test_without_a_terminal_nothing_is_done(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "deregister", "us-east-1/shop-web-v1")
    assert run.code == 10
    assert run.err.splitlines()[-2:] == [
        "error: not done: this needs a yes, and there is no terminal to ask on",
        "hint: say --yes",
    ]
    assert "shop-web-v1" in own(ec2)


def test_an_ambiguous_name_is_not_meant_by_yes(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "deregister", "shop-web-v3", "--yes", "--force")
    assert run.code == 2
    assert all("shop-web-v3" in own(ec2, region) for region in ("us-east-1", "us-west-2", "eu-west-1"))


@pytest.mark.parametrize("arguments", [(), ("--group-by", "tags.app", "--all"), ("web", "--unused")])
def test_deregister_usage(ectwo_here: Ectwo, arguments: tuple[str, ...]) -> None:
    assert ectwo_here("images", "deregister", *arguments).code == 2


# The Recycle Bin


def test_restore_brings_back_what_a_rule_kept(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2, "eu-west-1")["mail-2024"]
    run = ectwo_here("images", "deregister", "eu-west-1/mail-2024", "--yes")
    assert run.err.splitlines()[-1] == f"{snapshots(raw)[0]} stays: {raw['ImageId']} in the Recycle Bin needs it"
    assert "mail-2024" not in own(ec2, "eu-west-1")
    # Its snapshots are not orphans.
    orphans = ectwo_here("snapshots", "find", "--orphaned", "-r", "eu-west-1", "--json")
    assert snapshots(raw)[0] not in [each["id"] for each in records(orphans)]

    assert records(
        ectwo_here("images", "restore", "--all", "-r", "eu-west-1", "-n", "--json", "--columns", "id,action")
    ) == [{"id": raw["ImageId"], "action": "would restore"}]
    run = ectwo_here("images", "restore", "eu-west-1/mail-2024", "--json", "--columns", "name,state,action")
    assert records(run) == [{"name": "mail-2024", "state": "available", "action": "restored"}]
    assert own(ec2, "eu-west-1")["mail-2024"]["ImageId"] == raw["ImageId"]
    assert ectwo_here("images", "restore", "eu-west-1/mail-2024").code == 3


# Sharing


def launch_permissions(ec2: Ec2, image: str) -> list[Raw]:
    answer = ec2.boto().describe_image_attribute(ImageId=image, Attribute="launchPermission")
    return list(answer["LaunchPermissions"])


def volume_permissions(ec2: Ec2, snapshot: str) -> list[Raw]:
    answer = ec2.boto().describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    return list(answer["CreateVolumePermissions"])


def test_share_and_unshare_with_an_account(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2)["shop-web-v2"]
    (snapshot,) = snapshots(raw)

    def act(verb: str) -> str:
        run = ectwo_here("images", verb, "us-east-1/shop-web-v2", "--with", OTHER_ACCOUNT, "--json")
        assert run.code == 0
        return str(records(run)[0]["action"])

    assert (act("share"), act("share")) == ("shared", "unchanged")
    assert launch_permissions(ec2, raw["ImageId"]) == [{"UserId": OTHER_ACCOUNT}]
    assert volume_permissions(ec2, snapshot) == [{"UserId": OTHER_ACCOUNT}]
    found = ec2.boto(account=OTHER_ACCOUNT).describe_images(ImageIds=[raw["ImageId"]])["Images"]
    assert [each["Name"] for each in found] == ["shop-web-v2"]

    assert (act("unshare"), act("unshare")) == ("unshared", "unchanged")
    assert launch_permissions(ec2, raw["ImageId"]) == []
    assert volume_permissions(ec2, snapshot) == []


def test_a_snapshot_that_another_shared_image_needs_stays_shared(ec2: Ec2, ectwo_here: Ectwo) -> None:
    main, debug = own(ec2)["shop-web-v3"], own(ec2)["shop-web-v3-debug"]
    ectwo_here("images", "share", "us-east-1/shop-web-v3", "us-east-1/shop-web-v3-debug", "--with", OTHER_ACCOUNT)
    ectwo_here("images", "unshare", "us-east-1/shop-web-v3-debug", "--with", OTHER_ACCOUNT)
    assert launch_permissions(ec2, debug["ImageId"]) == []
    assert {"UserId": OTHER_ACCOUNT} in volume_permissions(ec2, snapshots(main)[0])
    ectwo_here("images", "unshare", "us-east-1/shop-web-v3", "--with", OTHER_ACCOUNT)
    assert {"UserId": OTHER_ACCOUNT} not in volume_permissions(ec2, snapshots(main)[0])


def test_share_with_an_organization_and_everybody(ec2: Ec2, ectwo_here: Ectwo) -> None:
    raw = own(ec2)["shop-web-v2"]
    organization = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5"
    whom = ("--with", organization, "--with", "public")
    asked = ectwo_here("images", "share", "us-east-1/shop-web-v2", *whom)
    assert asked.code == 10 and launch_permissions(ec2, raw["ImageId"]) == []
    run = ectwo_here("images", "share", "us-east-1/shop-web-v2", *whom, "--yes", "--json", "--columns", "public,action")
    assert records(run) == [{"public": True, "action": "shared"}]
    assert launch_permissions(ec2, raw["ImageId"]) == [{"Group": "all"}, {"OrganizationArn": organization}]
    # EC2 shares snapshots with accounts and the world only, and a public image does not need that.
    assert volume_permissions(ec2, snapshots(raw)[0]) == []
    assert "ModifySnapshotAttribute" not in ec2.counts()


def test_what_ec2_would_refuse_is_refused_at_once(ec2: Ec2, ectwo_here: Ectwo) -> None:
    client = ec2.boto()
    volume = client.create_volume(Size=8, AvailabilityZone="us-east-1a", Encrypted=True)["VolumeId"]
    snapshot = client.create_snapshot(VolumeId=volume)["SnapshotId"]
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    image = client.register_image(Name="locked", RootDeviceName="/dev/xvda", BlockDeviceMappings=mapping)["ImageId"]
    run = ectwo_here("images", "share", f"us-east-1/{image}", "--with", OTHER_ACCOUNT)
    assert run.code == 1
    assert run.err == (
        "locked is encrypted: whoever is to use it needs access to its key too\n"
        f"error: locked (us-east-1/{image}): {snapshot} is encrypted with the account's default key, "
        "which nobody else can use\n"
        "hint: copy the image with a key of your own first: 'ectwo images migrate --to REGION --kms-key KEY'\n"
    )
    run = ectwo_here("images", "share", f"us-east-1/{image}", "--with", "public", "--yes")
    assert f"{snapshot} is encrypted, and what is encrypted can't be public" in run.err
    client.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    run = ectwo_here("images", "share", "us-east-1/shop-web-v2", "--with", "public", "--yes")
    assert "block public access for images is on in us-east-1" in run.err
    assert {"ModifyImageAttribute", "ModifySnapshotAttribute"}.isdisjoint(ec2.counts())


def test_sharing_can_be_rehearsed(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "share", "us-east-1/shop-web-v2", "--with", OTHER_ACCOUNT, "-n", "--json")
    assert records(run)[0]["action"] == "would share"
    assert launch_permissions(ec2, own(ec2)["shop-web-v2"]["ImageId"]) == []
