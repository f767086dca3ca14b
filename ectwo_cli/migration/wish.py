"""What the user asks for, apart from what and where to."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ectwo_cli.errors import UsageError
from ectwo_cli.records import dataclass

FIELDS = ("name", "id", "region", "to")
CONFLICTS = ("fail", "skip", "rename", "copy-anyway")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How copies should be.

    ``kms_keys`` are ``(region, key)``, the region empty for all. ``tags`` are added to the source's, which are left out
    with ``carry_tags=False``. ``permissions`` carries launch and volume permissions, ``share`` adds accounts or ARNs.
    ``dates`` carries deprecation and deregistration protection of own images. ``duration`` asks for a time-based
    copy, in minutes. ``adopt`` takes copies into account that were made by something else. ``launch`` starts one
    instance of this type of each copy.
    """

    name: str | None = None
    encrypt: bool = False
    kms_keys: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    carry_tags: bool = True
    permissions: bool = False
    share: tuple[str, ...] = ()
    dates: bool = True
    duration: int | None = None
    on_conflict: str = "fail"
    adopt: bool = True
    launch: str | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            check_template(self.name)
        if self.on_conflict not in CONFLICTS:
            raise UsageError(f"unknown --on-conflict {self.on_conflict!r}", hint=f"one of {', '.join(CONFLICTS)}")
        if self.duration is not None and (self.duration % 15 or not 15 <= self.duration <= 2880):
            raise UsageError(
                f"a time-based copy of {self.duration} minutes is not possible",
                hint="between 15 minutes and 48 hours, in steps of 15 minutes",
            )

    @property
    def encrypts(self) -> bool:
        """A key alone asks for encryption too."""
        return self.encrypt or bool(self.kms_keys)

    def key(self, region: str) -> str | None:
        """The KMS key asked for in ``region``: its own, else the one for all."""
        keys = dict(self.kms_keys)
        return keys.get(region, keys.get(""))

    def as_json(self) -> dict[str, Any]:
        """What differs from the defaults, for the intent tag and the plan's ID."""
        plain = asdict(Wish())
        return {key: value for key, value in asdict(self).items() if value != plain[key]}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Wish:
        """The other way; keys of a later version are passed over."""
        known = asdict(cls())
        pairs = {"kms_keys", "tags"}
        given: dict[str, Any] = {
            key: tuple(tuple(item) for item in value)
            if key in pairs
            else tuple(value)
            if isinstance(value, list)
            else value
            for key, value in found.items()
            if key in known
        }
        return cls(**given)


def check_template(template: str) -> None:
    """Raise :class:`UsageError` for a template that names an unknown field."""
    try:
        parsed = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise UsageError(f"--name {template!r}: {error}", hint=f"known fields: {_known()}") from error
    for field, form, conversion in parsed:
        if field not in FIELDS or form or conversion:
            raise UsageError(f"--name {template!r}: unknown field {{{field}}}", hint=f"known fields: {_known()}")


def fill(template: str | None, *, name: str | None, id: str, region: str, to: str) -> str:
    """The name of a copy; a nameless source lends its ID."""
    known = {"name": name or id, "id": id, "region": region, "to": to}
    return (template or "{name}").format_map(known)


def _known() -> str:
    return " ".join(f"{{{field}}}" for field in FIELDS)
