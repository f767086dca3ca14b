"""The options of the verbs that launch, and what they ask for together with the config file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ectwo_cli.errors import UsageError
from ectwo_cli.expand import Group
from ectwo_cli.records import dataclass

if TYPE_CHECKING:
    from ectwo_cli.launch.wanted import Market, Wanted

LAUNCH, MARKET = "Launch", "Spot"
"""Headings in the help."""

IMAGE_HELP = "Image: ID, own name, OWNER/NAME-GLOB for the newest, or an alias: al2023, ubuntu-24.04-arm64, ..."

VolumeType = Literal["gp3", "gp2", "io1", "io2", "standard"]
Shutdown = Literal["stop", "terminate"]
Interruption = Literal["terminate", "stop", "hibernate"]


@dataclass(frozen=True)
class ShapeOptions(Group):
    """What is launched, besides the image: for launches on demand and as spot, and for clones."""

    type: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Instance type; without it a small current one for the image.",
            rich_help_panel=LAUNCH,
        ),
    ] = None
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, help="How many instances.", rich_help_panel=LAUNCH)
    ] = 1
    key: Annotated[
        str | None, typer.Option("--key", metavar="NAME", help="Key pair to log in with.", rich_help_panel=LAUNCH)
    ] = None
    group: Annotated[
        list[str],
        typer.Option(
            "--group",
            metavar="GROUP",
            help="Security group, by name or ID; repeatable. Default: the VPC's own.",
            rich_help_panel=LAUNCH,
        ),
    ] = field(default_factory=list)
    subnet: Annotated[
        str | None,
        typer.Option("--subnet", metavar="SUBNET", help="Subnet, by ID or name.", rich_help_panel=LAUNCH),
    ] = None
    zone: Annotated[
        str | None, typer.Option("--zone", metavar="ZONE", help="Availability Zone.", rich_help_panel=LAUNCH)
    ] = None
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The Name tag.", rich_help_panel=LAUNCH)
    ] = None
    user_data: Annotated[
        str | None,
        typer.Option(
            "--user-data", metavar="FILE", help="Script or cloud-init data; - for stdin.", rich_help_panel=LAUNCH
        ),
    ] = None
    volume_size: Annotated[
        int | None,
        typer.Option("--volume-size", metavar="GIB", min=1, help="Size of the root volume.", rich_help_panel=LAUNCH),
    ] = None
    volume_type: Annotated[
        VolumeType | None,
        typer.Option("--volume-type", help="Kind of root volume; default gp3.", rich_help_panel=LAUNCH),
    ] = None
    iops: Annotated[
        int | None,
        typer.Option("--iops", metavar="N", min=100, help="Speed of the root volume.", rich_help_panel=LAUNCH),
    ] = None
    instance_profile: Annotated[
        str | None,
        typer.Option(
            "--instance-profile",
            metavar="PROFILE",
            help="IAM instance profile, by name or ARN.",
            rich_help_panel=LAUNCH,
        ),
    ] = None
    public_ip: Annotated[
        bool | None,
        typer.Option(
            "--public-ip/--no-public-ip",
            help="With a public address, or without; default: as the subnet says.",
            rich_help_panel=LAUNCH,
        ),
    ] = None

    def over(self, wanted: Wanted, tags: Mapping[str, str]) -> Wanted:
        """``wanted`` with what the options say instead. Raises UsageError for user data that can't be read."""
        from dataclasses import replace

        named = {"Name": self.name} if self.name is not None else {}
        said = {
            "type": self.type,
            "key": self.key,
            "groups": tuple(dict.fromkeys(self.group)) or None,
            "subnet": self.subnet,
            "zone": self.zone,
            "user_data": self._data,
            "volume_size": self.volume_size,
            "volume_type": self.volume_type,
            "iops": self.iops,
            "instance_profile": self.instance_profile,
            "public_ip": self.public_ip,
        }
        # A subnet is in one zone: who says one of them does not mean the other as it was.
        dropped = {"zone": None} if self.subnet and not self.zone else {}
        if self.zone and not self.subnet:
            dropped = {"subnet": None}
        given: dict[str, Any] = {**dropped, **{name: value for name, value in said.items() if value is not None}}
        return replace(wanted, count=self.count, tags={**wanted.tags, **tags, **named}, **given)

    @cached_property
    def _data(self) -> bytes | None:
        if self.user_data is None:
            return None
        if self.user_data != "-":
            return _read(Path(self.user_data), "--user-data")
        stdin = self.program.screen.stdin
        # Compressed data is no text.
        raw = getattr(stdin, "buffer", None)
        data = raw.read() if raw is not None else stdin.read().encode()
        return bytes(data)


@dataclass(frozen=True)
class LaunchOptions(ShapeOptions):
    """What is launched, besides the image, with defaults from the config file."""

    no_image_tags: Annotated[
        bool, typer.Option("--no-image-tags", help="Do not inherit the image's tags.", rich_help_panel=LAUNCH)
    ] = False
    no_encrypt: Annotated[
        bool, typer.Option("--no-encrypt", help="Leave volumes as unencrypted as the image's.", rich_help_panel=LAUNCH)
    ] = False

    def wanted(self, image: str | None, region: str, tags: Mapping[str, str]) -> Wanted:
        """The launch in ``region``: options before the config file's defaults. Raises UsageError."""
        from ectwo_cli.launch.wanted import VOLUME_TYPES, Wanted

        default = self.program.settings.launch(region)
        where = self.program.settings.where
        if default.get("volume_type") not in (None, *VOLUME_TYPES):
            raise UsageError(f"{where}: launch.volume_type has to be one of {', '.join(VOLUME_TYPES)}")
        if default.get("shutdown") not in (None, "stop", "terminate"):
            raise UsageError(f"{where}: launch.shutdown has to be stop or terminate")
        user_data = None
        if "user_data" in default and self.user_data is None:
            user_data = _read(Path(default["user_data"]).expanduser(), f"{where}: launch.user_data")
        names = ("type", "key", "subnet", "zone", "volume_size", "volume_type", "instance_profile", "public_ip")
        base = Wanted(
            image=image or default.get("image"),
            groups=tuple(dict.fromkeys(default.get("groups", ()))),
            tags=default.get("tags", {}),
            image_tags=not self.no_image_tags,
            user_data=user_data,
            encrypt=not self.no_encrypt,
            shutdown=default.get("shutdown"),
            **{name: default[name] for name in names if name in default},
        )
        return self.over(base, tags)


@dataclass(frozen=True)
class InstanceOptions(Group):
    """What holds for instances that EC2 launches at once, and not for those of a spot request."""

    shutdown: Annotated[
        Shutdown | None,
        typer.Option("--shutdown", help="What a shutdown from within does; default stop.", rich_help_panel=LAUNCH),
    ] = None
    protect: Annotated[bool, typer.Option("--protect", help="Protect from termination.", rich_help_panel=LAUNCH)] = (
        False
    )


@dataclass(frozen=True)
class MarketOptions(Group):
    """Whether it is spot."""

    spot: Annotated[
        bool, typer.Option("--spot", help="Spot: cheap, and EC2 may take it back.", rich_help_panel=MARKET)
    ] = False
    max_price: Annotated[
        str | None,
        typer.Option(
            "--max-price", metavar="USD", help="At most so much an hour; default: on-demand.", rich_help_panel=MARKET
        ),
    ] = None
    interruption: Annotated[
        Interruption | None,
        typer.Option(
            "--interruption",
            help="When EC2 takes it back; stop and hibernate make the request persistent.",
            rich_help_panel=MARKET,
        ),
    ] = None

    def check(self) -> None:
        """Raises UsageError for a price that is none, and for options that only mean something for spot."""
        super().check()
        if not self.spot and (self.max_price is not None or self.interruption is not None):
            raise UsageError("--max-price and --interruption are for spot instances", hint="add --spot")
        if self.max_price is not None:
            check_price(self.max_price, "--max-price")

    @property
    def market(self) -> Market | None:
        """How the instances are bought; None for on demand."""
        from ectwo_cli.launch.wanted import Market

        return Market(max_price=self.max_price, interruption=self.interruption or "terminate") if self.spot else None


def check_price(text: str, option: str) -> None:
    """Raises UsageError unless it is a price in USD, such as 0.05."""
    try:
        good = Decimal(text) > 0 and Decimal(text).is_finite()
    except InvalidOperation:
        good = False
    if not good:
        raise UsageError(f"bad {option} {text!r}", hint="it is USD an hour, as in 0.05")


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"can't read {what}: {error.strerror}: {file}") from None
