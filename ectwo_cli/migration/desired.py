"""What the copy of a source in a region should be like: pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ectwo_cli.errors import UsageError
from ectwo_cli.migration import tags, wish
from ectwo_cli.migration.facts import Destination, Raw, Source
from ectwo_cli.records import dataclass

LONGEST_DESCRIPTION = 255
DEFAULT_KEY = "alias/aws/ebs"


@dataclass(frozen=True, kw_only=True)
class Desired:
    """The goal for one pair.

    ``tags`` are the image's (or the snapshot's) without our marks; ``part_tags`` those of each snapshot, by the ID of
    its source. ``encrypted`` says whether encryption is sure to be the outcome, ``key`` the KMS key where it is
    known. ``deprecate_at`` is EC2's own time text; ``protect`` is ``None``, ``"plain"`` or ``"cooldown"``.
    """

    name: str
    description: str
    tags: Mapping[str, str]
    part_tags: Mapping[str, Mapping[str, str]]
    encrypt: bool
    asked_key: str | None
    encrypted: bool
    key: str | None
    permissions: tuple[Raw, ...]
    part_permissions: Mapping[str, tuple[Raw, ...]]
    deprecate_at: str | None
    protect: str | None

    @property
    def common_part_tags(self) -> dict[str, str]:
        """The tags that all snapshots share: those that can be set in the request itself, which takes one set for
        all.
        """
        sets = [set(its.items()) for its in self.part_tags.values()]
        return dict(set.intersection(*sets)) if sets else {}

    @property
    def spec(self) -> str:
        """A hash of the goal, for ``ectwo:migration``."""
        return digest(
            self.name,
            self.encrypt,
            self.asked_key,
            dict(self.tags),
            {id: dict(its) for id, its in self.part_tags.items()},
            [dict(permission) for permission in self.permissions],
        )[:8]


def digest(*parts: Any) -> str:
    """64 hexadecimal characters that depend on ``parts`` alone."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def desire(source: Source, destination: Destination, asked: wish.Wish, account: str, now: datetime) -> Desired:
    """The goal for this pair. ``now`` only decides whether a deprecation date is still to come."""
    name = wish.fill(asked.name, name=source.name, id=source.id, region=source.region, to=destination.region)
    added = dict(asked.tags)
    own_tags = {**(tags.carried(source.tags) if asked.carry_tags else {}), **added}
    if source.resource == "snapshot" and asked.name is not None:
        own_tags["Name"] = name
    part_tags: dict[str, Mapping[str, str]] = {source.id: own_tags}
    if source.resource == "image":
        part_tags = {
            part.id: {**(tags.carried(part.tags) if asked.carry_tags else {}), **added} for part in source.parts
        }
    shared = tuple(grantee(who) for who in asked.share)
    key = destination.key.arn or destination.key.asked if destination.key else None
    return Desired(
        name=name,
        description=description(source),
        tags=own_tags,
        part_tags=part_tags,
        encrypt=asked.encrypts,
        asked_key=asked.key(destination.region),
        encrypted=asked.encrypts or destination.encrypts_by_default or source.encrypted,
        key=key or (destination.default_key if asked.encrypts or destination.encrypts_by_default else None),
        permissions=merge(source.permissions, shared, account),
        part_permissions={
            part.id: merge(
                source.part_permissions.get(part.id, ()), tuple(who for who in shared if "UserId" in who), account
            )
            for part in source.parts
        },
        deprecate_at=deprecation(source, now) if asked.dates else None,
        protect=protection(source) if asked.dates else None,
    )


def description(source: Source) -> str:
    """An image keeps its description; a snapshot says where it is from, in the words of AWS's own console."""
    if source.resource == "image":
        return source.description
    return f"[Copied {source.id} from {source.region}] {source.description}".rstrip()[:LONGEST_DESCRIPTION]


def deprecation(source: Source, now: datetime) -> str | None:
    """The date to carry: that of an own image, when it is still to come (EC2 refuses dates that are past)."""
    text = source.raw.get("DeprecationTime")
    if not text or not source.own:
        return None
    return str(text) if moment(str(text)) > now else None


def protection(source: Source) -> str | None:
    """Deregistration protection of an own image."""
    text = str(source.raw.get("DeregistrationProtection") or "")
    if not source.own or not text.startswith("enabled"):
        return None
    return "cooldown" if text == "enabled-with-cooldown" else "plain"


def moment(text: str) -> datetime:
    """EC2's time text, cut to the minute: that is how exactly EC2 keeps a deprecation date."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return found.replace(second=0, microsecond=0)


def grantee(who: str) -> Raw:
    """``--share``: an account, an organization or a unit of one, or ``public``; else :class:`UsageError`."""
    if re.fullmatch(r"\d{12}", who):
        return {"UserId": who}
    if re.fullmatch(r"arn:[\w-]+:organizations::\d{12}:organization/o-\w+", who):
        return {"OrganizationArn": who}
    if re.fullmatch(r"arn:[\w-]+:organizations::\d{12}:ou/o-\w+/ou-[\w-]+", who):
        return {"OrganizationalUnitArn": who}
    if who == "public":
        return {"Group": "all"}
    raise UsageError(
        f"--share {who}: neither an account (12 digits) nor the ARN of an organization or unit, nor public"
    )


def merge(first: tuple[Raw, ...], second: tuple[Raw, ...], account: str) -> tuple[Raw, ...]:
    """Both, each once, in a stable order, without the account itself (it owns the copy)."""
    kept = {json.dumps(dict(item), sort_keys=True): item for item in (*first, *second) if item.get("UserId") != account}
    return tuple(kept[text] for text in sorted(kept))
