"""The fleet that a sandbox starts with: the same names, IDs and addresses every time.

``small`` is a handful of everything in five regions, and enough to learn every command; ``medium`` adds about a hundred
instances in eight regions; ``large`` about a thousand in all; ``empty`` is a new account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timezone
from typing import Any

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import catalog, delegate, geography, prices
from ectwo_cli.sandbox.ec2 import addresses, disks, groups, images, keypairs, launching, network, spot, states, types
from ectwo_cli.sandbox.world import ACCOUNT, Region, Thing, World

SIZES = ("small", "medium", "large", "empty")

OTHER_ACCOUNT = "210987654321"
"""A second account with a small fleet, for queries over several profiles; its access key: ``SANDBOX-210987654321``."""

CORE = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1")

_KEYS = {
    "deploy": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBCCwYDLrYqRG2RYwGfcWIaksIwXiepMLXt5yGmKGMQU deploy@sandbox",
    "legacy": (
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCqAHStv6aCZZkgXn2ftMqVWgvKoKcjjHh/HhBKumJfkyK5qv1xRgHQlStPFqsC"
        "rW5+w8WWK3CYcaA0yovViDybmFLzaLcNLUrqF8c4W6Zz83NLLDVyq5TH7fWrINDXie4VHKicvF/3wdZ/+3ZmeNFJWRnIAo6YxizL"
        "BHBTHJj6kmV9Ke32XNCuzFUZgScooXpImWnAhtW+QFR3nVZJvs0vQBzdvUCVAxfMBe0oUIq5SYwjb5xVAthLVlSIB0h8rzZSJwuy"
        "AfkJx+eZw7WwlNi6hFOOeUMvpmOVIAcWh8mZvWORmKR9U1HMvqgszJTmMZClon/tDvDmk9wFURpk3R6r legacy@sandbox"
    ),
    "ops": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEmt1FBq5L4azZHn/hMhAEdnL7sCPyy8v2dgIHGnTDmO ops@sandbox",
}

TAGS = dict[str, str]


@dataclass(frozen=True)
class Machine:
    """One instance of the fleet."""

    name: str | None
    type: str
    image: str = "al2023"
    state: str = "running"
    since: str = "2026-02-03"
    zone: int = 0
    group: str = "web"
    key: str | None = "ops"
    tags: TAGS = field(default_factory=dict)
    disks: tuple[int, ...] = ()
    protected: bool = False
    stop_protected: bool = False
    spot: str | None = None
    address: str | None = None
    profile: str | None = None
    impaired: str | None = None
    event: str | None = None
    public: bool = True


_PROD = {"env": "prod", "app": "shop", "team": "web"}
_DEV = {"env": "dev", "app": "shop", "team": "web"}

_FLEET: dict[str, tuple[Machine, ...]] = {
    "us-east-1": (
        Machine("bastion", "t3.nano", since="2025-06-11", group="bastion", tags={"env": "prod", "team": "ops"}),
        Machine(
            "web-1", "t3.small", "shop-web-v3", since="2026-03-02", tags=_PROD, address="web-1", profile="web-server"
        ),
        Machine("web-2", "t3.small", "shop-web-v3", since="2026-03-02", zone=1, tags=_PROD, profile="web-server"),
        Machine("web-3", "t3.small", "shop-web-v3", since="2026-03-02", zone=2, tags=_PROD, impaired="instance"),
        Machine("web-4", "t3.small", "shop-web-v2", "stopped", "2025-11-20", zone=1, tags=_DEV),
        Machine(
            "api-1",
            "m7g.large",
            "al2023-arm64",
            since="2026-01-19",
            tags={**_PROD, "app": "api"},
            event="system-reboot",
        ),
        Machine("api-2", "m7g.large", "al2023-arm64", "stopped", "2026-01-19", zone=1, tags={**_DEV, "app": "api"}),
        Machine(
            "db-1",
            "r6g.xlarge",
            "al2023-arm64",
            since="2025-08-30",
            group="db",
            key="deploy",
            public=False,
            tags={"env": "prod", "app": "db", "team": "data"},
            disks=(200, 500),
            protected=True,
            stop_protected=True,
            profile="database-backup",
        ),
        Machine(
            "batch-1", "c6i.xlarge", since="2026-10-29", zone=1, spot="one-time", tags={"env": "prod", "app": "batch"}
        ),
        Machine(
            "batch-2", "c6i.xlarge", since="2026-10-29", zone=2, spot="one-time", tags={"env": "prod", "app": "batch"}
        ),
        Machine(
            "ci-runner",
            "c7g.large",
            "al2023-arm64",
            since="2026-09-14",
            spot="persistent",
            profile="build-agent",
            tags={"env": "dev", "app": "ci"},
        ),
        Machine(
            "win-1",
            "t3.large",
            "windows-2022",
            since="2026-05-05",
            group="windows",
            key="legacy",
            tags={"env": "prod", "app": "reports", "team": "finance"},
        ),
        Machine("legacy", "t2.micro", "ubuntu-22.04", "stopped", "2024-04-09", key="legacy", tags={"env": "prod"}),
        Machine("legacy", "t2.micro", "ubuntu-22.04", since="2024-02-27", zone=1, key="legacy", tags={"env": "prod"}),
        Machine(None, "t3.micro", since="2026-08-17", key=None),
        Machine(
            "shop-asg",
            "t3.micro",
            "shop-web-v3",
            since="2026-10-31",
            tags={**_PROD, "aws:autoscaling:groupName": "shop-asg"},
        ),
        Machine(
            "shop-asg",
            "t3.micro",
            "shop-web-v3",
            since="2026-11-02",
            zone=1,
            tags={**_PROD, "aws:autoscaling:groupName": "shop-asg"},
        ),
        Machine("web-0", "t3.small", "shop-web-v1", "terminated", "2025-05-05", tags=_DEV),
        Machine(
            "spaces & <signs> „ä“",
            "t3.micro",
            since="2026-07-01",
            tags={"note": "tab\there, line\nbreak", "env": "dev"},
        ),
    ),
    "us-west-2": (
        Machine("web-1", "t3.small", "shop-web-v3", since="2026-03-05", tags=_PROD),
        Machine("web-2", "t3.small", "shop-web-v3", "stopped", "2026-03-05", zone=1, tags=_DEV),
        Machine(
            "gpu-1",
            "g5.xlarge",
            "ubuntu-24.04",
            "stopped",
            "2026-06-21",
            group="internal",
            disks=(250,),
            tags={"env": "dev", "app": "ml", "team": "data"},
        ),
        Machine(
            "worker-1", "c7g.xlarge", "ubuntu-24.04-arm64", since="2026-04-18", tags={"env": "prod", "app": "worker"}
        ),
        Machine(
            "worker-2",
            "c7g.xlarge",
            "ubuntu-24.04-arm64",
            since="2026-04-18",
            zone=1,
            tags={"env": "prod", "app": "worker"},
            spot="one-time",
        ),
        Machine("starting", "t3.micro", state="pending", since="now", tags={"env": "dev"}),
    ),
    "eu-west-1": (
        Machine(
            "web-1", "t3.small", "shop-web-v3", since="2026-03-09", tags={**_PROD, "region": "eu"}, address="web-1"
        ),
        Machine("web-2", "t3.small", "shop-web-v3", since="2026-03-09", zone=1, tags={**_PROD, "region": "eu"}),
        Machine(
            "db-1",
            "r6g.large",
            "al2023-arm64",
            since="2025-10-12",
            group="db",
            public=False,
            disks=(100,),
            protected=True,
            tags={"env": "prod", "app": "db", "team": "data", "region": "eu"},
        ),
        Machine("mail", "t4g.small", "debian-12-arm64", since="2025-01-22", address="mail", tags={"env": "prod"}),
        Machine("win-2", "m6i.large", "windows-2022", "stopped", "2025-12-01", group="windows", tags={"env": "dev"}),
        Machine("stopping", "t3.micro", state="stopping", since="2026-11-01", tags={"env": "dev"}),
    ),
    "eu-central-1": (
        Machine(
            "vault-1",
            "m6i.large",
            "vault-v1",
            since="2025-07-07",
            group="internal",
            public=False,
            protected=True,
            tags={"env": "prod", "app": "vault", "team": "security"},
        ),
        Machine(
            "report-1", "t3a.medium", "ubuntu-24.04", "stopped", "2026-05-30", tags={"env": "dev", "app": "reports"}
        ),
        Machine(
            "report-2", "t3a.medium", "ubuntu-24.04", since="2026-05-30", zone=1, tags={"env": "dev", "app": "reports"}
        ),
    ),
    "ap-northeast-1": (
        Machine("edge-1", "t4g.nano", "al2023-arm64", since="2026-09-01", tags={"env": "prod", "app": "edge"}),
        Machine("edge-2", "t4g.nano", "al2023-arm64", since="2026-09-01", zone=1, tags={"env": "prod", "app": "edge"}),
        Machine(
            "edge-3",
            "t4g.nano",
            "al2023-arm64",
            "terminated",
            "2026-06-15",
            zone=2,
            tags={"env": "prod", "app": "edge"},
        ),
        Machine("leaving", "t3.micro", state="shutting-down", since="2026-10-10", tags={"env": "dev"}),
    ),
}

_ALIASES = {
    "al2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    "al2023-arm64": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
    "ubuntu-22.04": "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id",
    "ubuntu-24.04": "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    "ubuntu-24.04-arm64": "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
    "debian-12-arm64": "/aws/service/debian/release/12/latest/arm64",
    "windows-2022": "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
}

_SEEN = 180.0

_FILLERS = (
    ("api", "m7g.large", "al2023-arm64"),
    ("cache", "r7g.large", "al2023-arm64"),
    ("job", "c6i.large", "al2023"),
    ("queue", "t3.medium", "ubuntu-24.04"),
    ("search", "m6i.xlarge", "ubuntu-24.04"),
    ("web", "t3.small", "al2023"),
)


def plant(world: World, size: str) -> None:
    """Fill a new world. ValueError for an unknown size."""
    if size not in SIZES:
        raise ValueError(size)
    if size == "empty":
        return
    for name in CORE:
        _core(world.region(name))
    _copies(world)
    _strangers(world)
    for name in CORE:
        _machines(world.region(name), _FLEET[name])
    _leftovers(world)
    if size == "medium":
        for name in (*CORE, "us-east-2", "eu-north-1", "ap-southeast-2"):
            _filler(world.region(name), 12)
    elif size == "large":
        for name in world.enabled():
            _filler(world.region(name), 60)
    second = world.region("us-east-1", OTHER_ACCOUNT)
    _groups(second)
    _keys(second)
    _machines(
        second,
        (
            Machine("web-1", "t3.small", since="2026-04-01", tags=_PROD),
            Machine("sandbox-1", "t3.micro", state="stopped", since="2026-04-02", tags=_DEV),
        ),
    )


def _at(here: Region, text: str) -> float:
    """A day of the fleet's history as seconds; never in the future, whatever the clock says."""
    if text == "now":
        return here.now()
    when = datetime.fromisoformat(text).replace(hour=9, minute=41, tzinfo=timezone.utc).timestamp()
    return min(when, here.now() - 3600)


def _core(here: Region) -> None:
    _groups(here)
    _keys(here)
    if here.name == "eu-central-1":
        here.encrypted_by_default = True
    if here.name == "eu-west-1":
        here.recycle_bin = True


def _keys(here: Region) -> None:
    for name, material in _KEYS.items():
        kind, fingerprint = keypairs.identify(material)
        key = keypairs.make(here, name, kind, fingerprint, material + "\n")
        key.data["CreateTime"] = here.moment(_at(here, "2024-02-01"))
        if name == "ops":
            here.tag(key.id, _listed({"team": "ops"}))


def _tag_query(kind: str, tags: Mapping[str, str]) -> dict[str, str]:
    query = {"TagSpecification.1.ResourceType": kind}
    for n, (key, value) in enumerate(tags.items(), 1):
        query[f"TagSpecification.1.Tag.{n}.Key"] = key
        query[f"TagSpecification.1.Tag.{n}.Value"] = value
    return query


def _group(here: Region, name: str, description: str, vpc: str, tags: TAGS | None = None) -> Thing:
    group = groups.make(here, name, description, vpc)
    here.tag(group.id, _listed(tags or {}))
    return group


def _allow(here: Region, target: Thing, port: int, to: int | None = None, protocol: str = "tcp", **source: Any) -> None:
    names = {"cidr": "CidrIpv4", "cidr6": "CidrIpv6", "prefixes": "PrefixListId"}
    rule: dict[str, Any] = {"IpProtocol": protocol, "FromPort": port, "ToPort": port if to is None else to}
    for kind, value in source.items():
        if kind == "note":
            rule["Description"] = value
        elif kind == "group":
            rule["ReferencedGroupInfo"] = {"GroupId": value.id}
        else:
            rule[names[kind]] = value
    groups.add_rule(here, target, False, rule)


def _groups(here: Region) -> None:
    """Groups with rules of every kind: open to the world, from each other, from a prefix list, and one unused."""
    vpc = network.subnets(here)[0].vpc
    bastion = _group(here, "bastion", "SSH from anywhere", vpc, {"team": "ops"})
    _allow(here, bastion, 22, cidr="0.0.0.0/0", note="SSH")
    _allow(here, bastion, 22, cidr6="::/0")
    web = _group(here, "web", "Web servers", vpc, {"app": "shop"})
    _allow(here, web, 80, cidr="0.0.0.0/0", note="HTTP")
    _allow(here, web, 443, cidr="0.0.0.0/0", note="HTTPS")
    _allow(here, web, 443, cidr6="::/0", note="HTTPS")
    _allow(here, web, 22, group=bastion, note="SSH through the bastion")
    database = _group(here, "db", "PostgreSQL", vpc, {"app": "db"})
    _allow(here, database, 5432, group=web, note="from the web servers")
    _allow(here, database, 22, cidr="10.0.0.0/8")
    internal = _group(here, "internal", "Everything from within", vpc)
    _allow(here, internal, 0, 65535, cidr="172.31.0.0/16")
    _allow(here, internal, -1, -1, protocol="icmp", cidr="172.31.0.0/16")
    windows = _group(here, "windows", "RDP from the office", vpc)
    _allow(here, windows, 3389, cidr="203.0.113.0/24", note="the office")
    left = _group(here, "left", "Refers to right", vpc)
    right = _group(here, "right", "Refers to left", vpc)
    _allow(here, left, 8000, 8100, group=right)
    _allow(here, right, 8000, 8100, group=left)
    _group(here, "unused", "Nobody has it", vpc)
    if here.name == "us-east-1" and here.account == ACCOUNT:
        listed = delegate.call(
            here,
            "CreateManagedPrefixList",
            {
                "PrefixListName": "offices",
                "MaxEntries": "5",
                "AddressFamily": "IPv4",
                "Entry.1.Cidr": "203.0.113.0/24",
                "Entry.1.Description": "the office",
            },
        )["PrefixList"]["PrefixListId"]
        _allow(here, internal, 443, prefixes=listed)
        made = delegate.call(here, "CreateVpc", {"CidrBlock": "10.20.0.0/16", **_tag_query("vpc", {"Name": "lab"})})
        second = str(made["Vpc"]["VpcId"])
        delegate.call(
            here,
            "CreateSubnet",
            {"VpcId": second, "CidrBlock": "10.20.1.0/24", "AvailabilityZone": "us-east-1a",
             **_tag_query("subnet", {"Name": "lab-a"})},
        )  # fmt: skip
        lab = _group(here, "web", "Web servers of the lab", second)
        _allow(here, lab, 443, cidr="10.0.0.0/8")


def _image(
    here: Region,
    name: str,
    created: str,
    *,
    sizes: tuple[int, ...] = (8,),
    snapshots: list[Thing] | None = None,
    architecture: str = "x86_64",
    key: str | None = None,
    tags: TAGS | None = None,
    instance: str | None = None,
    **more: Any,
) -> Thing:
    """An own image with its snapshots, as CreateImage would have made it."""
    when = _at(here, created)
    image = images.make_image(
        here,
        name=name,
        mappings=[],
        architecture=architecture,
        state=more.pop("state", "available"),
        created=when,
        BootMode="uefi-preferred" if architecture == "x86_64" else "uefi",
        ImdsSupport="v2.0",
        SourceInstanceId=instance,
        **more,
    )
    devices = ("/dev/xvda", "/dev/sdf", "/dev/sdg")
    made = snapshots or [
        disks.make_snapshot(
            here,
            volume=here.new_id("vol"),
            size=size,
            written=int(size * disks.GIB * here.random.uniform(0.2, 0.6)),
            description=f"Created by CreateImage({instance or here.new_id('i')}) for {image.id}",
            encrypted=bool(key),
            key=key,
            started=when,
            duration=0,
        )
        for size in sizes
    ]
    for device, snapshot in zip(devices, made, strict=False):
        image.data["BlockDeviceMappings"].append(
            {
                "DeviceName": device,
                "Ebs": {
                    "DeleteOnTermination": device == devices[0],
                    "SnapshotId": snapshot.id,
                    "VolumeSize": snapshot.data["VolumeSize"],
                    "VolumeType": "gp3",
                    "Iops": 3000,
                    "Throughput": 125,
                    "Encrypted": snapshot.data["Encrypted"],
                },
            }
        )
        if tags and not snapshots:
            here.tag(snapshot.id, _listed(tags))
    here.tag(image.id, _listed(tags or {}))
    return image


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _copies(world: World) -> None:
    """Own images, their copies in other regions, and some that nobody needs any more."""
    home = world.region("us-east-1")
    _image(home, "shop-web-v1", "2025-03-14", tags={"Name": "shop-web-v1", "app": "shop", "version": "1"})
    second = _image(home, "shop-web-v2", "2025-10-02", tags={"Name": "shop-web-v2", "app": "shop", "version": "2"})
    third = _image(
        home, "shop-web-v3", "2026-02-20", sizes=(8, 20), tags={"Name": "shop-web-v3", "app": "shop", "version": "3"}
    )
    third.extra["users"] = [{"UserId": catalog.STRANGER}]
    for snapshot in images.snapshot_ids(third):
        home.snapshots[snapshot].extra["users"] = {catalog.STRANGER}
    # Two images of the same snapshots: neither's snapshots may go with it.
    _image(
        home,
        "shop-web-v3-debug",
        "2026-02-21",
        snapshots=[home.snapshots[one] for one in images.snapshot_ids(third)],
        tags={"app": "shop", "debug": "yes"},
    )
    _image(home, "api-base-arm", "2026-01-10", architecture="arm64", tags={"app": "api"}, instance=home.new_id("i"))
    second.data["DeprecationTime"] = "2026-06-01T00:00:00.000Z"
    broken = _image(home, "broken-copy", "2026-08-08", state="failed", snapshots=[])
    broken.data["BlockDeviceMappings"] = []
    broken.data["StateReason"] = {
        "Code": "Server.InternalError",
        "Message": "Copy image failed with an internal error.",
    }
    guarded = _image(home, "golden-2026", "2026-09-01", tags={"app": "golden"})
    guarded.data["DeregistrationProtection"] = "enabled-without-cooldown"
    for region, created in (("us-west-2", "2026-02-22"), ("eu-west-1", "2026-02-23")):
        here = world.region(region)
        copied = []
        copy = _image(
            here,
            "shop-web-v3",
            created,
            snapshots=[],
            tags={"Name": "shop-web-v3", "app": "shop", "version": "3"},
            SourceImageId=third.id,
            SourceImageRegion="us-east-1",
        )
        for one in images.snapshot_ids(third):
            original = home.snapshots[one]
            copied.append(
                disks.make_snapshot(
                    here,
                    volume="vol-ffffffff",
                    size=original.data["VolumeSize"],
                    written=original.data["FullSnapshotSizeInBytes"],
                    description=f"Copied for DestinationAmi {copy.id} from SourceAmi {third.id} for SourceSnapshot "
                    f"{one}. Task created on {int(_at(here, created) * 1000):,}.",
                    started=_at(here, created),
                    duration=0,
                    copy=True,
                )
            )
        copy.data["BlockDeviceMappings"] = [
            {**mapping, "Ebs": {**mapping["Ebs"], "SnapshotId": snapshot.id}}
            for mapping, snapshot in zip(third.data["BlockDeviceMappings"], copied, strict=True)
        ]
    _image(
        world.region("eu-central-1"),
        "vault-v1",
        "2025-06-30",
        sizes=(16,),
        key="alias/team",
        tags={"app": "vault", "team": "security"},
    )
    _image(world.region("eu-west-1"), "mail-2024", "2024-12-01", architecture="arm64", tags={"app": "mail"})


def _strangers(world: World) -> None:
    """An image that another account shares without its snapshot, and one with."""
    other = world.region("us-east-1", catalog.STRANGER)
    for name, readable in (("partner-appliance", True), ("partner-locked", False)):
        image = _image(other, name, "2026-04-04", sizes=(10,))
        image.extra["users"] = [{"UserId": ACCOUNT}]
        if readable:
            for one in images.snapshot_ids(image):
                other.snapshots[one].extra["users"] = {ACCOUNT}


def _find_image(here: Region, name: str) -> dict[str, Any]:
    parameter = _ALIASES.get(name)
    if parameter:
        return images.answer(here, images.every(here)[catalog.parameters(here.name)[parameter]])
    return images.answer(here, next(one for one in here.images.values() if one.data["Name"] == name))


def _machines(here: Region, machines: tuple[Machine, ...]) -> None:
    every = [one for one in network.subnets(here) if one.default]
    held = {(one.vpc, one.name): one for one in network.groups(here)}
    found: dict[str, dict[str, Any]] = {}
    for machine in machines:
        if machine.image not in found:
            found[machine.image] = _find_image(here, machine.image)
        zones = types.offered(here.name)[machine.type]
        fitting = [one for one in every if one.zone in zones]
        subnet = fitting[machine.zone % len(fitting)]
        _machine(here, machine, found[machine.image], subnet, held[subnet.vpc, machine.group])


def _machine(
    here: Region, machine: Machine, image: dict[str, Any], subnet: network.Subnet, group: network.Group
) -> Thing:
    from ectwo_cli.sandbox import others

    tags = ({"Name": machine.name} if machine.name else {}) | machine.tags
    profile = others.profiles(here.account)[machine.profile] if machine.profile else None
    mappings = [
        {
            **one,
            "Ebs": {"VolumeType": "gp3", **{key: value for key, value in one["Ebs"].items() if key != "Iops"}},
        }
        for one in image["BlockDeviceMappings"]
    ]
    for letter, size in zip("fgh", machine.disks, strict=False):
        mappings.append(
            {
                "DeviceName": f"/dev/sd{letter}",
                "Ebs": {"VolumeSize": size, "VolumeType": "gp3", "DeleteOnTermination": False, "Encrypted": True},
            }
        )
    since = _at(here, machine.since)
    plan = launching.Plan(
        image=image,
        type=machine.type,
        subnet=subnet,
        groups=[group],
        key=machine.key,
        mappings=mappings,
        public=machine.public,
        spot=machine.spot is not None,
        profile={"Arn": profile["Arn"], "Id": profile["InstanceProfileId"]} if profile else None,
        tags={
            "instance": _listed(tags),
            "volume": _listed({key: value for key, value in tags.items() if not key.startswith("aws:")}),
        },
        parameters={"DisableApiTermination": machine.protected, "DisableApiStop": machine.stop_protected},
    )
    request = None
    if machine.spot:
        request = spot.make_request(
            here,
            plan,
            price=None,
            kind=machine.spot,
            behaviour=None,
            until=None,
            tags=_listed(machine.tags),
            created=since,
        )
    ended = machine.state == "terminated"
    lasting = machine.state if machine.state in ("running", "stopped") else "running"
    (thing,) = launching.launch(here, plan, at=since, state=lasting, spot_request=request.id if request else None)
    if machine.state in ("pending", "stopping", "shutting-down"):
        # Long enough to be seen by whoever looks around.
        states.put(here, thing, machine.state, delay=_SEEN)
    thing.extra["seeded"] = True
    if ended:
        thing.extra["kept"] = True
        states.put(here, thing, "terminated", at=here.now() - 1800)
    if request:
        spot.fulfil(here, request, thing, at=since)
    if machine.impaired:
        thing.extra[f"impaired_{machine.impaired}"] = here.now() - 5400
    if machine.event:
        thing.extra["events"] = [
            {
                "InstanceEventId": here.new_id("instance-event"),
                "Code": machine.event,
                "Description": "scheduled reboot",
                "NotBefore": here.moment(here.now() + 9 * 86400),
                "NotAfter": here.moment(here.now() + 9 * 86400 + 7200),
                "NotBeforeDeadline": here.moment(here.now() + 23 * 86400),
            }
        ]
    if machine.address:
        address = addresses.make_address(here)
        address.extra["seeded"] = True
        here.tag(address.id, _listed({"Name": machine.address}))
        addresses.associate(here, address, thing)
    return thing


def _leftovers(world: World) -> None:
    """What costs money and belongs to nothing, and requests that are over."""
    home = world.region("us-east-1")
    for region, name in (("us-east-1", "spare"), ("us-east-1", None), ("eu-west-1", "old-mail"), ("us-west-2", None)):
        here = world.region(region)
        address = addresses.make_address(here)
        address.extra["seeded"] = True
        if name:
            here.tag(address.id, _listed({"Name": name}))
    for region, size, kind, name in (
        ("us-east-1", 100, "gp2", "old-data"),
        ("us-east-1", 20, "gp3", None),
        ("eu-west-1", 50, "gp3", "scratch"),
    ):
        here = world.region(region)
        volume = disks.make_volume(
            here, size=size, zone=geography.zones(region)[0], kind=kind, created=_at(here, "2025-09-09")
        )
        if name:
            here.tag(volume.id, _listed({"Name": name}))
    for region in ("us-east-1", "eu-west-1"):
        here = world.region(region)
        database = next(one for one in here.instances.values() if here.tags.get(one.id, {}).get("Name") == "db-1")
        for mapping in database.data["BlockDeviceMappings"]:
            volume = here.volumes[mapping["Ebs"]["VolumeId"]]
            snapshot = disks.make_snapshot(
                here,
                volume=volume.id,
                size=volume.data["Size"],
                written=volume.extra["bytes"],
                description="nightly",
                encrypted=volume.data["Encrypted"],
                key=volume.data.get("KmsKeyId"),
                started=_at(here, "2026-11-15"),
                duration=0,
            )
            here.tag(snapshot.id, _listed({"Name": "db-1 nightly", "app": "db"}))
        # Of an image that is gone, and of a volume that is gone.
        for description in (
            f"Created by CreateImage({here.new_id('i')}) for {here.new_id('ami')}",
            "before the upgrade",
        ):
            disks.make_snapshot(
                here,
                volume=here.new_id("vol"),
                size=8,
                written=3 * disks.GIB,
                description=description,
                started=_at(here, "2024-11-11"),
                duration=0,
            )
    archived = disks.make_snapshot(
        home,
        volume=home.new_id("vol"),
        size=40,
        written=12 * disks.GIB,
        description="for the auditors",
        started=_at(home, "2024-01-05"),
        duration=0,
    )
    archived.data["StorageTier"] = "archive"
    failed = disks.make_snapshot(
        home,
        volume=home.new_id("vol"),
        size=8,
        written=2 * disks.GIB,
        description="copy with a lost key",
        encrypted=True,
        started=_at(home, "2026-08-08"),
        duration=3600,
    )
    disks.fail_snapshot(home, failed, "Given key ID is not accessible")
    _spot_leftovers(home)


def _spot_leftovers(home: Region) -> None:
    subnet = next(one for one in network.subnets(home) if one.default)
    group = next(one for one in network.groups(home) if one.name == "web" and one.vpc == subnet.vpc)
    plan = launching.Plan(
        image=_find_image(home, "al2023"), type="m6i.large", subnet=subnet, groups=[group], key="ops", spot=True
    )
    kind = types.details("m6i.large") or {}
    low = prices.on_demand(kind, home.name) * 0.05
    waiting = spot.make_request(
        home, plan, price=f"{low:.4f}", kind="persistent", behaviour=None, until=None,
        tags=_listed({"app": "batch"}), created=_at(home, "2026-11-01"),
    )  # fmt: skip
    spot.evaluate(home, waiting)
    over = spot.make_request(
        home, plan, price=None, kind="one-time", behaviour=None, until=None, tags=[], created=_at(home, "2026-10-01")
    )
    over.extra["kept"] = True
    spot.finish(home, over, "cancelled", "canceled-before-fulfillment")


def _filler(here: Region, count: int) -> None:
    """More of the ordinary."""
    if not any(one.name == "web" for one in network.groups(here)):
        _groups(here)
        _keys(here)
    machines = []
    for n in range(count):
        app, kind, image = _FILLERS[n % len(_FILLERS)]
        if kind not in types.offered(here.name):
            kind, image = "t3.medium", "al2023"
        state = "stopped" if here.random.random() < 0.2 else "running"
        day = 1 + int(here.random.random() * 27)
        machines.append(
            Machine(
                f"{app}-{n + 10}",
                kind,
                image,
                state,
                f"2026-{1 + n % 10:02d}-{day:02d}",
                zone=n,
                tags={"env": ("prod", "staging", "dev")[n % 3], "app": app, "team": ("web", "data", "ops")[n % 3]},
            )
        )
    _machines(here, tuple(machines))
