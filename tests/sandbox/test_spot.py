"""Spot, prices, types and the services beside EC2 in the sandbox."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from tests.ec2 import Ec2
from tests.sandbox.test_instances import image, state
from tests.sandbox.test_server import refused


def prices(ec2: Ec2, region: str = "us-east-1", **parameters: Any) -> list[dict[str, Any]]:
    pages = ec2.boto(region).get_paginator("describe_spot_price_history").paginate(**parameters)
    return [row for page in pages for row in page["SpotPriceHistory"]]


def test_prices_move_and_stay_under_on_demand(ec2: Ec2) -> None:
    now = datetime.now(timezone.utc)
    rows = prices(
        ec2,
        InstanceTypes=["m5.large"],
        ProductDescriptions=["Linux/UNIX"],
        AvailabilityZone="us-east-1a",
        StartTime=now - timedelta(days=7),
    )
    times = [row["Timestamp"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert 7 * 3 <= len(rows) <= 7 * 7
    assert times[-1] <= now - timedelta(days=7) < times[-2]
    assert {(row["AvailabilityZone"], row["InstanceType"], row["ProductDescription"]) for row in rows} == {
        ("us-east-1a", "m5.large", "Linux/UNIX")
    }
    assert all(0.01 < float(row["SpotPrice"]) < 0.096 for row in rows)
    assert sum(first["SpotPrice"] != second["SpotPrice"] for first, second in pairwise(rows)) > len(rows) // 2


def test_the_price_now_is_one_row_a_zone(ec2: Ec2) -> None:
    now = datetime.now(timezone.utc)
    rows = prices(ec2, "eu-west-1", InstanceTypes=["m5.large"], StartTime=now, ProductDescriptions=["Windows"])
    assert [row["AvailabilityZone"] for row in rows] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert prices(ec2, "eu-west-1", Filters=[{"Name": "instance-type", "Values": ["m5.nothing"]}]) == []
    assert prices(ec2, InstanceTypes=["m7g.large"], ProductDescriptions=["Windows"]) == []


def test_prices_do_not_change_afterwards(ec2: Ec2) -> None:
    end = datetime.now(timezone.utc) - timedelta(days=1)
    asked = {"InstanceTypes": ["c6i.large"], "StartTime": end - timedelta(days=2), "EndTime": end}
    first = prices(ec2, **asked)
    ec2.advance(5 * 86400)
    assert prices(ec2, **asked) == first


def specification(ec2: Ec2, **more: Any) -> dict[str, Any]:
    return {"ImageId": image(ec2), "InstanceType": "m5.large", **more}


def request(ec2: Ec2, **parameters: Any) -> str:
    made = ec2.boto().request_spot_instances(LaunchSpecification=specification(ec2), **parameters)
    (one,) = made["SpotInstanceRequests"]
    assert (one["State"], one["Status"]["Code"]) == ("open", "pending-evaluation")
    return str(one["SpotInstanceRequestId"])


def look(ec2: Ec2, request_id: str) -> dict[str, Any]:
    (one,) = ec2.boto().describe_spot_instance_requests(SpotInstanceRequestIds=[request_id])["SpotInstanceRequests"]
    row: dict[str, Any] = one
    return row


def test_a_request_is_open_for_a_while(ec2: Ec2) -> None:
    ec2.settings(speed=1)
    made = request(ec2)
    assert look(ec2, made)["State"] == "open"
    ec2.advance(3)
    found = look(ec2, made)
    assert (found["State"], found["Status"]["Code"]) == ("active", "fulfilled")
    (instance,) = ec2.boto().describe_instances(InstanceIds=[found["InstanceId"]])["Reservations"][0]["Instances"]
    assert (instance["InstanceLifecycle"], instance["SpotInstanceRequestId"]) == ("spot", made)
    assert ec2.boto().cancel_spot_instance_requests(SpotInstanceRequestIds=[made])["CancelledSpotInstanceRequests"] == [
        {"SpotInstanceRequestId": made, "State": "cancelled"}
    ]
    assert look(ec2, made)["Status"]["Code"] == "request-canceled-and-instance-running"
    assert state(ec2, found["InstanceId"]) in ("pending", "running")
    ec2.advance(4000)
    assert refused(look, ec2, made)[0] == "InvalidSpotInstanceRequestID.NotFound"


def test_a_price_that_is_too_low(ec2: Ec2) -> None:
    made = request(ec2, SpotPrice="0.0001")
    assert (look(ec2, made)["State"], look(ec2, made)["Status"]["Code"]) == ("open", "price-too-low")


def test_a_request_that_is_held(ec2: Ec2) -> None:
    ec2.fault("RequestSpotInstances", outcome={"status": "capacity-not-available"})
    assert look(ec2, request(ec2))["Status"]["Code"] == "capacity-not-available"
    ec2.fault("RequestSpotInstances", outcome={"status": "bad-parameters"})
    failed = look(ec2, request(ec2))
    assert (failed["State"], failed["Fault"]["Code"]) == ("failed", "bad-parameters")


def test_a_persistent_request_opens_again(ec2: Ec2) -> None:
    ec2.settings(spot=5)
    made = request(ec2, Type="persistent")
    ec2.advance(6)
    first = look(ec2, made)["InstanceId"]
    ec2.boto().terminate_instances(InstanceIds=[first])
    assert look(ec2, made)["State"] == "open"
    ec2.advance(6)
    assert look(ec2, made)["InstanceId"] != first


def test_capacity_is_taken_back(ec2: Ec2) -> None:
    made = request(ec2)
    instance = look(ec2, made)["InstanceId"]
    ec2.happen("us-east-1", instance=instance, interrupt=True)
    assert state(ec2, instance) == "terminated"
    assert (look(ec2, made)["State"], look(ec2, made)["Status"]["Code"]) == (
        "closed",
        "instance-terminated-no-capacity",
    )


def test_run_instances_makes_a_request(ec2: Ec2) -> None:
    market = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.09"}}
    made = ec2.boto().run_instances(
        **specification(ec2), MinCount=2, MaxCount=2, InstanceMarketOptions=market
    )["Instances"]  # fmt: skip
    requests = [look(ec2, one["SpotInstanceRequestId"]) for one in made]
    assert [(one["State"], one["InstanceId"]) for one in requests] == [("active", one["InstanceId"]) for one in made]
    low = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}}
    assert refused(
        ec2.boto().run_instances, **specification(ec2), MinCount=1, MaxCount=1, InstanceMarketOptions=low
    )[0] == "SpotMaxPriceTooLow"  # fmt: skip


def test_placement_scores(ec2: Ec2) -> None:
    client = ec2.boto()
    rows = client.get_spot_placement_scores(TargetCapacity=3, InstanceTypes=["m5.large", "m5a.large"])
    scores = [row["Score"] for row in rows["SpotPlacementScores"]]
    assert (len(scores), scores) == (10, sorted(scores, reverse=True))
    zones = client.get_spot_placement_scores(
        TargetCapacity=3, InstanceTypes=["m5.large"], SingleAvailabilityZone=True, RegionNames=["us-west-1"]
    )["SpotPlacementScores"]
    assert sorted(row["AvailabilityZoneId"] for row in zones) == ["usw1-az1", "usw1-az3"]


def test_types_for_a_need(ec2: Ec2) -> None:
    client = ec2.boto()
    pages = client.get_paginator("get_instance_types_from_instance_requirements").paginate(
        ArchitectureTypes=["arm64"],
        VirtualizationTypes=["hvm"],
        InstanceRequirements={"VCpuCount": {"Min": 4, "Max": 4}, "MemoryMiB": {"Min": 16384, "Max": 16384}},
    )
    names = [row["InstanceType"] for page in pages for row in page["InstanceTypes"]]
    assert "m7g.xlarge" in names
    details = client.describe_instance_types(InstanceTypes=names[:100])["InstanceTypes"]
    assert {(one["VCpuInfo"]["DefaultVCpus"], one["MemoryInfo"]["SizeInMiB"]) for one in details} == {(4, 16384)}


def test_prices_on_demand(ec2: Ec2) -> None:
    def ask(**wanted: str) -> list[float]:
        found = ec2.boto("us-east-1", "pricing").get_products(
            ServiceCode="AmazonEC2",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()],
        )
        return [
            float(dimension["pricePerUnit"]["USD"])
            for text in found["PriceList"]
            for term in json.loads(text)["terms"]["OnDemand"].values()
            for dimension in term["priceDimensions"].values()
        ]

    linux = {"operatingSystem": "Linux", "regionCode": "us-east-1", "tenancy": "Shared", "preInstalledSw": "NA"}
    assert ask(**linux, instanceType="m5.large") == [0.096]
    assert ask(**linux, instanceType="t3.micro") == [0.0104]
    assert ask(**linux, instanceType="t9.huge") == []


@pytest.mark.parametrize(
    "name",
    [
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        "/aws/service/canonical/ubuntu/server/noble/stable/current/arm64/hvm/ebs-gp3/ami-id",
        "/aws/service/debian/release/13/latest/amd64",
        "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
    ],
)
def test_public_parameters_lead_to_images(ec2: Ec2, name: str) -> None:
    found = set()
    for region in ("us-east-1", "ap-south-1"):
        value = ec2.boto(region, "ssm").get_parameter(Name=name)["Parameter"]["Value"]
        (one,) = ec2.boto(region).describe_images(ImageIds=[value])["Images"]
        assert one["Public"]
        found.add(value)
    assert len(found) == 2, "each region has IDs of its own"


def test_unknown_parameters(ec2: Ec2) -> None:
    client = ec2.boto(service="ssm")
    assert refused(client.get_parameter, Name="/aws/service/nothing")[0] == "ParameterNotFound"
    both = ["/aws/service/nothing", "/aws/service/debian/release/13/latest/amd64"]
    answer = client.get_parameters(Names=both)
    assert (answer["InvalidParameters"], len(answer["Parameters"])) == (both[:1], 1)


def test_the_owner_amazon(ec2: Ec2) -> None:
    found = ec2.boto().describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023-ami-2023*"]}])
    assert {one["ImageOwnerAlias"] for one in found["Images"]} == {"amazon"}
    assert (
        ec2.boto().describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["al2023*"]}])["Images"] == []
    )


def test_other_services(ec2: Ec2) -> None:
    assert ec2.boto(service="iam").get_instance_profile(InstanceProfileName="web-server")["InstanceProfile"]["Roles"]
    assert refused(ec2.boto(service="iam").get_instance_profile, InstanceProfileName="x")[0] == "NoSuchEntity"
    quota = ec2.boto(service="service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")
    assert quota["Quota"]["Value"] == 512.0
    scaled = ec2.boto(service="autoscaling").describe_auto_scaling_instances()["AutoScalingInstances"]
    assert [one["AutoScalingGroupName"] for one in scaled] == ["shop-asg", "shop-asg"]
    key = {
        "InstanceId": scaled[0]["InstanceId"],
        "InstanceOSUser": "ec2-user",
        "SSHPublicKey": "ssh-ed25519 " + "A" * 70,
    }
    assert ec2.boto(service="ec2-instance-connect").send_ssh_public_key(**key)["Success"]
    role = ec2.boto(service="sts").assume_role(RoleArn="arn:aws:iam::210987654321:role/x", RoleSessionName="me")
    assert role["Credentials"]["AccessKeyId"] == "SANDBOX-210987654321"
