"""Instances in the sandbox do as in EC2: transitions, refusals, launches."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.ec2 import Ec2
from tests.sandbox.test_server import refused


def by_name(ec2: Ec2, name: str, region: str = "us-east-1") -> dict[str, Any]:
    found = ec2.boto(region).describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])
    instance: dict[str, Any] = found["Reservations"][0]["Instances"][0]
    return instance


def state(ec2: Ec2, instance_id: str, region: str = "us-east-1") -> str:
    found = ec2.boto(region).describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def image(ec2: Ec2, arm: bool = False) -> str:
    name = f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{'arm64' if arm else 'x86_64'}"
    return str(ec2.boto(service="ssm").get_parameter(Name=name)["Parameter"]["Value"])


def launch(ec2: Ec2, **parameters: Any) -> list[dict[str, Any]]:
    given = {"ImageId": image(ec2), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **parameters}
    instances: list[dict[str, Any]] = ec2.boto().run_instances(**given)["Instances"]
    return instances


def test_changes_take_their_time(ec2: Ec2) -> None:
    ec2.settings(speed=1)
    client = ec2.boto()
    web = by_name(ec2, "web-2")
    (change,) = client.stop_instances(InstanceIds=[web["InstanceId"]])["StoppingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]) == ("running", {"Code": 64, "Name": "stopping"})
    assert state(ec2, web["InstanceId"]) == "stopping"
    ec2.advance(4)
    stopped = by_name(ec2, "web-2")
    assert (stopped["State"]["Name"], stopped.get("PublicIpAddress")) == ("stopped", None)
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    client.start_instances(InstanceIds=[web["InstanceId"]])
    assert state(ec2, web["InstanceId"]) == "pending"
    ec2.advance(4)
    running = by_name(ec2, "web-2")
    assert running["State"]["Name"] == "running"
    assert running["PublicIpAddress"] not in (None, web["PublicIpAddress"])
    client.terminate_instances(InstanceIds=[web["InstanceId"]])
    assert state(ec2, web["InstanceId"]) == "shutting-down"
    ec2.advance(4)
    assert state(ec2, web["InstanceId"]) == "terminated"
    ec2.advance(4000)
    assert refused(client.describe_instances, InstanceIds=[web["InstanceId"]])[0] == "InvalidInstanceID.NotFound"


def test_an_elastic_address_stays(ec2: Ec2) -> None:
    web = by_name(ec2, "web-1")
    ec2.boto().stop_instances(InstanceIds=[web["InstanceId"]])
    assert by_name(ec2, "web-1")["PublicIpAddress"] == web["PublicIpAddress"]


@pytest.mark.parametrize(
    ("verb", "name", "code"),
    [
        ("start_instances", "web-0", "IncorrectInstanceState"),
        ("stop_instances", "web-0", "IncorrectInstanceState"),
        ("reboot_instances", "web-0", "IncorrectInstanceState"),
        ("reboot_instances", "web-4", "IncorrectInstanceState"),
        ("stop_instances", "batch-1", "UnsupportedOperation"),
        ("stop_instances", "db-1", "OperationNotPermitted"),
        ("terminate_instances", "db-1", "OperationNotPermitted"),
    ],
)
def test_what_is_refused(ec2: Ec2, verb: str, name: str, code: str) -> None:
    instance_id = by_name(ec2, name)["InstanceId"]
    before = state(ec2, instance_id)
    assert refused(getattr(ec2.boto(), verb), InstanceIds=[instance_id])[0] == code
    assert state(ec2, instance_id) == before


def test_a_refused_member_spares_the_batch(ec2: Ec2) -> None:
    ids = [by_name(ec2, name)["InstanceId"] for name in ("web-2", "db-1")]
    assert refused(ec2.boto().stop_instances, InstanceIds=ids)[0] == "OperationNotPermitted"
    assert [state(ec2, one) for one in ids] == ["running", "running"]


def test_terminating_goes_by_zone(ec2: Ec2) -> None:
    # db-1 is protected and in the zone of web-1; web-2 is in another.
    ids = [by_name(ec2, name)["InstanceId"] for name in ("web-1", "db-1", "web-2")]
    assert refused(ec2.boto().terminate_instances, InstanceIds=ids)[0] == "OperationNotPermitted"
    assert [state(ec2, one) for one in ids] == ["running", "running", "terminated"]


@pytest.mark.parametrize("code", ["InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"])
def test_unknown_instances(ec2: Ec2, code: str) -> None:
    given = "i-12" if code.endswith("Malformed") else "i-0123456789abcdef0"
    for verb in ("describe_instances", "start_instances", "terminate_instances"):
        assert refused(getattr(ec2.boto(), verb), InstanceIds=[given])[0] == code


def test_dry_runs_change_nothing(ec2: Ec2) -> None:
    web = by_name(ec2, "web-1")["InstanceId"]
    client = ec2.boto()
    for call in (client.stop_instances, client.terminate_instances, client.reboot_instances):
        assert refused(call, InstanceIds=[web], DryRun=True)[0] == "DryRunOperation"
    assert refused(client.describe_snapshots, DryRun=True)[0] == "DryRunOperation"
    assert state(ec2, web) == "running"


def test_the_type_changes_only_when_stopped_and_fits(ec2: Ec2) -> None:
    client = ec2.boto()
    running, stopped = by_name(ec2, "web-1")["InstanceId"], by_name(ec2, "web-4")["InstanceId"]

    def change(instance: str, kind: str) -> Any:
        return client.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": kind})

    assert refused(change, running, "t3.large")[0] == "IncorrectInstanceState"
    assert refused(change, stopped, "t3.huge")[0] == "InvalidInstanceAttributeValue"
    assert refused(change, stopped, "m7g.large")[0] == "InvalidParameterCombination"
    change(stopped, "t3.large")
    assert by_name(ec2, "web-4")["InstanceType"] == "t3.large"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "nonsense"}, "InvalidAMIID.Malformed"),
        ({"InstanceType": "t3.huge"}, "InvalidParameterValue"),
        ({"InstanceType": "t4g.micro"}, "InvalidParameterValue"),
        ({"KeyName": "nobody"}, "InvalidKeyPair.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
        (
            {"InstanceType": "m7g.large", "ImageId": "arm", "Placement": {"AvailabilityZone": "us-east-1e"}},
            "Unsupported",
        ),
        ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
        ({"MinCount": 400, "MaxCount": 400, "InstanceType": "m6i.large"}, "VcpuLimitExceeded"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 1}}]},
            "InvalidBlockDeviceMapping",
        ),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": ""}]}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_launches_that_are_refused(ec2: Ec2, given: dict[str, Any], code: str) -> None:
    if given.get("ImageId") == "arm":
        given = {**given, "ImageId": image(ec2, arm=True)}
    count = len(ec2.boto().describe_instances()["Reservations"])
    assert refused(launch, ec2, **given)[0] == code
    assert len(ec2.boto().describe_instances()["Reservations"]) == count


def test_a_launch_has_all_that_was_asked(ec2: Ec2) -> None:
    (made,) = launch(
        ec2,
        KeyName="ops",
        DisableApiTermination=True,
        UserData="#!/bin/sh\n",
        IamInstanceProfile={"Name": "web-server"},
        MetadataOptions={"HttpTokens": "required"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "Encrypted": True}}],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "made"}]},
            {"ResourceType": "volume", "Tags": [{"Key": "of", "Value": "made"}]},
        ],
    )
    assert made["State"] == {"Code": 0, "Name": "pending"}
    client = ec2.boto()
    found = by_name(ec2, "made")
    assert (found["State"]["Name"], found["KeyName"], found["PlatformDetails"], found["CpuOptions"]) == (
        "running",
        "ops",
        "Linux/UNIX",
        {"CoreCount": 1, "ThreadsPerCore": 2},
    )
    volume = client.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [found["InstanceId"]]}])
    assert [(one["Size"], one["Encrypted"], one["Tags"]) for one in volume["Volumes"]] == [
        (20, True, [{"Key": "of", "Value": "made"}])
    ]
    data = client.describe_instance_attribute(InstanceId=found["InstanceId"], Attribute="userData")
    assert base64.b64decode(data["UserData"]["Value"]) == b"#!/bin/sh\n"
    assert refused(client.terminate_instances, InstanceIds=[found["InstanceId"]])[0] == "OperationNotPermitted"


def test_a_token_launches_once(ec2: Ec2) -> None:
    first, second = launch(ec2, ClientToken="t", MaxCount=2), launch(ec2, ClientToken="t", MaxCount=2)
    assert [one["InstanceId"] for one in first] == [one["InstanceId"] for one in second]
    assert len(first) == 2
    assert refused(launch, ec2, ClientToken="t", MaxCount=3)[0] == "IdempotentParameterMismatch"


def test_as_many_as_there_is_room_for(ec2: Ec2) -> None:
    ec2.settings(vcpu_quota=6)
    assert len(launch(ec2, MinCount=1, MaxCount=5)) == 3


def test_a_launch_that_fails_later(ec2: Ec2) -> None:
    reason = {"Code": "Client.InvalidKMSKey.InvalidState", "Message": "The KMS key is disabled."}
    ec2.fault("RunInstances", outcome={"StateReason": reason})
    (made,) = launch(ec2)
    assert made["State"]["Name"] == "pending"
    (found,) = ec2.boto().describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"]
    assert (found["State"]["Name"], found["StateReason"]) == ("terminated", reason)


def test_what_is_new_is_not_known_everywhere_at_once(ec2: Ec2) -> None:
    ec2.settings(visible_after=30)
    (made,) = launch(ec2)
    client = ec2.boto()
    wanted = {"Name": "instance-id", "Values": [made["InstanceId"]]}
    assert refused(client.describe_instances, InstanceIds=[made["InstanceId"]])[0] == "InvalidInstanceID.NotFound"
    assert client.describe_instances(Filters=[wanted])["Reservations"] == []
    ec2.advance(31)
    assert len(client.describe_instances(Filters=[wanted])["Reservations"]) == 1


def test_status_checks(ec2: Ec2) -> None:
    ec2.settings(status=60)
    client = ec2.boto()
    (made,) = launch(ec2)

    def of(instance_id: str) -> tuple[str, str]:
        (row,) = client.describe_instance_status(InstanceIds=[instance_id], IncludeAllInstances=True)[
            "InstanceStatuses"
        ]
        return row["InstanceStatus"]["Status"], row["SystemStatus"]["Status"]

    assert of(made["InstanceId"]) == ("initializing", "initializing")
    ec2.advance(61)
    assert of(made["InstanceId"]) == ("ok", "ok")
    assert of(by_name(ec2, "web-4")["InstanceId"]) == ("not-applicable", "not-applicable")
    assert of(by_name(ec2, "web-3")["InstanceId"]) == ("impaired", "ok")
    ec2.happen("us-east-1", instance=made["InstanceId"], impaired="system")
    assert of(made["InstanceId"]) == ("ok", "impaired")
    impaired = client.describe_instance_status(Filters=[{"Name": "system-status.status", "Values": ["impaired"]}])
    assert [one["InstanceId"] for one in impaired["InstanceStatuses"]] == [made["InstanceId"]]


def test_scheduled_events(ec2: Ec2) -> None:
    found = ec2.boto().describe_instance_status(Filters=[{"Name": "event.code", "Values": ["system-*"]}])
    (row,) = found["InstanceStatuses"]
    assert (row["InstanceId"], row["Events"][0]["Code"]) == (by_name(ec2, "api-1")["InstanceId"], "system-reboot")


def test_each_instance_has_a_console_of_its_own(ec2: Ec2) -> None:
    client = ec2.boto()
    outputs = {
        client.get_console_output(InstanceId=by_name(ec2, name)["InstanceId"])["Output"] for name in ("web-1", "win-1")
    }
    assert len(outputs) == 2
    assert sum("Windows is Ready to use" in one for one in outputs) == 1


def test_addresses(ec2: Ec2) -> None:
    client = ec2.boto()
    web = by_name(ec2, "web-1")
    (held,) = client.describe_addresses(Filters=[{"Name": "instance-id", "Values": [web["InstanceId"]]}])["Addresses"]
    other = by_name(ec2, "web-2")["InstanceId"]
    allocation = held["AllocationId"]
    assert refused(client.release_address, AllocationId=allocation)[0] == "InvalidIPAddress.InUse"
    assert refused(client.associate_address, AllocationId=allocation, InstanceId=other)[0] == (
        "Resource.AlreadyAssociated"
    )
    client.associate_address(AllocationId=allocation, InstanceId=other, AllowReassociation=True)
    assert by_name(ec2, "web-2")["PublicIpAddress"] == held["PublicIp"]
    client.disassociate_address(
        AssociationId=client.describe_addresses(AllocationIds=[allocation])["Addresses"][0]["AssociationId"]
    )
    (free,) = client.describe_addresses(AllocationIds=[allocation])["Addresses"]
    assert "InstanceId" not in free
    client.release_address(AllocationId=allocation)
    assert refused(client.describe_addresses, AllocationIds=[allocation])[0] == "InvalidAllocationID.NotFound"


def test_addresses_run_out(ec2: Ec2) -> None:
    ec2.settings(address_limit=1)
    ec2.boto().allocate_address()
    assert refused(ec2.boto().allocate_address)[0] == "AddressLimitExceeded"


def test_tags(ec2: Ec2) -> None:
    client = ec2.boto()
    web = by_name(ec2, "web-1")["InstanceId"]
    many = [{"Key": f"k{n}", "Value": ""} for n in range(48)]
    assert refused(client.create_tags, Resources=[web], Tags=many)[0] == "TagLimitExceeded"
    assert refused(client.create_tags, Resources=[web], Tags=[{"Key": "aws:x", "Value": ""}])[0] == (
        "InvalidParameterValue"
    )
    both = [web, "i-0123456789abcdef0"]
    assert refused(client.create_tags, Resources=both, Tags=many[:1])[0] == "InvalidInstanceID.NotFound"
    client.create_tags(Resources=[web], Tags=[{"Key": "a b=c", "Value": "ü"}])
    rows = client.describe_tags(Filters=[{"Name": "key", "Values": ["a*"]}, {"Name": "resource-id", "Values": [web]}])
    assert [(one["Key"], one["Value"], one["ResourceType"]) for one in rows["Tags"]] == [
        ("app", "shop", "instance"),
        ("a b=c", "ü", "instance"),
    ]
    client.delete_tags(Resources=[web], Tags=[{"Key": "a b=c", "Value": "other"}, {"Key": "app"}])
    assert {tag["Key"] for tag in by_name(ec2, "web-1")["Tags"]} == {"Name", "env", "team", "a b=c"}
