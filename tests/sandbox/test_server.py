"""The server: what every EC2 program may rely on, and the control channel that tests make faults with."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from ectwo_cli.sandbox import server as server_module
from tests.conftest import Ectwo
from tests.ec2 import ACCOUNT, OTHER_ACCOUNT, Ec2, names


def refused(call: Any, *arguments: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_boto3_sees_the_fleet(ec2: Ec2) -> None:
    assert names(ec2.boto("ap-northeast-1").describe_instances()) == ["edge-1", "edge-2", "edge-3", "leaving"]


def test_ectwo_sees_it(ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "find", "-r", "ap-northeast-1", "-o", "tsv", "--columns", "name,state", "--no-header")
    assert (run.code, run.out, run.err) == (0, "edge-1\trunning\nedge-2\trunning\nleaving\tshutting-down\n", "")


def test_ectwo_as_a_process_sees_it(ectwo: Ectwo) -> None:
    run = ectwo("instances", "find", "-r", "eu-central-1", "-o", "tsv", "--columns", "name", "--no-header")
    assert (run.code, run.out, run.err) == (0, "report-1\nreport-2\nvault-1\n", "")


def test_every_sandbox_is_the_same(ec2: Ec2) -> None:
    def look() -> list[Any]:
        home = ec2.boto("us-east-1")
        return [
            [one["Instances"][0]["InstanceId"] for one in home.describe_instances()["Reservations"]],
            [one["SubnetId"] for one in ec2.boto("sa-east-1").describe_subnets()["Subnets"]],
            sorted(one["PublicIp"] for one in home.describe_addresses()["Addresses"]),
        ]

    first = look()
    ec2.boto("us-east-1").terminate_instances(InstanceIds=[first[0][0]])
    ec2.reset()
    ec2.boto("ca-central-1").describe_subnets()
    assert look() == first


def test_accounts_are_told_by_their_keys(ec2: Ec2) -> None:
    assert ec2.boto(service="sts").get_caller_identity()["Account"] == ACCOUNT
    assert ec2.boto(service="sts", account=OTHER_ACCOUNT).get_caller_identity()["Account"] == OTHER_ACCOUNT
    assert names(ec2.boto(account=OTHER_ACCOUNT).describe_instances()) == ["web-1", "sandbox-1"]


@pytest.mark.parametrize(
    ("region", "code"), [("me-south-1", "AuthFailure"), ("mars-north-1", "InvalidRegion")], ids=["opted out", "none"]
)
def test_regions_that_are_not_there(ec2: Ec2, region: str, code: str) -> None:
    assert refused(ec2.boto(region).describe_instances)[0] == code


def test_regions(ec2: Ec2) -> None:
    client = ec2.boto()
    assert len(client.describe_regions()["Regions"]) == 17
    ec2.happen("me-south-1", opted_in=True)
    assert client.describe_regions(Filters=[{"Name": "opt-in-status", "Values": ["opted-in"]}])["Regions"] == [
        {"OptInStatus": "opted-in", "RegionName": "me-south-1", "Endpoint": "ec2.me-south-1.amazonaws.com"}
    ]
    assert ec2.boto("me-south-1").describe_instances()["Reservations"] == []
    assert len(client.describe_regions(AllRegions=True)["Regions"]) == 34


def test_error_documents_have_no_namespace(ec2: Ec2) -> None:
    request = urllib.request.Request(
        ec2.endpoint,
        data=b"Action=DescribeInstances&InstanceId.1=i-12",
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ec2/aws4_request, Signature=x"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        text = error.read().decode()
    assert text.startswith(
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>InvalidInstanceID.Malformed</Code>'
    )


def test_unsigned_requests_are_refused(ec2: Ec2) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ec2.port, timeout=10)
    connection.request("POST", "/", "Action=DescribeInstances")
    answer = connection.getresponse()
    assert (answer.status, b"<Code>AuthFailure</Code>" in answer.read()) == (401, True)
    connection.close()


@pytest.mark.parametrize("headers", [{"Origin": "https://example.org"}, {"Host": "example.org"}], ids=["page", "name"])
def test_browsers_are_kept_out(ec2: Ec2, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ec2.port, timeout=10)
    connection.request("POST", "/_ectwo/stop", headers=headers)
    assert connection.getresponse().status == 403
    connection.close()
    assert ec2.control("GET", "health")["pid"] == ec2.pid


def test_loopback_is_the_only_address(ec2: Ec2) -> None:
    assert server_module.HOST == "127.0.0.1"
    with socket.socket() as probe, pytest.raises(OSError):
        probe.settimeout(5)
        # Another address of the loopback network: a server on 0.0.0.0 would answer there.
        probe.connect(("127.0.0.2", ec2.port))


def test_an_unknown_action_and_an_unknown_service(ec2: Ec2) -> None:
    assert refused(ec2.boto().describe_fleets)[0] == "InvalidAction"
    assert refused(ec2.boto(service="sqs").list_queues)[0] == "InvalidAction"


# Faults


def test_the_second_call_in_one_region_is_throttled_twice(ec2: Ec2) -> None:
    ec2.fault("DescribeVolumes", region="eu-west-1", skip=1, times=2, code="RequestLimitExceeded", status=503)
    outcome = []
    for _ in range(4):
        ec2.boto("us-east-1").describe_volumes()
        try:
            ec2.boto("eu-west-1").describe_volumes()
            outcome.append("")
        except ClientError as error:
            outcome.append(error.response["Error"]["Code"])
    assert outcome == ["", "RequestLimitExceeded", "RequestLimitExceeded", ""]
    assert [call["code"] for call in ec2.calls("DescribeVolumes", region="eu-west-1")] == [
        None,
        "RequestLimitExceeded",
        "RequestLimitExceeded",
        None,
    ]
    assert ec2.counts() == {"DescribeVolumes": 8}


def test_an_answer_is_lost_after_it_took_effect(ec2: Ec2) -> None:
    client = ec2.boto("sa-east-1")
    ec2.fault("AllocateAddress", lose=True)
    with pytest.raises(ConnectionClosedError):
        client.allocate_address()
    assert len(client.describe_addresses()["Addresses"]) == 1


def test_a_connection_is_cut_before_anything_happens(ec2: Ec2) -> None:
    client = ec2.boto("sa-east-1")
    ec2.fault("AllocateAddress", cut=True)
    with pytest.raises(ConnectionClosedError):
        client.allocate_address()
    assert client.describe_addresses()["Addresses"] == []


def test_half_an_answer(ec2: Ec2) -> None:
    ec2.fault("DescribeRegions", truncate=True)
    # Which of them depends on botocore's version.
    with pytest.raises((ResponseParserError, ConnectionClosedError)):
        ec2.boto().describe_regions()


def test_an_answer_that_is_no_answer(ec2: Ec2) -> None:
    ec2.fault("DescribeRegions", raw={"status": 502, "body": "<html>bad gateway</html>"})
    with pytest.raises((ClientError, ResponseParserError)):
        ec2.boto().describe_regions()
    ec2.boto().describe_regions()


def test_a_denial_can_be_decoded(ec2: Ec2) -> None:
    ec2.fault("StopInstances", deny=True, times=None)
    code, message = refused(ec2.boto().stop_instances, InstanceIds=["i-007dd7e6510bbf339"], DryRun=True)
    assert code == "UnauthorizedOperation"
    encoded = message.rpartition("message: ")[2]
    decoded = json.loads(ec2.boto(service="sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert (decoded["allowed"], decoded["context"]["action"]) == (False, "ec2:StopInstances")


def test_a_rule_for_one_resource(ec2: Ec2) -> None:
    ec2.fault("DescribeInstanceAttribute", match="i-007", times=None, code="InternalError", status=500)
    client = ec2.boto()
    ids = [one["Instances"][0]["InstanceId"] for one in client.describe_instances()["Reservations"]]
    hit = next(one for one in ids if one.startswith("i-007"))
    other = next(one for one in ids if not one.startswith("i-007"))
    assert refused(client.describe_instance_attribute, InstanceId=hit, Attribute="userData")[0] == "InternalError"
    assert client.describe_instance_attribute(InstanceId=other, Attribute="userData")["InstanceId"] == other


def test_expired_credentials_of_every_service(ec2: Ec2) -> None:
    ec2.fault("*", service="*", times=None, code="RequestExpired", message="Request has expired.")
    assert refused(ec2.boto().describe_regions) == ("RequestExpired", "Request has expired.")
    assert refused(ec2.boto(service="sts").get_caller_identity) == ("RequestExpired", "Request has expired.")
    assert refused(ec2.boto(service="ssm").get_parameter, Name="/x") == ("RequestExpired", "Request has expired.")
    ec2.clear_faults()
    ec2.boto().describe_regions()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"operation": "X"}, "a rule has to do something"),
        ({"operation": "X", "explode": True}, "unknown explode; known: "),
    ],
)
def test_a_rule_that_makes_no_sense(ec2: Ec2, rule: dict[str, Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        ec2.control("POST", "faults", rule)


def test_the_log_forgets_on_request(ec2: Ec2) -> None:
    ec2.boto().describe_regions(RegionNames=["eu-west-1"])
    (call,) = ec2.calls()
    assert (call["operation"], call["region"], call["parameters"]) == (
        "DescribeRegions",
        "us-east-1",
        {"RegionNames": ["eu-west-1"]},
    )
    ec2.forget_calls()
    assert ec2.calls() == []


def test_settings_have_names(ec2: Ec2) -> None:
    ec2.settings(snapshot_slots=3)
    assert ec2.control("GET", "settings")["snapshot_slots"] == 3
    with pytest.raises(AssertionError, match="unknown setting slots; known: "):
        ec2.settings(slots=3)


# Filters and pages


def test_an_unknown_filter(ec2: Ec2) -> None:
    said = refused(ec2.boto().describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}])
    assert said == ("InvalidParameterValue", "The filter 'colour' is invalid")


def test_too_many_values(ec2: Ec2) -> None:
    said = refused(ec2.boto().describe_instances, Filters=[{"Name": "image-id", "Values": ["x"] * 201}])
    assert said[0] == "FilterLimitExceeded"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("instance-type", ["t3.sm*"], ["web-1", "web-2"]),
        ("instance-type", ["c?g.*"], ["worker-1", "worker-2"]),
        ("instance-state-name", ["stop*", "pend*"], ["web-2", "gpu-1", "starting"]),
        ("tag:Name", ["web-?"], ["web-1", "web-2"]),
        ("tag:Name", ["WEB-1"], []),
        ("tag:Name", [r"web-\?"], []),
        ("tag-key", ["te*"], ["web-1", "web-2", "gpu-1"]),
        ("launch-time", ["2026-03-05*"], ["web-1", "web-2"]),
        ("instance-lifecycle", ["spot"], ["worker-2"]),
        ("group-name", ["internal"], ["gpu-1"]),
        ("instance.group-name", ["internal"], ["gpu-1"]),
        ("network-interface.private-dns-name", ["ip-172-31-0-10.*"], ["web-1"]),
        ("platform-details", ["Linux*"], ["web-1", "web-2", "gpu-1", "worker-1", "worker-2", "starting"]),
        ("root-device-type", ["instance-store"], []),
        ("metadata-options.http-tokens", ["optional"], ["gpu-1", "worker-1", "worker-2"]),
        ("block-device-mapping.delete-on-termination", ["false"], ["web-1", "web-2", "gpu-1"]),
    ],
)
def test_instance_filters(ec2: Ec2, name: str, values: list[str], expected: list[str]) -> None:
    found = ec2.boto("us-west-2").describe_instances(Filters=[{"Name": name, "Values": values}])
    assert names(found) == expected


def test_filters_together(ec2: Ec2) -> None:
    found = ec2.boto("us-west-2").describe_instances(
        Filters=[{"Name": "tag:env", "Values": ["prod"]}, {"Name": "instance-type", "Values": ["c7g.*", "t3.*"]}]
    )
    assert names(found) == ["web-1", "worker-1", "worker-2"]


def test_pages_count_instances(ec2: Ec2) -> None:
    pages = ec2.boto().get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 7})
    assert [len(names(page)) for page in pages] == [7, 7, 5]


def test_pages_have_limits(ec2: Ec2) -> None:
    client = ec2.boto()
    assert refused(client.describe_instances, MaxResults=4)[0] == "InvalidParameterValue"
    assert refused(client.describe_instances, MaxResults=5, InstanceIds=["i-007dd7e6510bbf339"])[0] == (
        "InvalidParameterCombination"
    )
    assert refused(client.describe_instances, NextToken="gibberish")[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("operation", "member", "parameters", "size"),
    [
        ("describe_images", "Images", {"Owners": ["amazon"]}, 5),
        ("describe_snapshots", "Snapshots", {"OwnerIds": ["self"]}, 5),
        ("describe_volumes", "Volumes", {}, 10),
        ("describe_instance_types", "InstanceTypes", {"Filters": [{"Name": "instance-type", "Values": ["m5*"]}]}, 20),
        ("describe_instance_type_offerings", "InstanceTypeOfferings", {"LocationType": "availability-zone"}, 1000),
        ("describe_security_groups", "SecurityGroups", {}, 5),
        ("describe_security_group_rules", "SecurityGroupRules", {}, 9),
        ("describe_instance_status", "InstanceStatuses", {"IncludeAllInstances": True}, 6),
        ("describe_tags", "Tags", {}, 50),
        ("describe_network_interfaces", "NetworkInterfaces", {}, 5),
        ("describe_spot_price_history", "SpotPriceHistory", {"InstanceTypes": ["t3.micro"]}, 700),
    ],
)
def test_everything_pages(ec2: Ec2, operation: str, member: str, parameters: dict[str, Any], size: int) -> None:
    client = ec2.boto()
    pages = list(client.get_paginator(operation).paginate(**parameters, PaginationConfig={"PageSize": size}))
    assert len(pages) > 1
    assert all(len(page[member]) == size for page in pages[:-1])
    assert 0 < len(pages[-1][member]) <= size
    every = [json.dumps(row, default=str) for page in pages for row in page[member]]
    assert len(set(every)) == len(every)
