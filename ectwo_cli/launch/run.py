"""Launch: once, whatever happens to the answer; and as many as there is room for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ectwo_cli.aws.once import once
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass
from ectwo_cli.services.instances import Instance

NO_ROOM = {
    "InsufficientInstanceCapacity",
    "InsufficientFreeAddressesInSubnet",
    "InsufficientHostCapacity",
    "InstanceLimitExceeded",
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
}
"""Codes that say that there is no room for all, so maybe for some."""


@dataclass(frozen=True)
class Launched:
    """``short`` is why there are fewer than wanted."""

    instances: list[Instance]
    short: BaseException | None = None


def launch(
    client: Client,
    request: Mapping[str, Any],
    count: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
    token: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> Launched:
    """Launch ``count`` instances, or as many as there is room for. EC2: RunInstances, with a ClientToken.

    When an answer is lost, the instances with that token are looked for before the same is sent again (EC2:
    DescribeInstances). Raises botocore's errors when EC2 refuses, EctwoError when it can't be told what happened.
    """
    try:
        return Launched(_run(client, request, count, count, sleep, token()))
    except Exception as error:
        if count == 1 or code_of(error) not in NO_ROOM:
            raise
        made = _run(client, request, 1, count, sleep, token())
        # There may be room again by now.
        return Launched(made, short=error if len(made) < count else None)


def _run(
    client: Client,
    request: Mapping[str, Any],
    least: int,
    most: int,
    sleep: Callable[[float], None],
    token: str,
) -> list[Instance]:
    def send() -> list[Raw]:
        answer = client.call_once("RunInstances", **request, MinCount=least, MaxCount=most, ClientToken=token)
        found: list[Raw] = answer["Instances"]
        return found

    def look() -> list[Raw] | None:
        # EC2 has a filter for the token; by image and type it is found on every server, in one page or a few.
        filters = [
            {"Name": "image-id", "Values": [request["ImageId"]]},
            {"Name": "instance-type", "Values": [request["InstanceType"]]},
        ]
        found = client.all("DescribeInstances", "Reservations[].Instances[]", Filters=filters, MaxResults=1000)
        return [each for each in found if each.get("ClientToken") == token] or None

    made = once(
        send,
        look,
        sleep=sleep,
        what="what was to be launched",
        where_to_look=f"ectwo instances find -r {client.region} --image {request['ImageId']} --newer-than 10m",
    )
    return [Instance.parse(each, client.region, client.profile) for each in made.what]
