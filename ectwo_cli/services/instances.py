"""Instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, Regional, column, name_of, resource, tags_of
from ectwo_cli.query import Query
from ectwo_cli.services.search import Page

STATES = ("pending", "running", "shutting-down", "terminated", "stopping", "stopped")


@resource(
    "instance",
    id_prefix="i-",
    operation="DescribeInstances",
    items="Reservations[].Instances[]",
    hidden={"state": "terminated"},
    created="launched_at",
)
class Instance(Regional):
    """An instance. EC2: DescribeInstances."""

    name: str | None = column(
        "Tags", read=name_of, filter="tag:Name", default=True, option="--name", help="the Name tag"
    )
    id: str = column("InstanceId", filter="instance-id", default=True, help="the ID, i-...")
    state: str | None = column(
        "State.Name", filter="instance-state-name", default=True, option="--state", values=STATES, help="the state"
    )
    type: str | None = column(
        "InstanceType", filter="instance-type", default=True, option="--type", help="the instance type"
    )
    public_ip: str | None = column(
        "PublicIpAddress", filter="ip-address", default=True, option="--public-ip", help="the public IPv4 address"
    )
    launched_at: datetime | None = column("LaunchTime", default=True, help="when it was last launched or started")
    zone: str | None = column(
        "Placement.AvailabilityZone", filter="availability-zone", option="--zone", help="the Availability Zone"
    )
    architecture: str | None = column(
        "Architecture",
        filter="architecture",
        option="--architecture",
        values=("x86_64", "arm64", "i386", "x86_64_mac", "arm64_mac"),
        help="the processor architecture",
    )
    image_id: str | None = column("ImageId", filter="image-id", option="--image", help="the ID of its image")
    platform: str = column(
        # EC2 says "windows" or nothing.
        "Platform",
        read=lambda platform: (platform or "linux").lower(),
        option="--platform",
        values=("linux", "windows"),
        help="linux or windows",
    )
    key_name: str | None = column("KeyName", filter="key-name", option="--key", help="the name of its key pair")
    private_ip: str | None = column(
        "PrivateIpAddress", filter="private-ip-address", option="--private-ip", help="the private IPv4 address"
    )
    public_dns: str | None = column(
        "PublicDnsName", read=lambda name: name or None, filter="dns-name", help="the public DNS name"
    )
    vpc_id: str | None = column("VpcId", filter="vpc-id", option="--vpc", help="the ID of its VPC")
    subnet_id: str | None = column("SubnetId", filter="subnet-id", option="--subnet", help="the ID of its subnet")
    groups: list[str] = column(
        "SecurityGroups[].GroupName",
        filter="instance.group-name",
        option="--group",
        redirect={"sg-": "group_ids"},
        help="names of its security groups (or their IDs)",
    )
    group_ids: list[str] = column(
        "SecurityGroups[].GroupId", filter="instance.group-id", help="IDs of its security groups"
    )
    lifecycle: str = column(
        # EC2 names what is not on-demand.
        "InstanceLifecycle",
        read=lambda lifecycle: lifecycle or "on-demand",
        option="--lifecycle",
        values=("on-demand", "spot", "scheduled", "capacity-block", "interruptible-capacity-reservation"),
        help="how it is paid for",
    )
    volume_ids: list[str] = column("BlockDeviceMappings[].Ebs.VolumeId", help="IDs of its volumes")
    state_reason: str | None = column(
        "StateReason.Message", read=lambda reason: reason or None, help="why it is in this state"
    )
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")


def events_of(raw: Sequence[Raw] | None) -> list[dict[str, Any]]:
    """Scheduled events as ``{code, description, not_before, not_after}``; those that are over are left out."""
    return [
        {
            "code": each.get("Code"),
            "description": each.get("Description"),
            "not_before": each.get("NotBefore"),
            "not_after": each.get("NotAfter"),
        }
        for each in raw or ()
        # EC2 goes on listing them for a week, with this in front of the description.
        if not str(each.get("Description", "")).startswith(("[Completed]", "[Canceled]"))
    ]


def failed_since(*checks: Sequence[Raw] | None) -> datetime | None:
    """The earliest time since when a check has been failing."""
    times = [each["ImpairedSince"] for details in checks for each in details or () if each.get("ImpairedSince")]
    return min(times, default=None)


@resource(
    "instance",
    id_prefix="i-",
    operation="DescribeInstances",
    items="Reservations[].Instances[]",
    hidden={"state": "terminated"},
    created="launched_at",
)
class InstanceStatus(Regional):
    """The checks and scheduled events of an instance. EC2: DescribeInstanceStatus, and DescribeInstances for names.

    Read from the instance's element with the status's under ``Checks``.
    """

    name: str | None = column(
        "Tags", read=name_of, filter="tag:Name", default=True, option="--name", help="the Name tag"
    )
    id: str = column("InstanceId", filter="instance-id", default=True, help="the ID, i-...")
    state: str | None = column(
        "State.Name", filter="instance-state-name", default=True, option="--state", values=STATES, help="the state"
    )
    system_status: str | None = column(
        "Checks.SystemStatus.Status",
        default=True,
        option="--system-status",
        values=("ok", "impaired", "insufficient-data", "initializing", "not-applicable"),
        help="the check of the host, AWS's part",
    )
    instance_status: str | None = column(
        "Checks.InstanceStatus.Status",
        default=True,
        option="--instance-status",
        values=("ok", "impaired", "insufficient-data", "initializing", "not-applicable"),
        help="the check of the instance, the user's part",
    )
    events: list[dict[str, Any]] = column(
        "Checks.Events", read=events_of, default=True, help="scheduled events: code, description, not_before, not_after"
    )
    failed_since: datetime | None = column(
        "Checks.SystemStatus.Details",
        "Checks.InstanceStatus.Details",
        read=failed_since,
        help="since when a check fails",
    )
    type: str | None = column("InstanceType", filter="instance-type", option="--type", help="the instance type")
    zone: str | None = column(
        "Placement.AvailabilityZone", filter="availability-zone", option="--zone", help="the Availability Zone"
    )
    launched_at: datetime | None = column("LaunchTime", help="when it was last launched or started")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")


def find_status(client: Client, query: Query[InstanceStatus]) -> Iterator[Page[InstanceStatus]]:
    """The instances that match, with their checks; of a stopped one EC2 says ``not-applicable``.

    EC2: DescribeInstances, and one DescribeInstanceStatus for each page of what was found (for each 100 instances
    that matched when they are few, else of the whole region).
    """
    kind = InstanceStatus.kind
    checks: dict[str, Raw] = {}
    asked_all = False
    params = {"MaxResults": kind.page_size, "Filters": list(query.ec2_filters()) or None, **query.params}
    for found, more in client.pages_and_more(kind.operation, kind.items, **params):
        ids = [data["InstanceId"] for data in found]
        if ids and not asked_all:
            # With IDs it does not page, and takes 100 of them.
            some = {"InstanceIds": ids} if len(ids) <= 100 and not more else {"MaxResults": 1000}
            asked_all = "MaxResults" in some
            for page in client.pages("DescribeInstanceStatus", "InstanceStatuses[]", IncludeAllInstances=True, **some):
                checks |= {each["InstanceId"]: each for each in page}
        merged = ({**data, "Checks": checks.get(data["InstanceId"], {})} for data in found)
        items = [InstanceStatus.parse(data, client.region, client.profile) for data in merged]
        yield Page([item for item in items if query.matches(item)], more)
