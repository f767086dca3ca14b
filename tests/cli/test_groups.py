"""``ectwo groups``: what it does is read back with boto3."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import ACCOUNT, OTHER_ACCOUNT, Ec2

Raw = dict[str, Any]
ALL_OUT = ("all", None, "0.0.0.0/0", None)


def group(ec2: Ec2, name: str, region: str = "us-east-1", *, lab: bool = False) -> Raw:
    """The group of that name in the default VPC, or in the other one."""
    client = ec2.boto(region)
    default = str(not lab).lower()
    (vpc,) = client.describe_vpcs(Filters=[{"Name": "is-default", "Values": [default]}])["Vpcs"]
    filters = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    (found,) = client.describe_security_groups(Filters=filters)["SecurityGroups"]
    return dict(found)


def exists(ec2: Ec2, name: str, region: str = "us-east-1") -> bool:
    filters = [{"Name": "group-name", "Values": [name]}]
    return bool(ec2.boto(region).describe_security_groups(Filters=filters)["SecurityGroups"])


def rules(ec2: Ec2, group_id: str, region: str = "us-east-1", *, egress: bool = False) -> set[tuple[Any, ...]]:
    """Protocol, ports, source and description of a group's rules, read by DescribeSecurityGroupRules."""
    client = ec2.boto(region)
    found = client.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group_id]}])
    return {
        (
            "all" if each["IpProtocol"] == "-1" else each["IpProtocol"],
            None if each["IpProtocol"] == "-1" else (each["FromPort"], each["ToPort"]),
            each.get("CidrIpv4")
            or each.get("CidrIpv6")
            or each.get("PrefixListId")
            or each["ReferencedGroupInfo"]["GroupId"],
            each.get("Description"),
        )
        for each in found["SecurityGroupRules"]
        if each["IsEgress"] is egress
    }


def prefix_list(ec2: Ec2, name: str, region: str = "us-east-1") -> str:
    filters = [{"Name": "prefix-list-name", "Values": [name]}]
    (found,) = ec2.boto(region).describe_managed_prefix_lists(Filters=filters)["PrefixLists"]
    return str(found["PrefixListId"])


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


def ids(run: Run) -> list[str]:
    return [line.rpartition("/")[2] for line in run.out.split()]


@pytest.fixture
def bastion(ec2: Ec2) -> str:
    return str(group(ec2, "bastion")["GroupId"])


@pytest.fixture
def new(ec2: Ec2) -> str:
    """A group without rules for what comes in."""
    return str(ec2.boto().create_security_group(GroupName="new", Description="New")["GroupId"])


@pytest.fixture
def near(ectwo_here: Ectwo) -> Ectwo:
    """Run ectwo in a scope of one region, where a test is not about the others: that is a tenth of the calls."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Run:
        return ectwo_here(*arguments, stdin=stdin, **{"ECTWO_REGIONS": "us-east-1", **environment})

    return run


# Finding


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--open-to-world"], ["bastion", "web"]),
        (["--open-to-world", "--port", "22"], ["bastion"]),
        (["--port", "22"], ["bastion", "db", "default", "internal", "web"]),
        (["--port", "5432"], ["db", "default", "internal"]),
        (["--port", "8050"], ["default", "internal", "left", "right"]),
        (["--port", "9", "--open-to-world"], []),
        (["--where", "ingress.source = 203.*"], ["windows"]),
        (["--name", "le*,/^ri/"], ["left", "right"]),
    ],
)
def test_find_by_what_it_lets_in(arguments: list[str], names: list[str], ec2: Ec2, near: Ectwo) -> None:
    vpc = group(ec2, "bastion")["VpcId"]
    run = near("groups", "find", "-r", "us-east-1", "--vpc", vpc, *arguments, "--json")
    assert (run.code, [each["name"] for each in records(run)]) == (0, names)


def test_find_unused(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "find", "-r", "us-east-1", "--unused", "-o", "ids")
    client = ec2.boto()
    every = client.describe_security_groups()["SecurityGroups"]
    held = {
        each["GroupId"] for one in client.describe_network_interfaces()["NetworkInterfaces"] for each in one["Groups"]
    }
    for one in every:
        for rule in (*one["IpPermissions"], *one["IpPermissionsEgress"]):
            held |= {pair["GroupId"] for pair in rule["UserIdGroupPairs"] if pair["GroupId"] != one["GroupId"]}
    assert sorted(ids(run)) == sorted(
        one["GroupId"] for one in every if one["GroupId"] not in held and one["GroupName"] != "default"
    )
    assert "unused" in near("groups", "find", "-r", "us-east-1", "--unused").out


def test_rules_are_records(ec2: Ec2, near: Ectwo) -> None:
    found = json.loads(near("groups", "show", group(ec2, "web")["GroupId"], "--json").out)
    bastion = group(ec2, "bastion")["GroupId"]
    tcp = {"protocol": "tcp"}
    assert found["ingress"] == [
        {**tcp, "from_port": 80, "to_port": 80, "source": "0.0.0.0/0", "description": "HTTP"},
        {**tcp, "from_port": 443, "to_port": 443, "source": "0.0.0.0/0", "description": "HTTPS"},
        {**tcp, "from_port": 443, "to_port": 443, "source": "::/0", "description": "HTTPS"},
        {**tcp, "from_port": 22, "to_port": 22, "source": bastion, "description": "SSH through the bastion"},
    ]
    assert found["egress"] == [
        {"protocol": "all", "from_port": None, "to_port": None, "source": "0.0.0.0/0", "description": None}
    ]
    assert (found["owner_id"], found["tags"]) == (ACCOUNT, {"app": "shop"})


def test_a_group_of_another_account_is_told_apart(ec2: Ec2, near: Ectwo, new: str) -> None:
    theirs = ec2.boto(account=OTHER_ACCOUNT).create_security_group(GroupName="theirs", Description="x")["GroupId"]
    ec2.boto().authorize_security_group_ingress(
        GroupId=new,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": theirs, "UserId": OTHER_ACCOUNT}]}],
    )
    found = json.loads(near("groups", "show", new, "--json").out)
    assert [each["source"] for each in found["ingress"]] == [f"{OTHER_ACCOUNT}/{theirs}"]
    run = near("groups", "authorize", new, "all", "--from", f"{OTHER_ACCOUNT}/{theirs}", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "unchanged")


def test_show_says_what_uses_it(ec2: Ec2, near: Ectwo) -> None:
    web = group(ec2, "web")
    found = json.loads(near("groups", "show", web["GroupId"], "--json").out)
    instances = {
        (each["InstanceId"], next((tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"), None))
        for reservation in ec2.boto().describe_instances(
            Filters=[
                {"Name": "instance.group-id", "Values": [web["GroupId"]]},
                {"Name": "instance-state-name", "Values": ["running", "stopped"]},
            ]
        )["Reservations"]
        for each in reservation["Instances"]
    }
    used = found["used_by"]
    assert {(each["id"], each["name"]) for each in used if each["kind"] == "instance"} == instances
    assert [each["name"] for each in used if each["kind"] == "group"] == ["db"]


def test_an_ambiguous_name_lists_the_candidates(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "show", "us-east-1/web")
    candidates = sorted(group(ec2, "web", lab=lab)["GroupId"] for lab in (True, False))
    assert run.code == 2
    assert run.err.splitlines()[0] == (
        f"error: 2 security groups are named 'us-east-1/web': us-east-1/{candidates[0]}, us-east-1/{candidates[1]}"
    )


# Adding


def test_authorize_every_kind_of_source(ec2: Ec2, near: Ectwo, new: str, bastion: str) -> None:
    offices = prefix_list(ec2, "offices")
    run = near(
        "groups", "authorize", new, "8000-8100", "icmp", "53/udp", "--description", "Test",
        "--from", "10.1.2.3/8,203.0.113.7", "--from", "2001:db8::1", "--from", "bastion", "--from", offices, "--json",
    )  # fmt: skip
    sources = ("10.0.0.0/8", "203.0.113.7/32", "2001:db8::1/128", bastion, offices)
    expected = {
        (protocol, ports, source, "Test")
        for protocol, ports in (("tcp", (8000, 8100)), ("udp", (53, 53)), ("icmp", (-1, -1)))
        for source in sources
    }
    expected -= {("icmp", (-1, -1), "2001:db8::1/128", "Test")}
    expected |= {("icmpv6", (-1, -1), "2001:db8::1/128", "Test")}
    (record,) = records(run)
    assert (run.code, record["action"], len(record["rules"])) == (0, "authorized", 15)
    assert rules(ec2, new) == expected
    assert len(record["ingress"]) == 15


def test_already_there_is_success(ec2: Ec2, near: Ectwo, new: str) -> None:
    near("groups", "authorize", new, "80", "--from", "10.0.0.0/8")
    run = near("groups", "authorize", new, "80", "81", "--from", "10.9.9.9/8", "--json")
    assert (run.code, [each["action"] for each in records(run)[0]["rules"]]) == (0, ["authorized", "unchanged"])
    run = near("groups", "authorize", new, "80", "81", "--from", "10.0.0.0/8", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "unchanged")
    assert len(rules(ec2, new)) == 2


@pytest.mark.parametrize("fault", [{"lose": True}, {"truncate": True}])
def test_a_lost_answer_to_authorize(fault: dict[str, bool], ec2: Ec2, near: Ectwo, new: str) -> None:
    ec2.fault("AuthorizeSecurityGroupIngress", skip=1, **fault)
    run = near("groups", "authorize", new, "80", "--from", "10.0.0.0/8", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "authorized")
    assert rules(ec2, new) == {("tcp", (80, 80), "10.0.0.0/8", None)}


def test_a_new_description_is_set(ec2: Ec2, near: Ectwo, new: str) -> None:
    for text in ("one", "two"):
        run = near("groups", "authorize", new, "80", "--from", "10.0.0.0/8", "--description", text, "--json")
        assert (run.code, records(run)[0]["action"]) == (0, "authorized")
        assert rules(ec2, new) == {("tcp", (80, 80), "10.0.0.0/8", text)}


def test_authorize_dry_run_shows_the_rule_as_ec2_will_have_it(ec2: Ec2, near: Ectwo, new: str) -> None:
    run = near("groups", "authorize", new, "22", "--from", "2001:DB8::1/32", "-n", "--json")
    assert run.code == 0
    assert records(run)[0]["rules"] == [
        {
            "direction": "ingress",
            "protocol": "tcp",
            "from_port": 22,
            "to_port": 22,
            "source": "2001:db8::/32",
            "description": None,
            "action": "would authorize",
        }
    ]
    assert run.err == "would authorize: 22/tcp from 2001:db8::/32\n"
    assert rules(ec2, new) == set()


def test_egress(ec2: Ec2, near: Ectwo, new: str) -> None:
    assert near("groups", "authorize", new, "443", "--egress", "--to", "10.0.0.0/8").code == 0
    run = near("groups", "revoke", new, "all", "--egress", "--from", "anywhere", "--yes", "--json")
    assert [(each["source"], each["action"]) for each in records(run)[0]["rules"]] == [
        ("0.0.0.0/0", "revoked"),
        ("::/0", "unchanged"),
    ]
    assert rules(ec2, new, egress=True) == {("tcp", (443, 443), "10.0.0.0/8", None)}
    assert rules(ec2, new) == set()


@pytest.mark.parametrize(
    ("what", "source", "told"),
    [
        ("22", "anywhere", "Open SSH (22) to the whole world?"),
        ("3306", "0.0.0.0/0", "MySQL (3306)"),
        ("3389", "::/0", "RDP (3389)"),
        ("all", "anywhere", "everything"),
    ],
)
def test_the_world_is_asked_about(what: str, source: str, told: str, ec2: Ec2, near: Ectwo, new: str) -> None:
    run = near("groups", "authorize", new, what, "--from", source)
    assert (run.code, run.out) == (10, "")
    assert told.removeprefix("Open ").removesuffix(" to the whole world?") in run.err
    assert run.err.endswith("hint: say --yes\n")
    assert rules(ec2, new) == set()
    assert near("groups", "authorize", new, what, "--from", source, "--yes").code == 0
    assert len(rules(ec2, new)) == (2 if source == "anywhere" else 1)


def test_web_is_opened_without_a_question(ec2: Ec2, near: Ectwo, new: str) -> None:
    assert near("groups", "authorize", new, "80,443", "--from", "anywhere").code == 0
    assert len(rules(ec2, new)) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["22"], 2, "from where?"),
        (["22", "--from", "1.2/8"], 2, "bad address '1.2/8': '1.2/8' does not appear to be an IPv4 or IPv6 network"),
        (["22:80", "--from", "10.0.0.0/8"], 2, "bad rule '22:80'"),
        (["sgr-1", "--from", "10.0.0.0/8"], 2, "a rule that is to be added has no ID yet: sgr-1"),
        (["22", "--from", "nobody"], 3, "no security group nobody in us-east-1"),
        (["22", "--from", "com.amazonaws.x"], 3, "no prefix list com.amazonaws.x in us-east-1"),
    ],
)  # fmt: skip
def test_authorize_refuses(arguments: list[str], code: int, message: str, ec2: Ec2, near: Ectwo, new: str) -> None:
    run = near("groups", "authorize", new, *arguments)
    assert (run.code, run.err.splitlines()[0]) == (code, f"error: {message}")
    assert rules(ec2, new) == set()


def test_a_prefix_list_of_aws_by_name(ec2: Ec2, near: Ectwo, new: str) -> None:
    name = "com.amazonaws.us-east-1.s3"
    assert near("groups", "authorize", new, "443", "--from", name).code == 0
    assert rules(ec2, new) == {("tcp", (443, 443), prefix_list(ec2, name), None)}


def test_a_group_name_means_the_one_of_the_same_vpc(ec2: Ec2, near: Ectwo, new: str) -> None:
    assert near("groups", "authorize", new, "80", "--from", "web").code == 0
    assert rules(ec2, new) == {("tcp", (80, 80), group(ec2, "web")["GroupId"], None)}


# From me


@pytest.fixture
def service() -> Iterator[tuple[str, dict[str, Any]]]:
    """A local address service, and what it is to answer."""
    answer: dict[str, Any] = {"status": 200, "body": b"203.0.113.77\n"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"])
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("body", "source"), [(b"203.0.113.77\n", "203.0.113.77/32"), (b"2001:db8::7", "2001:db8::7/128")]
)
def test_from_me_asks_the_service(
    body: bytes, source: str, service: tuple[str, dict[str, Any]], ec2: Ec2, near: Ectwo, new: str
) -> None:
    url, answer = service
    answer["body"] = body
    assert near("groups", "authorize", new, "22", "--from", "me", ECTWO_ADDRESS_SERVICE=url).code == 0
    assert rules(ec2, new) == {("tcp", (22, 22), source, None)}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>sign in</html>", "answers '<html>sign in</html>'"),
        (200, b"", "answers ''"),
        (200, b"127.0.0.1", "answers 127.0.0.1"),
        (200, b"\xff\xfe" * 400, "answers '" + "\ufffd" * 60 + "'"),
        (503, b"", "does not answer (Service Unavailable)"),
    ],
)
def test_from_me_falls_back_to_a_clear_error(
    status: int,
    body: bytes,
    reason: str,
    service: tuple[str, dict[str, Any]],
    ec2: Ec2,
    near: Ectwo,
    new: str,
) -> None:
    url, answer = service
    answer.update(status=status, body=body)
    run = near("groups", "authorize", new, "22", "--from", "me", ECTWO_ADDRESS_SERVICE=url)
    assert run.code == 1
    assert run.err == (
        f"error: can't find out your public address: {url} {reason}\n"
        "hint: say it yourself: --from 203.0.113.7; another service is set by ECTWO_ADDRESS_SERVICE\n"
    )
    assert rules(ec2, new) == set()


def test_from_me_without_a_service(ec2: Ec2, near: Ectwo, new: str) -> None:
    run = near("groups", "authorize", new, "22", "--from", "me", ECTWO_ADDRESS_SERVICE="http://127.0.0.1:1/")
    assert run.code == 1
    assert run.err.startswith("error: can't find out your public address: http://127.0.0.1:1/ does not answer (")
    run = near("groups", "authorize", new, "22", "--from", "me", ECTWO_ADDRESS_SERVICE="file:///etc/passwd")
    assert (run.code, run.err.splitlines()[0]) == (2, "error: bad address_service 'file:///etc/passwd'")


# Removing


def test_revoke(ec2: Ec2, near: Ectwo, bastion: str) -> None:
    run = near("groups", "revoke", bastion, "22", "--from", "0.0.0.0/0", "-y", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "revoked")
    assert rules(ec2, bastion) == {("tcp", (22, 22), "::/0", None)}
    run = near("groups", "revoke", bastion, "22", "--from", "0.0.0.0/0", "-y", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "unchanged")


def test_revoke_by_rule_id(ec2: Ec2, near: Ectwo, bastion: str) -> None:
    found = ec2.boto().describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [bastion]}])
    rule = next(each for each in found["SecurityGroupRules"] if each.get("CidrIpv6"))["SecurityGroupRuleId"]
    run = near("groups", "revoke", bastion, rule, "-y", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "revoked")
    assert rules(ec2, bastion) == {("tcp", (22, 22), "0.0.0.0/0", "SSH")}


def test_a_lost_answer_to_revoke(ec2: Ec2, near: Ectwo, bastion: str) -> None:
    ec2.fault("RevokeSecurityGroupIngress", skip=1, lose=True)
    run = near("groups", "revoke", bastion, "22", "--from", "anywhere", "-y", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "revoked")
    assert rules(ec2, bastion) == set()


def test_revoke_asks(ec2: Ec2, near: Ectwo, bastion: str) -> None:
    before = rules(ec2, bastion)
    run = near("groups", "revoke", bastion, "22", "--from", "0.0.0.0/0")
    assert (run.code, run.out) == (10, "")
    assert "These rules will be removed:\n" in run.err
    assert "    ! 22/tcp from 0.0.0.0/0 (SSH) sgr-" in run.err
    run = near("groups", "revoke", bastion, "22", "--from", "0.0.0.0/0", "-n", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "would revoke")
    assert rules(ec2, bastion) == before


# Creating


def test_create_with_rules(ec2: Ec2, near: Ectwo) -> None:
    run = near(
        "groups", "create", "api", "--description", "The API", "--tag", "env=dev",
        "--allow", "443,8443", "--from", "anywhere", "--json",
    )  # fmt: skip
    (record,) = records(run)
    made = group(ec2, "api")
    assert (run.code, record["action"], record["id"]) == (0, "created", made["GroupId"])
    assert (made["Description"], made["Tags"]) == ("The API", [{"Key": "env", "Value": "dev"}])
    assert {rule[1:3] for rule in rules(ec2, made["GroupId"])} == {
        ((port, port), source) for port in (443, 8443) for source in ("0.0.0.0/0", "::/0")
    }
    assert rules(ec2, made["GroupId"], egress=True) == {ALL_OUT}


def test_create_in_a_vpc_by_name(ec2: Ec2, near: Ectwo) -> None:
    assert near("groups", "create", "api", "--vpc", "lab").code == 0
    assert group(ec2, "api", lab=True)["Description"] == "api"


@pytest.mark.parametrize("fault", [{"lose": True}, {"truncate": True}])
def test_a_lost_answer_to_create(fault: dict[str, bool], ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("CreateSecurityGroup", **fault)
    run = near("groups", "create", "api", "--allow", "80", "--from", "10.0.0.0/8", "--json")
    assert (run.code, records(run)[0]["id"]) == (0, group(ec2, "api")["GroupId"])


def test_a_group_whose_rules_are_refused_is_not_left(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("AuthorizeSecurityGroupIngress", code="RulesPerSecurityGroupLimitExceeded", message="Too many.")
    run = near("groups", "create", "api", "--allow", "80", "--from", "10.0.0.0/8")
    assert (run.code, run.err) == (1, "error: Too many. (RulesPerSecurityGroupLimitExceeded)\n")
    assert not exists(ec2, "api")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["web"], 1, "there is a security group web already in "),
        (["api", "--allow", "22"], 2, "from where?"),
        (["api", "--from", "10.0.0.0/8"], 2, "--from goes with rules such as 22"),
        (["sg-api"], 2, "bad security group name 'sg-api'"),
        (["default"], 2, "bad security group name 'default'"),
        (["api", "--vpc", "nowhere"], 3, "no VPC nowhere in us-east-1"),
        (["api", "--allow", "22", "--from", "anywhere"], 10, "not done: this needs a yes, and there is no terminal"),
    ],
)
def test_create_refuses(arguments: list[str], code: int, message: str, ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "create", *arguments)
    assert (run.code, run.out) == (code, "")
    assert f"error: {message}" in run.err
    assert not exists(ec2, "api")


def test_create_dry_run(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "create", "api", "--allow", "22", "--from", "10.0.0.0/8", "-n", "--json")
    (record,) = records(run)
    assert (run.code, record["action"], record["id"]) == (0, "would create", "")
    assert [each["source"] for each in record["ingress"]] == ["10.0.0.0/8"]
    assert not exists(ec2, "api")


# Copying


def test_groups_that_refer_to_each_other(ec2: Ec2, near: Ectwo) -> None:
    region = "eu-north-1"
    names = ("left", "right", "bastion")
    sources = [f"us-east-1/{name}" for name in names]
    run = near("groups", "copy", *sources, "--to", region, "--json")
    assert (run.code, [each["action"] for each in records(run)]) == (0, ["copied"] * 3)
    left, right, bastion = (group(ec2, name, region) for name in names)
    assert rules(ec2, left["GroupId"], region) == {("tcp", (8000, 8100), right["GroupId"], None)}
    assert rules(ec2, right["GroupId"], region) == {("tcp", (8000, 8100), left["GroupId"], None)}
    assert (bastion["Description"], bastion["Tags"]) == ("SSH from anywhere", [{"Key": "team", "Value": "ops"}])
    again = near("groups", "copy", *sources, "--to", region, "--json")
    assert (again.code, [each["action"] for each in records(again)]) == (0, ["unchanged"] * 3)


def test_what_can_not_be_mapped_is_told(ec2: Ec2, near: Ectwo) -> None:
    web, bastion = group(ec2, "web")["GroupId"], group(ec2, "bastion")["GroupId"]
    run = near("groups", "copy", web, "--to", "eu-north-1", "--json")
    text = f"22/tcp from {bastion}: {bastion} is not copied with it"
    assert run.code == 6
    assert records(run)[0]["left_out"] == [text]
    assert run.err == f"warning: eu-north-1/web: left out {text}\nerror: 1 rule was left out\n"
    assert len(rules(ec2, group(ec2, "web", "eu-north-1")["GroupId"], "eu-north-1")) == 3


def test_prefix_lists_of_aws_are_mapped_and_others_told(ec2: Ec2, near: Ectwo, new: str) -> None:
    for name in ("com.amazonaws.us-east-1.s3", "com.amazonaws.global.groundstation"):
        near("groups", "authorize", new, "443", "--from", name)
    offices = prefix_list(ec2, "offices")
    near("groups", "authorize", new, "443", "--from", offices)
    run = near("groups", "copy", new, "--to", "eu-west-1", "--json")
    assert run.code == 6
    assert records(run)[0]["left_out"] == [f"443/tcp from {offices}: prefix list {offices} is not in eu-west-1"]
    copied = group(ec2, "new", "eu-west-1")["GroupId"]
    assert rules(ec2, copied, "eu-west-1") == {
        ("tcp", (443, 443), prefix_list(ec2, name, "eu-west-1"), None)
        for name in ("com.amazonaws.eu-west-1.s3", "com.amazonaws.global.groundstation")
    }


def test_a_group_that_lets_nothing_out_stays_so(ec2: Ec2, near: Ectwo, new: str) -> None:
    near("groups", "revoke", new, "all", "--egress", "--from", "0.0.0.0/0", "-y")
    assert near("groups", "copy", new, "--to", "eu-west-1").code == 0
    assert rules(ec2, group(ec2, "new", "eu-west-1")["GroupId"], "eu-west-1", egress=True) == set()


def test_copy_to_another_vpc_of_the_region(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "copy", "us-east-1/bastion", "--to-vpc", "lab", "--new-name", "{name}-2", "--json")
    assert (run.code, records(run)[0]["vpc_id"]) == (0, group(ec2, "default", lab=True)["VpcId"])
    assert rules(ec2, group(ec2, "bastion-2", lab=True)["GroupId"]) == {
        ("tcp", (22, 22), "0.0.0.0/0", "SSH"),
        ("tcp", (22, 22), "::/0", None),
    }


def test_a_copy_beside_the_original_keeps_its_references(ec2: Ec2, near: Ectwo) -> None:
    left, right = group(ec2, "left")["GroupId"], group(ec2, "right")["GroupId"]
    assert near("groups", "copy", left, "--to", "us-east-1", "--new-name", "left-2").code == 0
    assert rules(ec2, group(ec2, "left-2")["GroupId"]) == {("tcp", (8000, 8100), right, None)}


def test_copies_beside_the_originals_refer_to_each_other(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "copy", "left", "right", "--to", "us-east-1", "--new-name", "{name}-2", "-o", "ids")
    assert run.code == 0
    assert rules(ec2, group(ec2, "left-2")["GroupId"]) == {
        ("tcp", (8000, 8100), group(ec2, "right-2")["GroupId"], None)
    }


def test_another_group_of_that_name_is_in_the_way(ec2: Ec2, near: Ectwo) -> None:
    ec2.boto("eu-north-1").create_security_group(GroupName="left", Description="Mine")
    run = near("groups", "copy", "us-east-1/left", "us-east-1/right", "--to", "eu-north-1", "--json")
    assert (run.code, [each["action"] for each in records(run)]) == (1, [None, None])
    assert "has another group named left (InvalidGroup.Duplicate)\n" in run.err
    assert not exists(ec2, "right", "eu-north-1")


def test_a_copy_that_fails_leaves_nothing(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("AuthorizeSecurityGroupIngress", region="eu-north-1", skip=1, code="RulesLimit", message="Too many.")
    run = near("groups", "copy", "us-east-1/left", "us-east-1/right", "--to", "eu-north-1,eu-west-3", "--json")
    assert run.code == 6
    assert [(each["region"], each["action"]) for each in records(run)] == [
        ("eu-north-1", None),
        ("eu-north-1", None),
        ("eu-west-3", "copied"),
        ("eu-west-3", "copied"),
    ]
    assert not exists(ec2, "left", "eu-north-1")
    assert not exists(ec2, "right", "eu-north-1")


def test_copy_dry_run(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "copy", "us-east-1/left", "--to", "eu-north-1", "-n", "--json")
    (record,) = records(run)
    assert (run.code, record["action"], len(record["left_out"])) == (6, "would copy", 1)
    assert not exists(ec2, "left", "eu-north-1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["us-east-1/left"], "copy where to?"),
        (["us-east-1/left", "--to", "mars"], "no region matches 'mars'"),
        (["us-east-1/left", "--to", "eu-west-3", "--new-name", "{what}"], "bad --name '{what}'"),
        (["us-east-1/left", "us-east-1/right", "--to", "eu-west-3", "--new-name", "x"],
         "two of the groups would be named 'x'"),
        (["eu-west-3/default", "--to", "eu-north-1"], "a copy can't be named 'default'"),
        (["us-east-1/web", "--to", "eu-north-1"], "several are named 'us-east-1/web'"),
    ],
)  # fmt: skip
def test_copy_usage(arguments: list[str], message: str, ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "copy", *arguments)
    assert (run.code, run.err.splitlines()[0]) == (2, f"error: {message}")
    assert "CreateSecurityGroup" not in ec2.counts()


# Deleting


def test_delete_what_nothing_uses(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("DeleteSecurityGroup", lose=True)
    run = near("groups", "delete", "us-east-1/unused", "--yes", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "deleted")
    assert not exists(ec2, "unused")


def test_delete_says_what_holds_it(ec2: Ec2, near: Ectwo) -> None:
    web = group(ec2, "web")["GroupId"]
    run = near("groups", "delete", web, "--yes", "--json")
    (record,) = records(run)
    users = json.loads(near("groups", "show", web, "--json").out)["used_by"]
    assert (run.code, record["action"]) == (1, None)
    assert record["error"].startswith("it is used by ")
    for user in users[:5]:
        assert f"{user['name']} ({user['id']})" in record["error"]
    assert record["error"].endswith(" (DependencyViolation)")
    assert "DeleteSecurityGroup" not in ec2.counts()


def test_groups_that_refer_to_each_other_go_together(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "delete", "us-east-1/left", "-y", "--json")
    assert run.code == 1
    assert f"used by a rule of group right ({group(ec2, 'right')['GroupId']})" in records(run)[0]["error"]
    run = near("groups", "delete", "us-east-1/left", "us-east-1/right", "-y", "--json")
    assert (run.code, [each["action"] for each in records(run)]) == (0, ["deleted", "deleted"])
    assert not exists(ec2, "left")


def test_what_a_held_group_refers_to_is_held_too(ec2: Ec2, near: Ectwo, new: str) -> None:
    # Instances have web, whose rule names bastion, and bastion's copy of nothing is free.
    web, bastion = group(ec2, "web")["GroupId"], group(ec2, "bastion")["GroupId"]
    before = rules(ec2, web)
    run = near("groups", "delete", web, bastion, new, "-y", "--json")
    assert (run.code, {each["name"]: each["action"] for each in records(run)}) == (
        6,
        {"bastion": None, "new": "deleted", "web": None},
    )
    assert rules(ec2, web) == before


def test_the_default_group_stays(ec2: Ec2, near: Ectwo) -> None:
    run = near("groups", "delete", "eu-west-3/default", "-y")
    assert run.code == 1
    assert "it is the default group of its VPC, which goes with the VPC alone (CannotDelete)\n" in run.err


def test_delete_asks_and_dry_run_does_not(ec2: Ec2, near: Ectwo) -> None:
    assert near("groups", "delete", "us-east-1/unused").code == 10
    run = near("groups", "delete", "us-east-1/unused", "-n", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "would delete")
    assert exists(ec2, "unused")


def test_an_ambiguous_name_is_not_meant_by_yes(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("groups", "delete", "unused", "--yes")
    assert run.code == 2
    assert "several are named 'unused', and --yes can't mean all of them" in run.err
    assert exists(ec2, "unused")


# Columns


def test_columns_of_what_was_done(ec2: Ec2, near: Ectwo, new: str) -> None:
    run = near("groups", "authorize", new, "80", "--from", "10.0.0.0/8", "--columns", "name,rules,action", "--json")
    (record,) = records(run)
    assert (run.code, list(record), len(record["rules"])) == (0, ["name", "rules", "action"], 1)
    run = near("groups", "copy", new, "--to", "eu-west-3", "--columns", "name,left_out,error", "-o", "csv")
    assert (run.code, run.out) == (0, "name,left_out,error\nnew,,\n")
    run = near("groups", "show", new, "--columns", "id", "--json")
    assert (run.code, json.loads(run.out)) == (0, {"id": new})
    assert near("groups", "delete", new, "--columns", "used", "-y").code == 2
