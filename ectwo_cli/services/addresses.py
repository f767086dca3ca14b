"""Elastic IP addresses."""

from __future__ import annotations

from ectwo_cli.model import Regional, column, name_of, resource, tags_of


def _or_none(value: str | None) -> str | None:
    """EC2 leaves out what is not set; others that speak its language say it with an empty text."""
    return value or None


@resource(
    "address",
    plural="addresses",
    id_prefix="eipalloc-",
    operation="DescribeAddresses",
    items="Addresses[]",
    page_size=None,
    lookup=("name", "public_ip"),
)
class Address(Regional):
    """An Elastic IP address. EC2: DescribeAddresses."""

    public_ip: str | None = column(
        "PublicIp", filter="public-ip", default=True, option="--public-ip", help="the public IPv4 address"
    )
    id: str = column("AllocationId", filter="allocation-id", default=True, help="the allocation ID, eipalloc-...")
    instance_id: str | None = column(
        "InstanceId",
        read=_or_none,
        filter="instance-id",
        default=True,
        option="--instance",
        help="the ID of the instance it leads to",
    )
    name: str | None = column(
        "Tags", read=name_of, filter="tag:Name", default=True, option="--name", help="the Name tag"
    )
    association_id: str | None = column(
        "AssociationId", read=_or_none, filter="association-id", help="the ID of its association, eipassoc-..."
    )
    network_interface_id: str | None = column(
        "NetworkInterfaceId",
        read=_or_none,
        filter="network-interface-id",
        option="--interface",
        help="the ID of the network interface it leads to",
    )
    private_ip: str | None = column(
        "PrivateIpAddress",
        read=_or_none,
        filter="private-ip-address",
        option="--private-ip",
        help="the private address it leads to",
    )
    domain: str | None = column("Domain", filter="domain", help="vpc")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")
