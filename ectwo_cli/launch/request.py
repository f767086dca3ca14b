"""The call that launches: RunInstances' parameters. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.placement import groups_meant, placement
from ectwo_cli.launch.preflight import all_tags, root_device
from ectwo_cli.launch.wanted import Market, Wanted
from ectwo_cli.model import Raw

FAST_GP2 = 1000
"""GiB above which a gp2 volume is faster than the 3000 IOPS that gp3 begins with: it is left what it is."""


def run_instances(wanted: Wanted, facts: Facts) -> dict[str, Any]:
    """The parameters, but for ClientToken, MinCount and MaxCount. The checks have passed."""
    assert facts.image is not None and wanted.type is not None
    request: dict[str, Any] = {
        **wanted.extra,
        "ImageId": facts.image["ImageId"],
        "InstanceType": wanted.type,
        **network(wanted, facts),
        "MetadataOptions": {"HttpTokens": "required", **wanted.extra.get("MetadataOptions", {})},
    }
    if devices := block_devices(wanted, facts.image):
        request["BlockDeviceMappings"] = devices
    if wanted.key is not None:
        request["KeyName"] = wanted.key
    if wanted.user_data is not None:
        # boto3 encodes it.
        request["UserData"] = wanted.user_data
    if wanted.instance_profile is not None:
        arn = wanted.instance_profile.startswith("arn:")
        request["IamInstanceProfile"] = {"Arn" if arn else "Name": wanted.instance_profile}
    if wanted.shutdown is not None:
        request["InstanceInitiatedShutdownBehavior"] = wanted.shutdown
    if wanted.protect:
        request["DisableApiTermination"] = True
    if wanted.market is not None:
        request["InstanceMarketOptions"] = market_options(wanted.market)
    if tags := tag_specifications(all_tags(wanted, facts.image), spot=wanted.market is not None):
        request["TagSpecifications"] = tags
    return request


def network(wanted: Wanted, facts: Facts) -> dict[str, Any]:
    """Subnet, zone and groups; through a network interface where the public address was decided about."""
    where = placement(wanted, facts)
    subnet = where.subnet["SubnetId"] if where.subnet else wanted.subnet
    if facts.groups is None:
        # They may not be looked up: EC2 takes IDs as they are.
        groups = list(wanted.groups)
    else:
        groups = [each["GroupId"] for each in groups_meant(wanted, facts)] if wanted.groups else []
    placed = dict(wanted.extra.get("Placement", {}))
    if subnet is None and wanted.zone is not None:
        placed["AvailabilityZone"] = wanted.zone
    request: dict[str, Any] = {"Placement": placed} if placed else {}
    if wanted.public_ip is not None:
        interface: dict[str, Any] = {"DeviceIndex": 0, "AssociatePublicIpAddress": wanted.public_ip}
        if groups:
            interface["Groups"] = groups
        if subnet is not None:
            interface["SubnetId"] = subnet
        return {**request, "NetworkInterfaces": [interface]}
    if groups:
        request["SecurityGroupIds"] = groups
    if subnet is not None:
        request["SubnetId"] = subnet
    return request


def block_devices(wanted: Wanted, image: Raw) -> list[dict[str, Any]]:
    """The volumes: the image's, encrypted where they are not, the root one on gp3 unless the image says otherwise."""
    devices = [dict(each) for each in wanted.devices] or _of_image(wanted, image)
    root = image.get("RootDeviceName")
    for device in devices:
        if device["DeviceName"] != root or "Ebs" not in device:
            continue
        ebs = device["Ebs"] = dict(device["Ebs"])
        if wanted.volume_size is not None:
            ebs["VolumeSize"] = wanted.volume_size
        if wanted.volume_type is not None:
            ebs["VolumeType"] = wanted.volume_type
            # Speeds are of the type that they were meant for.
            ebs.pop("Iops", None)
            ebs.pop("Throughput", None)
        if wanted.iops is not None:
            ebs["Iops"] = wanted.iops
    return devices


def _of_image(wanted: Wanted, image: Raw) -> list[dict[str, Any]]:
    root = root_device(image)
    asked = bool(wanted.volume_size or wanted.volume_type or wanted.iops)
    changed: list[dict[str, Any]] = []
    for mapping in image.get("BlockDeviceMappings", ()):
        if "Ebs" not in mapping:
            continue
        ebs = mapping["Ebs"]
        change: dict[str, Any] = {}
        # A volume of an encrypted snapshot is encrypted anyway, with that snapshot's key.
        if wanted.encrypt and not ebs.get("Encrypted"):
            change["Encrypted"] = True
        if mapping is root and _may_be_gp3(ebs, wanted):
            change["VolumeType"] = "gp3"
        if change or (mapping is root and asked):
            size = {"VolumeSize": ebs["VolumeSize"]} if "VolumeSize" in ebs else {}
            changed.append({"DeviceName": mapping["DeviceName"], "Ebs": {**size, **change}})
    return changed


def _may_be_gp3(ebs: Mapping[str, Any], wanted: Wanted) -> bool:
    size = wanted.volume_size or ebs.get("VolumeSize") or 0
    kind = ebs.get("VolumeType", "standard")
    return kind == "standard" or (kind == "gp2" and size <= FAST_GP2)


def market_options(market: Market) -> dict[str, Any]:
    """InstanceMarketOptions of a spot instance."""
    options: dict[str, Any] = {
        "SpotInstanceType": "persistent" if market.persistent else "one-time",
        "InstanceInterruptionBehavior": market.interruption,
    }
    if market.max_price is not None:
        options["MaxPrice"] = market.max_price
    return {"MarketType": "spot", "SpotOptions": options}


def tag_specifications(tags: Mapping[str, str], *, spot: bool) -> list[dict[str, Any]]:
    """The tags on instances, volumes, and the spot request."""
    if not tags:
        return []
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    kinds = ["instance", "volume", *(["spot-instances-request"] if spot else [])]
    return [{"ResourceType": kind, "Tags": listed} for kind in kinds]


def encoded(user_data: bytes) -> str:
    """User data for the calls that boto3 does not encode it for (RequestSpotInstances)."""
    return base64.b64encode(user_data).decode("ascii")
