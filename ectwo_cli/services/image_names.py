"""What EC2 takes for the name of an image. Pure."""

from __future__ import annotations

import re

from ectwo_cli.errors import UsageError

LEAST, MOST = 3, 128
"""Characters."""

_BAD = re.compile(r"[^A-Za-z0-9()\[\] ./\-'@_]")


def problem(name: str) -> str | None:
    """Why EC2 would refuse the name; None when it would not."""
    if not LEAST <= len(name) <= MOST:
        return f"the name {name!r} has {len(name)} characters, EC2 allows {LEAST} to {MOST}"
    if bad := sorted(set(_BAD.findall(name))):
        return f"the name {name!r} has characters that EC2 refuses: {' '.join(bad)}"
    return None


def check(name: str) -> None:
    """Raises UsageError for a name that EC2 would not take."""
    if (wrong := problem(name)) is not None:
        raise UsageError(wrong, hint="an image's name is of letters, digits, spaces and ()[]./-'@_")


def cleaned(text: str, most: int) -> str:
    """``text`` with what EC2 refuses as ``-``, cut to ``most`` characters."""
    return re.sub(f"{_BAD.pattern}+", "-", text)[:most]
