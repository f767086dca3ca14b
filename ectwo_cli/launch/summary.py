"""What a launch comes to, in lines for who has to say yes to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ectwo_cli.launch.choice import is_windows
from ectwo_cli.launch.facts import Facts
from ectwo_cli.launch.placement import groups_meant, placement
from ectwo_cli.launch.preflight import all_tags
from ectwo_cli.launch.request import block_devices
from ectwo_cli.launch.wanted import Wanted
from ectwo_cli.model import Raw


def lines(wanted: Wanted, facts: Facts, *, prices: str | None = None) -> list[tuple[str, str]]:
    """Names and values, those that say nothing left out. ``prices`` is what an hour costs, where it is known."""
    image = facts.image or {}
    where = placement(wanted, facts)
    told: list[tuple[str, str | None]] = [
        ("image", _image(wanted, image)),
        ("type", type_words(wanted.type or "", (facts.types or {}).get(wanted.type or ""))),
        ("price", prices),
        ("spot", _market(wanted)),
        ("key", wanted.key or "none"),
        ("groups", ", ".join(f"{each['GroupName']} ({each['GroupId']})" for each in groups_meant(wanted, facts))),
        ("network", _network(where.subnet, where.vpc_id, where.zone)),
        ("address", {True: "public", False: "private only", None: None}[wanted.public_ip]),
        ("volumes", ", ".join(_volumes(wanted, image)) or None),
        ("profile", wanted.instance_profile),
        ("user data", f"{len(wanted.user_data)} bytes" if wanted.user_data is not None else None),
        ("tags", ", ".join(f"{key}={value}" for key, value in all_tags(wanted, facts.image).items()) or None),
        ("shutdown", wanted.shutdown),
        ("protected", "from termination" if wanted.protect else None),
    ]
    return [(name, value) for name, value in told if value]


def type_words(name: str, kind: Raw | None) -> str:
    """``t3.micro, 2 vCPU, 1 GiB``."""
    if kind is None:
        return name
    return f"{name}, {size_words(kind)}"


def price_words(on_demand: float | None, spot: Sequence[float], wanted: Wanted) -> str | None:
    """``$0.0104 an hour each``; of spot, what it is now beside on demand. None where nothing is known."""
    each = " each" if wanted.count > 1 else ""
    if wanted.market is None:
        return f"${on_demand:g} an hour{each}" if on_demand is not None else None
    beside = f"on demand it is ${on_demand:g}" if on_demand is not None else None
    if not spot:
        return beside
    low, high = min(spot), max(spot)
    now = f"${low:g} an hour{each} now" if low == high else f"${low:g} to ${high:g} an hour{each} now, by zone"
    if beside is None:
        return now
    saved = f" ({100 * (1 - high / on_demand):.0f}% less)" if on_demand and high < on_demand else ""
    return f"{now}; {beside}{saved}"


def size_words(kind: Raw) -> str:
    """``2 vCPU, 0.5 GiB``."""
    memory = kind.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024
    return f"{kind.get('VCpuInfo', {}).get('DefaultVCpus', '?')} vCPU, {memory:g} GiB"


def _image(wanted: Wanted, image: Raw) -> str:
    id, name = str(image.get("ImageId")), image.get("Name")
    about = [str(name)] if name else []
    if wanted.image and wanted.image not in (id, name):
        about.insert(0, wanted.image)
    about += [str(image.get("Architecture")), "windows" if is_windows(image) else "linux"]
    return f"{id} ({', '.join(about)})"


def _network(subnet: Raw | None, vpc_id: str | None, zone: str | None) -> str | None:
    if subnet is not None:
        return f"{subnet['SubnetId']} of {vpc_id}, in {zone}"
    return f"the default subnets of {vpc_id}, in a zone that EC2 picks" if vpc_id else None


def _market(wanted: Wanted) -> str | None:
    market = wanted.market
    if market is None:
        return None
    kind = "persistent" if market.persistent else "one-time"
    price = f"at most ${market.max_price} an hour" if market.max_price else "at most the on-demand price"
    return f"{kind}, {price}; on interruption: {market.interruption}"


def _volumes(wanted: Wanted, image: Raw) -> list[str]:
    changes = {each["DeviceName"]: each.get("Ebs", {}) for each in block_devices(wanted, image)}
    described: list[str] = []
    for mapping in image.get("BlockDeviceMappings", ()):
        if "Ebs" not in mapping:
            continue
        ebs = {**mapping["Ebs"], **changes.get(mapping["DeviceName"], {})}
        size = f"{ebs['VolumeSize']} GiB " if ebs.get("VolumeSize") else ""
        encrypted = ", encrypted" if ebs.get("Encrypted") else ""
        kept = ", kept after termination" if ebs.get("DeleteOnTermination") is False else ""
        described.append(f"{mapping['DeviceName']} {size}{ebs.get('VolumeType', 'standard')}{encrypted}{kept}")
    return described
