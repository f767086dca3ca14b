"""Spot requests: what they are, what their status means, waiting for them, cancelling them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ectwo_cli.aws.calls import dry_run
from ectwo_cli.aws.session import Client
from ectwo_cli.model import Regional, column, resource, tags_of
from ectwo_cli.outcome import Outcome
from ectwo_cli.services import bulk, machines, search
from ectwo_cli.services.machines import Machine
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.spot_prices import platform_of, price_of
from ectwo_cli.services.waiting import Goal

OVER = ("cancelled", "closed")
"""States from which nothing follows any more."""

MEANINGS: Mapping[str, str] = {
    "pending-evaluation": "EC2 is looking at the request",
    "pending-fulfillment": "EC2 is starting the instance",
    "fulfilled": "the instance is there",
    # On hold: it may be fulfilled later.
    "capacity-not-available": "no room for that type there now",
    "capacity-oversubscribed": "no room for that type there now",
    "price-too-low": "the price is above your maximum",
    "not-scheduled-yet": "its time has not come yet",
    "launch-group-constraint": "the instances of its launch group can't all be started at once",
    "az-group-constraint": "the instances of its zone group can't all be started in one zone",
    "placement-group-constraint": "no room in its placement group",
    "constraint-not-fulfillable": "no zone that it allows has what it asks for",
    "limit-exceeded": "the account's quota of spot instances or volumes is used up",
    # Ended without an instance.
    "bad-parameters": "EC2 does not take some parameter of it",
    "schedule-expired": "its time was over before EC2 had room for it",
    "canceled-before-fulfillment": "it was cancelled before it was fulfilled",
    "system-error": "EC2 failed; try again",
    # The instance goes, or has gone.
    "request-canceled-and-instance-running": "it was cancelled, and its instance goes on running",
    "marked-for-stop": "EC2 is about to stop the instance",
    "marked-for-termination": "EC2 takes the instance back: it ends within two minutes",
    "marked-for-hibernation": "EC2 is about to hibernate the instance",
    "instance-stopped-by-user": "the instance was stopped by you; the request goes on when you start it",
    "instance-stopped-by-price": "EC2 stopped the instance: the price rose above your maximum",
    "instance-stopped-no-capacity": "EC2 stopped the instance: it needed the capacity",
    "instance-stopped-capacity-oversubscribed": "EC2 stopped the instance: it needed the capacity",
    "instance-terminated-by-user": "the instance was terminated by you",
    "instance-terminated-by-price": "EC2 took the instance: the price rose above your maximum",
    "instance-terminated-by-schedule": "EC2 terminated the instance: its time was over",
    "instance-terminated-by-service": "EC2 terminated the instance",
    "instance-terminated-no-capacity": "EC2 took the instance: it needed the capacity",
    "instance-terminated-capacity-oversubscribed": "EC2 took the instance: it needed the capacity",
    "instance-terminated-launch-group-constraint": "EC2 terminated the instance with others of its launch group",
    "spot-instance-terminated-by-user": "the instance was terminated by you",
}
"""Status codes of requests in words. EC2 adds codes; those have EC2's own message."""


def meaning(code: str | None, message: str | None) -> str | None:
    """What a status code means; EC2's own words for a code that is not known here."""
    return MEANINGS.get(code or "") or message


@resource(
    "spot request",
    id_prefix="sir-",
    operation="DescribeSpotInstanceRequests",
    items="SpotInstanceRequests[]",
    created="created_at",
    hidden={"state": OVER},
    lookup=("instance_id",),
    id_form="[0-9a-z]{8}|[0-9a-f]{17}",
    id_words="8 of the digits and letters 0-9 a-z, or 17 of 0-9 a-f",
)
class SpotRequest(Regional):
    """A request for a spot instance. EC2: DescribeSpotInstanceRequests."""

    id: str = column("SpotInstanceRequestId", filter="spot-instance-request-id", default=True, help="the ID, sir-...")
    state: str | None = column(
        "State",
        filter="state",
        default=True,
        option="--state",
        values=("open", "active", "disabled", "closed", "cancelled", "failed"),
        help="the state",
    )
    status: str | None = column(
        "Status.Code", filter="status-code", default=True, option="--status", help="EC2's code for how it stands"
    )
    instance_type: str | None = column(
        "LaunchSpecification.InstanceType",
        filter="launch.instance-type",
        default=True,
        option="--type",
        help="the instance type",
    )
    instance_id: str | None = column(
        "InstanceId",
        filter="instance-id",
        default=True,
        option="--instance",
        help="the ID of the instance that it has",
    )
    price: float | None = column(
        "SpotPrice", read=price_of, default=True, help="the highest price that is paid, US dollars an hour"
    )
    type: str | None = column(
        "Type",
        filter="type",
        option="--request-type",
        values=("one-time", "persistent"),
        help="one-time, or persistent: made anew when its instance is gone",
    )
    image_id: str | None = column(
        "LaunchSpecification.ImageId", filter="launch.image-id", option="--image", help="the ID of the image"
    )
    zone: str | None = column(
        "LaunchedAvailabilityZone",
        "LaunchSpecification.Placement.AvailabilityZone",
        read=lambda launched, wanted: launched or wanted,
        option="--zone",
        help="the zone where its instance is, or is wanted",
    )
    product: str | None = column("ProductDescription", filter="product-description", help="as in Linux/UNIX")
    platform: str | None = column("ProductDescription", read=platform_of, help="linux, windows, rhel or suse")
    created_at: datetime | None = column("CreateTime", help="when it was made")
    status_message: str | None = column("Status.Message", help="the status in EC2's words")
    meaning: str | None = column("Status.Code", "Status.Message", read=meaning, help="the status in words")
    status_at: datetime | None = column("Status.UpdateTime", help="since when it stands so")
    interruption: str | None = column(
        "InstanceInterruptionBehavior", help="what EC2 does to the instance when it wants it back"
    )
    valid_until: datetime | None = column("ValidUntil", help="when it ends by itself")
    fault: str | None = column("Fault.Message", help="why it failed")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")

    @property
    def over(self) -> bool:
        """Whether nothing follows from it any more."""
        return self.state in OVER


# Waiting


def _state(item: SpotRequest) -> str:
    return item.status or item.state or ""


def _hopeless(item: SpotRequest) -> str | None:
    if item.state not in (*OVER, "failed"):
        return None
    reason = item.fault or item.meaning
    return f"it is {item.state} ({item.status}): {reason}" if reason else f"it is {item.state}"


FULFILLED: Goal[SpotRequest] = Goal(
    "fulfilled",
    reached=lambda item: item.state == "active",
    hopeless=_hopeless,
    state=_state,
    detail=lambda item: item.meaning or "",
)
CANCELLED: Goal[SpotRequest] = Goal("cancelled", reached=lambda item: item.over, gone=True)
"""EC2 forgets cancelled requests after a while: what it does not list any more is cancelled."""


# Cancelling


def cancel(client: Client, items: Sequence[SpotRequest]) -> Iterator[Outcome[SpotRequest]]:
    """Cancel them; those that are over are ``unchanged``. Each comes as it is afterwards: one that was fulfilled just
    before has its instance. EC2: CancelSpotInstanceRequests, DescribeSpotInstanceRequests."""
    yield from (Outcome(item, "unchanged") for item in items if item.over)
    by_id = {item.id: item for item in items if not item.over}
    sent: list[str] = []

    def send(ids: list[str]) -> dict[str, Any]:
        return client.call("CancelSpotInstanceRequests", SpotInstanceRequestIds=ids)

    for ids, answer in bulk.in_batches(list(by_id), send):
        if isinstance(answer, Exception):
            yield from (failed(by_id[id], answer) for id in ids)
            continue
        states = {each["SpotInstanceRequestId"]: each["State"] for each in answer["CancelledSpotInstanceRequests"]}
        for id in ids:
            by_id[id] = replace(by_id[id], state=states.get(id, by_id[id].state))
        sent += ids
    seen = {item.id: item for item in again(client, sent)}
    yield from (Outcome(_later(by_id[id], seen.get(id)), "cancelled") for id in sent)


def check_cancel(client: Client, items: Sequence[SpotRequest]) -> Iterator[Outcome[SpotRequest]]:
    """What :func:`cancel` would do. EC2: CancelSpotInstanceRequests with DryRun."""
    yield from (Outcome(item, "unchanged") for item in items if item.over)
    for item in items:
        if item.over:
            continue
        try:
            dry_run(client, "CancelSpotInstanceRequests", SpotInstanceRequestIds=[item.id])
        except Exception as error:
            yield failed(item, error)
        else:
            yield Outcome(item, "would cancel")


def again(client: Client, ids: Sequence[str]) -> list[SpotRequest]:
    """The requests as they are now; what EC2 does not list any more is left out. EC2: DescribeSpotInstanceRequests."""
    if not ids:
        return []
    return [item for page in search.find(client, search.by_ids(SpotRequest, ids)) for item in page.items]


def _later(before: SpotRequest, now: SpotRequest | None) -> SpotRequest:
    """What is known of it: EC2 may show it a moment late as it was."""
    if now is None:
        return replace(before, state="cancelled")
    return replace(now, state=before.state) if before.over and not now.over else now


# Instances of requests


def instances_of(client: Client, items: Sequence[SpotRequest]) -> list[Machine]:
    """The instances that the requests have and that have not ended. EC2: DescribeInstances. Raises botocore's."""
    ids = [item.instance_id for item in items if item.instance_id]
    if not ids:
        return []
    found = [each for page in machines.find(client, search.by_ids(Machine, ids)) for each in page.items]
    return [each for each in found if each.state not in ("shutting-down", "terminated")]


def tag_instances(client: Client, items: Sequence[Machine], tags: Mapping[str, str]) -> None:
    """Put the tags on the instances and their volumes: requests have none for them. EC2: CreateTags. Raises
    botocore's errors."""
    if not tags or not items:
        return
    volumes = [disk["volume_id"] for each in items for disk in each.disks if disk["volume_id"]]
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    client.call("CreateTags", Resources=[*(each.id for each in items), *volumes], Tags=listed)
