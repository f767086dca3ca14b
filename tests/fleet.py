"""A fleet that a test makes for itself on the sandbox server, and time that passes there and not here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ectwo_cli.aws.session import Account, Client
from ectwo_cli.services import search
from ectwo_cli.services.machines import Machine
from tests.ec2 import Ec2


@dataclass
class Time:
    """A clock for services: whoever sleeps by it lets time pass on the server, and waits for nothing."""

    ec2: Ec2
    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.ec2.advance(seconds)


def launch(ec2: Ec2, region: str, *names: str, type: str = "t3.nano", **more: Any) -> list[str]:
    """Running instances of these names; their IDs in the same order."""
    boto = ec2.boto(region)
    filters = [{"Name": "architecture", "Values": ["x86_64"]}, {"Name": "root-device-type", "Values": ["ebs"]}]
    image = boto.describe_images(Owners=["amazon"], Filters=filters)["Images"][0]["ImageId"]
    request = {"ImageId": image, "InstanceType": type, **more}
    ids: list[str] = []
    for name in names:
        own = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}, {"Key": "fleet", "Value": "own"}]}]
        answer = boto.run_instances(**request, TagSpecifications=own, MinCount=1, MaxCount=1)
        ids += [each["InstanceId"] for each in answer["Instances"]]
    return ids


def launch_many(ec2: Ec2, region: str, count: int) -> list[str]:
    """So many running instances, all tagged ``fleet=own``."""
    boto = ec2.boto(region)
    filters = [{"Name": "architecture", "Values": ["x86_64"]}, {"Name": "root-device-type", "Values": ["ebs"]}]
    image = boto.describe_images(Owners=["amazon"], Filters=filters)["Images"][0]["ImageId"]
    own = [{"ResourceType": "instance", "Tags": [{"Key": "fleet", "Value": "own"}]}]
    answer = boto.run_instances(
        ImageId=image, InstanceType="t3.nano", TagSpecifications=own, MinCount=count, MaxCount=count
    )
    return [each["InstanceId"] for each in answer["Instances"]]


def client(region: str) -> Client:
    """A client of ectwo's own; the ``user`` fixture has said where AWS is."""
    return Account(None).client(region)


def machines(of: Client, *ids: str) -> list[Machine]:
    """The instances as ectwo sees them, in the order of the IDs."""
    found = {each.id: each for page in search.find(of, search.by_ids(Machine, ids)) for each in page.items}
    return [found[id] for id in ids]


def states(ec2: Ec2, region: str, *ids: str) -> list[str]:
    """What EC2 says of them, without ectwo."""
    answer = ec2.boto(region).describe_instances(InstanceIds=list(ids))
    found = {each["InstanceId"]: each["State"]["Name"] for one in answer["Reservations"] for each in one["Instances"]}
    return [found[id] for id in ids]


__all__ = ["Time", "client", "launch", "launch_many", "machines", "states"]
