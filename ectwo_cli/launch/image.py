"""Which image a launch means: an ID, an own image's name, OWNER/NAME-GLOB for the newest, or an alias."""

from __future__ import annotations

import re
from typing import Any

from ectwo_cli.aws.calls import escaped
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import EctwoError, NotFound, UsageError
from ectwo_cli.launch import aliases
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass
from ectwo_cli.services.images import Image
from ectwo_cli.services.search import is_id, ref

OWNERS = {
    "self": "self",
    "amazon": "amazon",
    "aws-marketplace": "aws-marketplace",
    "canonical": "099720109477",
    "ubuntu": "099720109477",
    "debian": "136693071363",
    "redhat": "309956199498",
}
"""Whose images ``OWNER/NAME`` can name by a word; account IDs are taken as they are."""


@dataclass(frozen=True)
class Said:
    """What an image was called: exactly one of ``id``, ``alias``, ``name``; and its region if named.

    With an ``owner`` the name is a glob, and the newest is meant.
    """

    text: str
    region: str | None = None
    id: str | None = None
    alias: aliases.Alias | None = None
    name: str | None = None
    owner: str | None = None


def read(text: str) -> Said:
    """Take apart what was said, without asking EC2. Raises UsageError for a malformed ID and an unknown owner."""
    which = ref(text, Image)
    if which.is_id:
        return Said(text, which.region, id=which.value)
    if alias := aliases.alias(which.value):
        return Said(text, which.region, alias=alias)
    owner, slash, name = which.value.partition("/")
    # Names of images may hold slashes, as Canonical's do.
    if slash and name and (owner in OWNERS or re.fullmatch(r"\d{12}", owner)):
        if is_id(name, Image):
            return Said(text, which.region, id=name)
        return Said(text, which.region, name=name, owner=OWNERS.get(owner, owner))
    return Said(text, which.region, name=which.value)


def find(client: Client, said: Said) -> Raw:
    """EC2's element for the image. EC2: DescribeImages; SSM: GetParameters for an alias.

    Raises NotFound (with what might have been meant), UsageError when several own images bear the name.
    """
    here = client.region
    if said.alias:
        found = aliases.resolve(client, [said.alias]).get(said.alias)
        if found is None:
            raise NotFound(
                f"{here} has no image behind the alias {said.text!r}",
                hint="'ectwo images find --alias' lists the aliases that it has",
            )
        return _by_id(client, found, said.text)
    if said.id:
        return _by_id(client, said.id, said.text)
    assert said.name is not None
    named = {"Name": "name", "Values": [said.name if said.owner else escaped(said.name)]}
    images = _images(client, Owners=[said.owner or "self"], Filters=[named])
    if not images:
        raise _unknown(client, said)
    images.sort(key=lambda image: (str(image.get("CreationDate", "")), image["ImageId"]), reverse=True)
    if said.owner:
        # What is on its way, or failed, is not what "the newest" means.
        return next((each for each in images if each.get("State") == "available"), images[0])
    if len(images) > 1:
        names = ", ".join(f"{here}/{each['ImageId']}" for each in images)
        raise UsageError(f"{len(images)} images are named {said.name!r}: {names}", hint="name one of them by its ID")
    return images[0]


def _images(client: Client, **params: Any) -> list[Raw]:
    return client.all("DescribeImages", "Images[]", **params)


def _by_id(client: Client, id: str, text: str) -> Raw:
    # A filter, since an unknown ID would be an error of the call.
    found = _images(
        client, Filters=[{"Name": "image-id", "Values": [id]}], IncludeDeprecated=True, IncludeDisabled=True
    )
    if not found:
        raise NotFound(
            f"no image {text} in {client.region}",
            hint="an image is in one region alone, and others' have to be shared with you; "
            f"'ectwo images find --name NAME' looks in all, 'ectwo images migrate {id} --to {client.region}' copies",
        )
    return found[0]


def _unknown(client: Client, said: Said) -> EctwoError:
    here = client.region
    if said.owner:
        return NotFound(f"no image of {said.owner} named {said.name!r} in {here}")
    import difflib

    good = difflib.get_close_matches(str(said.name), list(aliases.ALIASES), n=3, cutoff=0.6)
    hint = (
        f"did you mean the alias {' or '.join(good)}?"
        if good
        else "it takes an ID, the name of an own image, OWNER/NAME-GLOB (amazon/al2023-ami-2023*), or an alias "
        "('ectwo images find --alias' lists them)"
    )
    return NotFound(f"no image named {said.name!r} of yours in {here}", hint=hint)
