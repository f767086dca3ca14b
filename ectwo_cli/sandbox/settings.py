"""What of the sandbox can be tuned: how fast things change, how big the slots are, what lags behind."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class Settings:
    """All durations are seconds. ``transition`` 0 means: done by the next request."""

    transition: float = 2.5
    """pending to running, stopping to stopped, shutting-down to terminated; images take as long to finish."""
    status: float = 6.0
    """After running: how long the status checks stay ``initializing``."""
    spot: float = 2.0
    """How long a spot request stays ``open``."""
    copy_rate: float = 2.0 * 2**30
    """Bytes a second that one snapshot copies or is made at; 0 means: done by the next request."""
    copy_least: float = 4.0
    """No snapshot is made or copied faster than this."""
    snapshot_lag: float = 0.8
    """How long after CopyImage its snapshots show up."""
    visible_after: float = 0.0
    """How long a new instance, image, snapshot or volume stays unknown to every other call (eventual consistency)."""
    image_slots: int = 300
    """AMI copies that may be under way into one region."""
    snapshot_slots: int = 20
    """Snapshot copies that may be under way into one region."""
    address_limit: int = 5
    """Elastic IP addresses in one region (beyond those of the seed)."""
    terminated_for: float = 3600.0
    """How long terminated instances and cancelled spot requests are still listed."""
    copy_image_same_name: bool = False
    """Whether CopyImage refuses a name that is taken. EC2 was seen not to."""
    vcpu_quota: int = 512
    """Running On-Demand Standard vCPUs in one region."""

    def changed(self, values: dict[str, Any]) -> Settings:
        """These settings with some replaced; ValueError for an unknown name or a value of the wrong kind."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        good = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown setting {name}; known: {', '.join(sorted(known))}")
            good[name] = type(known[name])(value)
        return replace(self, **good)

    def scaled(self, speed: float) -> Settings:
        """These settings, ``speed`` times as fast; 0 is instantly."""
        if speed == 0:
            return replace(self, transition=0, status=0, spot=0, copy_rate=0, copy_least=0, snapshot_lag=0)
        return replace(
            self,
            transition=self.transition / speed,
            status=self.status / speed,
            spot=self.spot / speed,
            copy_rate=self.copy_rate * speed,
            copy_least=self.copy_least / speed,
            snapshot_lag=self.snapshot_lag / speed,
        )
