"""Why ssh did not get in: the hint after its own message. Pure, but for the one connection that is tried."""

from __future__ import annotations

from collections.abc import Sequence

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw
from ectwo_cli.services.instances import Instance
from ectwo_cli.ssh import connect, users
from ectwo_cli.ssh.login import Login, Way

SSH = 22


def hint(client: Client, login: Login, way: Way) -> str:
    """What to do after ssh failed: about the port when nothing answers there, else about user and key.

    EC2: DescribeSecurityGroups. What may not be looked up is left out.
    """
    item = login.item
    port = way.port or SSH
    if way.via is None and not way.options and not connect.answers(login.host, port):
        return closed(item, port, _groups(client, item))
    names = ", ".join(users.others(login.user)[:6])
    key = f"the key {login.key}" if login.key else "ssh's own keys"
    if login.thrown_away:
        key = "a throw-away key, which systems without EC2 Instance Connect do not take"
    return (
        f"if it was the login that was refused: it was as {login.user}, with {key}; "
        f"take another user with --user ({names}), another key with -i FILE"
    )


def closed(item: Instance, port: int, groups: Sequence[Raw] | None) -> str:
    """What to do when nothing answers on the port: whom the groups let in, and how to be among them."""
    if not item.group_ids:
        return f"nothing answers on port {port}"
    command = f"'ectwo groups authorize {item.region}/{item.group_ids[0]} {port} --from me'"
    if groups is None:
        return f"nothing answers on port {port}: let yourself in with {command}"
    sources = list(dict.fromkeys(source for group in groups for source in sources_of(group, port)))
    if not sources:
        return f"no group of it lets port {port} in: {command}"
    if "0.0.0.0/0" in sources:
        return (
            f"its groups let everybody in on port {port}: its system may not be up yet, or its subnet has no way out; "
            f"'ectwo instances status {item.region}/{item.id}'"
        )
    shown = ", ".join(sources[:5]) + (f" and {len(sources) - 5} more" if len(sources) > 5 else "")
    return f"its groups let only {shown} in on port {port}: {command} lets your address in"


def sources_of(group: Raw, port: int) -> list[str]:
    """Whom a group lets in on a TCP port: CIDR blocks, prefix lists, groups."""
    found: list[str] = []
    for rule in group.get("IpPermissions", ()):
        protocol = str(rule.get("IpProtocol"))
        if protocol != "-1" and not (
            protocol in ("tcp", "6") and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535)
        ):
            continue
        found += [each["CidrIp"] for each in rule.get("IpRanges", ())]
        found += [each["CidrIpv6"] for each in rule.get("Ipv6Ranges", ())]
        found += [each["PrefixListId"] for each in rule.get("PrefixListIds", ())]
        found += [each["GroupId"] for each in rule.get("UserIdGroupPairs", ()) if each.get("GroupId")]
    return found


def _groups(client: Client, item: Instance) -> list[Raw] | None:
    filters = [{"Name": "group-id", "Values": item.group_ids}]
    try:
        return client.all("DescribeSecurityGroups", "SecurityGroups[]", Filters=filters)
    except Exception:
        # It is only for a hint; what failed has been said.
        return None
