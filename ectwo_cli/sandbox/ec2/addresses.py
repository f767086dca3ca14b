"""Elastic IP addresses."""

from __future__ import annotations

from typing import Any

from ectwo_cli.sandbox.asking import Ask, Handler, tags_of
from ectwo_cli.sandbox.ec2 import network, states
from ectwo_cli.sandbox.ec2.instances import pick_instances
from ectwo_cli.sandbox.filters import Table, select
from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.world import Region, Thing

_FILTERS: Table = {
    "allocation-id": "AllocationId",
    "association-id": "AssociationId",
    "domain": "Domain",
    "instance-id": "InstanceId",
    "network-border-group": "NetworkBorderGroup",
    "network-interface-id": "NetworkInterfaceId",
    "network-interface-owner-id": "NetworkInterfaceOwnerId",
    "private-ip-address": "PrivateIpAddress",
    "public-ip": "PublicIp",
    "public-ipv4-pool": "PublicIpv4Pool",
}

_ASSOCIATION = ("InstanceId", "AssociationId", "NetworkInterfaceId", "NetworkInterfaceOwnerId", "PrivateIpAddress")


def _of(ask: Ask) -> Thing:
    """The address that the request names by allocation ID or public IP."""
    here = ask.here
    allocation, public = ask.get("AllocationId"), ask.get("PublicIp")
    if allocation:
        found = here.addresses.get(allocation)
        if found is None:
            raise Refusal("InvalidAllocationID.NotFound", f"The allocation ID '{allocation}' does not exist")
        return found
    if public:
        return _by_ip(here, public)
    raise Refusal("MissingParameter", "Either public IP or allocation id must be specified")


def _by_ip(here: Region, public: str) -> Thing:
    for one in here.addresses.values():
        if one.data["PublicIp"] == public:
            return one
    raise Refusal("InvalidAddress.NotFound", f"Address '{public}' not found.")


def describe_addresses(ask: Ask) -> dict[str, Any]:
    """DescribeAddresses, which has no pages."""
    here = ask.here
    things = here.visible(here.addresses.values())
    if ask.get("AllocationIds"):
        known = {one.id for one in things}
        unknown = [one for one in ask.get("AllocationIds") if one not in known]
        if unknown:
            raise Refusal("InvalidAllocationID.NotFound", f"The allocation ID '{unknown[0]}' does not exist")
        things = [one for one in things if one.id in ask.get("AllocationIds")]
    if ask.get("PublicIps"):
        wanted = [_by_ip(here, one).id for one in ask.get("PublicIps")]
        things = [one for one in things if one.id in wanted]
    return {"Addresses": select([here.with_tags(one) for one in things], ask.get("Filters"), _FILTERS)}


def make_address(here: Region) -> Thing:
    """A new Elastic IP address."""
    allocation = here.new_id("eipalloc")
    data = {
        "AllocationId": allocation,
        "Domain": "vpc",
        "NetworkBorderGroup": here.name,
        "PublicIp": network.public_address(here),
        "PublicIpv4Pool": "amazon",
    }
    thing = Thing(allocation, data, here.now())
    here.addresses[allocation] = thing
    return thing


def allocate_address(ask: Ask) -> dict[str, Any]:
    """AllocateAddress, which has no ClientToken: sent twice, it allocates twice."""
    here = ask.here
    tags = tags_of(ask.get("TagSpecifications"), ("elastic-ip",))
    if sum(not one.extra.get("seeded") for one in here.addresses.values()) >= here.settings.address_limit:
        raise Refusal("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    ask.commit()
    thing = make_address(here)
    here.tag(thing.id, tags.get("elastic-ip", ()))
    return {
        name: thing.data[name]
        for name in ("AllocationId", "PublicIp", "PublicIpv4Pool", "NetworkBorderGroup", "Domain")
    }


def associate_address(ask: Ask) -> dict[str, Any]:
    """AssociateAddress: with an instance (or its first interface)."""
    here = ask.here
    thing = _of(ask)
    interface = ask.get("NetworkInterfaceId")
    if ask.get("InstanceId"):
        (instance,) = pick_instances(ask, [ask.get("InstanceId")])
    elif interface:
        holders = [
            one
            for one in here.instances.values()
            if any(nic["NetworkInterfaceId"] == interface for nic in one.data["NetworkInterfaces"])
        ]
        if not holders:
            raise Refusal("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{interface}' does not exist")
        instance = holders[0]
    else:
        raise Refusal("MissingParameter", "Either instance ID or network interface id must be specified")
    if states.state(instance) not in ("running", "stopped", "stopping"):
        raise Refusal(
            "InvalidInstanceID",
            f"The instance '{instance.id}' is not in a valid state for this operation: {states.state(instance)}.",
        )
    # In a VPC the API takes an address away only when told so; the default of the parameter is no.
    if thing.data.get("AssociationId") and not ask.get("AllowReassociation"):
        if thing.data.get("InstanceId") == instance.id:
            return {"AssociationId": thing.data["AssociationId"]}
        raise Refusal(
            "Resource.AlreadyAssociated",
            f"resource {thing.id} is already associated with associate-id {thing.data['AssociationId']}",
        )
    ask.commit()
    return {"AssociationId": associate(here, thing, instance)}


def associate(here: Region, thing: Thing, instance: Thing) -> str:
    """Give the address to the instance, taking it from another; its own one is gone. Returns the association."""
    _release_holder(here, thing)
    for other in here.addresses.values():
        if other is not thing and other.data.get("InstanceId") == instance.id:
            for name in _ASSOCIATION:
                other.data.pop(name, None)
    association = here.new_id("eipassoc")
    nic = instance.data["NetworkInterfaces"][0]
    thing.data.update(
        AssociationId=association,
        InstanceId=instance.id,
        NetworkInterfaceId=nic["NetworkInterfaceId"],
        NetworkInterfaceOwnerId=here.account,
        PrivateIpAddress=instance.data["PrivateIpAddress"],
    )
    states.give_address(here, instance, thing.data["PublicIp"], owner=here.account)
    return association


def _release_holder(here: Region, thing: Thing) -> None:
    holder = here.instances.get(thing.data.get("InstanceId", ""))
    if holder is not None:
        states.take_address(holder)
        # A running instance that had a public address of Amazon's gets a new one of these.
        if states.state(holder) == "running" and holder.extra["public"]:
            states.give_address(here, holder)
    for name in _ASSOCIATION:
        thing.data.pop(name, None)


def disassociate_address(ask: Ask) -> dict[str, Any]:
    """DisassociateAddress."""
    here = ask.here
    association = ask.get("AssociationId")
    if association:
        found = [one for one in here.addresses.values() if one.data.get("AssociationId") == association]
        if not found:
            raise Refusal("InvalidAssociationID.NotFound", f"The association ID '{association}' does not exist")
        thing = found[0]
    else:
        thing = _by_ip(here, ask.need("PublicIp"))
    ask.commit()
    _release_holder(here, thing)
    return {}


def release_address(ask: Ask) -> dict[str, Any]:
    """ReleaseAddress: of a free one."""
    thing = _of(ask)
    if thing.data.get("AssociationId"):
        raise Refusal("InvalidIPAddress.InUse", f"Address {thing.data['PublicIp']} is in use.")
    ask.commit()
    del ask.here.addresses[thing.id]
    ask.here.tags.pop(thing.id, None)
    return {}


def describe_attributes(ask: Ask) -> dict[str, Any]:
    """DescribeAddressesAttribute: none has a reverse name here."""
    return {"Addresses": [{"PublicIp": one.data["PublicIp"], "AllocationId": one.id}
                          for one in ask.here.addresses.values()]}  # fmt: skip


HANDLERS: dict[str, Handler] = {
    "DescribeAddresses": describe_addresses,
    "AllocateAddress": allocate_address,
    "AssociateAddress": associate_address,
    "DisassociateAddress": disassociate_address,
    "ReleaseAddress": release_address,
    "DescribeAddressesAttribute": describe_attributes,
}
