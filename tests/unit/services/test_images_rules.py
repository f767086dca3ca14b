"""What is decided about images without asking EC2: sources, owners, keep rules, snapshots that go along."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.model import columns
from ectwo_cli.query import Query, option_condition, tag_condition
from ectwo_cli.services import cleanup, images
from ectwo_cli.services.cleanup import Removal
from ectwo_cli.services.images import Image
from ectwo_cli.services.usage import GROUP, INSTANCE, TEMPLATE, Unknown, Use, told


def image(id: str, *, snapshots: dict[str, int] | None = None, **data: Any) -> Image:
    mappings = [
        {"DeviceName": f"/dev/sd{chr(97 + n)}", "Ebs": {"SnapshotId": snapshot, "VolumeSize": size}}
        for n, (snapshot, size) in enumerate((snapshots or {}).items())
    ]
    raw = {"ImageId": id, "State": "available", "BlockDeviceMappings": mappings, **data}
    return Image.parse(raw, data.pop("region", "us-east-1"))


@pytest.mark.parametrize(
    ("data", "source"),
    [
        ({}, None),
        ({"SourceImageId": "ami-1", "SourceImageRegion": "eu-west-1"}, "eu-west-1/ami-1"),
        ({"SourceImageId": "ami-1"}, "us-east-1/ami-1"),
        # Of an image made of an instance, EC2 names the instance's image as source; it is no copy of that.
        ({"SourceImageId": "ami-1", "SourceImageRegion": "us-east-1", "SourceInstanceId": "i-1"}, None),
        ({"Description": "[Copied ami-0ab from us-west-2] web"}, "us-west-2/ami-0ab"),
        ({"Description": "about [Copied ami-0ab from us-west-2]"}, None),
    ],
)
def test_source(data: dict[str, str], source: str | None) -> None:
    assert image("ami-9", **data).source == source


def test_volumes_and_sizes() -> None:
    mappings = [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 8, "VolumeType": "gp3", "Encrypted": True},
        },
        {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
        {"DeviceName": "/dev/xvdc", "Ebs": {"VolumeSize": 30}},
    ]
    read = image("ami-9", BlockDeviceMappings=mappings)
    assert (read.size_gib, read.snapshot_ids) == (38, ["snap-1"])
    assert read.volumes == [
        {"device": "/dev/xvda", "snapshot_id": "snap-1", "size_gib": 8, "type": "gp3", "encrypted": True},
        {"device": "/dev/xvdc", "snapshot_id": None, "size_gib": 30, "type": None, "encrypted": None},
    ]
    store = image("ami-9", BlockDeviceMappings=[mappings[1]])
    assert (store.size_gib, store.snapshot_ids, store.volumes) == (None, [], [])


def test_times_and_states() -> None:
    read = image(
        "ami-9",
        CreationDate="2025-03-01T12:00:00.000Z",
        DeprecationTime="2026-01-01T00:00:00.000Z",
        DeregistrationProtection="enabled-with-cooldown",
        Platform="windows",
        Description="",
    )
    assert read.created_at == datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
    assert read.deprecated_at == datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert (read.protected, read.platform, read.description) == (True, "windows", None)
    assert image("ami-9", DeregistrationProtection="disabled").protected is False


def query(*conditions: Any) -> Query[Image]:
    return Query(Image, conditions)


def option(name: str, *values: str) -> Any:
    return option_condition(columns(Image)[name], values, Image)


@pytest.mark.parametrize(
    ("owners", "conditions", "params"),
    [
        (["self"], [], {"Owners": ["self"]}),
        (["099720109477"], [], {"Owners": ["099720109477"]}),
        (["self", "099720109477"], [], {"Owners": ["self", "099720109477"]}),
        (["amazon"], [option("name", "al2023-*")], {"Owners": ["amazon"]}),
        (
            ["all"],
            [tag_condition("app=web")],
            {"Owners": None, "IncludeDisabled": True, "IncludeDeprecated": True},
        ),
    ],
)
def test_owners(owners: list[str], conditions: list[Any], params: dict[str, Any]) -> None:
    assert images.of_owners(query(*conditions), owners).params == params


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [option("architecture", "arm64"), option("state", "available")],
        [option("name", "*")],
        # A regex is evaluated here, so that all of them would have to come first.
        [option("name", "/^al2023/")],
    ],
)
def test_searches_of_everything_are_refused(conditions: list[Any]) -> None:
    with pytest.raises(UsageError) as refused:
        images.of_owners(query(*conditions), ["all"])
    assert refused.value.message == "--owner all alone means all that the world has made public"
    assert "--name" in str(refused.value.hint)


def test_unknown_owner() -> None:
    with pytest.raises(UsageError, match="unknown owner 'me'"):
        images.of_owners(query(), ["me"])


# Keep rules


def dated(id: str, day: int, app: str | None, region: str = "us-east-1", state: str = "available") -> Image:
    tags = [{"Key": "app", "Value": app}] if app else []
    data = {"ImageId": id, "CreationDate": f"2026-01-{day:02}T00:00:00.000Z", "Tags": tags, "State": state}
    return Image.parse(data, region)


def test_the_newest_of_each_group_and_region() -> None:
    pool = [
        dated("web-1", 1, "web"),
        dated("web-2", 2, "web"),
        dated("web-3", 3, "web"),
        dated("db-1", 1, "db"),
        dated("none-1", 1, None),
        dated("none-2", 2, None),
        dated("eu-1", 1, "web", "eu-west-1"),
    ]

    def kept(keep: int, by: str | None) -> set[str]:
        return {id for _, _, id in cleanup.newest(pool, keep, by)}

    assert kept(1, "tags.app") == {"web-3", "db-1", "none-2", "eu-1"}
    assert kept(2, "tags.app") == {"web-3", "web-2", "db-1", "none-2", "none-1", "eu-1"}
    assert kept(1, None) == {"web-3", "eu-1"}


def test_only_available_images_count_as_kept() -> None:
    pool = [
        dated("good", 1, "web"),
        dated("broken", 2, "web", state="failed"),
        dated("making", 3, "web", state="pending"),
    ]
    assert {id for _, _, id in cleanup.newest(pool, 1)} == {"good"}


# Snapshots that go along


def test_snapshots_that_others_use_stay() -> None:
    one = image("ami-1", snapshots={"snap-1": 8, "snap-2": 20})
    two = image("ami-2", snapshots={"snap-2": 20})
    used = {"snap-1": ["ami-1"], "snap-2": ["ami-1", "ami-2", "ami-3"]}
    (alone,) = cleanup.with_snapshots([Removal(one)], used)
    assert (alone.deleted, alone.kept) == (["snap-1"], {"snap-2": ["ami-2", "ami-3"]})

    both = cleanup.with_snapshots([Removal(one), Removal(two)], {**used, "snap-2": ["ami-1", "ami-2"]})
    assert [each.deleted for each in both] == [["snap-1", "snap-2"], ["snap-2"]]
    assert cleanup.freed(both) == 28
    assert cleanup.freed([alone]) == 8


def test_refusals() -> None:
    use = Use(INSTANCE, "i-1", "web", "running", "us-east-1a")
    used = Removal(image("ami-1"), [use])
    guarded = Removal(image("ami-2", DeregistrationProtection="enabled"))

    def reason(removal: Removal, **how: bool) -> str | None:
        refusal = cleanup.refusal(removal, **{"force": False, "unprotect": False, **how})
        return refusal.error if refusal else None

    assert reason(used) == "in use by instance i-1 (web, running)"
    assert reason(used, force=True) is None
    assert reason(guarded) == "it is protected from deregistration"
    assert reason(guarded, force=True) == "it is protected from deregistration"
    assert reason(guarded, unprotect=True) is None
    assert reason(Removal(image("ami-3"))) is None


def test_uses_in_a_sentence() -> None:
    uses = [Use(INSTANCE, f"i-{n}", "web", "running") for n in range(5)] + [
        Use(TEMPLATE, "shop"),
        Use(GROUP, "shop-asg"),
    ]
    assert cleanup.sentence(uses) == (
        "5 instances: i-0 (web, running), i-1 (web, running), i-2 (web, running) and 2 more; "
        "launch template shop; Auto Scaling group shop-asg"
    )


def test_what_could_not_be_looked_at_is_told_once() -> None:
    from botocore.exceptions import ClientError

    denied = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "No."}}, "DescribeInstances")
    unknown = {region: [Unknown("instances", denied)] for region in ("a", "b", "c", "d")}
    assert told(unknown) == ["instances could not be looked at in a, b, c and 1 more: not permitted"]
