"""Instances with what the verbs that change them have to know, and the facts that DescribeInstances does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ectwo_cli.aws.calls import batches
from ectwo_cli.aws.session import Client
from ectwo_cli.fanout import across
from ectwo_cli.model import Raw, column, resource
from ectwo_cli.query import MOST_FILTER_VALUES, Query
from ectwo_cli.records import dataclass
from ectwo_cli.services import search
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.search import Page

AUTO_SCALING = "aws:autoscaling:groupName"
"""The tag that EC2 Auto Scaling puts on its instances."""


def disks_of(raw: Sequence[Raw] | None) -> list[dict[str, Any]]:
    """EBS volumes as ``{device, volume_id, deleted}``; ``deleted``: with the instance."""
    return [
        {
            "device": each.get("DeviceName"),
            "volume_id": each["Ebs"].get("VolumeId"),
            "deleted": bool(each["Ebs"].get("DeleteOnTermination")),
        }
        for each in raw or ()
        if each.get("Ebs")
    ]


@resource(**vars(Instance.kind))
class Machine(Instance):
    """An instance with what its consequences depend on. EC2: DescribeInstances."""

    root_type: str | None = column("RootDeviceType", help="ebs or instance-store")
    root_device: str | None = column("RootDeviceName", help="where its root volume is attached")
    disks: list[dict[str, Any]] = column("BlockDeviceMappings", read=disks_of, help="its EBS volumes")
    address_owners: list[str] = column(
        "NetworkInterfaces[].Association.IpOwnerId", help="who owns its public addresses: amazon, or an account"
    )
    spot_request_id: str | None = column("SpotInstanceRequestId", help="the ID of its spot request")
    hibernates: bool = column(
        "HibernationOptions.Configured", read=bool, help="whether it was launched so that it can hibernate"
    )
    virtualization: str | None = column("VirtualizationType", help="hvm or paravirtual")
    boot_mode: str | None = column(
        # What its image asks for; where that asks for nothing, what it does.
        "BootMode",
        "CurrentInstanceBootMode",
        read=lambda wanted, now: wanted or now,
        help="legacy-bios, uefi or uefi-preferred",
    )
    ena: bool | None = column("EnaSupport", help="whether its system has the ENA driver")
    ebs_optimized: bool = column("EbsOptimized", read=bool, help="whether it was told to be EBS-optimized")
    interface_ids: list[str] = column("NetworkInterfaces[].NetworkInterfaceId", help="IDs of its network interfaces")

    @property
    def has_elastic_ip(self) -> bool:
        """Whether its public address is an Elastic IP."""
        return bool(self.public_ip) and any(owner != "amazon" for owner in self.address_owners)

    @property
    def is_spot(self) -> bool:
        return self.lifecycle == "spot"

    @property
    def scaling_group(self) -> str | None:
        """The Auto Scaling group that it is part of."""
        return self.tags.get(AUTO_SCALING)


def find(client: Client, query: Query[Any]) -> Iterator[Page[Any]]:
    """What :func:`search.find` finds, as Machines."""
    return search.find(client, replace(query, cls=Machine))


@dataclass(frozen=True)
class Facts:
    """What DescribeInstances does not say of an instance; None where it was not asked or could not be learnt.

    ``protected``: against termination (or against stopping, as asked). ``spot``: ``one-time`` or ``persistent``.
    ``instance_store``: its type has disks that lose their data when it stops.
    """

    protected: bool | None = None
    spot: str | None = None
    instance_store: bool | None = None


NOTHING = Facts()


def learn(
    places: Sequence[tuple[Client, Sequence[Machine]]], *, attribute: str | None
) -> dict[tuple[str | None, str, str], Facts]:
    """The facts about machines, by profile, region and ID; what can't be learnt is left None.

    ``attribute`` is the protection to ask for (``disableApiTermination``, ``disableApiStop``).
    EC2: DescribeInstanceTypes, and DescribeSpotInstanceRequests where some are spot, once a region;
    DescribeInstanceAttribute once an instance, since EC2 tells that in no list, all at once.
    """
    stores = _each(places, _stores)
    spots = _each(places, _spots)
    guarded = _guarded(places, attribute) if attribute else {}
    return {
        (machine.profile, machine.region, machine.id): Facts(
            guarded.get((machine.profile, machine.region, machine.id)),
            spots.get((client.profile, client.region, machine.spot_request_id or "")),
            stores.get((client.profile, client.region, machine.type or "")),
        )
        for client, some in places
        for machine in some
    }


def _each(places: Sequence[tuple[Client, Sequence[Machine]]], ask: Any) -> dict[tuple[str | None, str, str], Any]:
    def work(place: tuple[Client, Sequence[Machine]]) -> Iterator[tuple[tuple[str | None, str, str], Any]]:
        client, machines = place
        for key, value in ask(client, machines).items():
            yield (client.profile, client.region, key), value

    # Who may stop an instance need not be allowed to list types: then that consequence goes unsaid.
    return dict(across(places, work, where=lambda place: search.place_of(place[0])))


def _stores(client: Client, machines: Sequence[Machine]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for some in batches(sorted({each.type for each in machines if each.type}), 100):
        filters = [{"Name": "instance-type", "Values": some}]
        for page in client.pages("DescribeInstanceTypes", "InstanceTypes[]", Filters=filters):
            found |= {each["InstanceType"]: bool(each.get("InstanceStorageSupported")) for each in page}
    return found


def _spots(client: Client, machines: Sequence[Machine]) -> dict[str, str]:
    found: dict[str, str] = {}
    wanted = {each.spot_request_id for each in machines if each.spot_request_id}
    for some in batches(sorted(wanted), MOST_FILTER_VALUES):
        filters = [{"Name": "spot-instance-request-id", "Values": some}]
        for page in client.pages("DescribeSpotInstanceRequests", "SpotInstanceRequests[]", Filters=filters):
            found |= {each["SpotInstanceRequestId"]: each.get("Type", "one-time") for each in page}
    return found


def _guarded(
    places: Sequence[tuple[Client, Sequence[Machine]]], attribute: str
) -> Mapping[tuple[str | None, str, str], bool]:
    def work(one: tuple[Client, Machine]) -> Iterator[tuple[tuple[str | None, str, str], bool]]:
        client, machine = one
        yield (machine.profile, machine.region, machine.id), is_protected(client, machine.id, attribute)

    alone = [(client, machine) for client, machines in places for machine in machines]
    return dict(across(alone, work, where=lambda one: one[1].id))


def is_protected(client: Client, id: str, attribute: str = "disableApiTermination") -> bool:
    """Whether a protection is on. EC2: DescribeInstanceAttribute. Raises botocore's errors."""
    answer = client.call("DescribeInstanceAttribute", InstanceId=id, Attribute=attribute)
    return bool(answer.get(attribute[0].upper() + attribute[1:], {}).get("Value"))
