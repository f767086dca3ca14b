"""Questions of addresses, key pairs and groups, on a real terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.ec2 import Ec2, clean_environment

Terminal = Callable[..., Any]


@pytest.fixture
def terminal(ec2: Ec2, home: Path) -> Terminal:
    """Start ectwo on a terminal of 160 columns: ``terminal("groups", "delete", ...)``."""

    def spawn(*arguments: str) -> Any:
        environment = clean_environment(
            home, **ec2.environment(), TERM="xterm", NO_COLOR="1", ECTWO_REGIONS="us-east-1"
        )
        return pexpect.spawn(
            sys.executable,
            ["-m", "ectwo_cli", *arguments],
            env=environment,
            cwd=str(home),
            encoding="utf-8",
            dimensions=(50, 160),
            timeout=60,
        )

    return spawn


def ended(child: Any) -> tuple[int | None, str]:
    """The exit code, and what was said to the end."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.before.replace("\r\n", "\n")


def holder(ec2: Ec2) -> str:
    found = ec2.boto().describe_addresses(Filters=[{"Name": "tag:Name", "Values": ["web-1"]}])
    return str(found["Addresses"][0]["InstanceId"])


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 10), ("", 10)])
def test_an_address_is_taken_away_after_a_yes(answer: str, code: int, ec2: Ec2, terminal: Terminal) -> None:
    before = holder(ec2)
    child = terminal("addresses", "associate", "web-1", "web-2")
    child.expect_exact(f"Take it away from web-1 ({before}) and let it lead to web-2? [y/N] ")
    child.sendline(answer)
    assert ended(child)[0] == code
    assert (holder(ec2) != before) is (code == 0)


def test_a_name_of_several_is_deleted_after_they_were_listed(ec2: Ec2, terminal: Terminal) -> None:
    client = ec2.boto()
    (vpc,) = client.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["lab"]}])["Vpcs"]
    client.create_security_group(GroupName="unused", Description="Of the lab", VpcId=vpc["VpcId"])
    child = terminal("groups", "delete", "unused")
    child.expect_exact("Delete 2 security groups? [y/N] ")
    assert "Nobody has it" in child.before
    assert "Of the lab" in child.before
    child.sendline("yes")
    assert ended(child)[0] == 0
    filters = [{"Name": "group-name", "Values": ["unused"]}]
    assert client.describe_security_groups(Filters=filters)["SecurityGroups"] == []


def test_all_has_to_be_typed_as_a_number(ec2: Ec2, terminal: Terminal) -> None:
    child = terminal("keypairs", "delete", "--all")
    child.expect_exact("Delete 3 key pairs? Type 3 to go on: ")
    child.sendline("y")
    assert ended(child)[0] == 10
    assert len(ec2.boto().describe_key_pairs()["KeyPairs"]) == 3


def test_interrupted_at_the_question(ec2: Ec2, terminal: Terminal) -> None:
    child = terminal("groups", "authorize", "db", "22", "--from", "anywhere")
    child.expect_exact("Open SSH (22) to the whole world? [y/N] ")
    child.sendintr()
    assert ended(child)[0] == 130
    assert "AuthorizeSecurityGroupIngress" not in [each["operation"] for each in ec2.calls() if each["code"] is None]


def test_a_passphrase_is_asked_twice_and_never_shown(ec2: Ec2, terminal: Terminal, home: Path) -> None:
    child = terminal("keypairs", "create", "new", "--passphrase")
    child.expect_exact("Passphrase for the private key: ")
    child.sendline("correct horse")
    child.expect_exact("Once more: ")
    child.sendline("correct horse")
    code, said = ended(child)
    assert (code, "horse" in said) == (0, False)
    path = home / ".ssh/ectwo/us-east-1/new.pem"
    command = ["ssh-keygen", "-y", "-P", "correct horse", "-f", str(path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout.startswith("ssh-ed25519 ")


def test_two_different_passphrases(ec2: Ec2, terminal: Terminal, home: Path) -> None:
    child = terminal("keypairs", "create", "new", "--passphrase")
    child.expect_exact("Passphrase for the private key: ")
    child.sendline("one")
    child.expect_exact("Once more: ")
    child.sendline("two")
    code, said = ended(child)
    assert (code, said.strip()) == (2, "error: these were two different passphrases")
    assert "ImportKeyPair" not in ec2.counts()


def test_rules_are_shown_as_people_write_them(ec2: Ec2, terminal: Terminal) -> None:
    (db,) = ec2.boto().describe_security_groups(Filters=[{"Name": "group-name", "Values": ["db"]}])["SecurityGroups"]
    web = db["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"]
    (user,) = ec2.boto().describe_instances(Filters=[{"Name": "instance.group-name", "Values": ["db"]}])["Reservations"]
    instance = user["Instances"][0]["InstanceId"]
    code, said = ended(terminal("groups", "show", "db"))
    assert code == 0
    assert [line.rstrip() for line in said.splitlines()] == [
        "region       us-east-1",
        "name         db",
        f"id           {db['GroupId']}",
        f"vpc_id       {db['VpcId']}",
        "description  PostgreSQL",
        f"owner_id     {db['OwnerId']}",
        "ingress      rule      from                        description",
        f"             5432/tcp  {web} (web)  from the web servers",
        "             22/tcp    10.0.0.0/8                  -",
        "egress       rule  to         description",
        "             all   0.0.0.0/0  -",
        "tags         app db",
        "used_by      kind      id                   name",
        f"             instance  {instance}  db-1",
    ]
