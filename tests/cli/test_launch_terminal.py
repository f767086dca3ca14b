"""What a launch asks for on a terminal, and what becomes of the answers. Driven through a pseudo-terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pexpect
import pytest

from tests.ec2 import Ec2, clean_environment

DOWN, ENTER = "\x1b[B", "\r"


def spawn(ec2: Ec2, home: Path, *arguments: str, width: int = 100) -> pexpect.spawn[str]:
    return pexpect.spawn(
        sys.executable,
        ["-m", "ectwo_cli", *arguments],
        env=clean_environment(home, **ec2.environment(), TERM="xterm", NO_COLOR="1"),  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=60,
        dimensions=(40, width),
    )


def plain(text: str) -> str:
    """Without what moves the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r", "", text)


def end(child: pexpect.spawn[str]) -> tuple[int | None, str]:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, plain(child.before or "")


def launched(ec2: Ec2, name: str) -> list[dict[str, object]]:
    found = ec2.boto().describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    return [each for reservation in found for each in reservation["Instances"]]


def test_what_is_missing_is_asked_for(ec2: Ec2, home: Path) -> None:
    child = spawn(ec2, home, "instances", "launch", "--name", "asked", "--no-wait")
    child.expect_exact("Which image, in us-east-1?")
    child.expect(r"golden-2026 +ami-\w+ +x86_64 +2026-09-01")
    child.expect(r"al2023 +ami-\w+ +x86_64")
    child.send(ENTER)
    child.expect_exact("Which type?")
    child.expect(r"t3\.micro +2 vCPU, 1 GiB, \$0\.0104 an hour")
    child.expect(r"t3a\.micro +2 vCPU, 1 GiB")
    child.send(DOWN + ENTER)
    child.expect_exact("Which key pair?")
    child.expect(r"deploy +ed25519")
    child.expect(r"none +nobody can log in")
    child.send(DOWN + DOWN + ENTER)
    child.expect_exact("Which security group?")
    child.expect(r"bastion +sg-\w+ +lets SSH in")
    child.expect(r"default +sg-\w+ +lets no SSH in")
    child.send(ENTER)
    child.expect_exact("Launch 1 instance in us-east-1:")
    child.expect_exact("Launch it? [y/N]")
    child.sendline("y")
    code, _ = end(child)
    (made,) = launched(ec2, "asked")
    assert code == 0
    assert (made["InstanceType"], made["KeyName"]) == ("t3a.micro", "ops")
    assert made["SecurityGroups"][0]["GroupName"] == "bastion"  # type: ignore[index]


ALL = ("--image", "al2023", "--type", "t3.micro", "--key", "ops", "--group", "bastion", "--name", "x")


@pytest.mark.parametrize(("answer", "code"), [("n\r", 10), ("\r", 10), ("\x04", 10), ("\x03", 130)])
def test_no_launches_nothing(answer: str, code: int, ec2: Ec2, home: Path) -> None:
    child = spawn(ec2, home, "instances", "launch", *ALL, "--count", "3")
    child.expect_exact("Launch 3 instances?")
    child.send(answer)
    assert end(child)[0] == code
    assert launched(ec2, "x") == []


def test_ctrl_c_in_a_list(ec2: Ec2, home: Path) -> None:
    child = spawn(ec2, home, "instances", "launch")
    child.expect_exact("Which image")
    child.send("\x03")
    assert end(child)[0] == 130
    assert "RunInstances" not in ec2.counts()


def test_yes_asks_nothing_and_takes_the_defaults(ec2: Ec2, home: Path) -> None:
    child = spawn(ec2, home, "instances", "launch", "--image", "al2023", "--name", "x", "--yes", "--no-wait", width=200)
    code, text = end(child)
    (made,) = launched(ec2, "x")
    assert code == 0
    assert "?" not in text
    assert (made["InstanceType"], made.get("KeyName")) == ("t3.micro", None)


def test_progress_shows_a_line_an_instance(ec2: Ec2, home: Path) -> None:
    ec2.settings(speed=1)
    child = spawn(ec2, home, "instances", "launch", *ALL, "--count", "20", "--yes", "-o", "ids")
    child.expect(r"x \(us-east-1/i-\w+\) +pending")
    ec2.settings(speed=0)
    code, text = end(child)
    assert code == 0
    assert len(set(re.findall(r"^us-east-1/i-\w+", text, re.MULTILINE))) == 20


def test_ctrl_c_while_waiting_names_what_goes_on(ec2: Ec2, home: Path) -> None:
    ec2.settings(speed=0.01)
    child = spawn(ec2, home, "instances", "launch", *ALL, "--yes", width=200)
    child.expect(r"pending")
    child.sendintr()
    code, text = end(child)
    (made,) = launched(ec2, "x")
    assert code == 130
    assert f"AWS goes on starting x (us-east-1/{made['InstanceId']})" in text
    assert f"ectwo instances wait us-east-1/{made['InstanceId']} --until running" in text


def test_a_reboot_is_asked_about(ec2: Ec2, home: Path) -> None:
    child = spawn(ec2, home, "instances", "create-image", "us-east-1/web-1", "--name", "an-image")
    child.expect_exact("EC2 reboots it")
    child.expect_exact("Reboot it and make the image? [y/N]")
    child.send(ENTER)
    assert end(child)[0] == 10
    assert "CreateImage" not in ec2.counts()
