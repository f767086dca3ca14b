"""Rules of security groups: read as people write them, compared, and put as EC2 wants them. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Any

from ectwo_cli.errors import UsageError
from ectwo_cli.model import Raw
from ectwo_cli.records import dataclass

PROTOCOLS = {"-1": "all", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
"""What EC2 also says by number."""

ANYWHERE = ("0.0.0.0/0", "::/0")
LAST_PORT = 65535

SENSITIVE = {
    22: "SSH",
    23: "Telnet",
    135: "Windows RPC",
    445: "Windows file sharing",
    1433: "SQL Server",
    1434: "SQL Server",
    1521: "Oracle",
    2375: "Docker",
    2379: "etcd",
    3306: "MySQL",
    3389: "RDP",
    5432: "PostgreSQL",
    5439: "Redshift",
    5900: "VNC",
    5984: "CouchDB",
    5985: "WinRM",
    5986: "WinRM",
    6379: "Redis",
    7001: "Cassandra",
    8086: "InfluxDB",
    9042: "Cassandra",
    9200: "Elasticsearch",
    9300: "Elasticsearch",
    11211: "Memcached",
    27017: "MongoDB",
    50000: "Db2",
}
"""Ports behind which a whole machine or its data is: they are not opened to the world without a question."""

SENSITIVE_UDP = (1434, 11211)
"""Those of them that are of UDP, too."""


@dataclass(frozen=True)
class Ports:
    """A protocol and a range of ports; None for all. Of ICMP they are type and code, -1 for any."""

    protocol: str
    from_port: int | None
    to_port: int | None

    @property
    def text(self) -> str:
        """As it is written on the command line: ``22/tcp``, ``8000-8100/tcp``, ``icmp``, ``all``."""
        if self.from_port is None or self.protocol == "all":
            return self.protocol
        if self.protocol.startswith("icmp"):
            kind = "" if self.from_port == -1 else f" type {self.from_port}"
            code = "" if self.to_port in (None, -1) else f" code {self.to_port}"
            return f"{self.protocol}{kind}{code}"
        if (self.from_port, self.to_port) == (0, LAST_PORT):
            return self.protocol
        last = "" if self.to_port == self.from_port else f"-{self.to_port}"
        return f"{self.from_port}{last}/{self.protocol}"

    def covers(self, port: int) -> bool:
        """Whether that TCP or UDP port is among them."""
        if self.protocol == "all":
            return True
        return self.protocol in ("tcp", "udp") and (self.from_port or 0) <= port <= (self.to_port or 0)


@dataclass(frozen=True)
class Rule:
    """One rule: ports, and one source (of an egress rule: where to). Equal is what EC2 holds for the same rule.

    ``source`` is a CIDR block, ``pl-...``, ``sg-...``, or ``ACCOUNT/sg-...`` for a group of another account.
    """

    ports: Ports
    source: str
    egress: bool = False
    description: str | None = field(default=None, compare=False)
    id: str | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """``22/tcp from 10.0.0.0/8``."""
        return f"{self.ports.text} {'to' if self.egress else 'from'} {self.source}"

    @property
    def record(self) -> dict[str, Any]:
        """The same as an element of ``ingress`` and ``egress``."""
        return {
            "protocol": self.ports.protocol,
            "from_port": self.ports.from_port,
            "to_port": self.ports.to_port,
            "source": self.source,
            "description": self.description,
        }

    @property
    def group_id(self) -> str | None:
        """The ID of the group that it names, if it names one."""
        last = self.source.rpartition("/")[2]
        return last if last.startswith("sg-") else None

    @property
    def open_to_world(self) -> bool:
        """Whether the source is everybody, or so much that it comes to the same."""
        return is_world(self.source)

    @property
    def exposes(self) -> list[str]:
        """What of SENSITIVE it opens to the world: ``SSH (22)``; ``everything`` for all ports."""
        if self.egress or not self.open_to_world:
            return []
        known = SENSITIVE_UDP if self.ports.protocol == "udp" else SENSITIVE
        opened = [f"{SENSITIVE[port]} ({port})" for port in known if self.ports.covers(port)]
        return ["everything"] if len(opened) == len(SENSITIVE) else opened

    def permission(self) -> dict[str, Any]:
        """As an element of EC2's IpPermissions."""
        about = {"Description": self.description} if self.description else {}
        numbers = {name: number for number, name in PROTOCOLS.items() if name == "all"}
        made: dict[str, Any] = {"IpProtocol": numbers.get(self.ports.protocol, self.ports.protocol)}
        if self.ports.from_port is not None:
            made |= {"FromPort": self.ports.from_port, "ToPort": self.ports.to_port}
        if self.source.startswith("pl-"):
            made["PrefixListIds"] = [{"PrefixListId": self.source, **about}]
        elif self.group_id:
            account = self.source.rpartition("/")[0]
            made["UserIdGroupPairs"] = [{"GroupId": self.group_id, **({"UserId": account} if account else {}), **about}]
        elif ":" in self.source:
            made["Ipv6Ranges"] = [{"CidrIpv6": self.source, **about}]
        else:
            made["IpRanges"] = [{"CidrIp": self.source, **about}]
        return made


def is_world(source: str) -> bool:
    """Whether a source is the whole internet or a 128th of it and more: 0.0.0.0/1 is no narrower in practice."""
    try:
        network = ipaddress.ip_network(source)
    except ValueError:
        return False
    return network.prefixlen <= (7 if network.version == 4 else 8)


def ports_of(protocol: object, from_port: int | None, to_port: int | None) -> Ports:
    """EC2's protocol and ports, in one form for each meaning: EC2 says "no ports" by -1 or by leaving them out."""
    name = PROTOCOLS.get(str(protocol), str(protocol))
    if name in ("tcp", "udp", "icmp", "icmpv6"):
        return Ports(name, from_port, to_port)
    return Ports(name, None, None)


# What EC2 says


def of_permissions(raw: Sequence[Raw] | None, owner: str | None, *, egress: bool = False) -> Iterator[Rule]:
    """EC2's IpPermissions taken apart: one rule for each source. ``owner`` is the account of the group."""
    for permission in raw or ():
        ports = ports_of(permission.get("IpProtocol", "-1"), permission.get("FromPort"), permission.get("ToPort"))
        for kind, key in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"), ("PrefixListIds", "PrefixListId")):
            for each in permission.get(kind) or ():
                yield Rule(ports, each.get(key, ""), egress, each.get("Description") or None)
        for each in permission.get("UserIdGroupPairs") or ():
            source = _group_source(each.get("UserId"), each.get("GroupId", ""), owner)
            yield Rule(ports, source, egress, each.get("Description") or None)


def of_rule(raw: Raw) -> Rule:
    """An element of DescribeSecurityGroupRules."""
    group = raw.get("ReferencedGroupInfo") or {}
    source = raw.get("CidrIpv4") or raw.get("CidrIpv6") or raw.get("PrefixListId")
    if not source:
        source = _group_source(group.get("UserId"), group.get("GroupId", ""), raw.get("GroupOwnerId"))
    return Rule(
        ports_of(raw.get("IpProtocol", "-1"), raw.get("FromPort"), raw.get("ToPort")),
        source,
        bool(raw.get("IsEgress")),
        raw.get("Description") or None,
        raw.get("SecurityGroupRuleId"),
    )


def _group_source(account: str | None, group: str, owner: str | None) -> str:
    return f"{account}/{group}" if owner and account and account != owner else group


# What people write


def parse(text: str) -> Ports:
    """``22``, ``8000-8100``, ``443/tcp``, ``53/udp``, ``tcp``, ``icmp``, ``all``. Raises UsageError."""
    words = {
        "all": Ports("all", None, None),
        "icmp": Ports("icmp", -1, -1),
        "icmpv6": Ports("icmpv6", -1, -1),
        "tcp": Ports("tcp", 0, LAST_PORT),
        "udp": Ports("udp", 0, LAST_PORT),
    }
    low = text.strip().lower()
    if low in words:
        return words[low]
    found = re.fullmatch(r"(\d+)(?:-(\d+))?(?:/(tcp|udp))?", low)
    if not found:
        raise UsageError(
            f"bad rule {text!r}", hint="write 22, 8000-8100, 443/tcp, 53/udp, tcp, udp, icmp or all, and --from WHERE"
        )
    first, last = int(found.group(1)), int(found.group(2) or found.group(1))
    if last > LAST_PORT or first > last:
        raise UsageError(f"bad rule {text!r}", hint=f"ports go from 0 to {LAST_PORT}, the lower one first")
    return Ports(found.group(3) or "tcp", first, last)


def block(text: str) -> str | None:
    """An address or CIDR block as EC2 stores it: with its length, host bits off; None for what is none.

    Raises UsageError for what was meant to be one.
    """
    if not re.match(r"[0-9a-fA-F:.]+(/\S*)?$", text) or not re.search(r"[.:]", text):
        return None
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise UsageError(
            f"bad address {text!r}: {error}", hint="write 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32"
        ) from None


def combined(
    ports: Iterable[Ports], sources: Iterable[str], *, egress: bool, description: str | None = None
) -> list[Rule]:
    """A rule for each of the ports and sources, each once. ICMP is called ICMPv6 where the source is IPv6.

    Raises UsageError for ICMPv6 from IPv4 addresses alone.
    """
    sources = list(dict.fromkeys(sources))
    made: dict[Rule, None] = {}
    for each in ports:
        fitting = [source for source in sources if each.protocol != "icmpv6" or not _is_ipv4(source)]
        if not fitting:
            raise UsageError("icmpv6 comes from no IPv4 address", hint="write icmp")
        for source in fitting:
            named = replace(each, protocol="icmpv6") if each.protocol == "icmp" and ":" in source else each
            made[Rule(named, source, egress, description)] = None
    return list(made)


def _is_ipv4(source: str) -> bool:
    return bool(re.match(r"\d+\.", source))
