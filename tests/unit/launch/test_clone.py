"""What of an instance goes into its clone."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from ectwo_cli.launch import clone
from ectwo_cli.launch.clone import Original
from ectwo_cli.launch.wanted import Market, Wanted

INSTANCE: dict[str, Any] = {
    "InstanceId": "i-1",
    "ImageId": "ami-1",
    "InstanceType": "t3.micro",
    "KeyName": "me",
    "SubnetId": "subnet-a",
    "State": {"Name": "running"},
    "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web"}],
    "IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/web"},
    "Tags": [{"Key": "Name", "Value": "web-1"}, {"Key": "aws:autoscaling:groupName", "Value": "x"}],
    "MetadataOptions": {"State": "applied", "HttpTokens": "optional", "HttpPutResponseHopLimit": 3},
    "Monitoring": {"State": "enabled"},
    "Placement": {"AvailabilityZone": "us-east-1a", "Tenancy": "dedicated", "GroupName": "near"},
    "NetworkInterfaces": [{"Association": {"IpOwnerId": "amazon"}}],
    "SourceDestCheck": True,
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1},
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1", "DeleteOnTermination": True}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeId": "vol-2", "DeleteOnTermination": False}},
    ],
}
ORIGINAL = Original(
    instance=INSTANCE,
    region="us-east-1",
    volumes={
        "vol-1": {"Size": 8, "VolumeType": "gp3", "Iops": 4000, "Throughput": 200, "Encrypted": False},
        "vol-2": {"Size": 20, "VolumeType": "gp2", "Iops": 100, "Encrypted": True, "KmsKeyId": "arn:aws:kms:::key/1"},
    },
    attributes={
        "userData": base64.b64encode(b"#!/bin/sh").decode(),
        "instanceInitiatedShutdownBehavior": "terminate",
        "disableApiTermination": True,
    },
    credits="standard",
    type={"VCpuInfo": {"DefaultCores": 1, "DefaultThreadsPerCore": 2}},
)
DEVICES = (
    {
        "DeviceName": "/dev/xvda",
        "Ebs": {
            "VolumeSize": 8,
            "VolumeType": "gp3",
            "DeleteOnTermination": True,
            "Iops": 4000,
            "Throughput": 200,
        },
    },
    {
        "DeviceName": "/dev/sdf",
        "Ebs": {
            "VolumeSize": 20,
            "VolumeType": "gp2",
            "DeleteOnTermination": False,
            "Encrypted": True,
            "KmsKeyId": "arn:aws:kms:::key/1",
        },
    },
)


def original(**changes: Any) -> Original:
    return replace(ORIGINAL, instance={**INSTANCE, **changes})


def test_all_that_ec2_tells() -> None:
    assert clone.wanted(ORIGINAL, "us-east-1", type=None, fresh=False) == Wanted(
        image="ami-1",
        type="t3.micro",
        key="me",
        groups=("sg-1",),
        subnet="subnet-a",
        tags={"Name": "web-1"},
        image_tags=False,
        user_data=b"#!/bin/sh",
        instance_profile="arn:aws:iam::1:instance-profile/web",
        public_ip=True,
        shutdown="terminate",
        protect=True,
        devices=DEVICES,
        extra={
            "MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 3},
            "Monitoring": {"Enabled": True},
            "Placement": {"Tenancy": "dedicated", "GroupName": "near"},
            "CreditSpecification": {"CpuCredits": "standard"},
            "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 1},
        },
    )


def test_elsewhere_what_is_of_the_region_stays_behind() -> None:
    there = clone.wanted(ORIGINAL, "eu-west-1", type="m5.large", fresh=False)
    assert (there.subnet, there.groups, there.public_ip, there.origin) == (None, ("web",), None, "us-east-1")
    assert "KmsKeyId" not in there.devices[1]["Ebs"]
    assert there.extra == {
        "MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 3},
        "Monitoring": {"Enabled": True},
        "Placement": {"Tenancy": "dedicated"},
    }


def test_a_fresh_image_brings_the_volumes() -> None:
    fresh = clone.wanted(ORIGINAL, "us-east-1", type=None, fresh=True)
    assert (fresh.devices, fresh.encrypt) == ((), False)


def test_the_public_address() -> None:
    assert clone.public_ip({**INSTANCE, "NetworkInterfaces": [{}]}) is False
    assert clone.public_ip({**INSTANCE, "NetworkInterfaces": [{"Association": {"IpOwnerId": "1"}}]}) is None
    assert clone.public_ip({**INSTANCE, "State": {"Name": "stopped"}}) is None


def test_spot() -> None:
    assert clone.market(ORIGINAL) is None
    spot = original(InstanceLifecycle="spot")
    assert clone.market(spot) == Market()
    request = {"Type": "persistent", "SpotPrice": "0.05", "InstanceInterruptionBehavior": "hibernate"}
    assert clone.market(replace(spot, spot=request)) == Market(max_price="0.05", interruption="hibernate")
    once = {"Type": "one-time", "SpotPrice": "0.05", "InstanceInterruptionBehavior": "terminate"}
    assert clone.market(replace(spot, spot=once)) == Market(max_price="0.05")


def test_what_is_lost_is_said() -> None:
    image = {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda"}]}
    interfaces = [{"Association": {"IpOwnerId": "123456789012"}}, {}]
    odd = replace(original(NetworkInterfaces=interfaces, SourceDestCheck=False), unknown=("userData",))
    assert clone.losses(odd, image, elsewhere=True, fresh=False) == [
        "it has 2 network interfaces; a clone gets one",
        "its source/destination check is off; a clone's is on",
        "its Elastic IP address stays with it",
        "/dev/sdf will be empty, for the image does not have it; --from-image takes the data along",
        "its placement group is of its region; a clone is in none",
        "not cloned, since you may not look it up: userData",
    ]
    assert clone.losses(ORIGINAL, image, elsewhere=False, fresh=True) == []
