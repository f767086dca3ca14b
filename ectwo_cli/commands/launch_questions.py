"""What a launch asks for on a terminal: lists that show what helps to choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw
from ectwo_cli.render.screen import Screen

if TYPE_CHECKING:
    from ectwo_cli.launch.wanted import Wanted
    from ectwo_cli.prompt import Choice

NOTHING = ""
"""The value of "none" in a list."""

PRICED = 12
"""So many types, the small ones, are listed with their price: each is a call, though kept for a week."""


def complete(screen: Screen, client: Client, wanted: Wanted, found: Raw | None) -> tuple[Wanted, Raw | None]:
    """The launch with image, type, key and group as chosen; and the image's element where one is known.

    EC2: DescribeImages, DescribeInstanceTypes, DescribeInstanceTypeOfferings, DescribeKeyPairs, DescribeSecurityGroups;
    each only where its question is asked.
    """
    from ectwo_cli.errors import EctwoError
    from ectwo_cli.launch import image as images
    from ectwo_cli.prompt import choose

    if wanted.image is None and found is None:
        choices = image_choices(client)
        if choices:
            found = choose(screen, f"Which image, in {client.region}?", choices, flag="--image")
    elif found is None and wanted.type is None:
        try:
            found = images.find(client, images.read(str(wanted.image)))
        except EctwoError:
            # The checks tell of it, with all else that is wrong.
            return wanted, None
    if found is None:
        return wanted, None
    if wanted.type is None:
        types = type_choices(client, found)
        if types:
            wanted = replace(wanted, type=choose(screen, "Which type?", types, flag="--type"))
    if wanted.key is None:
        keys = key_choices(client)
        wanted = replace(wanted, key=choose(screen, "Which key pair?", keys, flag="--key") or None)
    if not wanted.groups:
        groups = group_choices(client, wanted, found)
        if groups:
            picked = choose(screen, "Which security group?", groups, flag="--group")
            wanted = replace(wanted, groups=(picked,))
    return wanted, found


def image_choices(client: Client) -> list[Choice]:
    """Own images, the newest first, then what stands behind the aliases."""
    from ectwo_cli.launch import aliases
    from ectwo_cli.prompt import Choice

    own = client.all("DescribeImages", "Images[]", Owners=["self"])
    own = [each for each in own if each.get("State") == "available"]
    own.sort(key=lambda image: str(image.get("CreationDate", "")), reverse=True)
    behind = aliases.resolve(client, list(aliases.ALIASES.values()))
    named: dict[str, str] = {}
    for word, alias in aliases.ALIASES.items():
        if alias in behind:
            named.setdefault(behind[alias], word)
    filters = [{"Name": "image-id", "Values": sorted(named)}]
    public = (
        {each["ImageId"]: each for each in client.all("DescribeImages", "Images[]", Filters=filters)} if named else {}
    )
    return [
        *(Choice(str(each.get("Name") or each["ImageId"]), each, _about(each)) for each in own),
        *(Choice(word, public[id], _about(public[id])) for id, word in named.items() if id in public),
    ]


def _about(image: Raw) -> str:
    made = str(image.get("CreationDate", ""))[:10]
    return "  ".join(each for each in (image["ImageId"], str(image.get("Architecture", "")), made) if each)


def type_choices(client: Client, image: Raw) -> list[Choice]:
    """The types that fit the image and are offered in the region: the small usual ones, then all by size."""
    from ectwo_cli.launch.choice import candidates, is_windows
    from ectwo_cli.launch.fit import misfits
    from ectwo_cli.launch.gather import offered_types, types_of
    from ectwo_cli.launch.summary import size_words
    from ectwo_cli.launch.wanted import Wanted
    from ectwo_cli.prompt import Choice
    from ectwo_cli.services.pricing import OnDemand

    offered = set(offered_types(client))
    known = {
        name: kind
        for name, kind in types_of(client).items()
        if name in offered and kind.get("CurrentGeneration", True) and not misfits(image, kind)
    }
    usual = [name for name in candidates(Wanted(), image) if name in known]

    def size(name: str) -> tuple[Any, ...]:
        kind = known[name]
        return (
            usual.index(name) if name in usual else len(usual),
            kind.get("VCpuInfo", {}).get("DefaultVCpus", 0),
            kind.get("MemoryInfo", {}).get("SizeInMiB", 0),
            name,
        )

    ordered = sorted(known, key=size)
    platform = "windows" if is_windows(image) else "linux"
    prices = OnDemand(client, most=PRICED)
    prices.learn((name, platform, client.region) for name in ordered[:PRICED])

    def about(name: str) -> str:
        price = prices.price(name, platform, client.region)
        return size_words(known[name]) + (f", ${price:g} an hour" if price is not None else "")

    return [Choice(name, name, about(name)) for name in ordered]


def key_choices(client: Client) -> list[Choice]:
    """The key pairs of the region, and none."""
    from ectwo_cli.prompt import Choice

    keys = sorted(client.all("DescribeKeyPairs", "KeyPairs[]"), key=lambda key: str(key["KeyName"]).lower())
    return [
        *(Choice(each["KeyName"], each["KeyName"], str(each.get("KeyType", ""))) for each in keys),
        Choice("none", NOTHING, "nobody can log in by a key of yours"),
    ]


def group_choices(client: Client, wanted: Wanted, image: Raw) -> list[Choice]:
    """The groups of the VPC that the launch would be in, those that let SSH (or RDP) in first."""
    from ectwo_cli.launch.choice import is_windows
    from ectwo_cli.launch.facts import Facts
    from ectwo_cli.launch.placement import in_vpc, placement
    from ectwo_cli.launch.preflight import LOG_IN, lets_in
    from ectwo_cli.prompt import Choice

    facts = Facts(
        region=client.region,
        subnets=client.all("DescribeSubnets", "Subnets[]"),
        vpcs=client.all("DescribeVpcs", "Vpcs[]"),
    )
    where = placement(wanted, facts).vpc_id
    groups: Sequence[Raw] = in_vpc(client.all("DescribeSecurityGroups", "SecurityGroups[]"), where)
    port, protocol = LOG_IN[is_windows(image)]

    def order(group: Raw) -> tuple[bool, str]:
        return (not lets_in(group, port), str(group["GroupName"]).lower())

    def hint(group: Raw) -> str:
        opens = f"lets {protocol} in" if lets_in(group, port) else f"lets no {protocol} in"
        return f"{group['GroupId']}  {opens}  {group.get('Description', '')}".rstrip()

    return [Choice(each["GroupName"], each["GroupId"], hint(each)) for each in sorted(groups, key=order)]
