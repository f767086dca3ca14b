"""Tags, on resources of any kind: find, set and remove them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ectwo_cli.aws.calls import batches, dry_run, escaped, is_passing
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import UsageError
from ectwo_cli.model import Regional, column, pick, resource
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import MOST_FILTER_VALUES
from ectwo_cli.records import dataclass
from ectwo_cli.services import bulk
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.search import Lookup, Ref, look_up, split_region

MOST_TAGS = 50
"""Tags of the user's own that a resource can have; AWS's (``aws:…``) do not count."""

LONGEST_KEY, LONGEST_VALUE = 128, 256

MOST_RESOURCES = 1000
"""Resources in one CreateTags or DeleteTags."""

PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each look at whether EC2 shows the change; after them it is an error."""


@resource("tag", operation="DescribeTags", items="Tags[]", id="resource_id", lookup=())
class Tag(Regional):
    """One tag of one resource. EC2: DescribeTags."""

    resource_type: str = column(
        "ResourceType",
        filter="resource-type",
        default=True,
        option="--resource-type",
        help="the kind of resource: instance, volume, image, ...",
    )
    resource_id: str = column(
        "ResourceId", filter="resource-id", default=True, option="--resource", help="the ID of the resource"
    )
    key: str = column("Key", filter="key", default=True, option="--key", help="the key")
    value: str = column(
        "Value", read=lambda value: value or "", filter="value", default=True, option="--value", help="the value"
    )


@resource("resource", operation="DescribeTags", items="Tags[]", id="resource_id", lookup=())
class Tagged(Regional):
    """A resource of any kind with its tags. EC2: DescribeTags."""

    resource_type: str = column("ResourceType", default=True, help="the kind of resource: instance, volume, image, ...")
    resource_id: str = column("ResourceId", default=True, help="its ID")
    name: str | None = column("Name", default=True, help="its Name tag, or its own name")
    tags: dict[str, str] = column("Tags", default=True, help="its tags")


@dataclass(frozen=True)
class Sort:
    """How resources with an ID of one prefix are listed: to find those that have no tag yet."""

    type: str
    operation: str
    items: str
    id: str
    filter: str


SORTS: Mapping[str, Sort] = {
    "i": Sort("instance", "DescribeInstances", "Reservations[].Instances[]", "InstanceId", "instance-id"),
    "ami": Sort("image", "DescribeImages", "Images[]", "ImageId", "image-id"),
    "snap": Sort("snapshot", "DescribeSnapshots", "Snapshots[]", "SnapshotId", "snapshot-id"),
    "vol": Sort("volume", "DescribeVolumes", "Volumes[]", "VolumeId", "volume-id"),
    "eipalloc": Sort("elastic-ip", "DescribeAddresses", "Addresses[]", "AllocationId", "allocation-id"),
    "key": Sort("key-pair", "DescribeKeyPairs", "KeyPairs[]", "KeyPairId", "key-pair-id"),
    "sg": Sort("security-group", "DescribeSecurityGroups", "SecurityGroups[]", "GroupId", "group-id"),
    "sgr": Sort(
        "security-group-rule",
        "DescribeSecurityGroupRules",
        "SecurityGroupRules[]",
        "SecurityGroupRuleId",
        "security-group-rule-id",
    ),
    "sir": Sort(
        "spot-instances-request",
        "DescribeSpotInstanceRequests",
        "SpotInstanceRequests[]",
        "SpotInstanceRequestId",
        "spot-instance-request-id",
    ),
    "vpc": Sort("vpc", "DescribeVpcs", "Vpcs[]", "VpcId", "vpc-id"),
    "subnet": Sort("subnet", "DescribeSubnets", "Subnets[]", "SubnetId", "subnet-id"),
    "eni": Sort(
        "network-interface",
        "DescribeNetworkInterfaces",
        "NetworkInterfaces[]",
        "NetworkInterfaceId",
        "network-interface-id",
    ),
    "igw": Sort(
        "internet-gateway",
        "DescribeInternetGateways",
        "InternetGateways[]",
        "InternetGatewayId",
        "internet-gateway-id",
    ),
    "rtb": Sort("route-table", "DescribeRouteTables", "RouteTables[]", "RouteTableId", "route-table-id"),
    "acl": Sort("network-acl", "DescribeNetworkAcls", "NetworkAcls[]", "NetworkAclId", "network-acl-id"),
    "dopt": Sort("dhcp-options", "DescribeDhcpOptions", "DhcpOptions[]", "DhcpOptionsId", "dhcp-options-id"),
}

# Kinds that have a name of their own beside the Name tag: how they are listed, by which filter, and what is theirs.
OWN_NAMES: Sequence[tuple[str, str, dict[str, Any]]] = (
    ("ami", "name", {"Owners": ["self"]}),
    ("key", "key-name", {}),
    ("sg", "group-name", {}),
)

ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
ID = re.compile(r"([a-z]+(?:-[a-z]+)*)-(?:[0-9a-f]{8}|[0-9a-f]{17})")


# What is asked for


def read_tags(texts: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE``, split at the first ``=``. Raises UsageError for what EC2 would refuse, or a key given twice."""
    found: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        check_key(key)
        if len(value) > LONGEST_VALUE:
            raise UsageError(f"the value of tag {key!r} has {len(value)} characters; {LONGEST_VALUE} is the most")
        if found.setdefault(key, value) != value:
            raise UsageError(f"tag {key!r} is given twice, as {found[key]!r} and {value!r}")
    if len(found) > MOST_TAGS:
        raise UsageError(f"{len(found)} tags; a resource can have {MOST_TAGS}")
    return found


def check_key(key: str) -> None:
    """Raises UsageError for a key that EC2 would refuse."""
    if not key:
        raise UsageError("a tag without a key", hint="write KEY=VALUE")
    if key.lower().startswith("aws:"):
        raise UsageError(f"tag {key!r}: keys that begin with aws: are AWS's own")
    if len(key) > LONGEST_KEY:
        raise UsageError(f"the tag key {key[:20] + '…'!r} has {len(key)} characters; {LONGEST_KEY} is the most")


def refs(lines: Sequence[str]) -> list[Ref]:
    """The TARGETs, each once. Raises UsageError for a malformed ID of a kind that is known."""
    return list(dict.fromkeys(_ref(line) for line in lines))


def _ref(text: str) -> Ref:
    region, value = split_region(text)
    if not value:
        raise UsageError("an empty TARGET")
    found = ID.fullmatch(value)
    if found:
        return Ref(text, region, value, is_id=found[1] in SORTS)
    prefix, _, rest = value.partition("-")
    # "key-1" may well be a name; who writes "i-12" meant an ID.
    if prefix in SORTS and prefix not in ("key", "acl") and rest and re.fullmatch(r"\w+", rest):
        raise UsageError(
            f"malformed {SORTS[prefix].type} ID {value!r}",
            hint=f"an ID is {prefix}- and 8 or 17 of the digits 0-9 a-f",
        )
    return Ref(text, region, value, is_id=False)


# Finding


def find_targets(
    wanted: Sequence[Ref], clients: Callable[[str | None], Sequence[Client]], *, type: str | None = None
) -> Lookup[Tagged]:
    """What the TARGETs mean, of any kind, or of one ``type`` of resource; with their tags, in all regions at once.

    EC2: DescribeTags, and for names and what has no tags the Describe operations of the kinds.
    """

    def by(client: Client, here: Sequence[Ref]) -> Iterator[tuple[Ref, Tagged]]:
        for which, item in _in_region(client, here):
            if type in (None, item.resource_type):
                yield which, item

    return look_up(wanted, clients, Tagged, by=by)


def _in_region(client: Client, here: Sequence[Ref]) -> Iterator[tuple[Ref, Tagged]]:
    by_id: dict[str, set[Ref]] = {}
    own_names: dict[str, str] = {}
    names: dict[str, list[Ref]] = {}
    for each in here:
        if each.is_id or ID.fullmatch(each.value):
            by_id.setdefault(each.value, set()).add(each)
        if not each.is_id:
            names.setdefault(each.value, []).append(each)
    typed = set(by_id)
    for id, name in _named(client, list(names)):
        by_id.setdefault(id, set()).update(names[name])
        own_names[id] = name
    tags = read(client, list(by_id))
    there = _existing(client, [id for id in by_id if id not in tags or id not in typed])
    for id, which in by_id.items():
        item = tagged(client, id, tags.get(id, {}), own_names.get(id))
        for each in which:
            # An ID of a kind that is not known here is believed where it has tags, or names its region.
            if there.get(id, id in tags or (each.region is not None and bool(ID.fullmatch(each.value)))):
                yield each, item


def tagged(client: Client, id: str, tags: Mapping[str, str], name: str | None = None) -> Tagged:
    """A resource with these tags."""
    prefix = id.rpartition("-")[0]
    kind = SORTS[prefix].type if prefix in SORTS else prefix
    return Tagged(
        profile=client.profile,
        region=client.region,
        resource_type=kind,
        resource_id=id,
        name=tags.get("Name") or name,
        tags=dict(sorted(tags.items())),
    )


def _named(client: Client, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """IDs of what bears the names, each with the name: Name tags, own names, public addresses."""
    for some in batches(names, MOST_FILTER_VALUES):
        sent = [escaped(name) for name in some]
        filters = [{"Name": "key", "Values": ["Name"]}, {"Name": "value", "Values": sent}]
        for page in client.pages("DescribeTags", "Tags[]", Filters=filters, MaxResults=1000):
            yield from ((each["ResourceId"], each["Value"]) for each in page if each.get("Value") in some)
        for prefix, filter, own in OWN_NAMES:
            sort = SORTS[prefix]
            key = {"ami": "Name", "key": "KeyName", "sg": "GroupName"}[prefix]
            params = {**own, "Filters": [{"Name": filter, "Values": sent}]}
            for page in client.pages(sort.operation, sort.items, **params):
                yield from ((each[sort.id], each[key]) for each in page if each.get(key) in some)
        addresses = [name for name in some if ADDRESS.fullmatch(name)]
        if addresses:
            answer = client.call("DescribeAddresses", Filters=[{"Name": "public-ip", "Values": addresses}])
            yield from ((each["AllocationId"], each["PublicIp"]) for each in answer["Addresses"])


def _existing(client: Client, ids: Sequence[str]) -> dict[str, bool]:
    """Which of the IDs there are, as far as their kinds are known; a terminated instance is none any more."""
    by_prefix: dict[str, list[str]] = {}
    for id in ids:
        by_prefix.setdefault(id.rpartition("-")[0], []).append(id)
    found: dict[str, bool] = {}
    for prefix, some in by_prefix.items():
        sort = SORTS.get(prefix)
        if sort is None:
            continue
        found |= dict.fromkeys(some, False)
        state = pick("State.Name") if prefix == "i" else None
        for batch in batches(some, MOST_FILTER_VALUES):
            params = {"Filters": [{"Name": sort.filter, "Values": batch}]}
            for page in client.pages(sort.operation, sort.items, **params):
                found |= {each[sort.id]: state is None or state(each) != "terminated" for each in page}
    return found


def read(client: Client, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The tags of resources by their IDs; those without any are left out. EC2: DescribeTags."""
    found: dict[str, dict[str, str]] = {}
    for some in batches(ids, MOST_FILTER_VALUES):
        filters = [{"Name": "resource-id", "Values": some}]
        for page in client.pages("DescribeTags", "Tags[]", Filters=filters, MaxResults=1000):
            for each in page:
                found.setdefault(each["ResourceId"], {})[each["Key"]] = each.get("Value", "")
    return found


# Changing


@dataclass(frozen=True)
class Change:
    """What is to become of tags: those to ``set``, and keys to ``remove``."""

    set: Mapping[str, str]
    remove: Sequence[str] = ()

    @property
    def verb(self) -> str:
        return "set" if self.set else "remove"

    @property
    def done(self) -> str:
        return "set" if self.set else "removed"

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Whether tags are already as they should be."""
        return all(tags.get(key) == value for key, value in self.set.items()) and not any(
            key in tags for key in self.remove
        )

    def applied(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The tags as they should be."""
        left = {key: value for key, value in tags.items() if key not in self.remove}
        return dict(sorted({**left, **self.set}.items()))

    def refuses(self, tags: Mapping[str, str]) -> str | None:
        """Why EC2 would refuse it for a resource with these tags."""
        count = sum(not key.startswith("aws:") for key in self.applied(tags))
        return f"it would have {count} tags; {MOST_TAGS} is the most" if self.set and count > MOST_TAGS else None


def apply(
    client: Client,
    items: Sequence[Tagged],
    change: Change,
    *,
    check: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Outcome[Tagged]]:
    """Change the tags of resources of one region where they are not so already, and see that EC2 shows it.

    With ``check`` only ask whether it would be permitted. EC2: CreateTags or DeleteTags in batches of 1000, and
    DescribeTags until the change is seen.
    """
    known = {item.resource_id: item for item in items}
    asked: list[str] = []
    for item in items:
        if change.holds(item.tags):
            yield Outcome(item, "unchanged")
        elif reason := change.refuses(item.tags):
            yield Outcome(item, None, reason, "TagLimitExceeded", "remove some first: 'ectwo tags remove'")
        else:
            asked.append(item.resource_id)
    operation = "CreateTags" if change.set else "DeleteTags"
    tags = [{"Key": key, "Value": value} for key, value in change.set.items()] or [
        {"Key": key} for key in change.remove
    ]

    def send(ids: list[str]) -> dict[str, Any]:
        if check:
            dry_run(client, operation, Resources=ids, Tags=tags)
            return {}
        return client.call(operation, Resources=ids, Tags=tags)

    sent: list[str] = []
    for ids, answer in bulk.in_batches(asked, send, size=MOST_RESOURCES):
        if isinstance(answer, Exception):
            yield from (failed(known[id], answer) for id in ids)
        elif check:
            yield from (Outcome(known[id], f"would {change.verb}") for id in ids)
        else:
            sent += ids
    yield from _seen(client, [known[id] for id in sent], change, sleep)


def _seen(
    client: Client, items: Sequence[Tagged], change: Change, sleep: Callable[[float], None]
) -> Iterator[Outcome[Tagged]]:
    left = {item.resource_id: item for item in items}
    problem: Exception | None = None
    for pause in PAUSES if left else ():
        sleep(pause)
        try:
            found, problem = read(client, list(left)), None
        except Exception as error:
            if not is_passing(error):
                yield from (_unseen(item, change, error) for item in left.values())
                return
            problem = error
            continue
        for id, item in list(left.items()):
            tags = found.get(id, {})
            left[id] = replace(item, tags=dict(sorted(tags.items())), name=tags.get("Name") or item.name)
            if change.holds(tags):
                yield Outcome(left.pop(id), change.done)
        if not left:
            return
    yield from (_unseen(item, change, problem) for item in left.values())


def _unseen(item: Tagged, change: Change, error: Exception | None) -> Outcome[Tagged]:
    """EC2 took the change, and then did not show it."""
    why = failed(item, error).error if error else "it does not show it"
    return Outcome(
        item,
        None,
        f"EC2 took the change, but {why}",
        None,
        f"look again: 'ectwo tags find --resource {item.resource_id} -r {item.region}'",
    )
