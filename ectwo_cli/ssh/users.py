"""The user that an image's system is logged in to as. Pure, but for :func:`images_behind`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ectwo_cli.aws.calls import batches
from ectwo_cli.aws.session import DENIED, Client, code_of
from ectwo_cli.model import Raw
from ectwo_cli.query import MOST_FILTER_VALUES

USERS: Sequence[tuple[str, str]] = (
    ("bitnami", "bitnami"),
    ("ubuntu", "ubuntu"),
    ("debian", "admin"),
    ("centos", "centos"),
    ("rocky", "rocky"),
    ("alma", "ec2-user"),
    ("fedora", "fedora"),
    ("coreos|flatcar", "core"),
    ("kali", "kali"),
    ("arch-?linux", "arch"),
    ("nixos", "root"),
    ("windows", "Administrator"),
    ("amzn|amazon|al20\\d\\d|rhel|red hat|suse|sles|oracle|ol\\d|freebsd|netbsd|openbsd|macos|gentoo", "ec2-user"),
)
"""What an image's name, description or platform has in it, and the user that it makes; the first that fits."""

USUAL = "ec2-user"
"""The user where nothing tells."""

MOST_HOPS = 4
"""So many images back is looked for one whose name tells."""


def user_in(image: Raw) -> str | None:
    """The user that an image's name, platform or description tells of; None when they do not."""
    for text in (image.get("Name"), image.get("PlatformDetails"), image.get("Description")):
        for word, user in USERS:
            if text and re.search(rf"(?<![a-z])(?:{word})", str(text), re.IGNORECASE):
                return user
    return None


def user_of(image_id: str | None, known: Mapping[str, Raw]) -> str | None:
    """The user of an image, else of the one that it was made of; None where none of them tells."""
    for _ in range(MOST_HOPS):
        image = known.get(image_id or "")
        if image is None:
            return None
        if user := user_in(image):
            return user
        image_id = image.get("SourceImageId")
    return None


def others(user: str) -> list[str]:
    """Users to try when ``user`` is not let in."""
    return [each for each in dict.fromkeys(user for _, user in USERS) if each not in (user, "Administrator")]


def images_behind(client: Client, ids: Sequence[str]) -> dict[str, Raw]:
    """The images, and those that they were made of where their own name does not tell the user.

    EC2: DescribeImages. What is gone, or may not be looked at, is left out.
    """
    known: dict[str, Raw] = {}
    wanted = sorted(set(ids))
    for _ in range(MOST_HOPS):
        found: list[Raw] = []
        for some in batches(wanted, MOST_FILTER_VALUES):
            filters = [{"Name": "image-id", "Values": some}]
            try:
                found += client.all("DescribeImages", "Images[]", Filters=filters, IncludeDeprecated=True)
            except Exception as error:
                if code_of(error) not in DENIED:
                    raise
        known |= {each["ImageId"]: each for each in found}
        mute = [str(each["SourceImageId"]) for each in found if each.get("SourceImageId") and user_in(each) is None]
        wanted = sorted(set(mute) - set(known))
        if not wanted:
            break
    return known
