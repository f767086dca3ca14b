"""``instances launch``, ``clone``, ``create-image``, ``images launch`` against the sandbox; boto3 reads back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import Ec2

Raw = dict[str, Any]


def instances(ec2: Ec2, name: str, region: str = "us-east-1") -> list[Raw]:
    filters = [{"Name": "tag:Name", "Values": [name]}]
    found = ec2.boto(region).describe_instances(Filters=filters)["Reservations"]
    return [each for reservation in found for each in reservation["Instances"]]


def tags(raw: Raw) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in raw.get("Tags", ())}


def volumes(ec2: Ec2, instance: Raw, region: str = "us-east-1") -> list[Raw]:
    ids = [each["Ebs"]["VolumeId"] for each in instance["BlockDeviceMappings"]]
    found: list[Raw] = ec2.boto(region).describe_volumes(VolumeIds=ids)["Volumes"]
    return found


def group_id(ec2: Ec2, name: str, region: str = "us-east-1") -> str:
    default = ec2.boto(region).describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    filters = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [default]}]
    return str(ec2.boto(region).describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"])


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


# Launching right


def test_launch_with_safe_defaults(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        *("instances", "launch", "--image", "al2023", "--key", "ops", "--group", "bastion", "--name", "new"),
        *("--tag", "env=dev", "--json"),
    )
    (record,) = records(run)
    (raw,) = instances(ec2, "new")
    id = raw["InstanceId"]
    assert run.code == 0
    assert run.err.splitlines()[-1] == f"new is at {raw['PublicIpAddress']}: ectwo instances ssh us-east-1/{id}"
    assert (record["id"], record["state"], record["action"]) == (id, "running", "launched")
    assert record["public_ip"] == raw["PublicIpAddress"]
    assert (raw["InstanceType"], raw["KeyName"], raw["Architecture"]) == ("t3.micro", "ops", "x86_64")
    assert raw["MetadataOptions"]["HttpTokens"] == "required"
    assert [each["GroupName"] for each in raw["SecurityGroups"]] == ["bastion"]
    assert tags(raw) == {"Name": "new", "env": "dev"}
    (volume,) = volumes(ec2, raw)
    assert (volume["Encrypted"], volume["VolumeType"]) == (True, "gp3")
    assert tags(volume) == {"Name": "new", "env": "dev"}
    assert raw["ClientToken"]


def test_launch_with_everything(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        *("instances", "launch", "--image", "us-east-1/shop-web-v3", "--name", "all", "--type", "t3.small"),
        *("--key", "ops", "--group", "bastion", "--group", "web", "--zone", "us-east-1b", "--volume-size", "30"),
        *("--user-data", "-", "--instance-profile", "web-server", "--public-ip", "--shutdown", "terminate"),
        *("--protect", "--until", "ok", "-o", "ids"),
        stdin="#!/bin/sh\necho hi\n",
    )
    (raw,) = instances(ec2, "all")
    id = raw["InstanceId"]
    assert (run.code, run.out) == (0, f"us-east-1/{id}\n")
    boto = ec2.boto()
    attribute = boto.describe_instance_attribute(InstanceId=id, Attribute="userData")["UserData"]["Value"]
    protected = boto.describe_instance_attribute(InstanceId=id, Attribute="disableApiTermination")
    behavior = boto.describe_instance_attribute(InstanceId=id, Attribute="instanceInitiatedShutdownBehavior")
    assert attribute == "IyEvYmluL3NoCmVjaG8gaGkK"
    assert protected["DisableApiTermination"]["Value"] is True
    assert behavior["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    assert raw["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert raw["IamInstanceProfile"]["Arn"].endswith(":instance-profile/web-server")
    assert {each["GroupName"] for each in raw["SecurityGroups"]} == {"bastion", "web"}
    sizes = {each["Attachments"][0]["Device"]: each["Size"] for each in volumes(ec2, raw)}
    assert sizes["/dev/xvda"] == 30
    # The image's own tags come along, under the name that was said.
    assert tags(raw) == {"Name": "all", "app": "shop", "version": "3"}


def test_many_are_launched_in_one_call(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        "instances", "launch", "--image", "al2023", "--group", "bastion", "--count", "20", "--name", "x", "-o", "ids"
    )
    assert run.code == 0
    assert sorted(run.out.splitlines()) == sorted(f"us-east-1/{each['InstanceId']}" for each in instances(ec2, "x"))
    assert len(run.out.splitlines()) == 20
    assert ec2.counts()["RunInstances"] == 1


@pytest.mark.parametrize(
    ("image", "architecture", "type"),
    [
        ("al2023-arm64", "arm64", "t4g.micro"),
        ("ubuntu-24.04", "x86_64", "t3.micro"),
        ("windows-2022", None, "t3.medium"),
    ],
)
def test_aliases(image: str, architecture: str | None, type: str, ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "launch", "--image", image, "--name", "x", "--no-wait", "--json")
    (record,) = records(run)
    assert run.code == 0
    assert (record["type"], record["state"]) == (type, "pending")
    assert architecture in (None, record["architecture"])


def test_the_newest_of_an_owner(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        "instances", "launch", "--image", "self/shop-web-*", "--name", "x", "--group", "bastion", "--dry-run"
    )
    newest = max(
        (
            each
            for each in ec2.boto().describe_images(Owners=["self"])["Images"]
            if each["Name"].startswith("shop-web-") and each["State"] == "available"
        ),
        key=lambda each: each["CreationDate"],
    )
    assert run.code == 0
    assert f"  image    {newest['ImageId']} (self/shop-web-*, {newest['Name']}, x86_64, linux)\n" in run.err


def test_spot(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        *("instances", "launch", "--image", "al2023", "--name", "x", "--group", "bastion", "--json"),
        *("--spot", "--max-price", "0.05", "--interruption", "stop"),
    )
    (record,) = records(run)
    assert (run.code, record["lifecycle"]) == (0, "spot")
    (raw,) = instances(ec2, "x")
    requests = ec2.boto().describe_spot_instance_requests(SpotInstanceRequestIds=[raw["SpotInstanceRequestId"]])
    (request,) = requests["SpotInstanceRequests"]
    assert (request["Type"], request["InstanceInterruptionBehavior"]) == ("persistent", "stop")
    assert float(request["SpotPrice"]) == 0.05
    assert tags(request)["Name"] == "x"


def test_images_launch_finds_the_image_in_any_region(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "launch", "mail-2024", "--name", "x", "-o", "ids")
    (raw,) = instances(ec2, "x", "eu-west-1")
    assert (run.code, run.out) == (0, f"eu-west-1/{raw['InstanceId']}\n")
    assert raw["InstanceType"] == "t4g.micro"


def test_defaults_of_the_config_file(ec2: Ec2, ectwo_here: Ectwo, home: Any) -> None:
    (home / "config" / "ectwo").mkdir(parents=True)
    (home / "config" / "ectwo" / "config.toml").write_text(
        '[launch]\nimage = "al2023"\nkey = "ops"\ngroups = ["bastion"]\ntags = {team = "me"}\nvolume_size = 11\n'
        '[launch.us-east-1]\ntype = "t3.nano"\ntags = {env = "dev"}\n'
    )
    run = ectwo_here("instances", "launch", "--name", "x", "--json", "--key", "deploy")
    (record,) = records(run)
    assert run.code == 0
    assert (record["type"], record["key_name"], record["groups"]) == ("t3.nano", "deploy", ["bastion"])
    assert record["tags"] == {"Name": "x", "env": "dev", "team": "me"}
    assert volumes(ec2, instances(ec2, "x")[0])[0]["Size"] == 11


# Launching wrong


def test_all_problems_are_told_at_once_and_nothing_is_launched(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        *("instances", "launch", "--image", "al2023", "--type", "t4g.micro", "--key", "deplo", "--group", "nogroup"),
        *("--volume-size", "1", "--instance-profile", "nope"),
    )
    assert run == Run(
        1,
        "",
        "error: t4g.micro is arm64, and the image is x86_64\n"
        "hint: say --image al2023-arm64, or choose a type of the image's kind, such as t3.micro\n"
        "error: no key pair deplo in us-east-1\n"
        "hint: did you mean deploy? Or make it: 'ectwo keypairs create deplo --region us-east-1'\n"
        "error: no security group nogroup in us-east-1\n"
        "hint: 'ectwo groups find --region us-east-1' lists them, "
        "'ectwo groups create nogroup --region us-east-1' makes it\n"
        "error: a root volume of 1 GiB does not hold the image, which has 8 GiB\n"
        "hint: say --volume-size 8 or more\n"
        "error: no instance profile nope\n"
        "hint: a role made elsewhere than in the console has none of its own: 'aws iam create-instance-profile "
        "--instance-profile-name nope', then add-role-to-instance-profile\n",
    )
    assert "RunInstances" not in ec2.counts()


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ([], 2, "error: which image?"),
        (["--image", "ami-1"], 2, "error: malformed image ID 'ami-1'"),
        (["--image", "ami-12345678"], 3, "error: no image ami-12345678 in us-east-1"),
        (["--image", "nonesuch"], 3, "error: no image named 'nonesuch' of yours in us-east-1"),
        (["--image", "amazon/nonesuch-*"], 3, "error: no image of amazon named 'nonesuch-*' in us-east-1"),
        (["--image", "ubuntu-99.04"], 3, "error: us-east-1 has no image behind the alias 'ubuntu-99.04'"),
        (["--image", "al2023", "--type", "t9.micro"], 3, "error: no instance type t9.micro in us-east-1"),
        (["--image", "al2023", "--max-price", "1"], 2, "error: --max-price and --interruption are for spot instances"),
        (["--image", "al2023", "--spot", "--max-price", "x"], 2, "error: bad --max-price 'x'"),
        (["--image", "al2023", "--user-data", "/none"], 2, "error: can't read --user-data: No such file or directory"),
        (["--image", "us-east-1/broken-copy", "--group", "bastion"], 1, "error: image ami-"),
        (["--image", "al2023", "--tag", "aws:x=y"], 2, "error: bad --tag 'aws:x=y'"),
        (["--image", "eu-west-1/mail-2024", "-r", "us-east-1"], 2, "error: --region does not mean eu-west-1"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], code: int, error: str, ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "launch", *arguments)
    assert (run.code, run.out) == (code, "")
    assert run.err.startswith(error)
    assert "RunInstances" not in ec2.counts()


def test_the_quota_is_asked_for(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.settings(vcpu_quota=40)
    run = ectwo_here("instances", "launch", "--image", "al2023", "--group", "bastion", "--count", "20")
    assert run.code == 1
    assert run.err.startswith("error: 20 t3.micro need 40 vCPUs, and the on-demand quota in us-east-1 is 40, of which ")
    assert "RunInstances" not in ec2.counts()


def test_an_image_of_another_region_is_found_there(ec2: Ec2, ectwo_here: Ectwo) -> None:
    id = ec2.boto("eu-west-1").describe_images(Filters=[{"Name": "name", "Values": ["mail-2024"]}])["Images"][0][
        "ImageId"
    ]
    hint = (
        f"hint: launch it there, with --image eu-west-1/{id}, or copy it: "
        f"'ectwo images migrate eu-west-1/{id} --to us-east-1'\n"
    )
    assert ectwo_here("instances", "launch", "--image", id) == Run(
        3, "", f"error: no image {id} in us-east-1: it is in eu-west-1\n{hint}"
    )
    assert ectwo_here("instances", "launch", "--image", "mail-2024") == Run(
        3, "", f"error: no image named 'mail-2024' of yours in us-east-1: it is in eu-west-1\n{hint}"
    )


def test_what_may_not_be_looked_up_does_not_stop_a_launch(ec2: Ec2, ectwo_here: Ectwo) -> None:
    for operation in ("DescribeKeyPairs", "DescribeInstanceTypeOfferings", "GetParameters"):
        ec2.fault(operation, code="UnauthorizedOperation", status=403)
    run = ectwo_here("instances", "launch", "--image", "al2023", "--key", "ops", "--group", "bastion", "-o", "ids")
    assert run.code == 0
    assert run.err.startswith(
        "warning: not checked, since you may not look it up: the key pair, where the type is offered\n"
    )


# Faults


def test_a_lost_answer_launches_once(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("RunInstances", lose=True)
    run = ectwo_here(
        "instances", "launch", "--image", "al2023", "--group", "bastion", "--name", "x", "--count", "2", "-o", "ids"
    )
    made = instances(ec2, "x")
    assert run.code == 0
    assert sorted(run.out.splitlines()) == sorted(f"us-east-1/{each['InstanceId']}" for each in made)
    assert len(made) == 2


def test_partial_capacity(ec2: Ec2, ectwo_here: Ectwo) -> None:
    # The second call is for as many as there are; here EC2 has room for them by then.
    ec2.fault("RunInstances", code="InsufficientInstanceCapacity", times=1)
    run = ectwo_here(
        "instances", "launch", "--image", "al2023", "--group", "bastion", "--name", "x", "--count", "3", "-o", "ids"
    )
    first, second = ec2.calls("RunInstances")
    assert [str(each["parameters"]["MinCount"]) for each in (first, second)] == ["3", "1"]
    assert first["parameters"]["ClientToken"] != second["parameters"]["ClientToken"]
    assert (run.code, len(run.out.splitlines())) == (0, 3)


def test_fewer_than_wanted_is_partly_done(ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch) -> None:
    from ectwo_cli.aws.session import Client

    send = Client.call_once

    def short_of_room(client: Client, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "RunInstances" and parameters["MinCount"] != parameters["MaxCount"]:
            parameters["MaxCount"] = 2
        return send(client, operation, **parameters)

    monkeypatch.setattr(Client, "call_once", short_of_room)
    ec2.fault("RunInstances", code="InsufficientInstanceCapacity", message="No room.", times=1)
    run = ectwo_here(
        "instances", "launch", "--image", "al2023", "--group", "bastion", "--name", "x", "--count", "3", "-o", "ids"
    )
    assert (run.code, len(run.out.splitlines())) == (6, 2)
    assert run.err.endswith(
        "error: only 2 of 3 instances were launched: No room. (InsufficientInstanceCapacity)\n"
        "hint: EC2 has none of that type there now: try another zone, type, or later\n"
    )


def test_an_instance_that_never_runs_fails_with_the_reason(ec2: Ec2, ectwo_here: Ectwo) -> None:
    reason = {"Code": "Client.VolumeLimitExceeded", "Message": "Client.VolumeLimitExceeded: Volume limit exceeded"}
    ec2.fault("RunInstances", outcome={"StateReason": reason})
    run = ectwo_here("instances", "launch", "--image", "al2023", "--group", "bastion", "--name", "x", "--json")
    (record,) = records(run)
    assert run.code == 1
    assert record["state"] in ("shutting-down", "terminated")
    assert "Client.VolumeLimitExceeded: Volume limit exceeded" in record["error"]


def test_a_launch_that_is_refused_says_why(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("RunInstances", code="UnauthorizedOperation", status=403, message="You are not authorized.")
    run = ectwo_here("instances", "launch", "--image", "al2023", "--group", "bastion")
    assert run == Run(
        1,
        "",
        "error: You are not authorized. (UnauthorizedOperation)\n"
        "hint: ask who administers the account for the permission\n",
    )


def test_dry_run_says_what_would_be_launched(ec2: Ec2, ectwo_here: Ectwo) -> None:
    group, vpc = group_id(ec2, "bastion"), None
    before = len(ec2.boto().describe_instances()["Reservations"])
    run = ectwo_here(
        "instances", "launch", "--image", "us-east-1/golden-2026", "--group", "bastion", "--count", "2", "-n", "--json"
    )
    image = ec2.boto().describe_images(Filters=[{"Name": "name", "Values": ["golden-2026"]}])["Images"][0]
    vpc = ec2.boto().describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"]
    assert (run.code, run.out) == (0, "[]\n")
    lines = run.err.splitlines()
    assert lines[0] == "Launch 2 instances in us-east-1:"
    assert lines[1] == f"  image    {image['ImageId']} (us-east-1/golden-2026, golden-2026, x86_64, linux)"
    assert lines[2] == "  type     t3.micro, 2 vCPU, 1 GiB"
    assert lines[3] == "  price    $0.0104 an hour each"
    assert lines[4] == "  key      none"
    assert lines[5] == f"  groups   bastion ({group})"
    assert lines[6] == f"  network  the default subnets of {vpc}, in a zone that EC2 picks"
    assert lines[-1] == "EC2 would permit it; nothing was launched"
    assert len(ec2.boto().describe_instances()["Reservations"]) == before


def test_a_refused_dry_run_fails(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("RunInstances", code="UnauthorizedOperation", status=403)
    run = ectwo_here("instances", "launch", "--image", "al2023", "--group", "bastion", "--dry-run")
    assert run.code == 1


# Clones


def test_a_clone_is_like_its_original(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "clone", "us-east-1/web-1", "--name", "twin", "--count", "2", "-o", "ids")
    (original,) = instances(ec2, "web-1")
    twins = instances(ec2, "twin")
    assert run.code == 0
    assert len(twins) == 2
    same = ("ImageId", "InstanceType", "KeyName", "SubnetId", "SecurityGroups", "IamInstanceProfile")
    for twin in twins:
        assert {name: twin.get(name) for name in same} == {name: original.get(name) for name in same}
        assert tags(twin) == {**tags(original), "Name": "twin"}
        assert twin["MetadataOptions"]["HttpTokens"] == original["MetadataOptions"]["HttpTokens"]
        assert sorted((each["Size"], each["VolumeType"], each["Encrypted"]) for each in volumes(ec2, twin)) == sorted(
            (each["Size"], each["VolumeType"], each["Encrypted"]) for each in volumes(ec2, original)
        )


def test_a_clone_elsewhere_names_what_is_missing_there(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.boto("us-west-2").delete_key_pair(KeyName="ops")
    run = ectwo_here("instances", "clone", "us-east-1/bastion", "--region", "us-west-2")
    assert run.code == 3
    assert (
        "error: no key pair ops in us-west-2\n"
        "hint: --copy-key brings the public key of us-east-1 along; --key takes another\n"
    ) in run.err
    assert "RunInstances" not in ec2.counts()


def test_a_clone_elsewhere_brings_key_groups_and_image_along(ec2: Ec2, ectwo_here: Ectwo) -> None:
    there = ec2.boto("us-west-2")
    there.delete_key_pair(KeyName="ops")
    boto = ec2.boto()
    vpc = boto.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = boto.create_security_group(GroupName="only-here", Description="x", VpcId=vpc)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
    boto.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    (original,) = instances(ec2, "web-1")
    boto.modify_instance_attribute(InstanceId=original["InstanceId"], Groups=[group])
    copies = {each["ImageId"] for each in there.describe_images(Owners=["self"])["Images"]}

    run = ectwo_here(
        *("instances", "clone", "us-east-1/web-1", "--region", "us-west-2", "--name", "far"),
        *("--copy-key", "--copy-groups", "-o", "ids"),
    )
    (far,) = instances(ec2, "far", "us-west-2")
    assert (run.code, run.out) == (0, f"us-west-2/{far['InstanceId']}\n")
    assert [each["GroupName"] for each in far["SecurityGroups"]] == ["only-here"]
    copied = there.describe_security_groups(GroupIds=[far["SecurityGroups"][0]["GroupId"]])["SecurityGroups"][0]
    assert copied["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "192.0.2.0/24"}]
    key = there.describe_key_pairs(KeyNames=["ops"], IncludePublicKey=True)["KeyPairs"][0]
    here = boto.describe_key_pairs(KeyNames=["ops"], IncludePublicKey=True)["KeyPairs"][0]
    assert key["PublicKey"].split()[1] == here["PublicKey"].split()[1]
    image = there.describe_images(ImageIds=[far["ImageId"]])["Images"][0]
    assert far["ImageId"] in copies or image["SourceImageId"] == original["ImageId"]


def test_a_clone_of_its_disks(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        "instances", "clone", "us-east-1/bastion", "--from-image", "--no-reboot", "--name", "fresh", "-o", "ids"
    )
    (fresh,) = instances(ec2, "fresh")
    (original,) = instances(ec2, "bastion")
    image = ec2.boto().describe_images(ImageIds=[fresh["ImageId"]])["Images"][0]
    assert run.code == 0
    assert f"made image us-east-1/{image['ImageId']}, which stays\n" in run.err
    assert image["SourceInstanceId"] == original["InstanceId"]
    assert ec2.calls("CreateImage")[0]["parameters"]["NoReboot"] in (True, "true")


# Images of instances


def test_an_image_of_an_instance(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here(
        "instances", "create-image", "us-east-1/web-1", "--name", "web-image", "--tag", "release=7", "--json"
    )
    (record,) = records(run)
    (original,) = instances(ec2, "web-1")
    image = ec2.boto().describe_images(Filters=[{"Name": "name", "Values": ["web-image"]}])["Images"][0]
    snapshots = [each["Ebs"]["SnapshotId"] for each in image["BlockDeviceMappings"] if "Ebs" in each]
    assert run.code == 0
    assert run.err.splitlines()[0] == (
        f"EC2 reboots web-1 (us-east-1/{original['InstanceId']}) to make the image; --no-reboot leaves it running"
    )
    assert (record["id"], record["state"], record["action"]) == (image["ImageId"], "available", "created")
    assert tags(image) == {**tags(original), "release": "7"}
    for snapshot in ec2.boto().describe_snapshots(SnapshotIds=snapshots)["Snapshots"]:
        assert tags(snapshot) == tags(image)


def test_a_lost_answer_makes_one_image(ec2: Ec2, ectwo_here: Ectwo) -> None:
    ec2.fault("CreateImage", lose=True)
    run = ectwo_here(
        "images", "create", "us-east-1/bastion", "--name", "one-image", "--no-reboot", "--no-wait", "-o", "ids"
    )
    found = ec2.boto().describe_images(Filters=[{"Name": "name", "Values": ["one-image"]}])["Images"]
    assert (run.code, run.out) == (0, f"us-east-1/{found[0]['ImageId']}\n")
    assert len(ec2.calls("CreateImage")) == 1


def test_an_image_that_fails_says_why(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "create", "us-east-1/bastion", "--name", "a:b")
    assert run == Run(
        2,
        "",
        "error: the name 'a:b' has characters that EC2 refuses: :\n"
        "hint: an image's name is of letters, digits, spaces and ()[]./-'@_\n",
    )
    assert ectwo_here("images", "create", "us-east-1/bastion", "--name", "shop-web-v3", "--no-reboot").code == 1


def test_aliases_are_listed(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("images", "find", "--alias", "-r", "us-east-1,eu-west-1", "--columns", "region,alias,architecture")
    lines = run.out.splitlines()
    assert run.code == 0
    assert lines[0] == "region\talias\tarchitecture"
    assert {"us-east-1\tal2023-arm64\tarm64", "eu-west-1\tubuntu-24.04\tx86_64"} <= set(lines)
    assert len(lines) == len(set(lines))
