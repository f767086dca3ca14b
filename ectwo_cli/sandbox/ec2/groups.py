"""Security groups and their rules. A request with several rules is done in full or not at all, as in EC2."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Ask, Handler, check_ids, tags_of
from ectwo_cli.sandbox.filters import Item, Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value
from ectwo_cli.sandbox.world import Region, Thing

MOST_RULES = 60
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_SOURCES = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo")


def every(here: Region) -> dict[str, Thing]:
    """The groups of the region; each VPC has its default one."""
    have = {group.data["VpcId"] for group in here.groups.values() if group.data["GroupName"] == "default"}
    for vpc in delegate.backend(here).vpcs:
        if vpc not in have:
            group = make(here, "default", "default VPC security group", vpc)
            add_rule(here, group, False, {"IpProtocol": "-1", "ReferencedGroupInfo": {"GroupId": group.id}})
    return here.groups


def default_vpc(here: Region) -> str | None:
    """The ID of the default VPC."""
    for vpc in delegate.backend(here).vpcs.values():
        if str(vpc.is_default).lower() == "true":
            return str(vpc.id)
    return None


def make(here: Region, name: str, description: str, vpc: str) -> Thing:
    """A new group, which lets everything out."""
    group_id = here.new_id("sg")
    data = {
        "GroupId": group_id,
        "GroupName": name,
        "Description": description,
        "VpcId": vpc,
        "OwnerId": here.account,
        "SecurityGroupArn": f"arn:aws:ec2:{here.name}:{here.account}:security-group/{group_id}",
    }
    thing = Thing(group_id, data, here.now())
    here.groups[group_id] = thing
    add_rule(here, thing, True, {"IpProtocol": "-1", "CidrIpv4": "0.0.0.0/0"})
    return thing


def add_rule(here: Region, group: Thing, egress: bool, rule: Mapping[str, Any]) -> Thing:
    """A new rule, already checked: protocol, ports, one source, perhaps a description."""
    rule_id = here.new_id("sgr")
    source = {name: rule[name] for name in _SOURCES if name in rule}
    if "ReferencedGroupInfo" in source:
        source["ReferencedGroupInfo"] = {"UserId": here.account, **source["ReferencedGroupInfo"]}
    data: dict[str, Any] = {
        "SecurityGroupRuleId": rule_id,
        "GroupId": group.id,
        "GroupOwnerId": here.account,
        "IsEgress": egress,
        "IpProtocol": rule["IpProtocol"],
        "FromPort": rule.get("FromPort", -1),
        "ToPort": rule.get("ToPort", -1),
        **source,
        "SecurityGroupRuleArn": f"arn:aws:ec2:{here.name}:{here.account}:security-group-rule/{rule_id}",
    }
    if rule.get("Description"):
        data["Description"] = rule["Description"]
    thing = Thing(rule_id, data, here.now())
    here.rules[rule_id] = thing
    return thing


def rules_of(here: Region, group: Thing, egress: bool) -> list[Thing]:
    """The rules of a group in one direction, in the order in which they were made."""
    return [
        rule for rule in here.rules.values() if rule.data["GroupId"] == group.id and rule.data["IsEgress"] == egress
    ]


def answer(here: Region, group: Thing) -> Item:
    """The group as DescribeSecurityGroups gives it."""
    return here.with_tags(
        group,
        IpPermissions=permissions(rules_of(here, group, False)),
        IpPermissionsEgress=permissions(rules_of(here, group, True)),
    )


def permissions(rules: Iterable[Thing]) -> list[Item]:
    """Rules in the older form: one element for each protocol and range of ports, with all sources in it."""
    found: dict[tuple[Any, ...], Item] = {}
    for rule in rules:
        data = rule.data
        key = (data["IpProtocol"], data["FromPort"], data["ToPort"])
        if key not in found:
            ports = {} if data["IpProtocol"] == "-1" else {"FromPort": data["FromPort"], "ToPort": data["ToPort"]}
            found[key] = {
                "IpProtocol": data["IpProtocol"],
                **ports,
                "UserIdGroupPairs": [],
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
            }
        note = {"Description": data["Description"]} if "Description" in data else {}
        if "CidrIpv4" in data:
            found[key]["IpRanges"].append({"CidrIp": data["CidrIpv4"], **note})
        elif "CidrIpv6" in data:
            found[key]["Ipv6Ranges"].append({"CidrIpv6": data["CidrIpv6"], **note})
        elif "PrefixListId" in data:
            found[key]["PrefixListIds"].append({"PrefixListId": data["PrefixListId"], **note})
        else:
            found[key]["UserIdGroupPairs"].append({**data["ReferencedGroupInfo"], **note})
    return list(found.values())


def _permission_filters(name: str, path: str) -> Table:
    return {
        f"{name}.cidr": f"{path}.IpRanges.CidrIp",
        f"{name}.from-port": f"{path}.FromPort",
        f"{name}.group-id": f"{path}.UserIdGroupPairs.GroupId",
        f"{name}.group-name": f"{path}.UserIdGroupPairs.GroupName",
        f"{name}.ipv6-cidr": f"{path}.Ipv6Ranges.CidrIpv6",
        f"{name}.prefix-list-id": f"{path}.PrefixListIds.PrefixListId",
        f"{name}.protocol": f"{path}.IpProtocol",
        f"{name}.to-port": f"{path}.ToPort",
        f"{name}.user-id": f"{path}.UserIdGroupPairs.UserId",
    }


_FILTERS: Table = {
    "description": "Description",
    "group-id": "GroupId",
    "group-name": "GroupName",
    "owner-id": "OwnerId",
    "vpc-id": "VpcId",
    **_permission_filters("ip-permission", "IpPermissions"),
    **_permission_filters("egress.ip-permission", "IpPermissionsEgress"),
}


def _unknown(name: str) -> Refusal:
    return Refusal("InvalidGroup.NotFound", f"The security group '{name}' does not exist")


def _pick(ask: Ask, group_id: str | None, name: str | None) -> Thing:
    known = every(ask.here)
    if group_id:
        check_ids([group_id], "sg", "security group", "InvalidGroupId.Malformed")
        if group_id not in known:
            raise _unknown(group_id)
        return known[group_id]
    if name:
        vpc = default_vpc(ask.here)
        for group in known.values():
            if group.data["GroupName"] == name and group.data["VpcId"] == vpc:
                return group
        raise _unknown(name)
    raise Refusal("MissingParameter", "The request must contain the parameter groupName or groupId")


def describe_groups(ask: Ask) -> dict[str, Any]:
    """DescribeSecurityGroups."""
    here = ask.here
    known = every(here)
    ids, names = ask.get("GroupIds"), ask.get("GroupNames")
    if (ids or names) and ask.get("MaxResults") is not None:
        raise Refusal(
            "InvalidParameterCombination",
            "The parameters GroupIds and GroupNames cannot be used with the parameter maxResults",
        )
    chosen = [_pick(ask, one, None) for one in ids or ()] + [_pick(ask, None, one) for one in names or ()]
    things = chosen if ids or names else here.visible(known.values())
    rows, token = page(
        select([answer(here, thing) for thing in things], ask.get("Filters"), _FILTERS), ask.parameters, unasked=1000
    )
    return {"SecurityGroups": rows, "NextToken": token}


def describe_rules(ask: Ask) -> dict[str, Any]:
    """DescribeSecurityGroupRules."""
    here = ask.here
    every(here)
    ids = ask.get("SecurityGroupRuleIds")
    things = _rules_by_id(here, ids) if ids else list(here.rules.values())
    table: Table = {"group-id": "GroupId", "security-group-rule-id": "SecurityGroupRuleId"}
    rows, token = page(select([here.with_tags(one) for one in things], ask.get("Filters"), table), ask.parameters)
    return {"SecurityGroupRules": rows, "NextToken": token}


def _rules_by_id(here: Region, ids: Iterable[str], group: Thing | None = None) -> list[Thing]:
    found = []
    for one in ids:
        check_ids([one], "sgr", "security group rule", "InvalidSecurityGroupRuleId.Malformed")
        rule = here.rules.get(one)
        if rule is None or (group is not None and rule.data["GroupId"] != group.id):
            raise Refusal("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{one}' does not exist")
        found.append(rule)
    return found


def create_group(ask: Ask) -> dict[str, Any]:
    """CreateSecurityGroup: the name is free in the VPC."""
    here = ask.here
    name, description = ask.need("GroupName"), ask.need("Description")
    if name.lower().startswith("sg-") or len(name) > 255 or name == "default":
        raise bad_value(name, "groupName", "Group names may not be in the form of group ids, nor be reserved.")
    if len(description) > 255:
        raise bad_value(description, "GroupDescription", "It is limited to 255 characters.")
    vpc = ask.get("VpcId") or default_vpc(here)
    if vpc is None:
        raise Refusal("VPCIdNotSpecified", "No default VPC for this user")
    if vpc not in delegate.backend(here).vpcs:
        raise Refusal("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")
    if any(one.data["GroupName"] == name and one.data["VpcId"] == vpc for one in every(here).values()):
        raise Refusal("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'")
    tags = tags_of(ask.get("TagSpecifications"), ("security-group",)).get("security-group", [])
    ask.commit()
    group = make(here, name, description, vpc)
    here.tag(group.id, tags)
    return {"GroupId": group.id, "Tags": tags, "SecurityGroupArn": group.data["SecurityGroupArn"]}


def delete_group(ask: Ask) -> dict[str, Any]:
    """DeleteSecurityGroup: refused while an interface or a rule of another group refers to it."""
    from ectwo_cli.sandbox.ec2 import network

    here = ask.here
    group = _pick(ask, ask.get("GroupId"), ask.get("GroupName"))
    if group.data["GroupName"] == "default":
        raise Refusal("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    held = any(one["GroupId"] == group.id for row in network.interfaces(here) for one in row.get("Groups", ()))
    named = any(
        rule.data.get("ReferencedGroupInfo", {}).get("GroupId") == group.id
        for rule in here.rules.values()
        if rule.data["GroupId"] != group.id
    )
    if held or named:
        raise Refusal("DependencyViolation", f"resource {group.id} has a dependent object")
    ask.commit()
    for rule in [rule for rule in here.rules.values() if rule.data["GroupId"] == group.id]:
        _drop(here, rule)
    del here.groups[group.id]
    here.tags.pop(group.id, None)
    return {"Return": True, "GroupId": group.id}


def _drop(here: Region, rule: Thing) -> None:
    del here.rules[rule.id]
    here.tags.pop(rule.id, None)


def _asked(ask: Ask, group: Thing) -> list[dict[str, Any]]:
    """The rules of a request, one for each source, checked. Raises Refusal as EC2 does."""
    asked = [dict(one) for one in ask.get("IpPermissions", ())]
    if not asked and ask.get("IpProtocol"):
        single: dict[str, Any] = {name: ask.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
        if ask.get("CidrIp"):
            single["IpRanges"] = [{"CidrIp": ask.get("CidrIp")}]
        if ask.get("SourceSecurityGroupName"):
            single["UserIdGroupPairs"] = [{"GroupName": ask.get("SourceSecurityGroupName")}]
        asked = [single]
    if not asked:
        raise Refusal("MissingParameter", "The request must contain the parameter ipPermissions")
    found = []
    for one in asked:
        base = _ports(one)
        sources = [*_sources(ask, group, one)]
        if not sources:
            raise Refusal("MissingParameter", "The request must contain a source or destination for each permission")
        found += [{**base, **source} for source in sources]
    keys = [_key(one) for one in found]
    if len(set(keys)) < len(keys):
        raise Refusal("InvalidParameterValue", "The same permission must not appear multiple times")
    return found


def _ports(one: Mapping[str, Any]) -> dict[str, Any]:
    if not one.get("IpProtocol"):
        raise Refusal("MissingParameter", "The request must contain the parameter ipProtocol")
    protocol = str(one["IpProtocol"]).lower()
    protocol = _PROTOCOLS.get(protocol, protocol)
    low, high = one.get("FromPort"), one.get("ToPort")
    if protocol == "-1":
        return {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1}
    if protocol in ("tcp", "udp"):
        if low is None or high is None:
            raise bad_value("", "portRange", "Must specify both from and to ports with TCP/UDP.")
        if not 0 <= low <= high <= 65535:
            raise Refusal("InvalidParameterValue", f"Invalid {protocol.upper()} port range ({low},{high})")
        return {"IpProtocol": protocol, "FromPort": low, "ToPort": high}
    if protocol in ("icmp", "icmpv6"):
        return {
            "IpProtocol": protocol,
            "FromPort": -1 if low is None else low,
            "ToPort": -1 if high is None else high,
        }
    if not (protocol.isdigit() and int(protocol) < 256):
        raise bad_value(protocol, "ipProtocol", "Unknown IP protocol.")
    return {"IpProtocol": protocol, "FromPort": -1, "ToPort": -1}


def _sources(ask: Ask, group: Thing, one: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for name, key, version in (("IpRanges", "CidrIp", 4), ("Ipv6Ranges", "CidrIpv6", 6)):
        for source in one.get(name, ()):
            text = str(source.get(key, ""))
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError:
                network = None
            if network is None or network.version != version or "/" not in text:
                raise Refusal("InvalidParameterValue", f"CIDR block {text} is malformed")
            yield {f"CidrIpv{version}": str(network), **_note(source)}
    for source in one.get("PrefixListIds", ()):
        listed = str(source.get("PrefixListId", ""))
        if listed not in delegate.backend(ask.here).managed_prefix_lists:
            raise Refusal("InvalidPrefixListID.NotFound", f"The prefix list ID '{listed}' does not exist")
        yield {"PrefixListId": listed, **_note(source)}
    for source in one.get("UserIdGroupPairs", ()):
        if source.get("UserId") not in (None, "", ask.here.account):
            # Another account's group, over a peering: taken as it is named.
            yield {
                "ReferencedGroupInfo": {"GroupId": source.get("GroupId"), "UserId": source["UserId"]},
                **_note(source),
            }
            continue
        other = _pick(ask, source.get("GroupId"), source.get("GroupName"))
        if other.data["VpcId"] != group.data["VpcId"]:
            raise Refusal(
                "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
            )
        yield {"ReferencedGroupInfo": {"GroupId": other.id}, **_note(source)}


def _note(source: Mapping[str, Any]) -> dict[str, str]:
    text = source.get("Description")
    if text is None:
        return {}
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*")
    if len(text) > 255 or not set(text) <= allowed:
        raise bad_value(
            text,
            "description",
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: "
            "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )
    return {"Description": text} if text else {}


def _key(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two rules the same: everything but the description."""
    source = next(str(rule[name]) for name in _SOURCES[:3] if name in rule) if "ReferencedGroupInfo" not in rule else (
        rule["ReferencedGroupInfo"]["GroupId"]
    )  # fmt: skip
    return (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], source)


def _shown(rule: Mapping[str, Any]) -> str:
    protocol, low, high, peer = _key(rule)
    if protocol == "-1":
        return f"peer: {peer}, ALL, ALLOW"
    return f"peer: {peer}, {str(protocol).upper()}, from port: {low}, to port: {high}, ALLOW"


def authorize(ask: Ask) -> dict[str, Any]:
    """AuthorizeSecurityGroupIngress and Egress: all of the request's rules or none."""
    here = ask.here
    egress = ask.operation.endswith("Egress")
    group = _pick(ask, ask.get("GroupId"), ask.get("GroupName"))
    asked = _asked(ask, group)
    held = rules_of(here, group, egress)
    have = {_key(rule.data) for rule in held}
    for one in asked:
        if _key(one) in have:
            raise Refusal("InvalidPermission.Duplicate", f'the specified rule "{_shown(one)}" already exists')
    if len(held) + len(asked) > MOST_RULES:
        raise Refusal(
            "RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached."
        )
    tags = tags_of(ask.get("TagSpecifications"), ("security-group-rule",)).get("security-group-rule", [])
    ask.commit()
    made = [add_rule(here, group, egress, one) for one in asked]
    for rule in made:
        here.tag(rule.id, tags)
    return {"Return": True, "SecurityGroupRules": [here.with_tags(rule) for rule in made]}


def revoke(ask: Ask) -> dict[str, Any]:
    """RevokeSecurityGroupIngress and Egress, by rule ID or by what the rules say."""
    here = ask.here
    egress = ask.operation.endswith("Egress")
    group = _pick(ask, ask.get("GroupId"), ask.get("GroupName"))
    ids = ask.get("SecurityGroupRuleIds")
    unknown: list[dict[str, Any]] = []
    if ids:
        gone = _rules_by_id(here, ids, group)
        if any(rule.data["IsEgress"] != egress for rule in gone):
            raise Refusal("InvalidSecurityGroupRuleId.NotFound", "A security group rule is of the other direction.")
    else:
        held = {_key(rule.data): rule for rule in rules_of(here, group, egress)}
        asked = _asked(ask, group)
        gone = [held[_key(one)] for one in asked if _key(one) in held]
        unknown = [one for one in asked if _key(one) not in held]
        # In the default VPC what is not there is told in the answer; elsewhere it is an error.
        if unknown and group.data["VpcId"] != default_vpc(here):
            raise Refusal("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
    ask.commit()
    rows = [
        {name: rule.data[name] for name in ("SecurityGroupRuleId", "GroupId", "IsEgress", "IpProtocol", "FromPort",
                                            "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId", "Description")
         if name in rule.data}
        | ({"ReferencedGroupId": rule.data["ReferencedGroupInfo"]["GroupId"]}
           if "ReferencedGroupInfo" in rule.data else {})
        for rule in gone
    ]  # fmt: skip
    for rule in gone:
        _drop(here, rule)
    left = permissions(Thing("", {**one, "GroupId": group.id, "IsEgress": egress}, 0.0) for one in unknown)
    return {"Return": True, "UnknownIpPermissions": left, "RevokedSecurityGroupRules": rows}


def modify_rules(ask: Ask) -> dict[str, Any]:
    """ModifySecurityGroupRules: what a rule says, not its direction."""
    here = ask.here
    group = _pick(ask, ask.need("GroupId"), None)
    changes = []
    for one in ask.need("SecurityGroupRules"):
        (rule,) = _rules_by_id(here, [one.get("SecurityGroupRuleId", "")], group)
        wish = one.get("SecurityGroupRule", {})
        pair = {"GroupId": wish["ReferencedGroupId"]} if wish.get("ReferencedGroupId") else None
        note = {"Description": wish["Description"]} if "Description" in wish else {}
        permission: dict[str, Any] = {name: wish.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
        if wish.get("CidrIpv4"):
            permission["IpRanges"] = [{"CidrIp": wish["CidrIpv4"], **note}]
        if wish.get("CidrIpv6"):
            permission["Ipv6Ranges"] = [{"CidrIpv6": wish["CidrIpv6"], **note}]
        if wish.get("PrefixListId"):
            permission["PrefixListIds"] = [{"PrefixListId": wish["PrefixListId"], **note}]
        if pair:
            permission["UserIdGroupPairs"] = [{**pair, **note}]
        sources = list(_sources(ask, group, permission))
        if len(sources) != 1:
            raise Refusal("InvalidParameterCombination", "A rule has exactly one source or destination.")
        changes.append((rule, {**_ports(permission), **sources[0]}))
    ask.commit()
    for rule, wish in changes:
        for name in (*_SOURCES, "Description"):
            rule.data.pop(name, None)
        if "ReferencedGroupInfo" in wish:
            wish["ReferencedGroupInfo"] = {"UserId": here.account, **wish["ReferencedGroupInfo"]}
        rule.data.update(wish)
    return {"Return": True}


def describe_rule_changes(ask: Ask) -> dict[str, Any]:
    """UpdateSecurityGroupRuleDescriptionsIngress and Egress."""
    here = ask.here
    egress = ask.operation.endswith("Egress")
    group = _pick(ask, ask.get("GroupId"), ask.get("GroupName"))
    wishes: list[tuple[Thing, str]] = []
    for one in ask.get("SecurityGroupRuleDescriptions", ()):
        (rule,) = _rules_by_id(here, [one.get("SecurityGroupRuleId", "")], group)
        wishes.append((rule, one.get("Description", "")))
    if ask.get("IpPermissions"):
        held = {_key(rule.data): rule for rule in rules_of(here, group, egress)}
        for wish in _asked(ask, group):
            if _key(wish) not in held:
                raise Refusal("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
            wishes.append((held[_key(wish)], wish.get("Description", "")))
    ask.commit()
    for rule, text in wishes:
        rule.data.pop("Description", None)
        rule.data.update(_note({"Description": text}))
    return {"Return": True}


def describe_references(ask: Ask) -> dict[str, Any]:
    """DescribeSecurityGroupReferences: of other VPCs, of which the sandbox has none."""
    return {"SecurityGroupReferenceSet": []}


HANDLERS: dict[str, Handler] = {
    "DescribeSecurityGroups": describe_groups,
    "DescribeSecurityGroupRules": describe_rules,
    "DescribeSecurityGroupReferences": describe_references,
    "CreateSecurityGroup": create_group,
    "DeleteSecurityGroup": delete_group,
    "AuthorizeSecurityGroupIngress": authorize,
    "AuthorizeSecurityGroupEgress": authorize,
    "RevokeSecurityGroupIngress": revoke,
    "RevokeSecurityGroupEgress": revoke,
    "ModifySecurityGroupRules": modify_rules,
    "UpdateSecurityGroupRuleDescriptionsIngress": describe_rule_changes,
    "UpdateSecurityGroupRuleDescriptionsEgress": describe_rule_changes,
}
