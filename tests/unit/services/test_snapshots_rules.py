"""What is decided about snapshots without asking EC2."""

from __future__ import annotations

from typing import Any

import pytest

from ectwo_cli.errors import EctwoError, NotFound, UsageError
from ectwo_cli.fanout import Results
from ectwo_cli.services import registering, search, sharing, snapshotting
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.registering import Origin, Wish
from ectwo_cli.services.search import Lookup
from ectwo_cli.services.snapshots import Snapshot
from ectwo_cli.services.volumes import Volume


def snapshot(**data: Any) -> Snapshot:
    return Snapshot.parse({"SnapshotId": "snap-1", "State": "completed", **data}, "us-east-1")


@pytest.mark.parametrize(
    ("description", "volume", "read"),
    [
        (
            "Created by CreateImage(i-0a1) for ami-0b2 from vol-0c3",
            "vol-0c3",
            ("ami-0b2", "i-0a1", "vol-0c3"),
        ),
        ("Created by CreateImage(i-0a1) for ami-0b2", "vol-0c3", ("ami-0b2", "i-0a1", "vol-0c3")),
        # A copy of a snapshot keeps the description, and has no volume of its own.
        ("Created by CreateImage(i-0a1) for ami-0b2 from vol-0c3", "vol-ffffffff", ("ami-0b2", "i-0a1", "vol-0c3")),
        (
            "Copied for DestinationAmi ami-0d4 from SourceAmi ami-0b2 for SourceSnapshot snap-0e5. "
            "Task created on 1,700,000,000,000.",
            "vol-ffffffff",
            ("ami-0d4", None, None),
        ),
        # What people write, and what EC2 writes in front of a copy from another region, is about something else.
        ("not Created by CreateImage(i-0a1) for ami-0b2", "vol-0c3", (None, None, "vol-0c3")),
        ("[Copied snap-1 from us-west-2] Created by CreateImage(i-0a1) for ami-0b2", None, (None, None, None)),
        (None, None, (None, None, None)),
    ],
)
def test_descriptions(description: str | None, volume: str | None, read: tuple[str | None, ...]) -> None:
    item = snapshot(Description=description, VolumeId=volume)
    assert (item.image_id, item.instance_id, item.volume_id) == read


@pytest.mark.parametrize(("text", "number"), [("45%", 45), ("100%", 100), ("", None), (None, None)])
def test_progress_is_a_number(text: str | None, number: int | None) -> None:
    assert snapshot(Progress=text).progress == number


# Registering

IMAGE = {
    "ImageId": "ami-1",
    "Architecture": "arm64",
    "VirtualizationType": "hvm",
    "BootMode": "uefi",
    "EnaSupport": True,
    "ImdsSupport": "v2.0",
    "RootDeviceName": "/dev/sda1",
    "Description": "the web",
    "PlatformDetails": "Linux/UNIX",
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": "snap-1", "VolumeType": "io2"}},
        {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-2", "VolumeType": "st1"}},
    ],
}


def test_an_image_like_the_one_it_was_part_of() -> None:
    plan = registering.plan(snapshot(), Wish("web"), Origin("ami-1", IMAGE))
    assert plan.request == {
        "Name": "web",
        "Description": "the web",
        "Architecture": "arm64",
        "VirtualizationType": "hvm",
        "BootMode": "uefi",
        "EnaSupport": True,
        "RootDeviceName": "/dev/sda1",
        "ImdsSupport": "v2.0",
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/sda1",
                "Ebs": {"SnapshotId": "snap-1", "DeleteOnTermination": True, "VolumeType": "io2"},
            }
        ],
    }
    assert plan.warnings == []


def test_what_is_said_goes_before_what_is_known() -> None:
    wish = Wish(
        "web", "mine", "x86_64", "hvm", "legacy-bios", False, "/dev/xvda", "gp3", {"/dev/sdf": "snap-2"}, {"a": "b"}
    )
    plan = registering.plan(snapshot(), wish, Origin("ami-1", IMAGE))
    assert plan.request == {
        "Name": "web",
        "Description": "mine",
        "Architecture": "x86_64",
        "VirtualizationType": "hvm",
        "BootMode": "legacy-bios",
        "RootDeviceName": "/dev/xvda",
        "ImdsSupport": "v2.0",
        "TagSpecifications": [{"ResourceType": "image", "Tags": [{"Key": "a", "Value": "b"}]}],
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"SnapshotId": "snap-1", "DeleteOnTermination": True, "VolumeType": "gp3"},
            },
            {
                "DeviceName": "/dev/sdf",
                "Ebs": {"SnapshotId": "snap-2", "DeleteOnTermination": True, "VolumeType": "gp3"},
            },
        ],
    }


def test_nothing_known_is_warned_of() -> None:
    plan = registering.plan(snapshot(), Wish("web"), None)
    assert (plan.request["Architecture"], plan.request["RootDeviceName"]) == ("x86_64", "/dev/xvda")
    assert plan.warnings == ["what snap-1 came from is gone: x86_64 is assumed; --architecture says another"]


def test_a_data_volume_and_a_licence_are_warned_of() -> None:
    data = Snapshot.parse({"SnapshotId": "snap-2", "State": "completed"}, "us-east-1")
    plan = registering.plan(
        data, Wish("web"), Origin("ami-1", {**IMAGE, "PlatformDetails": "Red Hat Enterprise Linux"})
    )
    assert plan.warnings == [
        "snap-2 was /dev/sdf of ami-1, not its root volume",
        "what is made of it is billed as plain Linux, without the Red Hat Enterprise Linux of its source",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [({"State": "pending"}, "it is pending, not completed"), ({"StorageTier": "archive"}, "it is in the archive")],
)
def test_what_no_image_can_be_made_of(data: dict[str, str], message: str) -> None:
    with pytest.raises(EctwoError) as refused:
        registering.plan(snapshot(**data), Wish("web"), None)
    assert refused.value.message == message


def test_data_volumes() -> None:
    assert registering.data_volumes(["/dev/sdf=snap-0123456789abcdef0"]) == {"/dev/sdf": "snap-0123456789abcdef0"}
    for bad in ("snap-0123456789abcdef0", "=snap-0123456789abcdef0", "/dev/sdf=vol-1"):
        with pytest.raises(UsageError):
            registering.data_volumes([bad])


# Which volumes and instances are meant

WEB = Instance.parse({"InstanceId": "i-1", "Tags": [{"Key": "Name", "Value": "web"}]}, "us-east-1")


def volume(id: str, *instances: str) -> Volume:
    attached = [{"InstanceId": each} for each in instances]
    return Volume.parse({"VolumeId": id, "Attachments": attached}, "us-east-1")


def choose(volumes: list[Volume], instances: list[Instance]) -> list[str]:
    refs = (search.ref("web", Volume), search.ref("web", Instance))
    nothing: Any = Results(iter(()))
    found = snapshotting.choose([refs], Lookup({refs[0]: volumes}, nothing), Lookup({refs[1]: instances}, nothing))
    return [item.id for item in found]


def test_a_name_of_an_instance_and_of_its_own_volumes_means_the_instance() -> None:
    assert choose([volume("vol-1", "i-1"), volume("vol-2", "i-1")], [WEB]) == ["i-1"]
    assert choose([volume("vol-1")], []) == ["vol-1"]


def test_a_name_of_several_is_refused() -> None:
    with pytest.raises(UsageError, match="2 are named 'web': us-east-1/i-1, us-east-1/vol-2"):
        choose([volume("vol-1", "i-1"), volume("vol-2")], [WEB])
    with pytest.raises(UsageError):
        choose([volume("vol-1"), volume("vol-2")], [])
    with pytest.raises(NotFound, match="no volume or instance web"):
        choose([], [])


# Whom to share with


def test_audiences() -> None:
    organization = "arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5"
    unit = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-11111111"
    whom = sharing.audience(["123456789012,2109-8765-4321", organization, unit, "public"])
    assert whom == sharing.Audience(["123456789012", "210987654321"], [organization], [unit], True)
    assert whom.permissions([organization, "public", "210987654321"]) == [
        {"UserId": "210987654321"},
        {"OrganizationArn": organization},
        {"Group": "all"},
    ]


@pytest.mark.parametrize("text", ["", "12345", "all", "arn:aws:iam::123456789012:root", "self"])
def test_nobody(text: str) -> None:
    with pytest.raises(UsageError):
        sharing.audience([text])
