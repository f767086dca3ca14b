"""Copy security groups to other regions and VPCs, what they say about each other with them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import UsageError
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services import groups
from ectwo_cli.services.groups import SecurityGroup
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.rules import Rule


@dataclass(frozen=True)
class Destination:
    """A VPC to copy to."""

    client: Client
    vpc_id: str

    def is_home(self, group: SecurityGroup) -> bool:
        """Whether the group lives there."""
        return (group.region, group.profile, group.vpc_id) == (self.client.region, self.client.profile, self.vpc_id)


@dataclass(frozen=True)
class LeftOut:
    """A rule that can't be copied, and why."""

    rule: Rule
    reason: str

    @property
    def text(self) -> str:
        return f"{self.rule.text}: {self.reason}"


def new_names(sources: Sequence[SecurityGroup], template: str) -> dict[str, str]:
    """What the copies are called, by the ID of the source. ``template`` knows {name}, {id} and {region}. Pure.

    Raises UsageError for an unknown placeholder, a name that two would get, and one that EC2 keeps to itself.
    """
    made: dict[str, str] = {}
    for group in sources:
        try:
            name = template.format(name=group.name, id=group.id, region=group.region)
        except (KeyError, IndexError, ValueError):
            raise UsageError(f"bad --name {template!r}", hint="it knows {name}, {id} and {region}") from None
        if name in made.values():
            raise UsageError(f"two of the groups would be named {name!r}", hint="say --name, as in '{name}-{id}'")
        if name == "default" or name.startswith("sg-"):
            raise UsageError(f"a copy can't be named {name!r}", hint="say --name, as in '{name}-copy'")
        made[group.id] = name
    return made


def mapped(
    rule: Rule, source: SecurityGroup, to: Destination, ids: Mapping[str, str], lists: Mapping[str, str]
) -> Rule | LeftOut:
    """The rule as it is to be in the copy. ``ids`` are the copied groups', ``lists`` the prefix lists' there. Pure."""
    if rule.source in ids:
        return replace(rule, source=ids[rule.source], id=None)
    if to.is_home(source):
        return rule
    if rule.group_id:
        return LeftOut(rule, f"{rule.source} is not copied with it")
    if rule.source.startswith("pl-") and source.region != to.client.region:
        if rule.source in lists:
            return replace(rule, source=lists[rule.source], id=None)
        return LeftOut(rule, f"prefix list {rule.source} is not in {to.client.region}")
    return rule


def prefix_lists(source: Client, to: Client, ids: Sequence[str]) -> dict[str, str]:
    """The prefix lists of AWS in another region, by their IDs here: com.amazonaws.REGION.s3 is in each.

    EC2: DescribeManagedPrefixLists. Raises botocore's errors.
    """
    if not ids or source.region == to.region:
        return {}
    here = source.call("DescribeManagedPrefixLists", Filters=[{"Name": "prefix-list-id", "Values": list(ids)}])
    wanted = {
        each["PrefixListName"].replace(f".{source.region}.", f".{to.region}."): each["PrefixListId"]
        for each in here["PrefixLists"]
        if each["PrefixListName"].startswith("com.amazonaws.")
    }
    if not wanted:
        return {}
    there = to.call("DescribeManagedPrefixLists", Filters=[{"Name": "prefix-list-name", "Values": list(wanted)}])
    return {wanted[each["PrefixListName"]]: each["PrefixListId"] for each in there["PrefixLists"]}


@dataclass(frozen=True)
class Copy:
    """What one group is to become; ``there`` is the group that has its name already, ``lists`` as for `mapped`."""

    source: SecurityGroup
    name: str
    there: SecurityGroup | None
    lists: Mapping[str, str]

    def rules(self, to: Destination, ids: Mapping[str, str]) -> tuple[list[Rule], list[LeftOut]]:
        """Its rules in the destination; ``ids`` as for :func:`mapped`."""
        made = [mapped(each, self.source, to, ids, self.lists) for each in self.source.rules()]
        return [each for each in made if isinstance(each, Rule)], [each for each in made if isinstance(each, LeftOut)]


def plan(
    to: Destination,
    sources: Sequence[SecurityGroup],
    names: Mapping[str, str],
    client_of: Callable[[SecurityGroup], Client],
) -> list[Copy]:
    """What is to be copied, and what is there. EC2: DescribeSecurityGroups, DescribeManagedPrefixLists."""
    found = []
    for group in sources:
        wanted = sorted({each.source for each in group.rules() if each.source.startswith("pl-")})
        lists = prefix_lists(client_of(group), to.client, wanted)
        found.append(Copy(group, names[group.id], groups.named(to.client, names[group.id], to.vpc_id), lists))
    return found


def copy(
    to: Destination, copies: Sequence[Copy], *, dry_run: bool, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Outcome[SecurityGroup]]:
    """Make the copies in one VPC. A group that is there already with the same rules is ``unchanged``; with others, it
    is in the way, and nothing is copied there. A copy whose rules EC2 refuses is not left half-made.

    EC2: CreateSecurityGroup, AuthorizeSecurityGroupIngress, ...Egress, RevokeSecurityGroupEgress.
    """
    ids = {each.source.id: each.there.id if each.there else f"sg-copy-of-{each.source.id}" for each in copies}
    refused = [each for each in copies if each.there and set(each.there.rules()) != set(each.rules(to, ids)[0])]
    if refused or dry_run:
        yield from _told(to, copies, refused, ids)
        return
    made: dict[str, SecurityGroup] = {}
    try:
        for each in copies:
            if each.there is None:
                tags = {key: value for key, value in each.source.tags.items() if not key.startswith("aws:")}
                description = each.source.description or each.name
                new = groups.create(to.client, each.name, description, to.vpc_id, tags, sleep=sleep)
                ids[each.source.id] = new
                made[new] = each.source
        for each in copies:
            if each.there is None:
                _set_rules(to.client, ids[each.source.id], each.rules(to, ids)[0])
    except Exception as error:
        left = _undo(to.client, list(made), sleep)
        for each in copies:
            if each.there is not None:
                yield Outcome(each.there, "unchanged")
            else:
                yield _not_copied(to, each, error, ids[each.source.id] if ids[each.source.id] in left else None)
        return
    for each in copies:
        item = each.there or groups.again(to.client, ids[each.source.id])
        yield Outcome(item, "unchanged" if each.there else "copied", details=_details(each, to, ids))


def _not_copied(to: Destination, each: Copy, error: Exception, left: str | None) -> Outcome[SecurityGroup]:
    outcome = failed(_imagined(each, to), error)
    if left:
        return replace(outcome, hint=f"a part of it stays: 'ectwo groups delete {to.client.region}/{left}'")
    return outcome


def _told(
    to: Destination, copies: Sequence[Copy], refused: Sequence[Copy], ids: Mapping[str, str]
) -> Iterator[Outcome[SecurityGroup]]:
    for each in copies:
        if each in refused:
            assert each.there is not None
            yield Outcome(
                each.there,
                None,
                f"{to.vpc_id} has another group named {each.name}",
                "InvalidGroup.Duplicate",
                "say --name, as in '{name}-copy'",
            )
        elif each.there:
            yield Outcome(each.there, "unchanged", details=_details(each, to, ids))
        elif refused:
            yield Outcome(_imagined(each, to), None, "not copied, since others of them are in the way")
        else:
            try:
                groups.check_create(to.client, each.name, each.source.description or each.name, to.vpc_id, {})
            except Exception as error:
                yield failed(_imagined(each, to), error)
            else:
                yield Outcome(_imagined(each, to), "would copy", details=_details(each, to, ids))


def _details(each: Copy, to: Destination, ids: Mapping[str, str]) -> dict[str, object]:
    left_out = each.rules(to, ids)[1]
    return {"source": f"{each.source.region}/{each.source.id}", "left_out": [every.text for every in left_out]}


def _imagined(each: Copy, to: Destination) -> SecurityGroup:
    """The copy as it would be; it has no ID yet."""
    return replace(each.source, region=to.client.region, vpc_id=to.vpc_id, name=each.name, id="")


def _set_rules(client: Client, group_id: str, wanted: Sequence[Rule]) -> None:
    groups.authorize(client, group_id, wanted)
    # What EC2 gives to every new group, and the source may not have.
    groups.revoke(client, group_id, [each for each in groups.rules_of(client, group_id) if each not in wanted])


def _undo(client: Client, made: Sequence[str], sleep: Callable[[float], None]) -> list[str]:
    """Delete the groups just made, which may refer to each other; those that stay."""
    for each in made:
        with contextlib.suppress(Exception):
            groups.revoke(client, each, [rule for rule in groups.rules_of(client, each) if rule.group_id in made])
    left = []
    for each in made:
        try:
            groups.remove(client, each, sleep=sleep)
        except Exception:
            left.append(each)
    return left
