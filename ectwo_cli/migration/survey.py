"""Read what a plan needs: sources, and what there is in the destinations. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from ectwo_cli.migration import classify, facts, tags, wish
from ectwo_cli.migration.classify import Reaction
from ectwo_cli.migration.cloud import Client
from ectwo_cli.migration.desired import merge
from ectwo_cli.migration.facts import Destination, Key, Raw, Source, lineage
from ectwo_cli.migration.plan import Action, Pair, Plan, make, snapshot_ids
from ectwo_cli.migration.watch import by_values
from ectwo_cli.migration.wish import Wish

T = TypeVar("T")


class Everywhere(Protocol):
    """Runs work on several regions at once and gives what each answered; raises what one raised."""

    def __call__(self, regions: Sequence[str], work: Callable[[Client], T], /) -> dict[str, T]:
        """By region."""
        ...


def prepare(
    everywhere: Everywhere,
    resource: str,
    ids: Mapping[str, Sequence[str]],
    regions: Sequence[str],
    asked: Wish,
    *,
    account: str,
    now: datetime,
    resume: str | None = None,
    id: str | None = None,
    missing: Callable[[list[str]], None] = lambda labels: None,
) -> Plan:
    """Read the sources (``ids`` by their regions) and the destinations, make the plan, and ask EC2 whether it is
    permitted.

    ``missing`` is told of sources that are not there. A DryRun goes to each region that something is to be copied to.
    """
    read = everywhere(list(ids), lambda client: read_sources(client, resource, ids[client.region], account, asked))
    sources = [source for region in ids for source in read[region]]
    known = {source.label for source in sources}
    gone = [f"{region}/{id}" for region, its in ids.items() for id in its if f"{region}/{id}" not in known]
    if gone:
        missing(gone)
    found = everywhere(list(regions), lambda client: read_destination(client, sources, asked, account))

    def planned() -> Plan:
        there = [found[region] for region in regions]
        return make(sources, there, asked, account=account, now=now, resume=resume, id=id)

    plan = planned()
    first = {pair.region: pair for pair in reversed(plan.pairs) if pair.action is Action.COPY}
    refused = everywhere(list(first), lambda client: probe(client, first[client.region], plan.id)) if first else {}
    for region, verdict in refused.items():
        if verdict is not None:
            found[region] = replace(found[region], trouble=f"{verdict.code}: {verdict.message}", fix=verdict.fix)
    return planned() if any(refused.values()) else plan


def read_account(client: Client) -> str:
    """The account's number. STS: GetCallerIdentity."""
    return str(client.sibling(service="sts").call("GetCallerIdentity")["Account"])


def read_sources(client: Client, resource: str, ids: Sequence[str], account: str, asked: Wish) -> list[Source]:
    """The sources in one region, in the order of ``ids``; those that EC2 does not know are left out.

    EC2: DescribeImages and DescribeSnapshots; with permissions, DescribeImageAttribute for each image and
    DescribeSnapshotAttribute for each snapshot.
    """
    if resource == "snapshot":
        raws = facts.by_id(by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", ids))
        sources = [facts.snapshot_source(client.region, raws[id], account) for id in ids if id in raws]
    else:
        images = by_values(client, "DescribeImages", "Images", "image-id", ids, IncludeDeprecated=True)
        by_id = {raw["ImageId"]: raw for raw in images}
        snapshots = facts.by_id(
            by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", snapshot_ids(images))
        )
        sources = [facts.image_source(client.region, by_id[id], snapshots, account) for id in ids if id in by_id]
    return [_with_permissions(client, source) for source in sources] if asked.permissions else sources


def _with_permissions(client: Client, source: Source) -> Source:
    if not source.own:
        return source
    parts = {part.id: _volume_permissions(client, part.id) for part in source.parts}
    if source.resource == "snapshot":
        return replace(source, permissions=parts[source.id])
    return replace(source, permissions=_launch_permissions(client, source.id), part_permissions=parts)


def _launch_permissions(client: Client, id: str) -> tuple[Raw, ...]:
    told = client.call("DescribeImageAttribute", ImageId=id, Attribute="launchPermission")
    return tuple(told.get("LaunchPermissions") or ())


def _volume_permissions(client: Client, id: str) -> tuple[Raw, ...]:
    told = client.call("DescribeSnapshotAttribute", SnapshotId=id, Attribute="createVolumePermission")
    return tuple(told.get("CreateVolumePermissions") or ())


def read_destination(client: Client, sources: Sequence[Source], asked: Wish, account: str) -> Destination:
    """What there is in one destination. A region that refuses to be read is a finding, not an error."""
    try:
        return _read_destination(client, sources, asked, account)
    except Exception as error:
        verdict = classify.classify("DescribeImages", error)
        if not classify.is_cloud_error(error) or verdict.reaction is Reaction.CREDENTIALS:
            raise
        return Destination(region=client.region, trouble=f"{verdict.code}: {verdict.message}", fix=verdict.fix)


def _read_destination(client: Client, sources: Sequence[Source], asked: Wish, account: str) -> Destination:
    here = [source for source in sources if source.region != client.region]
    if not here:
        return Destination(region=client.region)
    resource = here[0].resource
    pending = by_values(client, "DescribeSnapshots", "Snapshots", "status", ["pending"], OwnerIds=["self"])
    if resource == "image":
        images = _images(client, here, asked, pending)
        snapshots = by_values(client, "DescribeSnapshots", "Snapshots", "snapshot-id", snapshot_ids(images))
    else:
        images, snapshots = [], _snapshots(client, here, asked)
    default = bool(client.call("GetEbsEncryptionByDefault").get("EbsEncryptionByDefault"))
    key_id = asked.key(client.region)
    default_key = None
    if (asked.encrypts or default) and not key_id:
        default_key = str(client.call("GetEbsDefaultKmsKeyId").get("KmsKeyId") or "") or None
    asked_or_shared = key_id
    if (asked.share or asked.permissions) and (default_key or "").startswith("arn:"):
        # Whether it is a key of AWS's own, under which nothing can be shared, only KMS tells.
        asked_or_shared = default_key
    return Destination(
        region=client.region,
        images=tuple(images),
        snapshots=tuple(snapshots),
        pending=tuple(pending),
        encrypts_by_default=default,
        default_key=default_key,
        key=read_key(client, asked_or_shared) if asked_or_shared else None,
        others=_others(
            resource, pending, {raw["ImageId"] for raw in images} | {raw["SnapshotId"] for raw in snapshots}
        ),
        permissions=_permissions(client, images, snapshots, here, asked, account),
    )


def _images(client: Client, sources: Sequence[Source], asked: Wish, pending: Iterable[Raw]) -> list[Raw]:
    """Own images there that are copies of the sources, or bear a name that is wanted."""
    own: dict[str, Any] = {"Owners": ["self"], "IncludeDisabled": True}
    labels = [source.label for source in sources]
    ids = [source.id for source in sources]
    found = by_values(client, "DescribeImages", "Images", f"tag:{tags.SOURCE}", labels, **own)
    names = {
        wish.fill(asked.name, name=source.name, id=source.id, region=source.region, to=client.region)
        for source in sources
    }
    found += by_values(client, "DescribeImages", "Images", "name", sorted(names), **own)
    if asked.adopt:
        found += by_values(client, "DescribeImages", "Images", "source-image-id", ids, **own)
        # A pending copy may not tell its source yet; the description of its snapshots does.
        told = [lineage(raw.get("Description")) for raw in pending]
        hidden = {each.image for each in told if each and each.image and each.source_image in ids}
        hidden -= {raw["ImageId"] for raw in found}
        found += by_values(client, "DescribeImages", "Images", "image-id", sorted(str(id) for id in hidden), **own)
    return list({raw["ImageId"]: raw for raw in found}.values())


def _snapshots(client: Client, sources: Sequence[Source], asked: Wish) -> list[Raw]:
    own: dict[str, Any] = {"OwnerIds": ["self"]}
    labels = [source.label for source in sources]
    found = by_values(client, "DescribeSnapshots", "Snapshots", f"tag:{tags.SOURCE}", labels, **own)
    # The snapshots of a copied image bear the image's source.
    found = [raw for raw in found if tags.as_dict(raw.get("Tags"))[tags.SOURCE] in labels]
    if asked.adopt:
        texts = [f"?Copied {source.id} from {source.region}]*" for source in sources]
        found += by_values(client, "DescribeSnapshots", "Snapshots", "description", texts, **own)
    return list({raw["SnapshotId"]: raw for raw in found}.values())


def _others(resource: str, pending: Iterable[Raw], known: set[str]) -> int:
    """Copies in flight there that this migration knows nothing of."""
    if resource == "image":
        told = [lineage(raw.get("Description")) for raw in pending]
        return len({each.image for each in told if each and each.image} - known)
    return sum(
        bool(raw.get("TransferType") or lineage(raw.get("Description"))) and raw["SnapshotId"] not in known
        for raw in pending
    )


def _permissions(
    client: Client,
    images: Iterable[Raw],
    snapshots: Iterable[Raw],
    sources: Sequence[Source],
    asked: Wish,
    account: str,
) -> dict[str, tuple[Raw, ...]]:
    """The permissions of the copies that are there, when permissions are wanted at all: so that a second run has
    nothing to do.
    """
    if not asked.share and not any(source.permissions or any(source.part_permissions.values()) for source in sources):
        return {}
    found = {
        raw["ImageId"]: merge(_launch_permissions(client, raw["ImageId"]), (), account)
        for raw in images
        if raw.get("State") == "available"
    }
    return found | {
        raw["SnapshotId"]: merge(_volume_permissions(client, raw["SnapshotId"]), (), account) for raw in snapshots
    }


def read_key(client: Client, asked: str) -> Key:
    """Whether a KMS key can be used for a copy to this region. KMS: DescribeKey."""
    parts = asked.split(":")
    if asked.startswith("arn:") and len(parts) > 3 and parts[3] != client.region:
        return Key(asked=asked, problem=f"the key {asked} is in {parts[3]}, not in {client.region}")
    try:
        told = client.sibling(service="kms").call("DescribeKey", KeyId=asked)["KeyMetadata"]
    except Exception as error:
        code, message, status = classify.read(error)
        if not classify.is_cloud_error(error):
            raise
        if code == "NotFoundException":
            return Key(asked=asked, problem=f"there is no key {asked} in {client.region}")
        if status == 0 or code in {"AccessDeniedException", "AccessDenied"} or status >= 500:
            return Key(asked=asked, unchecked=True)
        return Key(asked=asked, problem=f"{asked}: {message or code}")
    if told.get("KeyState") != "Enabled":
        return Key(asked=asked, problem=f"the key {asked} in {client.region} is {told.get('KeyState')}")
    if told.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT" or told.get("KeyUsage") != "ENCRYPT_DECRYPT":
        return Key(asked=asked, problem=f"the key {asked} in {client.region} is not a symmetric encryption key")
    return Key(asked=asked, arn=str(told["Arn"]), managed_by_aws=told.get("KeyManager") == "AWS")


def probe(client: Client, pair: Pair, plan: str) -> classify.Verdict | None:
    """Ask EC2 whether such a copy would be permitted; ``None`` when it would, or nobody knows. EC2: DryRun."""
    operation, parameters = pair.request(plan, pair.attempt)
    try:
        client.call(operation, **parameters, DryRun=True)
    except Exception as error:
        if not classify.is_cloud_error(error):
            raise
        verdict = classify.classify(operation, error)
        return verdict if verdict.reaction is Reaction.REGION else None
    return None
