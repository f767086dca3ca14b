"""Elastic IP addresses."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ectwo_cli.aws.calls import dry_run
from ectwo_cli.aws.once import once
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import EctwoError, Interrupted, UsageError
from ectwo_cli.model import Raw, Regional, column, name_of, resource, tags_of
from ectwo_cli.outcome import Outcome
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.outcomes import failed


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


# Allocating

REQUEST = "ectwo:request"
"""The tag by which an address is known again whose answer was lost; it is taken off when that is over."""


def _request(tags: Mapping[str, str], request: str) -> dict[str, Any]:
    own = [{"Key": key, "Value": value} for key, value in {**tags, REQUEST: request}.items()]
    return {"Domain": "vpc", "TagSpecifications": [{"ResourceType": "elastic-ip", "Tags": own}]}


def check_allocate(client: Client, tags: Mapping[str, str]) -> None:
    """Whether it would be permitted. EC2: AllocateAddress with DryRun. Raises botocore's ClientError if not."""
    dry_run(client, "AllocateAddress", **_request(tags, "dry-run"))


def allocate(
    client: Client,
    tags: Mapping[str, str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    new_request: Callable[[], str] = lambda: uuid.uuid4().hex,
) -> Address:
    """Allocate one address with these tags, and one only, also when answers are lost.

    EC2: AllocateAddress, which has no token: a tag of this request stands for it, is looked for when the answer is
    lost, and taken off at the end (DeleteTags). Raises botocore's errors, EctwoError when it can't be told whether
    there is an address now, Interrupted.
    """
    request = new_request()

    def send() -> Raw:
        answer = client.call_once("AllocateAddress", **_request(tags, request))
        return {name: answer[name] for name in ("PublicIp", "AllocationId", "Domain") if name in answer}

    def of_request() -> list[Raw]:
        filters = [{"Name": f"tag:{REQUEST}", "Values": [request]}]
        return list(client.call("DescribeAddresses", Filters=filters)["Addresses"])

    where = f"ectwo addresses find --tag {REQUEST}={request} -r {client.region}"
    try:
        made = once(send, lambda: next(iter(of_request()), None), sleep=sleep, what="an address", where_to_look=where)
    except KeyboardInterrupt:
        message = "interrupted: an address may have been allocated, or still be"
        raise Interrupted(message, hint=f"see whether it is there with '{where}'") from None
    if not made.surely_once:
        # A request that seemed lost may have been carried out late, beside the one that was sent again.
        for each in of_request():
            if each["AllocationId"] != made.what["AllocationId"]:
                client.call("ReleaseAddress", AllocationId=each["AllocationId"])
    own = dict(tags)
    try:
        client.call("DeleteTags", Resources=[made.what["AllocationId"]], Tags=[{"Key": REQUEST}])
    except Exception:
        # The address is there and paid for, so it is told about; the tag that stays does no harm.
        own[REQUEST] = request
    listed = [{"Key": key, "Value": value} for key, value in own.items()]
    return Address.parse({**made.what, "Tags": listed}, client.region, client.profile)


# Associating


def again(client: Client, address: Address) -> Address:
    """The address as it is now. EC2: DescribeAddresses. Raises botocore's errors."""
    (data,) = client.call("DescribeAddresses", AllocationIds=[address.id])["Addresses"]
    return Address.parse(data, client.region, client.profile)


def check_place(address: Address, instances: Sequence[Instance], text: str) -> Instance:
    """The one of the ``instances`` that ``text`` means for this address: it has to be in the same region and account.

    Raises EctwoError when it is elsewhere or in no state for it, UsageError when several are meant.
    """
    here = [each for each in instances if (each.region, each.profile) == (address.region, address.profile)]
    if not here:
        where = ", ".join(sorted({each.region for each in instances}))
        raise EctwoError(
            f"instance {text} is in {where}, address {address.public_ip} in {address.region}: "
            "an address can't leave its region",
            hint=f"allocate one there: 'ectwo addresses allocate -r {instances[0].region}'",
        )
    if len(here) > 1:
        names = ", ".join(f"{each.region}/{each.id}" for each in here)
        raise UsageError(f"{len(here)} instances are named {text!r}: {names}", hint="name one of them by its ID")
    (instance,) = here
    if instance.state not in ASSOCIABLE:
        hint = f"wait for it: 'ectwo instances wait {instance.id}'" if instance.state == "pending" else None
        raise EctwoError(f"instance {instance.id} is {instance.state}, so it can't get an address", hint=hint)
    return instance


ASSOCIABLE = ("running", "stopping", "stopped")
"""States in which EC2 gives an instance an address."""


def held_elsewhere(address: Address, instance: Instance) -> str | None:
    """What it would be taken away from: an instance, or a network interface of something else; None when it is free."""
    if address.association_id is None or address.instance_id == instance.id:
        return None
    return address.instance_id or address.network_interface_id


def gives_up(client: Client, instance: Instance) -> str | None:
    """What becomes of the address that an instance has now when it gets another; None when it has none.

    EC2: DescribeAddresses. Raises botocore's errors.
    """
    ip = instance.public_ip
    if ip is None:
        return None
    filters = [{"Name": "public-ip", "Values": [ip]}]
    if client.call("DescribeAddresses", Filters=filters)["Addresses"]:
        return f"address {ip}, which leads to {instance.id} now, will lead nowhere and go on costing money"
    return f"instance {instance.id} gives up its public address {ip} for good"


def associate_params(address: Address, instance: Instance, *, take: bool) -> dict[str, Any]:
    """What AssociateAddress is called with. ``take``: also away from what has it now."""
    return {"AllocationId": address.id, "InstanceId": instance.id, "AllowReassociation": take}


def check_associate(client: Client, address: Address, instance: Instance, *, take: bool) -> None:
    """Whether it would be permitted. EC2: AssociateAddress with DryRun. Raises botocore's ClientError if not."""
    dry_run(client, "AssociateAddress", **associate_params(address, instance, take=take))


def associate(client: Client, address: Address, instance: Instance, *, take: bool) -> Address:
    """Let the address lead to the instance. EC2: AssociateAddress, DescribeAddresses. Raises botocore's errors."""
    client.call("AssociateAddress", **associate_params(address, instance, take=take))
    return again(client, address)


# Giving up


def disassociate(client: Client, items: Sequence[Address]) -> Iterator[Outcome[Address]]:
    """Let addresses lead nowhere; those that already do are ``unchanged``. EC2: DisassociateAddress."""
    for item in items:
        if item.association_id is None:
            yield Outcome(item, "unchanged")
            continue
        try:
            _disassociate(client, item)
        except Exception as error:
            yield failed(item, error)
        else:
            yield Outcome(_free(item), "disassociated")


def release(
    client: Client,
    items: Sequence[Address],
    *,
    disassociate: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Outcome[Address]]:
    """Give addresses back to Amazon; one that leads somewhere only with ``disassociate``.

    EC2: DisassociateAddress, ReleaseAddress.
    """
    for item in items:
        if refused := refuse_release(item, disassociate=disassociate):
            yield refused
            continue
        try:
            if item.association_id is not None:
                _disassociate(client, item)
            _release(client, item, sleep)
        except Exception as error:
            yield failed(item, error)
        else:
            yield Outcome(_free(item), "released")


def refuse_release(item: Address, *, disassociate: bool) -> Outcome[Address] | None:
    """Why it is not released, or None."""
    if item.association_id is None or disassociate:
        return None
    holder = item.instance_id or item.network_interface_id
    return Outcome(
        item, None, f"it leads to {holder}", "InvalidIPAddress.InUse", "say --disassociate to release it all the same"
    )


def check_disassociate(client: Client, items: Sequence[Address]) -> Iterator[Outcome[Address]]:
    """What :func:`disassociate` would do. EC2: DisassociateAddress with DryRun."""
    for item in items:
        if item.association_id is None:
            yield Outcome(item, "unchanged")
            continue
        try:
            dry_run(client, "DisassociateAddress", AssociationId=item.association_id)
        except Exception as error:
            yield failed(item, error)
        else:
            yield Outcome(item, "would disassociate")


def check_release(client: Client, items: Sequence[Address], *, disassociate: bool) -> Iterator[Outcome[Address]]:
    """What :func:`release` would do. EC2: DisassociateAddress, ReleaseAddress with DryRun."""
    for item in items:
        if refused := refuse_release(item, disassociate=disassociate):
            yield refused
            continue
        try:
            if item.association_id is not None:
                dry_run(client, "DisassociateAddress", AssociationId=item.association_id)
            dry_run(client, "ReleaseAddress", AllocationId=item.id)
        except Exception as error:
            yield failed(item, error)
        else:
            yield Outcome(item, "would release")


def _disassociate(client: Client, item: Address) -> None:
    try:
        client.call("DisassociateAddress", AssociationId=item.association_id)
    except Exception as error:
        # Somebody did it meanwhile, or the answer to a first try was lost.
        if code_of(error) != "InvalidAssociationID.NotFound":
            raise


def _release(client: Client, item: Address, sleep: Callable[[float], None]) -> None:
    for pause in (1.0, 2.0, 4.0, None):
        try:
            client.call("ReleaseAddress", AllocationId=item.id)
        except Exception as error:
            if code_of(error) == "InvalidAllocationID.NotFound":
                return
            # Right after it was disassociated EC2 may still believe that it is in use.
            if code_of(error) != "InvalidIPAddress.InUse" or item.association_id is None or pause is None:
                raise
            sleep(pause)
        else:
            return


def _free(item: Address) -> Address:
    return replace(item, instance_id=None, association_id=None, network_interface_id=None, private_ip=None)
