"""Which instance type to take where none was said, and which are near one that can't be had. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from ectwo_cli.launch.fit import misfits
from ectwo_cli.launch.wanted import Wanted
from ectwo_cli.model import Raw

SMALL: Mapping[str, Sequence[str]] = {
    "x86_64": ("t3.micro", "t3a.micro", "t2.micro", "t3.small", "m7i-flex.large", "m6i.large", "m5.large", "m3.medium"),
    "arm64": ("t4g.micro", "t4g.small", "m7g.medium", "m6g.medium", "m8g.medium"),
    "i386": ("t2.micro", "m3.medium", "m1.small", "t1.micro"),
}
"""Small current types of each architecture, the first that fits and is offered is taken."""
SMALL_WINDOWS = ("t3.medium", "t3a.medium", "t2.medium", "m7i-flex.large", "m6i.large", "m5.large")
"""Windows starts in 1 GiB, but hardly more than that."""


def is_windows(image: Raw | None) -> bool:
    """Whether the image is of Windows."""
    return image is not None and str(image.get("Platform", "")).lower() == "windows"


def candidates(wanted: Wanted, image: Raw | None) -> list[str]:
    """The types to look at: the wanted one, or small ones for the image."""
    if wanted.type is not None:
        return [wanted.type]
    if image is None:
        return []
    if is_windows(image):
        return list(SMALL_WINDOWS)
    return list(SMALL.get(str(image.get("Architecture")), ()))


def pick_type(
    names: Sequence[str],
    image: Raw | None,
    types: Mapping[str, Raw] | None,
    offered: Mapping[str, Sequence[str]] | None,
    zone: str | None,
) -> str | None:
    """The first of the names that fits the image and is offered; the first of all where that is not known."""
    if image is None or types is None:
        return names[0] if names else None
    for name in names:
        where = offered.get(name, ()) if offered is not None else None
        there = where is None or (zone in where if zone else bool(where))
        if name in types and there and not misfits(image, types[name]):
            return name
    return None


def near(type: str, offered: Sequence[str], most: int = 3) -> list[str]:
    """Types that are like one that can't be had: of its size first, of the most similar family."""
    family, _, size = type.partition(".")

    def likeness(other: str) -> tuple[bool, bool, float, str]:
        its_family, _, its_size = other.partition(".")
        alike = difflib.SequenceMatcher(None, family, its_family).ratio()
        return (its_size != size, its_family[:1] != family[:1], -alike, other)

    return sorted((each for each in offered if each != type), key=likeness)[:most]
