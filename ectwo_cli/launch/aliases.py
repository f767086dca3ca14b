"""Images by a word: ``al2023``, ``ubuntu-24.04-arm64``, through the public parameters of Systems Manager."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from ectwo_cli.aws.calls import batches
from ectwo_cli.aws.session import DENIED, Client, code_of
from ectwo_cli.query import Query
from ectwo_cli.records import dataclass
from ectwo_cli.services.images import Image
from ectwo_cli.services.search import Page


@dataclass(frozen=True)
class Alias:
    """``parameter`` holds the image's ID; where it can't be read, the newest of ``owner`` named like ``glob`` is it."""

    parameter: str
    owner: str
    glob: str


CANONICAL, DEBIAN = "099720109477", "136693071363"


def ubuntu(version: str, architecture: str) -> Alias:
    """A release of Ubuntu; ``architecture`` is amd64 or arm64."""
    # Images of 23.10 and later are on gp3, and their path says so.
    volume = "gp3" if tuple(map(int, version.split("."))) >= (23, 10) else "gp2"
    return Alias(
        f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{architecture}/hvm/ebs-{volume}/ami-id",
        CANONICAL,
        f"ubuntu/images/hvm-ssd*/ubuntu-*-{version}-{architecture}-server-*",
    )


def debian(version: str, architecture: str) -> Alias:
    """A release of Debian; ``architecture`` is amd64 or arm64."""
    return Alias(
        f"/aws/service/debian/release/{version}/latest/{architecture}", DEBIAN, f"debian-{version}-{architecture}-*"
    )


def amazon_linux(stem: str, glob: str) -> Alias:
    """A kind of Amazon Linux."""
    return Alias(f"/aws/service/ami-amazon-linux-latest/{stem}", "amazon", glob)


def windows(version: str, kind: str) -> Alias:
    """A release of Windows Server; ``kind`` is Full or Core."""
    name = f"Windows_Server-{version}-English-{kind}-Base"
    return Alias(f"/aws/service/ami-windows-latest/{name}", "amazon", f"{name}-20*")


def _all() -> Iterator[tuple[str, Alias]]:
    for suffix, amd64, x86_64 in (("", "amd64", "x86_64"), ("-arm64", "arm64", "arm64")):
        yield (
            f"al2023{suffix}",
            amazon_linux(f"al2023-ami-kernel-default-{x86_64}", f"al2023-ami-2023.*-kernel-6.*-{x86_64}"),
        )
        yield (
            f"al2023-minimal{suffix}",
            amazon_linux(f"al2023-ami-minimal-kernel-default-{x86_64}", f"al2023-ami-minimal-2023.*-{x86_64}"),
        )
        yield (
            f"al2{suffix}",
            amazon_linux(f"amzn2-ami-kernel-default-hvm-{x86_64}-gp2", f"amzn2-ami-kernel-*-hvm-2.0.*-{x86_64}-gp2"),
        )
        for version in ("22.04", "24.04", "26.04"):
            yield f"ubuntu-{version}{suffix}", ubuntu(version, amd64)
        for version in ("12", "13"):
            yield f"debian-{version}{suffix}", debian(version, amd64)
    for version in ("2019", "2022", "2025"):
        yield f"windows-{version}", windows(version, "Full")
        yield f"windows-{version}-core", windows(version, "Core")


ALIASES: Mapping[str, Alias] = dict(sorted(_all()))
"""What every alias stands for."""

UBUNTU = re.compile(r"ubuntu-(\d\d\.\d\d)(-arm64)?")


def alias(word: str) -> Alias | None:
    """What a word stands for, also an Ubuntu release that is not listed; None when it is no alias."""
    if word in ALIASES:
        return ALIASES[word]
    found = UBUNTU.fullmatch(word)
    return ubuntu(found.group(1), "arm64" if found.group(2) else "amd64") if found else None


def for_architecture(word: str, architecture: str) -> str | None:
    """The alias of the same system for another architecture; None when there is none."""
    other = word.removesuffix("-arm64") + ("-arm64" if architecture == "arm64" else "")
    return other if other != word and alias(other) and architecture in ("arm64", "x86_64") else None


def resolve(client: Client, wanted: Sequence[Alias]) -> dict[Alias, str]:
    """The image IDs behind aliases in ``client``'s region; those that it does not have are left out.

    SSM: GetParameters, ten at a time. Where the caller may not, or ``client`` asks a server that is not AWS while SSM
    would be AWS's, they are looked for by owner and name. EC2: DescribeImages. Raises botocore's errors.
    """
    there = client.sibling(service="ssm")
    if not client.goes_along_with(there):
        return _by_name(client, wanted)
    values: dict[str, str] = {}
    try:
        for names in batches([each.parameter for each in wanted], 10):
            values |= {each["Name"]: each["Value"] for each in there.call("GetParameters", Names=names)["Parameters"]}
    except Exception as error:
        if code_of(error) not in DENIED:
            raise
        return _by_name(client, wanted)
    return {each: values[each.parameter] for each in wanted if each.parameter in values}


def _by_name(client: Client, wanted: Sequence[Alias]) -> dict[Alias, str]:
    found: dict[Alias, str] = {}
    for owner in sorted({each.owner for each in wanted}):
        some = [each for each in wanted if each.owner == owner]
        filters = [{"Name": "name", "Values": [each.glob for each in some]}, {"Name": "state", "Values": ["available"]}]
        images = client.all("DescribeImages", "Images[]", Owners=[owner], Filters=filters)
        images.sort(key=lambda image: str(image.get("CreationDate", "")))
        for each in some:
            # The last one that fits is the newest.
            for image in images:
                if fnmatchcase(str(image.get("Name")), each.glob):
                    found[each] = image["ImageId"]
    return found


def find(client: Client, query: Query[Image]) -> Iterator[Page[Image]]:
    """The image behind each alias in a region, with its ``alias``. SSM: GetParameters; EC2: DescribeImages."""
    behind = resolve(client, list(ALIASES.values()))
    if not behind:
        return
    filters = [{"Name": "image-id", "Values": sorted(set(behind.values()))}, *query.filters]
    images = {each["ImageId"]: each for each in client.all("DescribeImages", "Images[]", Filters=filters)}
    named = [
        Image.parse({**images[behind[meant]], "Alias": word}, client.region, client.profile)
        for word, meant in ALIASES.items()
        if behind.get(meant) in images
    ]
    yield Page([item for item in named if query.matches(item)])
