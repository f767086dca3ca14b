"""What the states of spot requests mean, and what is sent to make one."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Any

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.spot import check_price, request_spot_instances
from ectwo_cli.launch.wanted import Market, Wanted
from ectwo_cli.services import spot_prices, spot_requests
from ectwo_cli.services.search import is_id
from ectwo_cli.services.spot_prices import SpotPrice
from ectwo_cli.services.spot_requests import SpotRequest
from ectwo_cli.services.waiting import judge

NOW = datetime(2026, 11, 22, 15, tzinfo=timezone.utc)


def request(state: str, code: str, message: str = "EC2's own words", **more: Any) -> SpotRequest:
    data = {
        "SpotInstanceRequestId": "sir-0abc1def",
        "State": state,
        "Status": {"Code": code, "Message": message},
        "SpotPrice": "0.096000",
        "ProductDescription": "Linux/UNIX (Amazon VPC)",
        "LaunchSpecification": {"InstanceType": "m6i.large", "Placement": {"AvailabilityZone": "us-east-1a"}},
        **more,
    }
    return SpotRequest.parse(data, "us-east-1")


def test_properties() -> None:
    found = request("active", "fulfilled", LaunchedAvailabilityZone="us-east-1c", InstanceId="i-0")
    assert (found.price, found.zone, found.product, found.platform) == (
        *(0.096, "us-east-1c"),
        *("Linux/UNIX (Amazon VPC)", "linux"),
    )
    assert request("open", "pending-evaluation").zone == "us-east-1a"


@pytest.mark.parametrize(
    ("state", "code", "ok", "reason"),
    [
        ("open", "pending-evaluation", None, None),
        ("open", "price-too-low", None, None),
        ("open", "a-new-code", None, None),
        ("active", "fulfilled", True, None),
        ("active", "marked-for-termination", True, None),
        ("failed", "system-error", False, "it is failed (system-error): EC2 failed; try again"),
        ("closed", "a-new-code", False, "it is closed (a-new-code): EC2's own words"),
        (
            *("cancelled", "canceled-before-fulfillment", False),
            "it is cancelled (canceled-before-fulfillment): it was cancelled before it was fulfilled",
        ),
    ],
)
def test_fulfilment(state: str, code: str, ok: bool | None, reason: str | None) -> None:
    sight = judge(request(state, code), spot_requests.FULFILLED)
    assert (sight.ok, sight.reason, sight.state) == (ok, reason, code)


def test_a_fault_is_told() -> None:
    found = request("failed", "bad-parameters", Fault={"Code": "x", "Message": "no such key"})
    assert judge(found, spot_requests.FULFILLED).reason == "it is failed (bad-parameters): no such key"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("marked-for-termination", "EC2 takes the instance back: it ends within two minutes"),
        ("capacity-not-available", "no room for that type there now"),
        ("a-new-code", "EC2's own words"),
    ],
)
def test_meanings(code: str, words: str) -> None:
    assert request("active", code).meaning == words


@pytest.mark.parametrize(("state", "ok"), [("active", None), ("open", None), ("cancelled", True), ("closed", True)])
def test_cancelled(state: str, ok: bool | None) -> None:
    assert judge(request(state, "x"), spot_requests.CANCELLED).ok is ok


def test_ids() -> None:
    assert is_id("sir-8n8f6yyk", SpotRequest)
    assert is_id("sir-0123456789abcdef0", SpotRequest)
    with pytest.raises(UsageError, match="malformed spot request ID 'sir-12'"):
        is_id("sir-12", SpotRequest)
    assert not is_id("i-0123456789abcdef0", SpotRequest)


# What is sent

IMAGE = {
    "ImageId": "ami-1",
    "Architecture": "x86_64",
    "RootDeviceType": "ebs",
    "RootDeviceName": "/dev/xvda",
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}}],
    "Tags": [{"Key": "app", "Value": "shop"}],
}
FACTS = Facts(region="us-east-1", image=IMAGE)


def test_the_call() -> None:
    wanted = Wanted(
        image="ami-1",
        type="m6i.large",
        count=3,
        key="me",
        groups=("sg-1",),
        subnet="subnet-1",
        tags={"env": "dev"},
        user_data=b"\x1f\x8b zipped",
        instance_profile="web",
        market=Market(max_price="0.05", interruption="stop", repeated=True),
    )
    assert request_spot_instances(wanted, FACTS, NOW) == {
        "LaunchSpecification": {
            "ImageId": "ami-1",
            "InstanceType": "m6i.large",
            "SecurityGroupIds": ["sg-1"],
            "SubnetId": "subnet-1",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": True}}],
            "KeyName": "me",
            "UserData": base64.b64encode(b"\x1f\x8b zipped").decode(),
            "IamInstanceProfile": {"Name": "web"},
        },
        "InstanceCount": 3,
        "Type": "persistent",
        "InstanceInterruptionBehavior": "stop",
        "SpotPrice": "0.05",
        "ValidUntil": NOW,
        "TagSpecifications": [
            {
                "ResourceType": "spot-instances-request",
                "Tags": [{"Key": "app", "Value": "shop"}, {"Key": "env", "Value": "dev"}],
            }
        ],
    }


def test_the_plainest_call() -> None:
    wanted = Wanted(image="ami-1", type="m6i.large", encrypt=False, image_tags=False, market=Market())
    assert request_spot_instances(wanted, FACTS) == {
        "LaunchSpecification": {"ImageId": "ami-1", "InstanceType": "m6i.large"},
        "InstanceCount": 1,
        "Type": "one-time",
        "InstanceInterruptionBehavior": "terminate",
    }


# The price


def price(amount: str, zone: str = "us-east-1a") -> SpotPrice:
    data = {
        "AvailabilityZone": zone,
        "InstanceType": "m6i.large",
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": amount,
        "Timestamp": NOW,
    }
    return SpotPrice.parse(data, "us-east-1")


PRICES = [price("0.030000"), price("0.040000", "us-east-1b")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, []),
        ("0.03", []),
        ("0.096", []),
        (
            "0.0299",
            [
                "0.0299 USD is less than the price now, 0.03 in us-east-1a: the request stays open until the "
                "price falls",
            ],
        ),
        ("0.1", ["0.1 USD is more than on demand (0.096), which spot never costs more than"]),
        ("0.001", ["EC2 takes no --price of 0.001 or less"]),
    ],
)
def test_a_price_is_checked_for_sense(text: str | None, said: list[str]) -> None:
    found = check_price(text, PRICES, 0.096)
    assert [each.message for each in found] == said
    assert [each.warning for each in found] == [text != "0.001" for _ in said]


def test_a_price_is_not_checked_against_what_is_not_known() -> None:
    assert check_price("0.002", [], None) == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"PlatformDetails": "Linux/UNIX"}, "linux"),
        ({"PlatformDetails": "Red Hat Enterprise Linux with HA"}, "rhel"),
        ({"PlatformDetails": "SUSE Linux"}, "suse"),
        ({"PlatformDetails": "Windows with SQL Server Web", "Platform": "windows"}, "windows"),
        ({"Platform": "Windows"}, "windows"),
        ({}, "linux"),
    ],
)
def test_the_platform_of_an_image(image: dict[str, str], expected: str) -> None:
    assert spot_prices.platform_of_image(image) == expected
