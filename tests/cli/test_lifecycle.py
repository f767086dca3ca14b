"""The verbs that change what state instances are in, as commands: exact output, exit codes, calls, questions."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.conftest import Ectwo
from tests.ec2 import Ec2, clean_environment
from tests.fleet import launch, launch_many, states

HERE = "us-east-2"
REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1")


@pytest.fixture(autouse=True)
def few_regions(user: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these tests need two regions; clients of all of them would take most of their time."""
    monkeypatch.setenv("ECTWO_REGIONS", f"{HERE},eu-west-1")


# Scripts


def test_what_find_gives_can_be_piped_into_stop(ec2: Ec2, ectwo_here: Ectwo) -> None:
    first = launch(ec2, HERE, "a", "b")
    second = launch(ec2, "eu-west-1", "c")
    ids = ectwo_here("instances", "find", "--tag", "fleet=own", "-o", "ids").out
    assert ids == "".join(f"{place}\n" for place in (f"eu-west-1/{second[0]}", *(f"{HERE}/{id}" for id in first)))
    done = ectwo_here("instances", "stop", "-", "--yes", "-q", "--json", "--columns", "id,state,action", stdin=ids)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == [{"id": id, "state": "stopped", "action": "stopped"} for id in (*second, *first)]
    assert states(ec2, HERE, *first) == ["stopped", "stopped"]
    # Again is success, and no call.
    ec2.forget_calls()
    again = ectwo_here("instances", "stop", "-", "--yes", "--columns", "id,action", stdin=ids)
    assert (again.code, again.out) == (0, "id\taction\n" + "".join(f"{id}\tunchanged\n" for id in (*second, *first)))
    assert ec2.calls("StopInstances") == []


def test_nothing_on_stdin_is_nothing_to_do(ectwo_here: Ectwo) -> None:
    done = ectwo_here("instances", "stop", "-", "--json", stdin="\n")
    assert (done.code, done.out) == (0, "[]\n")


def test_a_name_means_what_is_terminated_only_with_all_states(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "gone")
    ec2.boto(HERE).terminate_instances(InstanceIds=[id])
    assert ectwo_here("instances", "terminate", "gone", "--yes").code == 3
    done = ectwo_here("instances", "terminate", "gone", "--all-states", "--yes", "--columns", "id,action")
    assert (done.code, done.out) == (0, f"id\taction\n{id}\tunchanged\n")


def test_a_region_that_does_not_answer_is_told_beside_what_is_not_found(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "a")
    ec2.fault("DescribeInstances", region="eu-west-1", code="UnauthorizedOperation", times=None)
    told = ectwo_here("instances", "protect", "nowhere")
    warning = "warning: eu-west-1 did not answer: UnauthorizedOperation. (UnauthorizedOperation)\n"
    assert (told.code, told.err) == (3, f"{warning}error: no instance nowhere\n")
    # It may have another one of that name.
    told = ectwo_here("instances", "show", "a", "id")
    assert (told.code, told.out) == (6, f"{id}\n")
    assert told.err.startswith("error: eu-west-1: UnauthorizedOperation.\n")
    told = ectwo_here("instances", "show", id, "id")
    assert (told.code, told.out, told.err) == (0, f"{id}\n", "")


def test_without_a_terminal_and_a_yes_nothing_is_done(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "a")
    for verb in ("stop", "reboot", "terminate"):
        done = ectwo_here("instances", verb, id)
        assert (done.code, done.out) == (10, "")
        assert done.err.endswith(
            "error: not done: this needs a yes, and there is no terminal to ask on\nhint: say --yes\n"
        )
    assert states(ec2, HERE, id) == ["running"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(ec2: Ec2, ectwo_here: Ectwo) -> None:
    first, second = launch(ec2, HERE, "a", "b")
    ec2.boto(HERE).modify_instance_attribute(InstanceId=second, DisableApiTermination={"Value": True})
    columns = ("--columns", "name,action,error")
    done = ectwo_here("instances", "terminate", first, "--dry-run", *columns)
    assert (done.code, done.out) == (0, "name\taction\terror\na\twould terminate\t\n")
    assert re.search(r"! root volume vol-\w+ is deleted\n", done.err)
    both = ectwo_here("instances", "terminate", first, second, "-n", *columns)
    assert both.code == 6
    assert both.out == (
        "name\taction\terror\na\twould terminate\t\nb\t\ttermination protection is on (OperationNotPermitted)\n"
    )
    denied = {"code": "UnauthorizedOperation", "message": "not you"}
    ec2.fault("StopInstances", times=None, **denied)
    assert ectwo_here("instances", "stop", first, "-n", *columns).out == (
        "name\taction\terror\na\t\tnot you (UnauthorizedOperation)\n"
    )
    assert states(ec2, HERE, first, second) == ["running", "running"]


def test_codes(ec2: Ec2, ectwo_here: Ectwo) -> None:
    first, second, third = launch(ec2, HERE, "a", "b", "twin")
    (other,) = launch(ec2, "eu-west-1", "twin")
    ec2.happen(HERE, instance=second, state="terminated")
    assert ectwo_here("instances", "start", second).code == 1
    assert ectwo_here("instances", "start", first, second).code == 6
    assert ectwo_here("instances", "stop", "nobody", first, "--yes").code == 3
    assert ectwo_here("instances", "stop", "i-12", "--yes").code == 2
    assert ectwo_here("instances", "stop", "--yes").code == 2
    assert ectwo_here("instances", "reboot", first, "--hard", "--no-wait").code == 2
    assert ectwo_here("instances", "wait", first, "--until", "flying").code == 2
    ambiguous = ectwo_here("instances", "stop", "twin", "--yes")
    assert (ambiguous.code, states(ec2, HERE, third)) == (2, ["running"])
    kept = ectwo_here("instances", "stop", "nobody", first, "--yes", "--keep-going", "--no-wait", "-q")
    assert (kept.code, states(ec2, "eu-west-1", other)) == (6, ["running"])
    assert kept.err == "error: no instance nobody\n"


def test_the_time_is_up(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "a")
    done = ectwo_here("instances", "wait", id, "--until", "stopped", "--timeout", "0", "-o", "ids")
    assert (done.code, done.out) == (8, f"{HERE}/{id}\n")
    assert done.err.endswith(
        f"error: the time is up; not stopped yet: a ({HERE}/{id})\n"
        f"hint: take it up again with: ectwo instances wait {HERE}/{id} --until stopped\n"
    )


def test_image_address_and_console(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "a")
    boto = ec2.boto(HERE)
    image = boto.describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]["ImageId"]
    found = ectwo_here("instances", "image", id, "--json")
    assert (found.code, json.loads(found.out)["id"]) == (0, image)
    assert ectwo_here("instances", "image", id, "id").out == f"{image}\n"
    none = ectwo_here("instances", "address", id)
    assert none.code == 3
    assert none.err.startswith("error: a has no Elastic IP address; its public address ")
    address = boto.allocate_address(Domain="vpc")
    boto.associate_address(AllocationId=address["AllocationId"], InstanceId=id)
    found = ectwo_here("instances", "address", id, "--json")
    assert json.loads(found.out)["public_ip"] == address["PublicIp"]
    text = boto.get_console_output(InstanceId=id)["Output"]
    assert ectwo_here("instances", "console", id).out.splitlines() == text.splitlines()
    assert json.loads(ectwo_here("instances", "console", id, "--json").out)["console"] == text
    boto.terminate_instances(InstanceIds=[id])
    empty = "<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>"
    ec2.fault("DescribeImages", raw={"status": 200, "body": empty})
    assert ectwo_here("instances", "image", id).code == 3


# Budgets


def test_two_hundred_in_five_regions_are_stopped_in_five_calls(
    ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECTWO_REGIONS", ",".join(REGIONS))
    for region in REGIONS:
        launch_many(ec2, region, 40)
    ectwo_here("regions", "find")
    ec2.forget_calls()
    done = ectwo_here("instances", "stop", "--tag", "fleet=own", "--yes", "-q", "--json")
    assert done.code == 0
    assert [record["action"] for record in json.loads(done.out)] == ["stopped"] * 200
    counts = ec2.counts()
    assert counts.pop("StopInstances") == 5
    # One search of each region, and one look at each for each tick, of which there is one here.
    assert counts.pop("DescribeInstances") == 5 + 5
    assert counts == {}


def test_two_hundred_are_terminated_but_for_the_protected_one(
    ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECTWO_REGIONS", ",".join(REGIONS))
    ids = [(region, id) for region in REGIONS for id in launch_many(ec2, region, 40)]
    region, guarded = ids[77]
    ec2.boto(region).modify_instance_attribute(InstanceId=guarded, DisableApiTermination={"Value": True})
    ec2.forget_calls()
    targets = "".join(f"{region}/{id}\n" for region, id in ids)
    done = ectwo_here("instances", "terminate", "-", "--yes", "-q", "--json", stdin=targets)
    assert done.code == 6
    records = json.loads(done.out)
    assert [record["id"] for record in records if record["action"] != "terminated"] == [guarded]
    assert len(records) == 200
    assert ec2.counts()["TerminateInstances"] == 6


def test_a_prompt_for_two_hundred_looks_each_up_but_asks_ec2_in_batches(
    ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECTWO_REGIONS", ",".join(REGIONS))
    for region in REGIONS:
        launch_many(ec2, region, 40)
    ec2.forget_calls()
    done = ectwo_here("instances", "stop", "--tag", "fleet=own", "-n", "-q", "-o", "ids")
    assert (done.code, len(done.out.splitlines())) == (0, 200)
    counts = ec2.counts()
    # Which are protected EC2 tells of one at a time.
    assert counts["DescribeInstanceAttribute"] == 200
    assert (counts["StopInstances"], counts["DescribeInstanceTypes"]) == (5, 5)


# Tags


def test_tags_are_set_and_removed_on_what_is_named_in_any_way(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "only-one")
    (other,) = launch(ec2, "eu-west-1", "other")
    plain = ec2.boto(HERE).create_volume(AvailabilityZone=f"{HERE}a", Size=1)["VolumeId"]
    columns = ("--columns", "resource_id,action")
    done = ectwo_here(
        "tags", "set", "-", f"{HERE}/only-one", plain, "a key=x = ü", "empty=", *columns, stdin=f"eu-west-1/{other}\n"
    )
    assert done.code == 0
    assert sorted(done.out.splitlines()[1:]) == sorted(f"{each}\tset" for each in (id, other, plain))
    read = ec2.boto(HERE).describe_tags(Filters=[{"Name": "resource-id", "Values": [plain]}])["Tags"]
    assert {each["Key"]: each["Value"] for each in read} == {"a key": "x = ü", "empty": ""}
    ec2.forget_calls()
    assert ectwo_here("tags", "set", plain, "empty=", *columns).out == f"resource_id\taction\n{plain}\tunchanged\n"
    assert ec2.calls("CreateTags") == []
    found = ectwo_here("tags", "find", "--key", "a key", "-o", "ids").out
    assert found.splitlines() == [f"eu-west-1/{other}", f"{HERE}/{id}", f"{HERE}/{plain}"]
    gone = ectwo_here("tags", "remove", "-", "--key", "a key", "--key", "never", "--yes", "-q", *columns, stdin=found)
    assert sorted(gone.out.splitlines()[1:]) == sorted(f"{each}\tremoved" for each in (id, other, plain))
    again = ectwo_here("tags", "remove", plain, "--key", "a key", *columns)
    assert (again.code, again.out) == (0, f"resource_id\taction\n{plain}\tunchanged\n")
    assert ectwo_here("tags", "find", "--key", "a key", "--json").out == "[]\n"


def test_tags_that_can_not_be_are_refused(ec2: Ec2, ectwo_here: Ectwo) -> None:
    (id,) = launch(ec2, HERE, "full")
    ec2.boto(HERE).create_tags(Resources=[id], Tags=[{"Key": f"k{n}", "Value": ""} for n in range(48)])
    ec2.forget_calls()
    assert ectwo_here("tags", "set", id, "aws:x=1").code == 2
    assert ectwo_here("tags", "set", id).code == 2
    assert ectwo_here("tags", "set", "a=1").code == 2
    assert ectwo_here("tags", "set", "nobody-at-all", "a=1").code == 3
    assert ectwo_here("tags", "remove", id, "--key", "k1").code == 10
    full = ectwo_here("tags", "set", id, "new=1", "--columns", "error")
    assert (full.code, full.out) == (1, "error\nit would have 51 tags; 50 is the most (TagLimitExceeded)\n")
    assert ectwo_here("tags", "set", id, "k1=x", "-n", "--columns", "action").out == "action\nwould set\n"
    assert {call["operation"] for call in ec2.calls() if "Tags" in call["operation"]} == {"DescribeTags", "CreateTags"}
    assert len(ec2.calls("CreateTags")) == 1


# Questions


Terminal = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def terminal(ec2: Ec2, home: Path) -> Terminal:
    def spawn(*arguments: str) -> pexpect.spawn[str]:
        return pexpect.spawn(
            sys.executable,
            ["-m", "ectwo_cli", *arguments],
            cwd=str(home),
            env=clean_environment(home, **ec2.environment(), TERM="xterm", NO_COLOR="1"),
            encoding="utf-8",
            timeout=30,
            dimensions=(40, 120),
        )

    return spawn


def code_of(child: pexpect.spawn[str]) -> int:
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return child.exitstatus


@pytest.mark.parametrize(
    ("answer", "code", "state"),
    [
        ("y\r", 0, "stopped"),
        ("yes\r", 0, "stopped"),
        ("n\r", 10, "running"),
        ("\r", 10, "running"),
        ("\x04", 10, "running"),
        ("\x03", 130, "running"),
    ],
    ids=["y", "yes", "n", "Enter", "Ctrl-D", "Ctrl-C"],
)
def test_one_is_asked_about(ec2: Ec2, terminal: Terminal, answer: str, code: int, state: str) -> None:
    (id,) = launch(ec2, HERE, "a")
    child = terminal("instances", "stop", id)
    child.expect_exact("Stop 1 instance:")
    child.expect_exact(f"{HERE}  a     {id}  running")
    child.expect_exact("its volumes are billed while it is stopped")
    child.expect_exact("? Stop 1 instance? [y/N] ")
    child.send(answer)
    assert code_of(child) == code
    assert states(ec2, HERE, id) == [state]


@pytest.mark.parametrize(
    ("answer", "code", "state"), [("12\r", 0, "stopped"), ("y\r", 10, "running"), ("11\r", 10, "running")]
)
def test_of_ten_or_more_the_count_is_typed(ec2: Ec2, terminal: Terminal, answer: str, code: int, state: str) -> None:
    ids = launch_many(ec2, HERE, 12)
    child = terminal("instances", "stop", "--tag", "fleet=own", "-r", HERE)
    child.expect_exact("Stop 12 instances? Type 12 to go on: ")
    child.send(answer)
    assert code_of(child) == code
    assert set(states(ec2, HERE, *ids)) == {state}


def alive(ec2: Ec2, region: str) -> list[str]:
    answer = ec2.boto(region).describe_instances()
    return [
        each["InstanceId"]
        for one in answer["Reservations"]
        for each in one["Instances"]
        if each["State"]["Name"] != "terminated"
    ]


def test_all_of_a_region_is_typed_however_few_they_are(ec2: Ec2, terminal: Terminal) -> None:
    launch(ec2, "us-west-1", "a")
    ids = alive(ec2, "us-west-1")
    ec2.boto("us-west-1").stop_instances(InstanceIds=ids)
    child = terminal("instances", "start", "--all", "-r", "us-west-1")
    child.expect_exact(f"Start {len(ids)} instance{'s' if len(ids) > 1 else ''}? Type {len(ids)} to go on: ")
    child.send("n\r")
    assert code_of(child) == 10


def test_ctrl_c_while_it_waits(ec2: Ec2, terminal: Terminal) -> None:
    (id,) = launch(ec2, HERE, "a")
    ec2.settings(transition=600)
    child = terminal("instances", "stop", id, "--yes")
    child.expect_exact("stopping")
    child.expect(r"\ds")
    child.sendintr()
    child.expect_exact(f"error: interrupted; AWS goes on stopping a ({HERE}/{id})")
    child.expect_exact(f"hint: take it up again with: ectwo instances wait {HERE}/{id} --until stopped")
    assert code_of(child) == 130
    assert states(ec2, HERE, id) == ["stopping"]


def test_ctrl_c_while_ec2_is_being_asked(ec2: Ec2, terminal: Terminal) -> None:
    (id,) = launch(ec2, HERE, "a")
    ec2.fault("StopInstances", delay=20)
    child = terminal("instances", "stop", id, "--yes")
    # A call is logged when it has been answered; a fault counts what comes in.
    while not any(rule["hits"] for rule in ec2.control("GET", "faults")):
        pass
    child.sendintr()
    child.expect_exact(f"error: interrupted; AWS may have begun stopping a ({HERE}/{id})")
    child.expect_exact(f"hint: take it up again with: ectwo instances stop {HERE}/{id}")
    assert code_of(child) == 130


def test_ctrl_c_while_it_waits_to_start(ec2: Ec2, terminal: Terminal) -> None:
    (id,) = launch(ec2, HERE, "a")
    ec2.settings(transition=600)
    ec2.happen(HERE, instance=id, state="stopping")
    child = terminal("instances", "start", id)
    child.expect(r"stopping +\ds")
    child.sendintr()
    child.expect_exact(f"error: interrupted; nothing was done yet to a ({HERE}/{id})")
    child.expect_exact(f"hint: take it up again with: ectwo instances start {HERE}/{id}")
    assert code_of(child) == 130


def test_removing_tags_is_asked_about(ec2: Ec2, terminal: Terminal) -> None:
    (id,) = launch(ec2, HERE, "a")
    child = terminal("tags", "remove", id, "--key", "fleet")
    child.expect_exact("fleet=own is removed")
    child.expect_exact("? Remove tags from 1 resource? [y/N] ")
    child.send("y\r")
    assert code_of(child) == 0
    assert (
        ec2.boto(HERE).describe_tags(
            Filters=[{"Name": "resource-id", "Values": [id]}, {"Name": "key", "Values": ["fleet"]}]
        )["Tags"]
        == []
    )


def test_resizing_is_asked_about(ec2: Ec2, terminal: Terminal) -> None:
    (id,) = launch(ec2, HERE, "a")
    child = terminal("instances", "resize", id, "t3.small")
    child.expect_exact("Resize a from t3.nano to t3.small:")
    child.expect_exact("it is stopped, and started again: it does not answer for some minutes")
    child.expect_exact("? Resize a to t3.small? [y/N] ")
    child.send("\r")
    assert code_of(child) == 10
