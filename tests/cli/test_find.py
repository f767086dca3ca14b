"""``instances find`` in many ways, each compared with what boto3 and plain Python say of the same fleet."""

from __future__ import annotations

import csv
import fnmatch
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.conftest import Ectwo
from tests.ec2 import Ec2

NOW = datetime.now(timezone.utc)
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
Raw = dict[str, Any]


def tag(raw: Raw, key: str) -> str | None:
    return next((each["Value"] for each in raw.get("Tags", ()) if each["Key"] == key), None)


def state(raw: Raw) -> str:
    found: str = raw["State"]["Name"]
    return found


def groups(raw: Raw) -> list[str]:
    return [each["GroupName"] for each in raw["SecurityGroups"]]


def alive(raw: Raw) -> bool:
    return state(raw) != "terminated"


@pytest.fixture(scope="module")
def fleet(ec2_server: Ec2) -> list[Raw]:
    """All instances of the regions, as boto3 gives them."""
    ec2_server.reset()
    found = []
    for region in REGIONS:
        for page in ec2_server.boto(region).get_paginator("describe_instances").paginate():
            for reservation in page["Reservations"]:
                found += [{**raw, "region": region} for raw in reservation["Instances"]]
    return found


CASES: list[tuple[list[str], Callable[[Raw], bool]]] = [
    ([], alive),
    (["--all-states"], lambda raw: True),
    (["--state", "running"], lambda raw: state(raw) == "running"),
    (["--state", "terminated"], lambda raw: state(raw) == "terminated"),
    (["--state", "!running"], lambda raw: state(raw) not in ("running", "terminated")),
    (["--state", "stopped,running"], lambda raw: state(raw) in ("stopped", "running")),
    (["--state", "stop*"], lambda raw: state(raw) in ("stopped", "stopping")),
    (["--state", "/^s/"], lambda raw: state(raw)[0] == "s"),
    (["--state", "stop*", "--state", "!stopping"], lambda raw: state(raw) == "stopped"),
    (["--where", "state = t*"], lambda raw: state(raw) == "terminated"),
    (["--where", "state != running"], lambda raw: state(raw) not in ("running", "terminated")),
    (["--filter", "instance-state-name=stopped"], lambda raw: state(raw) == "stopped"),
    (["--type", "t3.*"], lambda raw: alive(raw) and raw["InstanceType"].startswith("t3.")),
    (["--type", "t?.micro"], lambda raw: alive(raw) and bool(re.fullmatch(r"t.\.micro", raw["InstanceType"]))),
    (["--type", "!t3.*,!m*"], lambda raw: alive(raw) and not raw["InstanceType"].startswith(("t3.", "m"))),
    (["--architecture", "arm64"], lambda raw: alive(raw) and raw["Architecture"] == "arm64"),
    (["--platform", "windows"], lambda raw: alive(raw) and raw.get("Platform") == "windows"),
    (["--platform", "linux"], lambda raw: alive(raw) and raw.get("Platform") != "windows"),
    (["--lifecycle", "spot"], lambda raw: alive(raw) and raw.get("InstanceLifecycle") == "spot"),
    (["--lifecycle", "on-demand"], lambda raw: alive(raw) and raw.get("InstanceLifecycle") != "spot"),
    (["--name", "web-1"], lambda raw: alive(raw) and tag(raw, "Name") == "web-1"),
    (["--name", "web-*"], lambda raw: alive(raw) and fnmatch.fnmatchcase(tag(raw, "Name") or "", "web-*")),
    (["--name", "/-1$/"], lambda raw: alive(raw) and (tag(raw, "Name") or "").endswith("-1")),
    (["--name", ""], lambda raw: alive(raw) and not tag(raw, "Name")),
    (["--name", "!"], lambda raw: alive(raw) and bool(tag(raw, "Name"))),
    (["--name", "!web-*"], lambda raw: alive(raw) and not (tag(raw, "Name") or "").startswith("web-")),
    (["--tag", "env"], lambda raw: alive(raw) and tag(raw, "env") is not None),
    (["--tag", "!env"], lambda raw: alive(raw) and tag(raw, "env") is None),
    (["--tag", "env=prod"], lambda raw: alive(raw) and tag(raw, "env") == "prod"),
    (["--tag", "env=!prod"], lambda raw: alive(raw) and tag(raw, "env") != "prod"),
    (["--tag", "env=prod,dev"], lambda raw: alive(raw) and tag(raw, "env") in ("prod", "dev")),
    (["--tag", "env=/^(prod|test)$/"], lambda raw: alive(raw) and tag(raw, "env") in ("prod", "test")),
    (["--tag", "env=p*"], lambda raw: alive(raw) and (tag(raw, "env") or "").startswith("p")),
    (["--tag", "env", "--tag", "Name"], lambda raw: alive(raw) and None not in (tag(raw, "env"), tag(raw, "Name"))),
    (["--where", "tags.env = prod"], lambda raw: alive(raw) and tag(raw, "env") == "prod"),
    (["--where", "tags.env !~ ^p"], lambda raw: alive(raw) and not (tag(raw, "env") or "").startswith("p")),
    (["--where", "public_ip ="], lambda raw: alive(raw) and not raw.get("PublicIpAddress")),
    (["--where", "public_ip != "], lambda raw: alive(raw) and bool(raw.get("PublicIpAddress"))),
    (["--where", "key_name ~ ."], lambda raw: alive(raw) and bool(raw.get("KeyName"))),
    (["--older-than", "200d"], lambda raw: alive(raw) and raw["LaunchTime"] < NOW - timedelta(days=200)),
    (["--newer-than", "200d"], lambda raw: alive(raw) and raw["LaunchTime"] > NOW - timedelta(days=200)),
    (
        ["--where", "launched_at < 2026-04-01", "--where", "launched_at >= 2026-03-01"],
        lambda raw: alive(raw) and (raw["LaunchTime"].year, raw["LaunchTime"].month) == (2026, 3),
    ),
    (["--where", "launched_at = 2026-03-02"], lambda raw: alive(raw) and f"{raw['LaunchTime']:%F}" == "2026-03-02"),
    (["--group", "web"], lambda raw: alive(raw) and "web" in groups(raw)),
    (
        ["--group", "!web"],
        lambda raw: alive(raw) and "web" not in [each["GroupName"] for each in raw["SecurityGroups"]],
    ),
    (["--zone", "*a"], lambda raw: alive(raw) and raw["Placement"]["AvailabilityZone"].endswith("a")),
    (["-r", "us-*"], lambda raw: alive(raw) and raw["region"].startswith("us-")),
    (["-r", "us-*,eu-west-1"], lambda raw: alive(raw) and raw["region"].startswith(("us-", "eu-west-1"))),
    (["-r", "/^eu/", "--exclude-region", "*west*"], lambda raw: alive(raw) and raw["region"] == "eu-central-1"),
    (["--exclude-region", "us-*"], lambda raw: alive(raw) and not raw["region"].startswith("us-")),
    (
        ["--state", "running", "--type", "t3.*", "--tag", "env", "-r", "us-*"],
        lambda raw: (
            state(raw) == "running"
            and raw["InstanceType"].startswith("t3.")
            and tag(raw, "env") is not None
            and raw["region"].startswith("us-")
        ),
    ),
]


@pytest.mark.parametrize(("options", "wanted"), CASES, ids=[" ".join(options) or "all" for options, _ in CASES])
def test_a_query_finds_what_plain_python_finds(
    fleet: list[Raw], ectwo_find: Ectwo, options: list[str], wanted: Callable[[Raw], bool]
) -> None:
    expected = {(raw["region"], raw["InstanceId"]) for raw in fleet if wanted(raw)}
    found = ectwo_find("instances", "find", "-o", "ids", *options)
    assert (found.code, found.err) == (0, "")
    assert {tuple(line.split("/")) for line in found.out.splitlines()} == expected


def test_most_queries_find_something_and_not_everything(fleet: list[Raw]) -> None:
    """A comparison of nothing with nothing would prove nothing."""
    hits = [sum(1 for raw in fleet if wanted(raw)) for _, wanted in CASES]
    assert all(hit > 0 for hit in hits), [CASES[at][0] for at, hit in enumerate(hits) if not hit]
    assert sum(hit < len(fleet) for hit in hits) >= len(hits) - 1


@pytest.fixture
def ectwo_find(ec2_server: Ec2, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Ectwo:
    """As ``ectwo_here``, without the reset: nothing here changes anything, and the list of regions stays cached."""
    from ectwo_cli.main import main
    from ectwo_cli.render.screen import Screen
    from tests.conftest import Run
    from tests.ec2 import clean_environment

    home = tmp_path_factory.getbasetemp() / "home-of-find"
    home.mkdir(exist_ok=True)
    environ = clean_environment(home, **ec2_server.environment(), ECTWO_REGIONS=",".join(REGIONS))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def run(*argv: str, stdin: str = "", **_: Any) -> Run:
        out, err = io.StringIO(), io.StringIO()
        code = main(argv, Screen(io.StringIO(stdin), out, err, environ))
        return Run(code, out.getvalue(), err.getvalue())

    return run


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def expected_record(raw: Raw) -> dict[str, Any]:
    """The record of ``spec``: every property of an instance, from boto3's answer."""
    return {
        "region": raw["region"],
        "name": tag(raw, "Name") or None,
        "id": raw["InstanceId"],
        "state": state(raw),
        "type": raw["InstanceType"],
        "public_ip": raw.get("PublicIpAddress"),
        "launched_at": iso(raw["LaunchTime"]),
        "zone": raw["Placement"]["AvailabilityZone"],
        "architecture": raw["Architecture"],
        "image_id": raw["ImageId"],
        "platform": raw.get("Platform", "linux"),
        "key_name": raw.get("KeyName"),
        "private_ip": raw.get("PrivateIpAddress"),
        "public_dns": raw.get("PublicDnsName") or None,
        "vpc_id": raw.get("VpcId"),
        "subnet_id": raw.get("SubnetId"),
        "groups": [each["GroupName"] for each in raw["SecurityGroups"]],
        "group_ids": [each["GroupId"] for each in raw["SecurityGroups"]],
        "lifecycle": raw.get("InstanceLifecycle", "on-demand"),
        "volume_ids": [each["Ebs"]["VolumeId"] for each in raw["BlockDeviceMappings"] if "Ebs" in each],
        "state_reason": raw.get("StateReason", {}).get("Message") or None,
        "tags": {each["Key"]: each["Value"] for each in raw.get("Tags", ())},
    }


def in_order(fleet: list[Raw]) -> Iterator[Raw]:
    return iter(
        sorted(fleet, key=lambda raw: (raw["region"], not tag(raw, "Name"), tag(raw, "Name") or "", raw["InstanceId"]))
    )


def test_json_is_every_property_in_default_order(fleet: list[Raw], ectwo_find: Ectwo) -> None:
    found = ectwo_find("instances", "find", "--all-states", "--json")
    assert json.loads(found.out) == [expected_record(raw) for raw in in_order(fleet)]


def test_the_other_formats_say_the_same(fleet: list[Raw], ectwo_find: Ectwo) -> None:
    import yaml

    records = [expected_record(raw) for raw in in_order(fleet)]

    def out(*options: str) -> str:
        return ectwo_find("instances", "find", "--all-states", *options).out

    lines = [json.loads(line) for line in out("-o", "jsonl").splitlines()]
    assert sorted(lines, key=lambda each: each["id"]) == sorted(records, key=lambda each: each["id"])
    assert yaml.safe_load(out("-o", "yaml")) == records
    columns = ["region", "name", "id", "state", "type", "public_ip", "launched_at"]
    cells = [[record[name] or "" for name in columns] for record in records]
    assert list(csv.reader(io.StringIO(out("-o", "csv")))) == [columns, *cells]
    escaped = [[cell.translate({9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}) for cell in row] for row in cells]
    assert [line.split("\t") for line in out().splitlines()] == [columns, *escaped]
    assert out("-o", "tsv") == out()
    assert out("--no-header", "-o", "tsv") == "".join(line + "\n" for line in out().splitlines()[1:])
    assert out("-o", "ids").splitlines() == [f"{record['region']}/{record['id']}" for record in records]


def test_columns_sort_limit_one_and_query(fleet: list[Raw], ectwo_find: Ectwo) -> None:
    alive_ones = [raw for raw in fleet if alive(raw)]
    by_age = sorted(in_order(alive_ones), key=lambda raw: raw["LaunchTime"], reverse=True)

    found = ectwo_find(
        "instances", "find", "--sort", "-launched_at", "--limit", "5", "--columns", "id,tags.env", "--json"
    )
    assert json.loads(found.out) == [{"id": raw["InstanceId"], "tags.env": tag(raw, "env")} for raw in by_age[:5]]

    found = ectwo_find("instances", "find", "--sort", "type,-name", "--json", "--query", "[].[type, name]")
    pairs = [(raw["InstanceType"], tag(raw, "Name")) for raw in in_order(alive_ones)]
    named = sorted([pair for pair in pairs if pair[1]], key=lambda pair: pair[1] or "", reverse=True)
    unnamed = [pair for pair in pairs if not pair[1]]
    wanted = [list(pair) for pair in sorted([*named, *unnamed], key=lambda pair: pair[0])]
    assert json.loads(found.out) == wanted

    found = ectwo_find("instances", "find", "--one", "-o", "ids")
    first = next(in_order(alive_ones))
    assert found.out == f"{first['region']}/{first['InstanceId']}\n"


def test_show_finds_by_id_name_and_region(fleet: list[Raw], ectwo_find: Ectwo) -> None:
    names = [tag(raw, "Name") for raw in fleet if alive(raw)]
    only = next(raw for raw in fleet if alive(raw) and names.count(tag(raw, "Name")) == 1 and tag(raw, "Name"))
    name, where, id_ = tag(only, "Name") or "", only["region"], only["InstanceId"]
    for target in (id_, name, f"{where}/{id_}", f"{where}/{name}"):
        assert json.loads(ectwo_find("instances", "show", target, "--json").out) == expected_record(only)
    assert ectwo_find("instances", "show", "-", "id", stdin=f"{where}/{id_}\n").out == f"{id_}\n"
    assert ectwo_find("instances", "show", id_, "state", "tags.Name").out == f"{state(only)}\n{name}\n"
    raw = json.loads(ectwo_find("instances", "show", id_, "--raw").out)
    assert raw == json.loads(json.dumps({k: v for k, v in only.items() if k != "region"}, default=iso))

    twice = next(name for name in names if name and names.count(name) > 1)
    found = ectwo_find("instances", "show", twice)
    assert found.code == 2
    assert found.err.startswith(f"error: {names.count(twice)} instances are named {twice!r}: ")

    gone = next(raw for raw in fleet if not alive(raw))
    assert ectwo_find("instances", "show", gone["InstanceId"], "state").out == "terminated\n"


def test_a_name_finds_a_terminated_instance_with_all_states(fleet: list[Raw], ectwo_find: Ectwo) -> None:
    names = [tag(raw, "Name") for raw in fleet]
    gone = next(raw for raw in fleet if not alive(raw) and tag(raw, "Name") and names.count(tag(raw, "Name")) == 1)
    name = tag(gone, "Name") or ""
    assert ectwo_find("instances", "show", name, "id").code == 3
    assert ectwo_find("instances", "show", name, "id", "--all-states").out == f"{gone['InstanceId']}\n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--state", "runing"), "--state: there is no 'runing'; did you mean running?\n"),
        (("--state", "Running,run*,/x/", "--tag", "none"), "--state: there is no 'Running'; did you mean running?\n"),
        (("--state", "runing", "-q"), ""),
        (("--state", "running", "--tag", "none"), ""),
        (("--state", "!runing", "--tag", "none"), ""),
        (("--state", "runing,runing"), "--state: there is no 'runing'; did you mean running?\n"),
        (("--type", "t99.nano"), ""),
    ],
)
def test_a_value_that_nothing_has_is_named_when_nothing_is_found(
    ectwo_find: Ectwo, given: tuple[str, ...], told: str
) -> None:
    found = ectwo_find("instances", "find", *given, "--json")
    assert (found.code, found.out, found.err) == (0, "[]\n", told)
    done = ectwo_find("instances", "stop", *given, "--json")
    assert (done.code, done.out) == (0, "[]\n")
    assert done.err.startswith(told)


def test_nothing_is_said_of_it_when_something_is_found(ectwo_find: Ectwo) -> None:
    assert ectwo_find("instances", "find", "--state", "running,runing", "--json").err == ""
    assert ectwo_find("instances", "find", "--state", "runing", "--limit", "0", "--json").err == ""


def test_nor_is_it_in_other_searches(ectwo_find: Ectwo) -> None:
    ran = ectwo_find("instances", "ssh", "--state", "runing", "--", "uptime")
    assert ran.err.startswith("--state: there is no 'runing'; did you mean running?\n")
    found = ectwo_find("spot", "prices", "--os", "linx", "--type", "t3.micro")
    assert (found.code, found.err.splitlines()[0]) == (0, "--os: there is no 'linx'; did you mean linux?")
