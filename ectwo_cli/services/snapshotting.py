"""Make snapshots: of volumes, and of all volumes of an instance at one moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ectwo_cli.aws.calls import dry_run
from ectwo_cli.aws.once import once
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import NotFound, UsageError
from ectwo_cli.model import Raw
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.search import Lookup, Ref
from ectwo_cli.services.snapshots import Snapshot
from ectwo_cli.services.volumes import Volume
from ectwo_cli.services.waiting import Goal

COMPLETED: Goal[Snapshot] = Goal(
    "completed",
    reached=lambda item: item.state == "completed",
    hopeless=lambda item: (item.state_reason or "it failed") if item.state == "error" else None,
    detail=lambda item: f"{item.progress or 0}%",
)
"""A snapshot that is whole."""


@dataclass(frozen=True)
class Wish:
    """How snapshots are to be: ``copy_tags`` gives them those of their volume beside their own."""

    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    copy_tags: bool = False
    exclude_boot: bool = False

    def specification(self, more: Mapping[str, str] | None = None) -> list[dict[str, Any]] | None:
        """The tags as EC2's parameter."""
        tags = {**{key: value for key, value in (more or {}).items() if not key.startswith("aws:")}, **self.tags}
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        return [{"ResourceType": "snapshot", "Tags": listed}] if listed else None


def choose(
    refs: Sequence[tuple[Ref, Ref]], volumes: Lookup[Volume], instances: Lookup[Instance]
) -> list[Volume | Instance]:
    """What the TARGETs mean; each comes as the reference to a volume and to an instance.

    An instance and its own volumes may bear one name, which means the instance. Raises NotFound, and UsageError for a
    name that several bear.
    """
    chosen: list[Volume | Instance] = []
    missing: list[Ref] = []
    for as_volume, as_instance in refs:
        found = instances.found.get(as_instance, [])
        own = {item.id for item in found}
        others = [item for item in volumes.found.get(as_volume, []) if not own.intersection(item.instance_ids or ())]
        items: list[Volume | Instance] = [*found, *others]
        if len(items) > 1:
            names = ", ".join(f"{item.region}/{item.id}" for item in items)
            raise UsageError(f"{len(items)} are named {as_volume.text!r}: {names}", hint="name one of them by its ID")
        if items:
            chosen += items
        else:
            missing.append(as_volume)
    if missing:
        raise NotFound(f"no volume or instance {', '.join(each.text for each in missing)}")
    return list({(item.profile, item.region, item.id): item for item in chosen}.values())


def check(client: Client, items: Sequence[Volume | Instance], wish: Wish) -> Iterator[Outcome[Snapshot]]:
    """What :func:`create` would do. EC2: CreateSnapshot and CreateSnapshots with DryRun."""
    for item in items:
        try:
            dry_run(client, _operation(item), **_params(item, wish))
        except Exception as error:
            yield failed(_nothing(item, client), error)
            continue
        for volume in item.volume_ids if isinstance(item, Instance) else [item.id]:
            about = {"VolumeId": volume, "Description": wish.description}
            yield Outcome(Snapshot.parse(about, client.region, client.profile), "would create")


def create(
    client: Client, items: Sequence[Volume | Instance], wish: Wish, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Outcome[Snapshot]]:
    """Begin the snapshots, and no second ones when an answer is lost: of a volume one, of an instance one each volume.

    EC2: CreateSnapshot, CreateSnapshots; neither takes a token, so that DescribeSnapshots before tells what is new.
    """
    for item in items:
        try:
            found = _create(client, item, wish, sleep)
        except Exception as error:
            yield failed(_nothing(item, client), error)
        else:
            for data in found:
                yield Outcome(Snapshot.parse(data, client.region, client.profile), "created")


def _create(client: Client, item: Volume | Instance, wish: Wish, sleep: Callable[[float], None]) -> list[Raw]:
    volumes = list(item.volume_ids or ()) if isinstance(item, Instance) else [item.id]
    before = {data["SnapshotId"] for data in _of_volumes(client, volumes)}

    def send() -> list[Raw]:
        answer = client.call_once(_operation(item), **_params(item, wish))
        return list(answer["Snapshots"]) if isinstance(item, Instance) else [answer]

    def look() -> list[Raw] | None:
        new = [data for data in _of_volumes(client, volumes) if data["SnapshotId"] not in before]
        return [data for data in new if (data.get("Description") or "") == (wish.description or "")] or None

    return once(
        send,
        look,
        sleep=sleep,
        what=f"a snapshot of {item.id}",
        where_to_look=f"ectwo snapshots find -r {client.region} --newer-than 1h",
    ).what


def _of_volumes(client: Client, volumes: Sequence[str]) -> list[Raw]:
    if not volumes:
        return []
    filters = [{"Name": "volume-id", "Values": list(volumes)}]
    return client.all("DescribeSnapshots", "Snapshots[]", OwnerIds=["self"], Filters=filters, MaxResults=1000)


def _nothing(item: Volume | Instance, client: Client) -> Snapshot:
    """What stands for the snapshot that is not."""
    volume = None if isinstance(item, Instance) else item.id
    return Snapshot.parse({"SnapshotId": item.id, "VolumeId": volume}, client.region, client.profile)


def _operation(item: Volume | Instance) -> str:
    return "CreateSnapshots" if isinstance(item, Instance) else "CreateSnapshot"


def _params(item: Volume | Instance, wish: Wish) -> dict[str, Any]:
    if isinstance(item, Volume):
        more = item.tags if wish.copy_tags else None
        return {
            "VolumeId": item.id,
            "Description": wish.description,
            "TagSpecifications": wish.specification(more),
        }
    what: dict[str, Any] = {"InstanceId": item.id}
    if wish.exclude_boot:
        what["ExcludeBootVolume"] = True
    return {
        "InstanceSpecification": what,
        "Description": wish.description,
        "TagSpecifications": wish.specification(),
        "CopyTagsFromSource": "volume" if wish.copy_tags else None,
    }
