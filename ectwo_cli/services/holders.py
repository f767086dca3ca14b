"""Which instances use something: an address, a key pair, a security group; named as people know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ectwo_cli.aws.calls import batches, escaped
from ectwo_cli.aws.session import Client
from ectwo_cli.model import name_of
from ectwo_cli.query import MOST_FILTER_VALUES

ALIVE = ("pending", "running", "stopping", "stopped")
"""States of an instance that holds on to things; one that is shutting down lets go of them."""


def names(client: Client, ids: Iterable[str]) -> dict[str, str | None]:
    """The names of instances by ID; None for one without. EC2: DescribeInstances."""
    wanted = sorted(set(ids))
    found: dict[str, str | None] = dict.fromkeys(wanted)
    for batch in batches(wanted, MOST_FILTER_VALUES):
        found |= _names(client, {"instance-id": batch})
    return found


def labels(client: Client, ids: Iterable[str]) -> dict[str, str]:
    """``web-1 (i-0abc)`` for each instance; the ID alone for one without a name. EC2: DescribeInstances."""
    return {each: _label(each, name) for each, name in names(client, ids).items()}


def launched_with(client: Client, key: str) -> list[str]:
    """The labels of the instances that were launched with a key pair of this name. EC2: DescribeInstances."""
    found = _names(client, {"key-name": [escaped(key)], "instance-state-name": list(ALIVE)})
    return sorted(_label(each, name) for each, name in found.items())


def sentence(names: Sequence[str], *, most: int = 3) -> str:
    """``a, b and 5 more``."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _label(instance_id: str, name: str | None) -> str:
    return f"{name} ({instance_id})" if name else instance_id


def _names(client: Client, filters: Mapping[str, Sequence[str]]) -> dict[str, str | None]:
    sent = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
    found: dict[str, str | None] = {}
    for page in client.pages("DescribeInstances", "Reservations[].Instances[]", Filters=sent, MaxResults=1000):
        found |= {each["InstanceId"]: name_of(each.get("Tags")) for each in page}
    return found
