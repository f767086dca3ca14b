"""``instances ssh`` against a real sshd on loopback: the instances are the sandbox's, ssh is sent to that sshd."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import Ec2, clean_environment

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    SSHD is None or shutil.which("ssh") is None,
    reason="needs OpenSSH's server and client (apt-get install openssh-server)",
)


@dataclass(frozen=True)
class Sshd:
    """A server that lets in ``key``, and the key that Instance Connect was last given in the sandbox at ``ask``."""

    port: int
    folder: Path
    key: Path
    ask: Path

    def to(self, *, user: str = getpass.getuser()) -> list[str]:
        """The options that send ssh here, with a file of known hosts of our own."""
        options = ["HostName=127.0.0.1", f"UserKnownHostsFile={self.folder / 'known'}", "IdentityAgent=none"]
        return ["-l", user, "--port", str(self.port), *(word for each in options for word in ("--ssh-option", each))]


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    ask = folder / "ask"
    # What EC2 Instance Connect does on an instance: ask for the keys that were pushed.
    script = folder / "keys.sh"
    script.write_text(f'test -s "{ask}" && exec "{sys.executable}" "{folder / "keys.py"}" < "{ask}"\n')
    (folder / "keys.py").write_text(
        "import json, sys, urllib.request\n"
        "calls = json.load(urllib.request.urlopen(sys.stdin.read() + '/_ectwo/calls'))['calls']\n"
        "pushed = [each['parameters'] for each in calls if each['operation'] == 'SendSSHPublicKey']\n"
        "print(pushed[-1]['SSHPublicKey'] if pushed else '')\n"
    )
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nAuthorizedKeysFile {folder / 'key.pub'}\n"
        f"AuthorizedKeysCommand /bin/sh {script}\nAuthorizedKeysCommandUser {getpass.getuser()}\n"
        "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "PermitRootLogin yes\nMaxStartups 100\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    assert SSHD is not None
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            pytest.skip(f"sshd does not start here: {(folder / 'log').read_text()}")
        yield Sshd(port, folder, folder / "key", ask)
    finally:
        process.terminate()
        process.wait(10)


def id_of(ec2: Ec2, name: str) -> str:
    filters = [
        {"Name": "tag:Name", "Values": [name]},
        {"Name": "instance-state-name", "Values": ["running"]},
    ]
    found = ec2.boto().describe_instances(Filters=filters)["Reservations"]
    return str(found[0]["Instances"][0]["InstanceId"])


def quiet(run: Run) -> Run:
    """Without ssh's own remark on a host that it did not know."""
    lines = [line for line in run.err.splitlines(keepends=True) if not line.startswith("Warning: Permanently added")]
    return Run(run.code, run.out, "".join(lines))


# One


def test_the_remote_commands_code_is_ours(ectwo: Ectwo, sshd: Sshd) -> None:
    run = ectwo(
        "instances", "ssh", "us-east-1/web-1", *sshd.to(), "-i", str(sshd.key), "--", "cat; echo two >&2; exit 7",
        stdin="one\n",
    )  # fmt: skip
    assert quiet(run) == Run(7, "one\n", "two\n")


def test_the_key_is_where_keypairs_create_saves_it(ectwo: Ectwo, sshd: Sshd, home: Path) -> None:
    saved = home / ".ssh" / "ectwo" / "us-east-1"
    saved.mkdir(parents=True)
    shutil.copy(sshd.key, saved / "ops.pem")
    run = ectwo("instances", "ssh", "us-east-1/web-1", *sshd.to(), "--", "echo", "in")
    assert quiet(run) == Run(0, "in\n", "")


def test_an_imported_key_is_known_by_its_public_half(ec2: Ec2, ectwo: Ectwo, sshd: Sshd, home: Path) -> None:
    (home / ".ssh").mkdir()
    shutil.copy(sshd.key, home / ".ssh" / "mine")
    shutil.copy(f"{sshd.key}.pub", home / ".ssh" / "mine.pub")
    boto = ec2.boto()
    boto.import_key_pair(KeyName="mine", PublicKeyMaterial=Path(f"{sshd.key}.pub").read_bytes())
    image = boto.describe_images(Owners=["self"], Filters=[{"Name": "state", "Values": ["available"]}])["Images"][0]
    type = "t4g.micro" if image["Architecture"] == "arm64" else "t3.micro"
    made = boto.run_instances(ImageId=image["ImageId"], InstanceType=type, KeyName="mine", MinCount=1, MaxCount=1)
    id = made["Instances"][0]["InstanceId"]
    run = ectwo("instances", "ssh", f"us-east-1/{id}", *sshd.to(), "--", "echo", "in")
    assert quiet(run) == Run(0, "in\n", "")
    assert "SendSSHPublicKey" not in ec2.counts()


def test_without_a_key_instance_connect_gets_a_throw_away_one(ec2: Ec2, ectwo: Ectwo, sshd: Sshd) -> None:
    sshd.ask.write_text(ec2.endpoint)
    try:
        run = ectwo("instances", "ssh", "us-east-1/web-1", *sshd.to(), "--", "echo", "in")
    finally:
        sshd.ask.write_text("")
    assert quiet(run) == Run(0, "in\n", "")
    (call,) = ec2.calls("SendSSHPublicKey")
    assert call["parameters"]["InstanceId"] == id_of(ec2, "web-1")
    assert call["parameters"]["InstanceOSUser"] == getpass.getuser()
    assert call["parameters"]["SSHPublicKey"].startswith("ssh-ed25519 ")


def test_a_refused_login_says_as_whom_and_what_else(ectwo: Ectwo, sshd: Sshd) -> None:
    run = ectwo("instances", "ssh", "us-east-1/web-1", *sshd.to(user="nobody-here"), "-i", str(sshd.key), "true")
    assert run.code == 255
    assert run.err.endswith(
        f"hint: if it was the login that was refused: it was as nobody-here, with the key {sshd.key}; "
        "take another user with --user (bitnami, ubuntu, admin, centos, rocky, ec2-user), another key with -i FILE\n"
    )


def test_without_any_key_it_says_where_it_looked(ec2: Ec2, ectwo: Ectwo, sshd: Sshd, home: Path) -> None:
    ec2.fault("SendSSHPublicKey", code="AccessDeniedException", message="Not you.", service="ec2-instance-connect")
    run = ectwo("instances", "ssh", "us-east-1/web-1", *sshd.to(), "--", "true", SSH_AUTH_SOCK="")
    assert run == Run(
        3,
        "",
        f"error: no key for web-1: {home}/.ssh/ectwo/us-east-1/ops.pem is not there, and EC2 Instance Connect took no "
        "throw-away key: Not you.\n"
        "hint: say -i FILE with the private key of key pair ops\n",
    )


def test_a_shell_on_a_terminal(ec2: Ec2, sshd: Sshd, home: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "ectwo_cli", "instances", "ssh", "us-east-1/web-1", *sshd.to(), "-i", str(sshd.key)],
        env=clean_environment(home, **ec2.environment(), TERM="xterm"),  # type: ignore[arg-type]
        encoding="utf-8",
        timeout=60,
    )
    child.expect("[#$%>] ")
    child.sendline("echo $((6*7))x; sleep 60")
    child.expect("42x")
    child.sendintr()
    child.sendline("exit 3")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 3


def test_the_command_can_be_printed(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "ssh", "us-east-1/web-1", "--print", "--", "echo a b")
    found = ec2.boto().describe_instances(InstanceIds=[id_of(ec2, "web-1")])["Reservations"][0]["Instances"][0]
    assert run == Run(
        0,
        f"ssh -o HostKeyAlias={found['InstanceId']} -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 "
        f"-l ec2-user -- {found['PublicIpAddress']} 'echo a b'\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["nonesuch"], 3, "error: no instance nonesuch\n"),
        (["us-east-1/web-4"], 1, "error: web-4 is stopped, not running\nhint: 'ectwo instances start us-east-1/i-"),
        (["us-east-1/db-1"], 1, "error: db-1 has no public address\nhint: say --via HOST"),
        (["us-east-1/win-1"], 1, "error: win-1 runs Windows, which is logged in to with RDP\n"),
        (["web-1"], 2, "error: 3 instances are named 'web-1': "),
        (["us-east-1/web-1", "-i", "/none"], 2, "error: there is no key file /none\n"),
        (["us-east-1/web-1", "-l", "-oProxyCommand=x"], 2, "error: bad --user '-oProxyCommand=x'\n"),
        (["us-east-1/web-1", "--via", "-x"], 2, "error: bad --via '-x'\n"),
        ([], 2, "error: which instance?\n"),
        (["--tag", "env=prod"], 2, "error: what is to be run on them?\n"),
    ],
)
def test_what_keeps_one_out(arguments: list[str], code: int, error: str, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "ssh", *arguments)
    assert (run.code, run.out) == (code, "")
    assert run.err.startswith(error)


def test_of_several_of_a_name_the_running_one_is_meant(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "ssh", "us-east-1/legacy", "--print")
    assert run.code == 0
    assert f"HostKeyAlias={id_of(ec2, 'legacy')} " in run.out


def test_through_a_bastion_to_the_private_address(ec2: Ec2, ectwo_here: Ectwo) -> None:
    run = ectwo_here("instances", "ssh", "us-east-1/db-1", "--via", "me@bastion.example.com", "--print")
    found = ec2.boto().describe_instances(InstanceIds=[id_of(ec2, "db-1")])["Reservations"][0]["Instances"][0]
    assert run.code == 0
    assert run.out.endswith(f" -J me@bastion.example.com -l ec2-user -- {found['PrivateIpAddress']}\n")


# Many


def test_a_command_on_many(ec2: Ec2, ectwo: Ectwo, sshd: Sshd) -> None:
    run = ectwo(
        *("instances", "ssh", "-r", "us-east-1", *sshd.to(), "-i", str(sshd.key)),
        *("--name", "bastion,web-1,web-2", "--", "echo a; echo b"),
    )
    assert run.code == 0
    assert sorted(run.out.splitlines()) == [
        f"{name}: {line}" for name in ("bastion", "web-1", "web-2") for line in ("a", "b")
    ]


def test_when_some_fail_the_others_are_done(ec2: Ec2, ectwo: Ectwo, sshd: Sshd) -> None:
    run = ectwo(
        *("instances", "ssh", "-r", "us-east-1", "--name", "web-1,db-1", *sshd.to(), "-i", str(sshd.key)),
        *("--", "echo in"),
    )
    id = id_of(ec2, "db-1")
    assert run.code == 6
    assert run.out == "web-1: in\n"
    assert f"error: db-1 (us-east-1/{id}): db-1 has no public address\n" in run.err


def test_when_all_fail_so_does_it(ec2: Ec2, ectwo: Ectwo, sshd: Sshd) -> None:
    run = ectwo(
        *("instances", "ssh", "-r", "us-east-1", "--name", "web-1", *sshd.to(), "-i", str(sshd.key)),
        *("--", "echo out; echo oops >&2; exit 3"),
    )
    id = id_of(ec2, "web-1")
    assert run == Run(1, "web-1: out\n", f"web-1: oops\nerror: web-1 (us-east-1/{id}): exit code 3\n")


def test_targets_from_stdin_one_at_a_time(ec2: Ec2, ectwo: Ectwo, sshd: Sshd, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run = ectwo(
        *("instances", "ssh", "-", *sshd.to(), "-i", str(sshd.key), "--max-parallel", "1"),
        *("--", f"echo begin >> {log}; sleep 0.2; echo end >> {log}"),
        stdin="us-east-1/web-1\nus-east-1/web-2\nus-east-1/bastion\n",
    )
    assert run == Run(0, "", "")
    assert log.read_text().split() == ["begin", "end"] * 3


def test_a_query_that_matches_nothing_is_no_failure(ectwo_here: Ectwo) -> None:
    assert ectwo_here("instances", "ssh", "--tag", "no=body", "--", "true") == Run(0, "", "no instances matched\n")
