"""The call that a launch becomes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ectwo_cli.launch.request import run_instances
from ectwo_cli.launch.summary import lines, price_words
from ectwo_cli.launch.wanted import Market
from tests.unit.launch.things import FACTS, IMAGE, WANTED, facts, image, wanted

TAGGED = image(Tags=[{"Key": "app", "Value": "shop"}, {"Key": "aws:x", "Value": "y"}, {"Key": "env", "Value": "prod"}])


def test_the_safe_defaults() -> None:
    assert run_instances(WANTED, FACTS) == {
        "ImageId": "ami-0123456789abcdef0",
        "InstanceType": "t3.micro",
        "SecurityGroupIds": ["sg-1"],
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": True, "VolumeType": "gp3"}},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "Encrypted": True}},
        ],
        "KeyName": "me",
    }


def test_everything_that_can_be_wanted() -> None:
    everything = wanted(
        subnet="subnet-a",
        public_ip=True,
        tags={"Name": "web-1", "env": "dev"},
        user_data=b"#!/bin/sh\n",
        volume_size=30,
        volume_type="io2",
        iops=3000,
        instance_profile="web",
        shutdown="terminate",
        protect=True,
    )
    request = run_instances(everything, TAGGED)
    tags = [{"Key": "app", "Value": "shop"}, {"Key": "env", "Value": "dev"}, {"Key": "Name", "Value": "web-1"}]
    assert request == {
        "ImageId": "ami-0123456789abcdef0",
        "InstanceType": "t3.micro",
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "AssociatePublicIpAddress": True, "Groups": ["sg-1"], "SubnetId": "subnet-a"}
        ],
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": 30, "Encrypted": True, "VolumeType": "io2", "Iops": 3000},
            },
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "Encrypted": True}},
        ],
        "KeyName": "me",
        "UserData": b"#!/bin/sh\n",
        "IamInstanceProfile": {"Name": "web"},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "DisableApiTermination": True,
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
    }


def test_tags_of_the_image_can_be_left_out() -> None:
    assert "TagSpecifications" not in run_instances(wanted(image_tags=False), TAGGED)


def test_spot_is_one_time_and_tags_its_request() -> None:
    request = run_instances(wanted(market=Market(max_price="0.05"), tags={"a": "b"}), FACTS)
    assert request["InstanceMarketOptions"] == {
        "MarketType": "spot",
        "SpotOptions": {
            "SpotInstanceType": "one-time",
            "InstanceInterruptionBehavior": "terminate",
            "MaxPrice": "0.05",
        },
    }
    assert [each["ResourceType"] for each in request["TagSpecifications"]] == [
        "instance",
        "volume",
        "spot-instances-request",
    ]


@pytest.mark.parametrize("interruption", ["stop", "hibernate"])
def test_what_is_not_terminated_is_persistent(interruption: str) -> None:
    request = run_instances(wanted(market=Market(interruption=interruption)), FACTS)
    assert request["InstanceMarketOptions"]["SpotOptions"] == {
        "SpotInstanceType": "persistent",
        "InstanceInterruptionBehavior": interruption,
    }


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("gp2", 8, "gp3"),
        ("standard", 8, "gp3"),
        ("gp2", 1001, None),
        ("io2", 8, None),
        ("gp3", 8, None),
    ],
)
def test_the_root_volume_is_gp3_unless_the_image_says_otherwise(kind: str, size: int, expected: str | None) -> None:
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": size, "VolumeType": kind}}
    (device,) = run_instances(WANTED, image(BlockDeviceMappings=[root]))["BlockDeviceMappings"]
    assert device["Ebs"].get("VolumeType") == expected


def test_what_is_encrypted_is_left_alone() -> None:
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "Encrypted": True}}
    assert "BlockDeviceMappings" not in run_instances(WANTED, image(BlockDeviceMappings=[root]))


def test_encryption_can_be_left_out() -> None:
    assert run_instances(wanted(encrypt=False), FACTS)["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}
    ]


def test_another_type_of_volume_does_not_keep_the_speed_of_the_image() -> None:
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "io2", "Iops": 9000, "Encrypted": True}}
    known = image(BlockDeviceMappings=[root])
    assert run_instances(wanted(volume_type="gp3"), known)["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}
    ]


def test_a_zone_means_its_default_subnet() -> None:
    assert run_instances(wanted(zone="us-east-1b"), FACTS)["SubnetId"] == "subnet-b"


def test_groups_of_the_same_name_are_those_of_the_vpc() -> None:
    assert run_instances(wanted(groups=("default",), subnet="lab"), FACTS)["SecurityGroupIds"] == ["sg-4"]


def test_what_may_not_be_looked_up_goes_as_it_is() -> None:
    request = run_instances(wanted(subnet="subnet-x", groups=("sg-9",)), facts(groups=None, subnets=None, vpcs=None))
    assert (request["SubnetId"], request["SecurityGroupIds"]) == ("subnet-x", ["sg-9"])


def test_the_extra_of_a_clone_stands() -> None:
    extra = {"MetadataOptions": {"HttpTokens": "optional"}, "Placement": {"Tenancy": "dedicated"}}
    request = run_instances(wanted(extra=extra), FACTS)
    assert request["MetadataOptions"] == {"HttpTokens": "optional"}
    assert request["Placement"] == {"Tenancy": "dedicated"}


def test_the_summary() -> None:
    said = wanted(market=Market(), tags={"Name": "a"}, volume_size=30, zone="us-east-1a", count=2)
    assert lines(said, FACTS, prices="$1") == [
        ("image", "ami-0123456789abcdef0 (web, x86_64, linux)"),
        ("type", "t3.micro, 2 vCPU, 1 GiB"),
        ("price", "$1"),
        ("spot", "one-time, at most the on-demand price; on interruption: terminate"),
        ("key", "me"),
        ("groups", "web (sg-1)"),
        ("network", "subnet-a of vpc-1, in us-east-1a"),
        ("volumes", "/dev/xvda 30 GiB gp3, encrypted, /dev/sdf 20 GiB io2, encrypted"),
        ("tags", "Name=a"),
    ]


@pytest.mark.parametrize(
    ("on_demand", "spot", "count", "market", "expected"),
    [
        (0.0104, [], 1, None, "$0.0104 an hour"),
        (0.0104, [], 2, None, "$0.0104 an hour each"),
        (None, [], 1, None, None),
        (0.01, [0.004, 0.005], 1, Market(), "$0.004 to $0.005 an hour now, by zone; on demand it is $0.01 (50% less)"),
        (None, [0.004], 1, Market(), "$0.004 an hour now"),
        (0.01, [], 1, Market(), "on demand it is $0.01"),
        (0.01, [0.02], 1, Market(), "$0.02 an hour now; on demand it is $0.01"),
    ],
)
def test_prices_in_words(
    on_demand: float | None, spot: list[float], count: int, market: Market | None, expected: str | None
) -> None:
    assert price_words(on_demand, spot, wanted(count=count, market=market)) == expected


def test_the_image_in_the_test_is_not_changed_by_all_that() -> None:
    before = replace(FACTS)
    run_instances(wanted(volume_size=100), FACTS)
    assert before.image == IMAGE
    assert IMAGE["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 8
