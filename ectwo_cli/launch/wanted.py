"""What is to be launched, as it was asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ectwo_cli.errors import EctwoError
from ectwo_cli.records import dataclass

VOLUME_TYPES = ("gp3", "gp2", "io1", "io2", "standard")
"""Kinds of volume that an instance can start from."""
INTERRUPTIONS = ("terminate", "stop", "hibernate")
"""What EC2 does to a spot instance when it wants it back."""


@dataclass(frozen=True, kw_only=True)
class Market:
    """Spot. ``max_price`` is USD an hour, None for the on-demand price.

    A request whose interruption is not ``terminate`` is persistent: EC2 takes no other. Others are when ``repeated``,
    which RequestSpotInstances takes alone.
    """

    max_price: str | None = None
    interruption: str = "terminate"
    repeated: bool = False

    @property
    def persistent(self) -> bool:
        """Whether EC2 starts the instance again when there is room."""
        return self.repeated or self.interruption != "terminate"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A launch. ``image`` is as it was said; ``type`` None lets one be picked for the image's architecture.

    ``groups`` are IDs or names, ``subnet`` an ID or a name, ``instance_profile`` a name or an ARN. Sizes are GiB.
    ``devices`` are block device mappings that replace the image's (a clone's), ``extra`` further parameters of
    RunInstances; ``origin`` is the region of what is cloned, where that is another one.
    """

    image: str | None = None
    type: str | None = None
    count: int = 1
    key: str | None = None
    groups: tuple[str, ...] = ()
    subnet: str | None = None
    zone: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    image_tags: bool = True
    user_data: bytes | None = None
    volume_size: int | None = None
    volume_type: str | None = None
    iops: int | None = None
    encrypt: bool = True
    instance_profile: str | None = None
    public_ip: bool | None = None
    market: Market | None = None
    shutdown: str | None = None
    protect: bool = False
    devices: tuple[Mapping[str, Any], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    origin: str | None = None


@dataclass(frozen=True)
class Problem:
    """What is wrong with a launch, and what to do about it; a ``warning`` does not stop it."""

    message: str
    fix: str | None = None
    error: type[EctwoError] = EctwoError
    warning: bool = False
