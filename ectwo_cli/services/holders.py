"""Which instances use something: an address, a key pair, a security group; named as people know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ectwo_cli.aws.calls import batches
from ectwo_cli.aws.session import Client
from ectwo_cli.model import name_of
from ectwo_cli.query import MOST_FILTER_VALUES

ALIVE = ("pending", "running", "stopping", "stopped")
"""States of an instance that holds on to things; one that is shutting down lets go of them."""


def labels(client: Client, ids: Iterable[str]) -> dict[str, str]:
    """``web-1 (i-0abc)`` for each instance; the ID alone for one without a name. EC2: DescribeInstances."""
    wanted = sorted(set(ids))
    found = {each: each for each in wanted}
    for batch in batches(wanted, MOST_FILTER_VALUES):
        found |= _labels(client, {"instance-id": batch})
    return found


def launched_with(client: Client, key: str) -> list[str]:
    """The labels of the instances that were launched with a key pair of this name. EC2: DescribeInstances."""
    return sorted(_labels(client, {"key-name": [key], "instance-state-name": list(ALIVE)}).values())


def sentence(names: Sequence[str], *, most: int = 3) -> str:
    """``a, b and 5 more``."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def _labels(client: Client, filters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    sent = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
    found: dict[str, str] = {}
    for page in client.pages("DescribeInstances", "Reservations[].Instances[]", Filters=sent, MaxResults=1000):
        for each in page:
            name = name_of(each.get("Tags"))
            found[each["InstanceId"]] = f"{name} ({each['InstanceId']})" if name else each["InstanceId"]
    return found
