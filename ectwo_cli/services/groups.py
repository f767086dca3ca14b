"""Security groups."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ectwo_cli.aws.calls import dry_run, escaped, is_lost
from ectwo_cli.aws.once import once
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import EctwoError, NotFound, UsageError
from ectwo_cli.model import Raw, Regional, column, resource, tags_of
from ectwo_cli.query import Query
from ectwo_cli.records import dataclass
from ectwo_cli.services import holders, rules, search
from ectwo_cli.services.rules import Rule
from ectwo_cli.services.search import Page


def ingress_of(raw: Sequence[Raw] | None, owner: str | None) -> list[dict[str, Any]]:
    """EC2's permissions as records: one for each protocol, range of ports and source."""
    return [each.record for each in rules.of_permissions(raw, owner)]


@resource(
    "security group",
    id_prefix="sg-",
    operation="DescribeSecurityGroups",
    items="SecurityGroups[]",
)
class SecurityGroup(Regional):
    """A security group. EC2: DescribeSecurityGroups."""

    name: str = column("GroupName", filter="group-name", default=True, option="--name", help="its name")
    id: str = column("GroupId", filter="group-id", default=True, help="the ID, sg-...")
    vpc_id: str | None = column(
        "VpcId", filter="vpc-id", default=True, option="--vpc", help="the ID of the VPC it belongs to"
    )
    description: str | None = column(
        "Description", filter="description", default=True, option="--description", help="its description"
    )
    owner_id: str | None = column("OwnerId", filter="owner-id", help="the account it belongs to")
    ingress: list[dict[str, Any]] = column(
        "IpPermissions",
        "OwnerId",
        read=ingress_of,
        help="rules for what comes in: protocol, from_port, to_port, source, description",
    )
    egress: list[dict[str, Any]] = column(
        "IpPermissionsEgress",
        "OwnerId",
        read=ingress_of,
        help="rules for what goes out, with where to as the source",
    )
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")

    def rules(self) -> list[Rule]:
        """All its rules, ingress first; without their IDs."""
        return [_rule(each, egress=False) for each in self.ingress] + [_rule(each, egress=True) for each in self.egress]


def _rule(record: Mapping[str, Any], *, egress: bool) -> Rule:
    ports = rules.Ports(record["protocol"], record["from_port"], record["to_port"])
    return Rule(ports, record["source"], egress, record["description"])


# Finding


def opens(group: SecurityGroup, port: int | None, *, world: bool) -> bool:
    """Whether one rule lets in what goes to ``port`` (None: any), from anywhere when ``world``."""
    return any(
        not each.egress and (port is None or each.ports.covers(port)) and (each.open_to_world or not world)
        for each in group.rules()
    )


def find_unused(client: Client, query: Query[SecurityGroup]) -> Iterator[Page[SecurityGroup]]:
    """The groups that match and that nothing uses: no network interface, no rule of another group.

    Default groups are left out: they can't be deleted. EC2: DescribeSecurityGroups, DescribeNetworkInterfaces.
    """
    used: set[str] = set()
    for page in client.pages("DescribeNetworkInterfaces", "NetworkInterfaces[]", MaxResults=1000):
        used |= {held["GroupId"] for each in page for held in each.get("Groups") or ()}
    for found in search.find(client, Query(SecurityGroup)):
        used |= {
            each.group_id
            for group in found.items
            for each in group.rules()
            if each.group_id and each.group_id != group.id
        }
    for found in search.find(client, query):
        yield Page([each for each in found.items if each.id not in used and each.name != "default"], found.more)


@dataclass(frozen=True)
class User:
    """What uses a group: an ``instance``, a network ``interface`` of something else, or a ``group`` with a rule."""

    kind: str
    id: str
    name: str | None

    @property
    def label(self) -> str:
        what = {"interface": "network interface ", "group": "a rule of group "}.get(self.kind, "")
        return f"{what}{self.name} ({self.id})" if self.name else f"{what}{self.id}"

    @property
    def record(self) -> dict[str, str | None]:
        return {"kind": self.kind, "id": self.id, "name": self.name}


def users(client: Client, group: SecurityGroup) -> list[User]:
    """What uses it, as far as EC2 tells.

    EC2: DescribeNetworkInterfaces, DescribeInstances for names, DescribeSecurityGroups. Raises botocore's errors.
    """
    found: list[User] = []
    instances: list[str] = []
    held = [{"Name": "group-id", "Values": [group.id]}]
    for page in client.pages("DescribeNetworkInterfaces", "NetworkInterfaces[]", Filters=held, MaxResults=1000):
        for each in page:
            instance = (each.get("Attachment") or {}).get("InstanceId")
            if instance:
                instances.append(instance)
            else:
                found.append(User("interface", each["NetworkInterfaceId"], each.get("Description") or None))
    names = holders.names(client, instances)
    found += [User("instance", each, names.get(each)) for each in dict.fromkeys(instances)]
    referring: dict[str, User] = {}
    for direction in ("ip-permission", "egress.ip-permission"):
        filters = [{"Name": f"{direction}.group-id", "Values": [group.id]}]
        for page in client.pages("DescribeSecurityGroups", "SecurityGroups[]", Filters=filters, MaxResults=1000):
            for each in page:
                if each["GroupId"] != group.id:
                    referring[each["GroupId"]] = User("group", each["GroupId"], each["GroupName"])
    return sorted([*found, *referring.values()], key=lambda user: (user.kind, user.name or "~", user.id))


# Rules


def rules_of(client: Client, group_id: str) -> list[Rule]:
    """The rules of a group with their IDs. EC2: DescribeSecurityGroupRules. Raises botocore's errors."""
    filters = [{"Name": "group-id", "Values": [group_id]}]
    found = client.all("DescribeSecurityGroupRules", "SecurityGroupRules[]", Filters=filters, MaxResults=1000)
    return [rules.of_rule(each) for each in found]


def source_of(client: Client, text: str, vpc_id: str | None) -> str:
    """A group, or a prefix list, that ``text`` names as the source of a rule in the VPC.

    EC2: DescribeSecurityGroups, DescribeManagedPrefixLists. Raises NotFound, UsageError when several are meant.
    """
    if text.startswith("pl-") or "/sg-" in text:
        return text
    if text.startswith("com.amazonaws."):
        filters = [{"Name": "prefix-list-name", "Values": [escaped(text)]}]
        lists = client.call("DescribeManagedPrefixLists", Filters=filters)["PrefixLists"]
        if not lists:
            raise NotFound(f"no prefix list {text} in {client.region}")
        return str(lists[0]["PrefixListId"])
    ref = search.ref(text, SecurityGroup)
    found = [item for _, item in search.find_refs(client, [ref], SecurityGroup)]
    # A rule may name a group of a peered VPC too, but its own VPC's is what a name means.
    near = [item for item in found if item.vpc_id == vpc_id] or found
    if not near:
        raise NotFound(
            f"no security group {text} in {client.region}",
            hint="--from takes an address, a CIDR block, a group, a prefix list, me or anywhere",
        )
    if len(near) > 1:
        raise search.several(ref, near, SecurityGroup)
    return near[0].id


@dataclass(frozen=True)
class Change:
    """What became, or would become, of rules: ``made`` (added, or removed) and ``unchanged`` ones."""

    made: list[Rule]
    unchanged: list[Rule]


def plan_authorize(existing: Sequence[Rule], wanted: Sequence[Rule]) -> Change:
    """Which of the rules are to be added. One whose description alone differs is to be made, too. Pure."""
    known = {each: each for each in existing}
    there = [each for each in wanted if each in known and each.description in (None, known[each].description)]
    return Change([each for each in wanted if each not in there], there)


def authorize(client: Client, group_id: str, wanted: Sequence[Rule]) -> Change:
    """Add the rules that are not there. EC2: AuthorizeSecurityGroupIngress, ...Egress; for new descriptions
    UpdateSecurityGroupRuleDescriptionsIngress, ...Egress. Raises botocore's errors."""
    existing = rules_of(client, group_id)
    change = plan_authorize(existing, wanted)
    for operation, some in _additions(existing, change):
        try:
            client.call(operation, GroupId=group_id, IpPermissions=[each.permission() for each in some])
        except Exception as error:
            # Somebody was faster, or the answer was lost. One rule that is there refuses all the others.
            if code_of(error) != "InvalidPermission.Duplicate" and not is_lost(error):
                raise
            now = rules_of(client, group_id)
            left = [each for each in some if each not in now]
            if len(left) == len(some):
                raise
            if left:
                client.call(operation, GroupId=group_id, IpPermissions=[each.permission() for each in left])
    return change


def check_authorize(client: Client, group_id: str, wanted: Sequence[Rule]) -> Change:
    """What :func:`authorize` would do. EC2: the same with DryRun. Raises botocore's errors."""
    existing = rules_of(client, group_id)
    change = plan_authorize(existing, wanted)
    for operation, some in _additions(existing, change):
        dry_run(client, operation, GroupId=group_id, IpPermissions=[each.permission() for each in some])
    return change


def _additions(existing: Sequence[Rule], change: Change) -> Iterator[tuple[str, list[Rule]]]:
    """Which operations are called with which rules."""
    for egress in (False, True):
        some = [each for each in change.made if each.egress is egress]
        added = [each for each in some if each not in existing]
        described = [each for each in some if each in existing]
        if added:
            yield f"AuthorizeSecurityGroup{_direction(egress)}", added
        if described:
            yield f"UpdateSecurityGroupRuleDescriptions{_direction(egress)}", described


def plan_revoke(existing: Sequence[Rule], wanted: Sequence[Rule], ids: Sequence[str]) -> Change:
    """Which rules are to be removed: those equal to one that is ``wanted``, or of one of the ``ids``. Pure."""
    made = [each for each in existing if each in wanted or each.id in ids]
    return Change(made, [each for each in wanted if each not in existing])


def revoke(client: Client, group_id: str, removed: Sequence[Rule]) -> None:
    """Remove rules that were read with their IDs; those that are gone are as good.

    EC2: RevokeSecurityGroupIngress, ...Egress. Raises botocore's errors.
    """
    for egress in (False, True):
        left = [each for each in removed if each.egress is egress]
        while left:
            try:
                client.call(f"RevokeSecurityGroup{_direction(egress)}", **_revoke_params(group_id, left))
                break
            except Exception as error:
                if code_of(error) not in GONE and not is_lost(error):
                    raise
                now = {each.id for each in rules_of(client, group_id)}
                remaining = [each for each in left if each.id in now]
                if len(remaining) == len(left):
                    raise
                left = remaining


GONE = ("InvalidPermission.NotFound", "InvalidSecurityGroupRuleId.NotFound")


def check_revoke(client: Client, group_id: str, removed: Sequence[Rule]) -> None:
    """Whether it would be permitted. EC2: the same with DryRun. Raises botocore's errors."""
    for egress in (False, True):
        some = [each for each in removed if each.egress is egress]
        if some:
            dry_run(client, f"RevokeSecurityGroup{_direction(egress)}", **_revoke_params(group_id, some))


def _revoke_params(group_id: str, removed: Sequence[Rule]) -> dict[str, Any]:
    return {"GroupId": group_id, "SecurityGroupRuleIds": [each.id for each in removed]}


def _direction(egress: bool) -> str:
    return "Egress" if egress else "Ingress"


# Creating and deleting


def again(client: Client, group_id: str) -> SecurityGroup:
    """The group as it is now. EC2: DescribeSecurityGroups. Raises NotFound, botocore's errors."""
    filters = [{"Name": "group-id", "Values": [group_id]}]
    found = client.call("DescribeSecurityGroups", Filters=filters)["SecurityGroups"]
    if not found:
        raise NotFound(f"no security group {group_id} in {client.region}")
    return SecurityGroup.parse(found[0], client.region, client.profile)


def named(client: Client, name: str, vpc_id: str) -> SecurityGroup | None:
    """The group of that name in a VPC; None when there is none. EC2: DescribeSecurityGroups."""
    filters = [{"Name": "group-name", "Values": [escaped(name)]}, {"Name": "vpc-id", "Values": [vpc_id]}]
    found = client.call("DescribeSecurityGroups", Filters=filters)["SecurityGroups"]
    return SecurityGroup.parse(found[0], client.region, client.profile) if found else None


def names(client: Client, ids: Sequence[str]) -> dict[str, str]:
    """The names of groups by ID, of those that are there. EC2: DescribeSecurityGroups."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    filters = [{"Name": "group-id", "Values": wanted}]
    found = client.call("DescribeSecurityGroups", Filters=filters)["SecurityGroups"]
    return {each["GroupId"]: each["GroupName"] for each in found}


def vpc_named(client: Client, text: str | None) -> str:
    """The ID of a VPC, by ID or Name tag; of the default one for None.

    EC2: DescribeVpcs. Raises NotFound, UsageError when several are meant.
    """
    name, value = ("is-default", "true") if text is None else ("tag:Name", escaped(text))
    if text is not None and text.startswith("vpc-"):
        name, value = "vpc-id", text
    found = [each["VpcId"] for each in client.call("DescribeVpcs", Filters=[{"Name": name, "Values": [value]}])["Vpcs"]]
    if not found:
        if text is None:
            raise NotFound(f"{client.region} has no default VPC", hint="say --vpc")
        raise NotFound(f"no VPC {text} in {client.region}")
    if len(found) > 1:
        raise UsageError(f"{len(found)} VPCs in {client.region} are named {text!r}: {', '.join(found)}")
    return str(found[0])


def check_create(client: Client, name: str, description: str, vpc_id: str, tags: Mapping[str, str]) -> None:
    """Whether it would work. EC2: CreateSecurityGroup with DryRun. Raises botocore's errors."""
    dry_run(client, "CreateSecurityGroup", **_create_params(name, description, vpc_id, tags))


def create(
    client: Client,
    name: str,
    description: str,
    vpc_id: str,
    tags: Mapping[str, str],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Create a group and give its ID; with EC2's own first rule, which lets everything out.

    EC2: CreateSecurityGroup, which has no token; but in a VPC a name is there once, so that a lost answer is found by
    it. Raises botocore's errors, EctwoError when the name is taken.
    """
    if named(client, name, vpc_id) is not None:
        raise EctwoError(
            f"there is a security group {name} already in {vpc_id} of {client.region}", code="InvalidGroup.Duplicate"
        )

    def send() -> str:
        return str(
            client.call_once("CreateSecurityGroup", **_create_params(name, description, vpc_id, tags))["GroupId"]
        )

    def look() -> str | None:
        found = named(client, name, vpc_id)
        return found.id if found else None

    where = f"ectwo groups find --name {name} -r {client.region}"
    return once(send, look, sleep=sleep, what=f"security group {name}", where_to_look=where).what


def create_with(
    client: Client,
    name: str,
    description: str,
    vpc_id: str,
    tags: Mapping[str, str],
    wanted: Sequence[Rule],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> SecurityGroup:
    """:func:`create` it with these rules; it is deleted again when EC2 refuses one of them."""
    made = create(client, name, description, vpc_id, tags, sleep=sleep)
    try:
        authorize(client, made, wanted)
    except Exception:
        remove(client, made, sleep=sleep)
        raise
    return again(client, made)


def _create_params(name: str, description: str, vpc_id: str, tags: Mapping[str, str]) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    specification = [{"ResourceType": "security-group", "Tags": listed}] if listed else None
    return {"GroupName": name, "Description": description, "VpcId": vpc_id, "TagSpecifications": specification}


def remove(client: Client, group_id: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Delete it; one that is gone is as good. EC2: DeleteSecurityGroup. Raises botocore's errors."""
    for pause in (1.0, 2.0, 4.0, None):
        try:
            client.call("DeleteSecurityGroup", GroupId=group_id)
        except Exception as error:
            if code_of(error) in ("InvalidGroup.NotFound", "InvalidGroupId.NotFound"):
                return
            # What referred to it a moment ago may still seem to.
            if code_of(error) != "DependencyViolation" or pause is None:
                raise
            sleep(pause)
        else:
            return
