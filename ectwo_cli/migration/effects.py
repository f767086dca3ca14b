"""What a migration does to EC2, and asks of it, one job at a time; each raises botocore's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ectwo_cli.migration import classify, verify, watch
from ectwo_cli.migration.cloud import Client
from ectwo_cli.migration.facts import Raw
from ectwo_cli.migration.plan import Pair


def call(operation: str, parameters: Mapping[str, Any], client: Client) -> dict[str, Any]:
    """One call, without the SDK's retries: what a lost answer means is for the engine to find out."""
    return client.call_once(operation, **parameters)


def reread(
    pairs: Mapping[int, Pair], ids: Mapping[int, str], deep: bool, client: Client
) -> tuple[dict[int, Raw], dict[int, dict[str, Raw]], dict[int, tuple[str, ...]]]:
    """The copies as EC2 shows them now, their snapshots, and with ``deep`` what further calls tell that differs."""
    raws, snapshots = watch.reread(client, pairs, ids)
    more = {index: further_differences(pairs[index], ids[index], client) for index in raws} if deep else {}
    return raws, snapshots, more


def further_differences(pair: Pair, id: str, client: Client) -> tuple[str, ...]:
    """What only further calls tell. EC2: DescribeImageAttribute, DescribeSnapshotAttribute."""
    if pair.source.resource == "snapshot":
        if not pair.desired.permissions:
            return ()
        told = client.call_once("DescribeSnapshotAttribute", SnapshotId=id, Attribute="createVolumePermission")
        return verify.permission_differences(pair.desired.permissions, told.get("CreateVolumePermissions") or ())
    found: list[str] = []
    if pair.desired.permissions:
        told = client.call_once("DescribeImageAttribute", ImageId=id, Attribute="launchPermission")
        found += verify.permission_differences(pair.desired.permissions, told.get("LaunchPermissions") or ())
    if pair.source.own and str(pair.source.raw.get("BootMode") or "").startswith("uefi"):
        source = client.sibling(region=pair.source.region)
        was = source.call_once("DescribeImageAttribute", ImageId=pair.source.id, Attribute="uefiData").get("UefiData")
        now = client.call_once("DescribeImageAttribute", ImageId=id, Attribute="uefiData").get("UefiData")
        if was != now:
            found.append("UEFI data differ")
    return tuple(found)


def remove(id: str, resource: str, parts: tuple[str, ...], client: Client) -> None:
    """A failed copy, and what it leaves. EC2: DeregisterImage, DeleteSnapshot."""
    if resource == "snapshot":
        client.call_once("DeleteSnapshot", SnapshotId=id)
        return
    told = client.call_once("DeregisterImage", ImageId=id, DeleteAssociatedSnapshots=True)
    gone = {
        result.get("SnapshotId")
        for result in told.get("DeleteSnapshotResults") or ()
        if result.get("ReturnCode") in (None, "success")
    }
    for part in parts:
        if part not in gone:
            try:
                client.call_once("DeleteSnapshot", SnapshotId=part)
            except Exception as error:
                if classify.read(error)[0] not in {"InvalidSnapshot.NotFound", "InvalidSnapshot.InUse"}:
                    raise
