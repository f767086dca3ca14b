"""Images, snapshots and their copies in the sandbox do as in EC2."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.ec2 import Ec2
from tests.sandbox.test_instances import by_name
from tests.sandbox.test_server import refused


def own(ec2: Ec2, name: str, region: str = "us-east-1") -> dict[str, Any]:
    (found,) = ec2.boto(region).describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [name]}])["Images"]
    image: dict[str, Any] = found
    return image


def get(ec2: Ec2, image_id: str, region: str) -> dict[str, Any]:
    image: dict[str, Any] = ec2.boto(region).describe_images(ImageIds=[image_id])["Images"][0]
    return image


def copies_of(ec2: Ec2, image_id: str, region: str) -> list[dict[str, Any]]:
    found = ec2.boto(region).describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": "description", "Values": [f"Copied for DestinationAmi {image_id} *"]}]
    )
    rows: list[dict[str, Any]] = found["Snapshots"]
    return rows


def copy(ec2: Ec2, image_id: str, region: str, **parameters: Any) -> str:
    given = {"SourceRegion": "us-east-1", "SourceImageId": image_id, "Name": "copied", **parameters}
    return str(ec2.boto(region).copy_image(**given)["ImageId"])


def test_an_image_of_an_instance_has_its_disks(ec2: Ec2) -> None:
    client = ec2.boto()
    database = by_name(ec2, "db-1")
    tags = [{"Key": "of", "Value": "db-1"}]
    made = client.create_image(
        InstanceId=database["InstanceId"],
        Name="database",
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
    )["ImageId"]
    found = get(ec2, made, "us-east-1")
    assert (found["State"], found["Architecture"], found["SourceInstanceId"], found["Tags"]) == (
        "available",
        "arm64",
        database["InstanceId"],
        tags,
    )
    disks = [(one["DeviceName"], one["Ebs"]["VolumeSize"]) for one in found["BlockDeviceMappings"]]
    assert disks == [("/dev/xvda", 8), ("/dev/sdf", 200), ("/dev/sdg", 500)]
    ids = [one["Ebs"]["SnapshotId"] for one in found["BlockDeviceMappings"]]
    snapshots = client.describe_snapshots(SnapshotIds=ids)["Snapshots"]
    assert [(one["Tags"], one["State"], one["Progress"]) for one in snapshots] == [(tags, "completed", "100%")] * 3
    assert {one["Description"] for one in snapshots} == {f"Created by CreateImage({database['InstanceId']}) for {made}"}
    assert (
        refused(client.create_image, InstanceId=database["InstanceId"], Name="database")[0]
        == "InvalidAMIName.Duplicate"
    )
    assert refused(client.create_image, InstanceId=database["InstanceId"], Name="d%%")[0] == "InvalidAMIName.Malformed"


def test_a_copy_takes_its_time(ec2: Ec2) -> None:
    ec2.settings(speed=1, copy_rate=2**30)
    source = own(ec2, "shop-web-v3")
    made = copy(
        ec2,
        source["ImageId"],
        "us-east-2",
        CopyImageTags=True,
        TagSpecifications=[
            {"ResourceType": "image", "Tags": [{"Key": "app", "Value": "mine"}]},
            {"ResourceType": "snapshot", "Tags": [{"Key": "run", "Value": "1"}]},
        ],
    )
    early = get(ec2, made, "us-east-2")
    assert (early["State"], early["SourceImageId"], early["SourceImageRegion"]) == (
        "pending",
        source["ImageId"],
        "us-east-1",
    )
    assert {tag["Key"]: tag["Value"] for tag in early["Tags"]} == {"Name": "shop-web-v3", "app": "mine", "version": "3"}
    assert ["SnapshotId" in one["Ebs"] for one in early["BlockDeviceMappings"]] == [False, False]
    assert copies_of(ec2, made, "us-east-2") == []
    ec2.advance(1)
    first = copies_of(ec2, made, "us-east-2")
    assert [(one["State"], one.get("Progress"), one["TransferType"]) for one in first] == [
        ("pending", None, "standard")
    ] * 2
    ids = {one["SnapshotId"]: one["FullSnapshotSizeInBytes"] for one in first}
    seen: dict[str, list[int]] = {one: [] for one in ids}
    for _ in range(12):
        ec2.advance(1)
        for one in copies_of(ec2, made, "us-east-2"):
            seen[one["SnapshotId"]].append(int(one["Progress"].rstrip("%")))
    small, large = sorted(ids, key=lambda one: ids[one])
    assert all(percents == sorted(percents) for percents in seen.values())
    assert sum(seen[small]) > sum(seen[large])
    assert seen[large][-1] == 100
    ec2.advance(5)
    done = get(ec2, made, "us-east-2")
    assert done["State"] == "available"
    assert {one["Ebs"]["SnapshotId"] for one in done["BlockDeviceMappings"]} == set(ids)
    described = copies_of(ec2, made, "us-east-2")[0]["Description"]
    assert re.fullmatch(
        rf"Copied for DestinationAmi {made} from SourceAmi {source['ImageId']} for SourceSnapshot snap-\w+\. "
        r"Task created on [\d,]+\.",
        described,
    )


def test_a_token_copies_once(ec2: Ec2) -> None:
    source = own(ec2, "shop-web-v3")["ImageId"]
    assert copy(ec2, source, "us-east-2", ClientToken="t") == copy(ec2, source, "us-east-2", ClientToken="t")
    mismatch = refused(copy, ec2, source, "us-east-2", ClientToken="t", Description="other")
    assert mismatch[0] == "IdempotentParameterMismatch"
    copy(ec2, source, "us-west-1", ClientToken="t")


@pytest.mark.parametrize(
    ("source", "region", "given", "key"),
    [
        ("shop-web-v1", "us-east-2", {}, None),
        ("shop-web-v1", "us-east-2", {"Encrypted": True}, "alias/aws/ebs"),
        ("shop-web-v1", "us-east-2", {"Encrypted": True, "KmsKeyId": "alias/backup"}, "alias/backup"),
        ("shop-web-v1", "eu-central-1", {}, "alias/aws/ebs"),
        ("vault-v1", "us-east-2", {"SourceRegion": "eu-central-1"}, "alias/aws/ebs"),
    ],
)
def test_what_a_copy_is_encrypted_with(
    ec2: Ec2, source: str, region: str, given: dict[str, Any], key: str | None
) -> None:
    image = own(ec2, source, given.get("SourceRegion", "us-east-1"))["ImageId"]
    made = copy(ec2, image, region, **given)
    get(ec2, made, region)
    (snapshot,) = copies_of(ec2, made, region)
    wanted = None
    if key:
        wanted = ec2.boto(region, "kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    assert (snapshot["Encrypted"], snapshot.get("KmsKeyId")) == (key is not None, wanted)
    assert get(ec2, made, region)["State"] == "available"


@pytest.mark.parametrize("key", ["alias/disabled", "alias/doomed", "alias/no-grant", "alias/asymmetric", "alias/none"])
def test_a_key_that_can_not_be_used_shows_later(ec2: Ec2, key: str) -> None:
    made = copy(ec2, own(ec2, "shop-web-v1")["ImageId"], "us-east-2", Encrypted=True, KmsKeyId=key)
    (snapshot,) = copies_of(ec2, made, "us-east-2")
    assert (snapshot["State"], snapshot["StateMessage"]) == ("error", "Given key ID is not accessible")
    image = get(ec2, made, "us-east-2")
    assert (image["State"], image["StateReason"]["Message"]) == (
        "failed",
        "Copy image failed with an internal error.",
    )


def test_a_key_without_encryption(ec2: Ec2) -> None:
    image = own(ec2, "shop-web-v1")["ImageId"]
    assert refused(copy, ec2, image, "us-east-2", KmsKeyId="alias/team")[0] == "InvalidParameterCombination"


def test_failures_on_request(ec2: Ec2) -> None:
    ec2.fault("CopyImage", outcome={"StateMessage": "disk on fire"})
    made = copy(ec2, own(ec2, "shop-web-v1")["ImageId"], "us-east-2")
    (snapshot,) = copies_of(ec2, made, "us-east-2")
    assert (snapshot["State"], snapshot["StateMessage"]) == ("error", "disk on fire")
    assert get(ec2, made, "us-east-2")["State"] == "failed"
    again = copy(ec2, own(ec2, "shop-web-v1")["ImageId"], "us-east-2")
    get(ec2, again, "us-east-2")
    assert get(ec2, again, "us-east-2")["State"] == "available"


def test_slots_of_images_and_snapshots(ec2: Ec2) -> None:
    ec2.settings(speed=1, image_slots=2, snapshot_slots=1)
    image = own(ec2, "shop-web-v1")
    for _ in range(2):
        copy(ec2, image["ImageId"], "us-east-2")
    assert refused(copy, ec2, image["ImageId"], "us-east-2") == (
        "ResourceLimitExceeded",
        "Too many AMI copies in progress. The limit is 2 for this destination region.",
    )
    copy(ec2, image["ImageId"], "us-west-1")
    client = ec2.boto("us-east-2")
    wanted = {
        "SourceRegion": "us-east-1",
        "SourceSnapshotId": image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"],
    }
    first = client.copy_snapshot(**wanted)["SnapshotId"]
    assert refused(client.copy_snapshot, **wanted) == (
        "ResourceLimitExceeded",
        "Too many snapshot copies in progress. The limit is 1 for this destination region.",
    )
    ec2.advance(60)
    assert client.copy_snapshot(**wanted)["SnapshotId"] != first


def test_a_pending_image_is_left_alone(ec2: Ec2) -> None:
    ec2.settings(speed=1)
    made = copy(ec2, own(ec2, "shop-web-v1")["ImageId"], "us-east-2")
    client = ec2.boto("us-east-2")
    permission = {"Add": [{"UserId": "444455556666"}]}
    assert refused(client.modify_image_attribute, ImageId=made, LaunchPermission=permission)[0] == (
        "InvalidAMIID.Unavailable"
    )
    ec2.advance(2)
    assert len(copies_of(ec2, made, "us-east-2")) == 1
    client.deregister_image(ImageId=made)
    assert copies_of(ec2, made, "us-east-2") == []


def test_what_may_not_be_copied(ec2: Ec2) -> None:
    locked, readable = (
        ec2.boto().describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"][0]["ImageId"]
        for name in ("partner-locked", "partner-appliance")
    )
    assert refused(copy, ec2, locked, "us-east-2") == (
        "InvalidRequest",
        "You do not have permission to access the storage of this ami",
    )
    copy(ec2, readable, "us-east-2")
    assert refused(copy, ec2, "ami-0123456789abcdef0", "us-east-2")[0] == "InvalidAMIID.NotFound"
    assert refused(copy, ec2, readable, "us-east-2", SourceRegion="mars-1")[0] == "InvalidRegion"
    archived = ec2.boto().describe_snapshots(Filters=[{"Name": "storage-tier", "Values": ["archive"]}])["Snapshots"][0]
    assert refused(
        ec2.boto("us-east-2").copy_snapshot, SourceRegion="us-east-1", SourceSnapshotId=archived["SnapshotId"]
    )[0] == "IncorrectState"  # fmt: skip


def test_shared_snapshots_stay(ec2: Ec2) -> None:
    client = ec2.boto()
    image, debug = own(ec2, "shop-web-v3"), own(ec2, "shop-web-v3-debug")
    ids = [one["Ebs"]["SnapshotId"] for one in image["BlockDeviceMappings"]]
    assert refused(client.delete_snapshot, SnapshotId=ids[0])[0] == "InvalidSnapshot.InUse"
    first = client.deregister_image(ImageId=debug["ImageId"], DeleteAssociatedSnapshots=True)
    assert [(one["SnapshotId"], one["ReturnCode"]) for one in first["DeleteSnapshotResults"]] == [
        (one, "skipped") for one in ids
    ]
    second = client.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)
    assert [one["ReturnCode"] for one in second["DeleteSnapshotResults"]] == ["success", "success"]
    assert refused(client.describe_snapshots, SnapshotIds=ids[:1])[0] == "InvalidSnapshot.NotFound"


def test_protection_deprecation_and_the_recycle_bin(ec2: Ec2) -> None:
    client = ec2.boto("eu-west-1")
    image = own(ec2, "mail-2024", "eu-west-1")["ImageId"]
    client.enable_image_deregistration_protection(ImageId=image)
    assert refused(client.deregister_image, ImageId=image)[0] == "OperationNotPermitted"
    client.disable_image_deregistration_protection(ImageId=image)
    assert refused(client.enable_image_deprecation, ImageId=image, DeprecateAt="2020-01-01")[0] == (
        "InvalidParameterValue"
    )
    client.deregister_image(ImageId=image)
    assert refused(client.describe_images, ImageIds=[image])[0] == "InvalidAMIID.Unavailable"
    assert [one["ImageId"] for one in client.list_images_in_recycle_bin()["Images"]] == [image]
    client.restore_image_from_recycle_bin(ImageId=image)
    assert get(ec2, image, "eu-west-1")["State"] == "available"


def test_who_uses_an_image(ec2: Ec2) -> None:
    image = own(ec2, "shop-web-v3")["ImageId"]
    found = ec2.boto().describe_image_references(ImageIds=[image], ResourceTypes=[{"ResourceType": "ec2:Instance"}])
    assert len(found["ImageReferences"]) == 5


def test_snapshots_under_the_managed_key_are_not_shared(ec2: Ec2) -> None:
    client = ec2.boto()
    (nightly, *_) = client.describe_snapshots(
        OwnerIds=["self"],
        Filters=[{"Name": "description", "Values": ["nightly"]}, {"Name": "encrypted", "Values": ["true"]}],
    )["Snapshots"]
    permission = {"Add": [{"UserId": "444455556666"}]}
    assert refused(
        client.modify_snapshot_attribute, SnapshotId=nightly["SnapshotId"], CreateVolumePermission=permission
    )[0] == "InvalidParameter"  # fmt: skip
