"""Tags on everything: what the sandbox keeps itself, and what moto keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Ask, Handler, check_tags
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal
from ectwo_cli.sandbox.world import Region

KINDS = {
    "i": "instance",
    "ami": "image",
    "snap": "snapshot",
    "vol": "volume",
    "eipalloc": "elastic-ip",
    "sir": "spot-instances-request",
    "key": "key-pair",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "vpc": "vpc",
    "subnet": "subnet",
    "eni": "network-interface",
    "lt": "launch-template",
    "igw": "internet-gateway",
    "rtb": "route-table",
    "acl": "network-acl",
    "dopt": "dhcp-options",
    "pl": "prefix-list",
}

_NOT_FOUND = {
    "i": ("instance", "InvalidInstanceID.NotFound"),
    "ami": ("image", "InvalidAMIID.NotFound"),
    "snap": ("snapshot", "InvalidSnapshot.NotFound"),
    "vol": ("volume", "InvalidVolume.NotFound"),
    "eipalloc": ("allocation", "InvalidAllocationID.NotFound"),
    "sir": ("Spot request", "InvalidSpotInstanceRequestID.NotFound"),
    "sg": ("security group", "InvalidGroup.NotFound"),
    "sgr": ("security group rule", "InvalidSecurityGroupRuleId.NotFound"),
    "key": ("key pair", "InvalidKeyPair.NotFound"),
}


def _own(here: Region) -> dict[str, Any]:
    return {
        "i": here.instances,
        "ami": here.images,
        "snap": here.snapshots,
        "vol": here.volumes,
        "eipalloc": here.addresses,
        "sir": here.spot_requests,
        "sg": here.groups,
        "sgr": here.rules,
        "key": {one.id: one for one in here.key_pairs.values()},
    }


def _sort(ask: Ask) -> tuple[list[str], list[str]]:
    """The resources of the request: those kept here and those that moto keeps. Raises Refusal for unknown ones."""
    here = ask.here
    own, moto = [], []
    for one in ask.need("Resources"):
        prefix = one.rpartition("-")[0]
        if prefix not in KINDS:
            raise Refusal("InvalidID", f"The ID '{one}' is not valid")
        store = _own(here).get(prefix)
        if store is None:
            moto.append(one)
            continue
        if one not in {thing.id for thing in here.visible([store[one]] if one in store else [])}:
            noun, code = _NOT_FOUND[prefix]
            raise Refusal(code, f"The {noun} ID '{one}' does not exist")
        own.append(one)
    return own, moto


def create_tags(ask: Ask) -> dict[str, Any]:
    """CreateTags: all or nothing."""
    here = ask.here
    tags = ask.need("Tags")
    own, moto = _sort(ask)
    for one in own:
        check_tags(tags, here.tags.get(one, {}))
    for one in moto:
        check_tags(tags, delegate.backend(here).tags.get(one, {}))
    ask.commit()
    if moto:
        delegate.call(here, "CreateTags", _query(moto, tags))
    for one in own:
        here.tag(one, tags)
    return {}


def delete_tags(ask: Ask) -> dict[str, Any]:
    """DeleteTags: by key, by key and value, or all of a resource."""
    here = ask.here
    tags = ask.get("Tags")
    own, moto = _sort(ask)
    ask.commit()
    if moto:
        delegate.call(here, "DeleteTags", _query(moto, tags or ()))
    for one in own:
        held = here.tags.get(one, {})
        if not tags:
            for key in [key for key in held if not key.startswith("aws:")]:
                del held[key]
        for tag in tags or ():
            key, value = tag.get("Key", ""), tag.get("Value")
            if key in held and (value is None or held[key] == value):
                del held[key]
    return {}


def _query(resources: list[str], tags: Any) -> dict[str, str]:
    query = {f"ResourceId.{n}": one for n, one in enumerate(resources, 1)}
    for n, tag in enumerate(tags, 1):
        query[f"Tag.{n}.Key"] = tag.get("Key", "")
        if tag.get("Value") is not None:
            query[f"Tag.{n}.Value"] = tag["Value"]
    return query


def _rows(here: Region) -> Iterator[dict[str, str]]:
    stores = _own(here)
    for resource, tags in (*here.tags.items(), *delegate.backend(here).tags.items()):
        prefix = resource.rpartition("-")[0]
        # What is gone, or in the Recycle Bin, is not listed.
        if prefix in stores and resource not in stores[prefix]:
            continue
        for key, value in tags.items():
            yield {"ResourceId": resource, "ResourceType": KINDS.get(prefix, prefix), "Key": key, "Value": value}


def describe_tags(ask: Ask) -> dict[str, Any]:
    """DescribeTags."""
    table: Table = {"key": "Key", "value": "Value", "resource-id": "ResourceId", "resource-type": "ResourceType"}
    rows = [{**row} for row in _rows(ask.here)]
    # ``tag:KEY`` looks at the row's own tag.
    filters = []
    for one in ask.get("Filters", ()):
        if one.get("Name", "").startswith("tag:"):
            rows = [row for row in rows if row["Key"] == one["Name"][4:]]
            filters.append({"Name": "value", "Values": one.get("Values", ())})
        else:
            filters.append(one)
    chosen, token = page(select(rows, filters, table), ask.parameters)
    return {"Tags": chosen, "NextToken": token}


HANDLERS: dict[str, Handler] = {"CreateTags": create_tags, "DeleteTags": delete_tags, "DescribeTags": describe_tags}
