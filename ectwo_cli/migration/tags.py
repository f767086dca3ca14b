"""The tags by which a migration is found again, from EC2 alone.

======================  ==============================================================================================
``ectwo:source``        ``REGION/ID`` of what this is a copy of
``ectwo:migration``     ``PLAN.SPEC.ATTEMPT``: the migration that made it, a hash of what it should be like, the attempt
``ectwo:intent``        the whole migration (sources, destinations, wishes), so that another machine can complete it;
                        packed, and continued in ``ectwo:intent.2`` and so on where 256 characters are not enough
======================  ==============================================================================================

All of them are sent in the request that makes the copy: a copy never exists without them.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ectwo_cli.records import dataclass

PREFIX = "ectwo:"
SOURCE = "ectwo:source"
MIGRATION = "ectwo:migration"
INTENT = "ectwo:intent"

MOST_TAGS = 50
LONGEST_VALUE = 256
LONGEST_KEY = 128
MOST_CHUNKS = 16


@dataclass(frozen=True)
class Mark:
    """The value of ``ectwo:migration``."""

    plan: str
    spec: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.plan}.{self.spec}.{self.attempt}"

    @classmethod
    def read(cls, value: str | None) -> Mark | None:
        """``None`` for anything that is not such a value."""
        parts = (value or "").split(".")
        if len(parts) != 3 or not parts[2].isdigit():
            return None
        return cls(parts[0], parts[1], int(parts[2]))


def as_dict(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """EC2's list of ``{"Key", "Value"}`` as a dict."""
    return {tag["Key"]: tag.get("Value") or "" for tag in tags or ()}


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The other way, in the order of the keys: requests that mean the same must look the same."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def carried(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a source that a copy may bear: not those of AWS, nor our own marks on a source that is a copy
    itself.
    """
    return {
        key: value for key, value in tags.items() if not key.lower().startswith("aws:") and not key.startswith(PREFIX)
    }


def problem(tags: Mapping[str, str]) -> str | None:
    """Why EC2 would refuse these tags, or ``None``."""
    if len(tags) > MOST_TAGS:
        return f"{len(tags)} tags, EC2 allows {MOST_TAGS}"
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            return f"tag {key}: keys beginning with aws: are reserved"
        if not 1 <= len(key) <= LONGEST_KEY:
            return f"tag {key[:20]}: a key has 1 to {LONGEST_KEY} characters"
        if len(value) > LONGEST_VALUE:
            return f"tag {key}: a value has at most {LONGEST_VALUE} characters"
    return None


def pack(intent: Mapping[str, Any]) -> dict[str, str]:
    """The tags that carry ``intent`` (JSON); empty when it is too long to be carried."""
    plain = json.dumps(intent, separators=(",", ":"), sort_keys=True).encode()
    text = base64.b64encode(zlib.compress(plain, 9)).decode()
    chunks = [text[start : start + LONGEST_VALUE] for start in range(0, len(text), LONGEST_VALUE)]
    if len(chunks) > MOST_CHUNKS:
        return {}
    return {INTENT if number == 1 else f"{INTENT}.{number}": chunk for number, chunk in enumerate(chunks, 1)}


def unpack(tags: Mapping[str, str]) -> dict[str, Any] | None:
    """What :func:`pack` packed; ``None`` when there is none, or somebody meddled with it."""
    chunks = [tags.get(INTENT, "")]
    while f"{INTENT}.{len(chunks) + 1}" in tags:
        chunks.append(tags[f"{INTENT}.{len(chunks) + 1}"])
    try:
        found = json.loads(zlib.decompress(base64.b64decode("".join(chunks), validate=True)))
    except (binascii.Error, zlib.error, ValueError):
        return None
    return found if isinstance(found, dict) else None
