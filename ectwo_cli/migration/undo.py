"""Take copies back: those under way (cancel), or all that a migration made (undo)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ectwo_cli.migration import classify, tags
from ectwo_cli.migration.cloud import Client
from ectwo_cli.migration.facts import ebs_snapshot_ids, snapshot_bytes
from ectwo_cli.migration.found import Marked
from ectwo_cli.migration.plan import UNDER_WAY
from ectwo_cli.migration.watch import by_values
from ectwo_cli.records import dataclass

REFERENCES_AT_ONCE = 10
NOT_THERE = {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound"}


@dataclass(frozen=True)
class Removal:
    """A copy to be taken back: its ``bytes``, whether it is protected, and by whom it is used."""

    copy: Marked
    bytes: int
    protected: bool
    users: tuple[str, ...]

    @property
    def consequences(self) -> list[str]:
        """What to know before saying yes."""
        told = (
            ["its copy is under way and stops; what has been moved is billed"] if self.copy.state in UNDER_WAY else []
        )
        if self.protected:
            told.append("it is protected from deregistration: the protection is lifted first")
        return [*told, *(f"in use: {user}" for user in self.users)]


def chosen(copies: Iterable[Marked], plan: str, *, pending_only: bool) -> list[Marked]:
    """The copies that ``plan`` made; only those under way for a cancel."""
    return [copy for copy in copies if copy.plan == plan and (not pending_only or copy.state in UNDER_WAY)]


def look(client: Client, copies: Sequence[Marked]) -> list[Removal]:
    """What taking these copies of one region back would hit.

    EC2: DescribeSnapshots, and who uses them: DescribeImageReferences, where that is not possible DescribeInstances.
    """
    ids = [id for copy in copies for id in _snapshots_of(copy)]
    sizes = {
        raw["SnapshotId"]: snapshot_bytes(raw)[0]
        for raw in by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", ids)
    }
    users = users_of(client, [copy.id for copy in copies if copy.resource == "image" and copy.state not in UNDER_WAY])
    return [
        Removal(
            copy,
            sum(sizes.get(id, 0) for id in _snapshots_of(copy)),
            str(copy.raw.get("DeregistrationProtection") or "").startswith("enabled"),
            tuple(users.get(copy.id, ())) + _launched(copy),
        )
        for copy in copies
    ]


def _snapshots_of(copy: Marked) -> list[str]:
    return ebs_snapshot_ids(copy.raw) if copy.resource == "image" else [copy.id]


def _launched(copy: Marked) -> tuple[str, ...]:
    last = copy.raw.get("LastLaunchedTime")
    return (f"launched last at {last}",) if last else ()


def users_of(client: Client, images: Sequence[str]) -> dict[str, list[str]]:
    """Who uses these images, by their IDs: ARNs, or instances where EC2 tells only those."""
    found: dict[str, list[str]] = {}
    try:
        for start in range(0, len(images), REFERENCES_AT_ONCE):
            some = list(images[start : start + REFERENCES_AT_ONCE])
            for page in client.pages(
                "DescribeImageReferences", "ImageReferences[]", ImageIds=some, IncludeAllResourceTypes=True
            ):
                for reference in page:
                    found.setdefault(reference["ImageId"], []).append(str(reference.get("Arn") or "another resource"))
    except Exception as error:
        if not classify.is_cloud_error(error):
            raise
        found.clear()
        for start in range(0, len(images), 200):
            wanted = [{"Name": "image-id", "Values": list(images[start : start + 200])}]
            for page in client.pages("DescribeInstances", "Reservations[].Instances[]", Filters=wanted):
                for raw in page:
                    if raw.get("State", {}).get("Name") != "terminated":
                        found.setdefault(raw["ImageId"], []).append(raw["InstanceId"])
    return found


def remove(client: Client, removal: Removal) -> None:
    """Take one copy back, with its snapshots. Raises botocore's errors; one that is gone already is a success.

    EC2: DisableImageDeregistrationProtection, DeregisterImage (which deletes the snapshots that no other image uses),
    DeleteSnapshot for what it did not know of.
    """
    copy = removal.copy
    if copy.resource == "snapshot":
        _gone(client, "DeleteSnapshot", SnapshotId=copy.id)
        return
    if removal.protected:
        client.call("DisableImageDeregistrationProtection", ImageId=copy.id)
    _gone(client, "DeregisterImage", ImageId=copy.id, DeleteAssociatedSnapshots=True)


def leftovers(client: Client, plan: str, removed: Iterable[Marked]) -> list[str]:
    """Delete the snapshots of taken back images that EC2 left (those of pending ones); gives their IDs.

    EC2: DescribeSnapshots, DeleteSnapshot.
    """
    marks = {(copy.source, str(copy.mark)) for copy in removed if copy.resource == "image"}
    if not marks:
        return []
    deleted = []
    for raw in by_values(
        client, "DescribeSnapshots", "Snapshots", f"tag:{tags.MIGRATION}", [f"{plan}.*"], OwnerIds=["self"]
    ):
        its = tags.as_dict(raw.get("Tags"))
        if (its.get(tags.SOURCE), its.get(tags.MIGRATION)) in marks and _gone(
            client, "DeleteSnapshot", SnapshotId=raw["SnapshotId"]
        ):
            deleted.append(str(raw["SnapshotId"]))
    return deleted


def _gone(client: Client, operation: str, **parameters: str | bool) -> bool:
    """Whether this call is what removed it. A snapshot that another image uses stays."""
    try:
        client.call(operation, **parameters)
    except Exception as error:
        if classify.read(error)[0] in {*NOT_THERE, "InvalidSnapshot.InUse"}:
            return False
        raise
    return True
