"""As whom, with which key, by which way; and why it failed."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.keys.material import generate
from ectwo_cli.services.instances import Instance
from ectwo_cli.ssh import connect, users, why
from ectwo_cli.ssh.login import Login, Way, command_line, host_of, key_like, saved_key

DATA: dict[str, Any] = {
    "InstanceId": "i-0123456789abcdef0",
    "State": {"Name": "running"},
    "KeyName": "ops",
    "PublicIpAddress": "192.0.2.7",
    "PrivateIpAddress": "10.0.0.7",
    "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web"}],
    "Tags": [{"Key": "Name", "Value": "web-1"}],
}
ID = "i-0123456789abcdef0"


def instance(**changes: Any) -> Instance:
    return Instance.parse({**DATA, **changes}, "us-east-1")


# Users


@pytest.mark.parametrize(
    ("image", "user"),
    [
        ({"Name": "al2023-ami-2023.9-kernel-6.1-x86_64"}, "ec2-user"),
        ({"Name": "amzn2-ami-kernel-5.10-hvm-2.0-x86_64-gp2"}, "ec2-user"),
        ({"Name": "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-2026"}, "ubuntu"),
        ({"Name": "debian-12-amd64-2026"}, "admin"),
        ({"Name": "bitnami-wordpress-6-debian-12"}, "bitnami"),
        ({"Name": "CentOS Stream 9"}, "centos"),
        ({"Name": "Rocky-9-EC2-Base"}, "rocky"),
        ({"Name": "AlmaLinux OS 9"}, "ec2-user"),
        ({"Name": "Fedora-Cloud-Base-41"}, "fedora"),
        ({"Name": "RHEL-9.4.0_HVM"}, "ec2-user"),
        ({"Name": "x", "PlatformDetails": "Red Hat Enterprise Linux"}, "ec2-user"),
        ({"Name": "x", "PlatformDetails": "SUSE Linux"}, "ec2-user"),
        ({"Name": "x", "PlatformDetails": "Ubuntu Pro"}, "ubuntu"),
        ({"Name": "golden", "Description": "Debian, hardened"}, "admin"),
        ({"Name": "golden", "PlatformDetails": "Linux/UNIX"}, None),
        ({"Name": "unfedorable"}, None),
        ({}, None),
    ],
)
def test_the_user_of_an_image(image: dict[str, str], user: str | None) -> None:
    assert users.user_in(image) == user


def test_an_own_image_has_the_user_of_what_it_was_made_of() -> None:
    known = {
        "ami-3": {"ImageId": "ami-3", "Name": "web", "SourceImageId": "ami-2"},
        "ami-2": {"ImageId": "ami-2", "Name": "golden", "SourceImageId": "ami-1"},
        "ami-1": {"ImageId": "ami-1", "Name": "ubuntu-24.04"},
        "ami-9": {"ImageId": "ami-9", "Name": "odd", "SourceImageId": "ami-9"},
    }
    assert users.user_of("ami-3", known) == "ubuntu"
    assert users.user_of("ami-9", known) is None
    assert users.user_of("ami-gone", known) is None
    assert users.user_of(None, known) is None


# The command line


def test_the_command_line() -> None:
    login = Login(instance(), "192.0.2.7", "ec2-user", Path("/keys/ops.pem"))
    way = Way(port=2222, via="me@bastion", options=("ForwardAgent=yes",))
    assert command_line(login, way, ["uptime", "-p"], batch=True) == [
        *("ssh", "-o", "ForwardAgent=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
        *("-o", f"HostKeyAlias={ID}", "-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=10"),
        *("-p", "2222", "-i", "/keys/ops.pem", "-o", "IdentitiesOnly=yes", "-J", "me@bastion"),
        *("-l", "ec2-user", "--", "192.0.2.7", "uptime", "-p"),
    ]


@pytest.mark.parametrize("way", [Way(user="-oX"), Way(user=""), Way(via="a b"), Way(identity=Path("/nowhere"))])
def test_what_ssh_would_misunderstand_is_refused(way: Way) -> None:
    with pytest.raises(UsageError):
        way.check()


@pytest.mark.parametrize(
    ("way", "host"),
    [(Way(), "192.0.2.7"), (Way(private=True), "10.0.0.7"), (Way(via="bastion"), "10.0.0.7")],
)
def test_the_address(way: Way, host: str) -> None:
    assert host_of(instance(), way, again="ectwo instances VERB x") == host


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"State": {"Name": "stopped"}}, "web-1 is stopped, not running", "'ectwo instances start x'"),
        ({"State": {"Name": "pending"}}, "web-1 is pending, not running", "'ectwo instances wait x --until running'"),
        ({"State": {"Name": "terminated"}}, "web-1 is terminated, not running", None),
        ({"PublicIpAddress": None}, "web-1 has no public address", "say --via HOST to go through a machine that"),
        ({"Platform": "windows"}, "web-1 runs Windows, which is logged in to with RDP", "its address is 192.0.2.7;"),
    ],
)
def test_what_can_not_be_reached(changes: dict[str, Any], message: str, hint: str | None) -> None:
    with pytest.raises(EctwoError) as caught:
        host_of(instance(**changes), Way(), again="ectwo instances VERB x")
    assert caught.value.message == message
    assert caught.value.hint == hint or str(caught.value.hint).startswith(str(hint))


# Keys


def test_the_saved_key(tmp_path: Path) -> None:
    assert saved_key(tmp_path, instance()) is None
    (tmp_path / "us-east-1").mkdir()
    (tmp_path / "us-east-1" / "ops.pem").touch()
    assert saved_key(tmp_path, instance()) == tmp_path / "us-east-1" / "ops.pem"
    assert saved_key(tmp_path, instance(KeyName=None)) is None


def test_the_key_whose_public_half_is_beside_it(tmp_path: Path) -> None:
    key, other = generate("ed25519"), generate("ed25519")
    for name, each in (("id_mine", key), ("id_other", other)):
        (tmp_path / name).write_bytes(each.pem(None))
        (tmp_path / f"{name}.pub").write_text(each.public.line + " me@home\n")
    (tmp_path / "broken.pub").write_text("no key")
    (tmp_path / "alone.pub").write_text(key.public.line)
    assert key_like(key.public, tmp_path) == tmp_path / "id_mine"
    assert key_like(generate("ed25519").public, tmp_path) is None
    assert key_like(None, tmp_path) is None
    assert key_like(key.public, tmp_path / "none") is None


# Why


def rule(*cidrs: str, port: int = 22, protocol: str = "tcp") -> dict[str, Any]:
    return {
        "IpProtocol": protocol,
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": each} for each in cidrs],
    }


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            [rule("192.0.2.0/24", "198.51.100.0/24"), rule("0.0.0.0/0", port=80)],
            "its groups let only 192.0.2.0/24, 198.51.100.0/24 in on port 22: "
            "'ectwo groups authorize us-east-1/sg-1 22 --from me' lets your address in",
        ),
        (
            [rule("0.0.0.0/0", port=80)],
            "no group of it lets port 22 in: 'ectwo groups authorize us-east-1/sg-1 22 --from me'",
        ),
        (
            [rule("0.0.0.0/0", protocol="-1")],
            "its groups let everybody in on port 22: its system may not be up yet, or its subnet has no way out; "
            f"'ectwo instances status us-east-1/{ID}'",
        ),
        (
            None,
            "nothing answers on port 22: let yourself in with 'ectwo groups authorize us-east-1/sg-1 22 --from me'",
        ),
    ],
)
def test_why_nothing_answers(rules: list[dict[str, Any]] | None, expected: str) -> None:
    groups = None if rules is None else [{"GroupId": "sg-1", "IpPermissions": rules}]
    assert why.closed(instance(), 22, groups) == expected


class Client:
    """EC2, in as much as it knows groups."""

    def all(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [{"GroupId": "sg-1", "IpPermissions": []}]


@pytest.mark.parametrize(("greeting", "closed"), [(b"SSH-2.0-x\r\n", False), (b"", True), (None, True)])
def test_only_an_ssh_server_that_greets_is_an_open_port(
    greeting: bytes | None, closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        class Greeting:
            def __enter__(self) -> Greeting:
                return self

            def __exit__(self, *_: object) -> None: ...

            def settimeout(self, _: float) -> None: ...

            def recv(self, size: int) -> bytes:
                if greeting is None:
                    raise TimeoutError
                return greeting[:size]

        monkeypatch.setattr(connect.socket, "create_connection", lambda *_, **__: Greeting())
        login = Login(instance(), "127.0.0.1", "ec2-user", None)
        told = why.hint(Client(), login, Way(port=port))  # type: ignore[arg-type]
    assert told.startswith(f"no group of it lets port {port} in") is closed
    assert told.startswith("if it was the login that was refused") is not closed
