"""Rules of security groups: read, compared, put as EC2 wants them."""

from __future__ import annotations

import pytest

from ectwo_cli.errors import UsageError
from ectwo_cli.services import rules
from ectwo_cli.services.rules import Ports, Rule


@pytest.mark.parametrize(
    ("text", "ports", "shown"),
    [
        ("22", Ports("tcp", 22, 22), "22/tcp"),
        ("443/tcp", Ports("tcp", 443, 443), "443/tcp"),
        ("53/UDP", Ports("udp", 53, 53), "53/udp"),
        ("8000-8100", Ports("tcp", 8000, 8100), "8000-8100/tcp"),
        ("1000-2000/udp", Ports("udp", 1000, 2000), "1000-2000/udp"),
        ("0", Ports("tcp", 0, 0), "0/tcp"),
        ("tcp", Ports("tcp", 0, 65535), "tcp"),
        ("udp", Ports("udp", 0, 65535), "udp"),
        ("icmp", Ports("icmp", -1, -1), "icmp"),
        ("icmpv6", Ports("icmpv6", -1, -1), "icmpv6"),
        ("all", Ports("all", None, None), "all"),
    ],
)
def test_a_rule_as_it_is_typed(text: str, ports: Ports, shown: str) -> None:
    assert rules.parse(text) == ports
    assert ports.text == shown


@pytest.mark.parametrize("text", ["", "ssh", "22/sctp", "-1", "65536", "90-80", "22:80", "22/", "/tcp", "²²"])
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(UsageError, match=r"^bad rule "):
        rules.parse(text)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::/0", "::/0"),
        ("web", None),
        ("sg-0123456789abcdef0", None),
        ("pl-0123", None),
        ("face", None),
    ],
)
def test_a_source_is_stored_as_ec2_stores_it(text: str, block: str | None) -> None:
    assert rules.block(text) == block


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0", "1.2.3.4.5", "2001:db8::/129", "300.1.1.1"])
def test_what_was_meant_to_be_an_address(text: str) -> None:
    with pytest.raises(UsageError, match=r"^bad address "):
        rules.block(text)


@pytest.mark.parametrize(
    ("rule", "permission"),
    [
        (
            Rule(Ports("tcp", 22, 22), "10.0.0.0/8", description="ssh"),
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "ssh"}],
            },
        ),
        (
            Rule(Ports("all", None, None), "::/0"),
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        ),
        (
            Rule(Ports("icmp", -1, -1), "pl-1"),
            {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
        ),
        (
            Rule(Ports("udp", 53, 53), "sg-1"),
            {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": [{"GroupId": "sg-1"}]},
        ),
        (
            Rule(Ports("50", None, None), "210987654321/sg-1"),
            {"IpProtocol": "50", "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "210987654321"}]},
        ),
    ],
)
def test_a_rule_as_ec2_wants_it_and_back(rule: Rule, permission: dict[str, object]) -> None:
    assert rule.permission() == permission
    (back,) = rules.of_permissions([permission], "123456789012")
    assert (back, back.description) == (rule, rule.description)


def test_one_permission_is_a_rule_for_each_source() -> None:
    permission = {
        "IpProtocol": "6",
        "FromPort": 80,
        "ToPort": 80,
        "IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "0.0.0.0/0", "Description": ""}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
        "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "1"}, {"GroupId": "sg-2", "UserId": "2"}],
    }
    assert [each.text for each in rules.of_permissions([permission], "1")] == [
        "80/tcp from 10.0.0.0/8",
        "80/tcp from 0.0.0.0/0",
        "80/tcp from ::/0",
        "80/tcp from sg-1",
        "80/tcp from 2/sg-2",
    ]


@pytest.mark.parametrize("ports", [{}, {"FromPort": -1, "ToPort": -1}, {"FromPort": 0, "ToPort": 65535}])
def test_all_is_all_however_ec2_says_it(ports: dict[str, int]) -> None:
    raw = {"IpProtocol": "-1", **ports, "CidrIpv4": "0.0.0.0/0", "IsEgress": True, "SecurityGroupRuleId": "sgr-1"}
    found = rules.of_rule(raw)
    assert found == Rule(Ports("all", None, None), "0.0.0.0/0", egress=True)
    assert (found.id, found.text) == ("sgr-1", "all to 0.0.0.0/0")


def test_rules_of_every_port_and_source_each_once() -> None:
    made = rules.combined(
        [Ports("tcp", 22, 22), Ports("icmp", -1, -1)], ["10.0.0.0/8", "::/0", "10.0.0.0/8"], egress=False
    )
    assert [each.text for each in made] == [
        "22/tcp from 10.0.0.0/8",
        "22/tcp from ::/0",
        "icmp from 10.0.0.0/8",
        "icmpv6 from ::/0",
    ]


def test_icmpv6_is_left_out_for_ipv4() -> None:
    icmpv6 = [Ports("icmpv6", -1, -1)]
    assert [each.text for each in rules.combined(icmpv6, rules.ANYWHERE, egress=False)] == ["icmpv6 from ::/0"]
    with pytest.raises(UsageError, match=r"^icmpv6 comes from no IPv4 address$"):
        rules.combined(icmpv6, ["10.0.0.0/8"], egress=False)


@pytest.mark.parametrize(
    ("what", "source", "exposes"),
    [
        ("22", "0.0.0.0/0", ["SSH (22)"]),
        ("22", "::/0", ["SSH (22)"]),
        ("22", "0.0.0.0/1", ["SSH (22)"]),
        ("22", "2000::/3", ["SSH (22)"]),
        ("22", "10.0.0.0/8", []),
        ("22", "sg-1", []),
        ("3300-3400", "0.0.0.0/0", ["MySQL (3306)", "RDP (3389)"]),
        ("22/udp", "0.0.0.0/0", []),
        ("udp", "0.0.0.0/0", ["SQL Server (1434)", "Memcached (11211)"]),
        ("80", "0.0.0.0/0", []),
        ("icmp", "0.0.0.0/0", []),
        ("all", "0.0.0.0/0", ["everything"]),
        ("tcp", "::/0", ["everything"]),
    ],
)
def test_what_a_rule_opens_to_the_world(what: str, source: str, exposes: list[str]) -> None:
    assert Rule(rules.parse(what), source).exposes == exposes
    assert Rule(rules.parse(what), source, egress=True).exposes == []
