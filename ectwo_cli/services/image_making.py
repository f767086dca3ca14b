"""Make an image of an instance, and see how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ectwo_cli.aws.calls import escaped
from ectwo_cli.aws.once import once
from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, column, resource
from ectwo_cli.services import image_names, waiting
from ectwo_cli.services.images import Image
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.snapshots import percent_of
from ectwo_cli.services.waiting import Goal


@resource(**vars(Image.kind))
class ImageInTheMaking(Image):
    """An image with how much of its snapshots is there, in percent. EC2: DescribeImages, DescribeSnapshots."""

    progress: int | None = column("Progress", help="how much of its snapshots is done, in percent")


def default_name(item: Instance, now: datetime) -> str:
    """``web-1-2026-11-22-150405``: the instance's name and the time (UTC)."""
    time = f"-{now:%Y-%m-%d-%H%M%S}"
    return image_names.cleaned(item.name or item.id, image_names.MOST - len(time)) + time


def tags_for(item: Instance, more: Mapping[str, str]) -> dict[str, str]:
    """The instance's own tags (Amazon's left out), under ``more``."""
    own = {key: value for key, value in item.tags.items() if not key.lower().startswith("aws:")}
    return {**own, **more}


def request(
    item: Instance, name: str, description: str | None, tags: Mapping[str, str], *, reboot: bool
) -> dict[str, Any]:
    """The parameters of CreateImage; the tags are for the image and its snapshots."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    specifications = [{"ResourceType": kind, "Tags": listed} for kind in ("image", "snapshot")]
    return {
        "InstanceId": item.id,
        "Name": name,
        "Description": description,
        "NoReboot": not reboot,
        "TagSpecifications": specifications if tags else None,
    }


def create(
    client: Client, item: Instance, params: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> ImageInTheMaking:
    """Make the image. EC2: CreateImage, which has no token: a lost answer is looked into by the name, which only one
    image can bear (DescribeImages). Raises botocore's errors, EctwoError when it can't be told what happened.
    """

    def send() -> str:
        return str(client.call_once("CreateImage", **params)["ImageId"])

    def look() -> str | None:
        filters = [{"Name": "name", "Values": [escaped(params["Name"])]}]
        for each in client.all("DescribeImages", "Images[]", Owners=["self"], Filters=filters):
            if each.get("SourceInstanceId", item.id) == item.id:
                return str(each["ImageId"])
        return None

    made = once(
        send,
        look,
        sleep=sleep,
        what=f"image {params['Name']}",
        where_to_look=f"ectwo images find -r {client.region} --name {params['Name']!r}",
    )
    found = list(look_at(client, [made.what]))
    # EC2 may not list it yet.
    return found[0] if found else _first(client, made.what, params)


def _first(client: Client, id: str, params: Mapping[str, Any]) -> ImageInTheMaking:
    data: Raw = {"ImageId": id, "Name": params["Name"], "State": "pending", "Description": params.get("Description")}
    return ImageInTheMaking.parse(data, client.region, client.profile)


def look_at(client: Client, ids: Sequence[str]) -> Iterator[ImageInTheMaking]:
    """The images with their progress. EC2: DescribeImages, and DescribeSnapshots for each that is pending."""
    for image in waiting.looks_by_id(ImageInTheMaking)(client, ids):
        yield replace(image, progress=_progress(client, image.id)) if image.state == "pending" else image


def _progress(client: Client, image: str) -> int | None:
    # An image does not name its snapshots before they are complete; they name it from the beginning.
    made_for = {"Name": "description", "Values": [f"Created by CreateImage(*) for {image}*"]}
    found = client.all("DescribeSnapshots", "Snapshots[]", OwnerIds=["self"], Filters=[made_for])
    total = sum(each.get("VolumeSize") or 1 for each in found)
    done = sum((each.get("VolumeSize") or 1) * (percent_of(each.get("Progress")) or 0) for each in found)
    return done // total if total else None


AVAILABLE: Goal[ImageInTheMaking] = Goal(
    "available",
    reached=lambda image: image.state == "available",
    hopeless=lambda image: (
        (image.state_reason or f"it is {image.state}") if image.state in ("failed", "error", "invalid") else None
    ),
)
