"""``ectwo keypairs``: keys that are made are tried with ssh-keygen, and read back with boto3."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ectwo, Run
from tests.ec2 import Ec2

Raw = dict[str, Any]
PRIVATE = re.compile(r"PRIVATE KEY|PuTTY|b3BlbnNzaC1rZXk|MII")


def key_pair(ec2: Ec2, name: str, region: str = "us-east-1") -> Raw | None:
    filters = [{"Name": "key-name", "Values": [name]}]
    found = ec2.boto(region).describe_key_pairs(Filters=filters, IncludePublicKey=True)["KeyPairs"]
    return dict(found[0]) if found else None


def public_half(path: Path, passphrase: str = "") -> str:
    """What ssh-keygen says the public half of a file is."""
    program = shutil.which("ssh-keygen")
    assert program, "the tests need ssh-keygen"
    done = subprocess.run([program, "-y", "-P", passphrase, "-f", path], capture_output=True, text=True)
    assert done.stderr == ""
    return " ".join(done.stdout.split()[:2])


def records(run: Run) -> list[Raw]:
    found: list[Raw] = json.loads(run.out)
    return found


def files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in (home / ".ssh").rglob("*") if path.is_file())


@pytest.fixture
def near(ectwo_here: Ectwo) -> Ectwo:
    """Run ectwo in a scope of one region, where a test is not about the others: that is a tenth of the calls."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Run:
        return ectwo_here(*arguments, stdin=stdin, **{"ECTWO_REGIONS": "us-east-1", **environment})

    return run


# Creating


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_create_saves_the_private_key(kind: str, ec2: Ec2, near: Ectwo, home: Path) -> None:
    run = near("keypairs", "create", "new", "--type", kind, "--tag", "env=dev", "--json")
    path = home / ".ssh/ectwo/us-east-1/new.pem"
    (record,) = records(run)
    raw = key_pair(ec2, "new")
    assert raw is not None
    assert (run.code, run.err) == (0, f"the private key is in {path}\n")
    assert record == {
        "region": "us-east-1",
        "name": "new",
        "id": raw["KeyPairId"],
        "type": kind,
        "fingerprint": raw["KeyFingerprint"],
        "created_at": raw["CreateTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tags": {"env": "dev"},
        "file": str(path),
        "action": "created",
    }
    assert public_half(path) == raw["PublicKey"].strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert files(home) == [".ssh/ectwo/us-east-1/new.pem"]


def test_several_regions_get_one_key(ec2: Ec2, near: Ectwo, home: Path) -> None:
    run = near("keypairs", "create", "new", "-r", "us-east-1,eu-west-1", "-o", "ids")
    assert (run.code, len(run.out.split())) == (0, 2)
    made = [key_pair(ec2, "new", region) for region in ("us-east-1", "eu-west-1")]
    halves = {each["PublicKey"] for each in made if each}
    assert len(halves) == 1
    assert files(home) == [".ssh/ectwo/eu-west-1/new.pem", ".ssh/ectwo/us-east-1/new.pem"]
    assert {public_half(home / file) for file in files(home)} == {half.strip() for half in halves}


def test_a_passphrase_from_a_file(ec2: Ec2, near: Ectwo, home: Path) -> None:
    (home / "word").write_text("correct horse\n")
    run = near("keypairs", "create", "new", "--passphrase-file", str(home / "word"), "--save", str(home / "new.pem"))
    raw = key_pair(ec2, "new")
    assert (run.code, raw is not None) == (0, True)
    assert raw and public_half(home / "new.pem", "correct horse") == raw["PublicKey"].strip()
    piped = near("keypairs", "create", "two", "--passphrase-file", "-", stdin="word\n")
    assert piped.code == 0


def test_a_passphrase_needs_somebody_to_ask(ec2: Ec2, near: Ectwo) -> None:
    run = near("keypairs", "create", "new", "--passphrase")
    assert run.code == 10
    assert "--passphrase-file" in run.err
    assert key_pair(ec2, "new") is None


def test_save_to_stdout_is_the_key_alone(ec2: Ec2, near: Ectwo, home: Path) -> None:
    run = near("keypairs", "create", "new", "--save", "-")
    assert run.code == 0
    path = home / "key"
    path.touch(mode=0o600)
    path.write_text(run.out)
    raw = key_pair(ec2, "new")
    assert raw and public_half(path) == raw["PublicKey"].strip()
    assert run.err == f"created key pair new: us-east-1/{raw['KeyPairId']}\n"
    assert not (home / ".ssh").exists()


def test_json_holds_the_key_when_that_is_said(ec2: Ec2, near: Ectwo, home: Path) -> None:
    (record,) = records(near("keypairs", "create", "new", "--save", "-", "--json"))
    path = home / "key"
    path.touch(mode=0o600)
    path.write_text(record["private_key"])
    raw = key_pair(ec2, "new")
    assert raw and public_half(path) == raw["PublicKey"].strip()
    assert record["file"] is None


def test_a_putty_file(ec2: Ec2, near: Ectwo, home: Path) -> None:
    assert near("keypairs", "create", "new", "--format", "ppk").code == 0
    assert files(home) == [".ssh/ectwo/us-east-1/new.ppk"]
    run = near("keypairs", "show", "us-east-1/new", "--json")
    assert json.loads(run.out)["file_matches"] is True


def test_save_into_a_folder(ec2: Ec2, near: Ectwo, home: Path) -> None:
    folder = home / "keys"
    folder.mkdir(mode=0o755)
    assert near("keypairs", "create", "a/b", "--save", str(folder)).code == 0
    assert [path.name for path in folder.iterdir()] == ["a%2Fb.pem"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.parametrize("format", ["json", "wide"])
def test_the_key_is_nowhere_else(format: str, ec2: Ec2, ectwo: Ectwo, home: Path) -> None:
    run = ectwo("keypairs", "create", "new", "--type", "rsa", "-o", format, "--debug")
    assert run.code == 0
    assert "ImportKeyPair" in run.err
    assert not PRIVATE.search(run.out)
    content = (home / files(home)[0]).read_text()
    secret = content.splitlines()[1:-1]
    assert not any(line in run.out + run.err for line in secret)
    assert not any(line in json.dumps(ec2.calls()) for line in secret)


def test_a_name_that_is_taken(ec2: Ec2, near: Ectwo, home: Path) -> None:
    before = key_pair(ec2, "deploy")
    run = near("keypairs", "create", "deploy", "-r", "us-east-1,eu-west-3")
    assert (run.code, run.out) == (1, "")
    assert run.err == (
        "error: key pair deploy is already in us-east-1 (InvalidKeyPair.Duplicate)\n"
        "hint: choose another name, or delete that one: 'ectwo keypairs delete'\n"
    )
    assert key_pair(ec2, "deploy") == before
    assert key_pair(ec2, "deploy", "eu-west-3") is None
    assert not (home / ".ssh").exists()


def test_a_file_that_is_there_stays(ec2: Ec2, near: Ectwo, home: Path) -> None:
    path = home / ".ssh/ectwo/eu-west-1/new.pem"
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    run = near("keypairs", "create", "new", "-r", "us-east-1,eu-west-1")
    assert (run.code, run.out) == (1, "")
    assert run.err == (
        f"error: {path} is there already\nhint: keys are never overwritten: move it away, or say --save PATH\n"
    )
    assert path.read_text() == "precious"
    assert files(home) == [".ssh/ectwo/eu-west-1/new.pem"]
    assert "ImportKeyPair" not in ec2.counts()


def test_a_disk_that_gets_full_at_the_last_moment(
    ec2: Ec2, near: Ectwo, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    run = near("keypairs", "create", "new")
    path = home / ".ssh/ectwo/us-east-1/new.pem"
    assert run.code == 1
    assert run.err.startswith(f"error: the private key can't be written to {path}: No space left on device\n")
    assert files(home) == []
    assert key_pair(ec2, "new") is None


def test_all_regions_or_none(ec2: Ec2, near: Ectwo, home: Path) -> None:
    ec2.fault("ImportKeyPair", region="eu-west-1", skip=1, code="KeyPairLimitExceeded", message="Too many.")
    run = near("keypairs", "create", "new", "-r", "us-east-1,eu-west-1,us-west-2", "--json")
    assert (run.code, run.out) == (1, "")
    assert run.err == (
        "key pair new was created nowhere: all regions get it, or none\n"
        "error: eu-west-1: Too many. (KeyPairLimitExceeded)\n"
    )
    assert [key_pair(ec2, "new", region) for region in ("us-east-1", "eu-west-1", "us-west-2")] == [None] * 3
    assert files(home) == []


def test_what_could_not_be_taken_back_keeps_its_file(ec2: Ec2, near: Ectwo, home: Path) -> None:
    ec2.fault("ImportKeyPair", region="eu-west-1", skip=1, code="KeyPairLimitExceeded", message="Too many.")
    ec2.fault("DeleteKeyPair", region="us-east-1", code="UnauthorizedOperation", message="No.")
    run = near("keypairs", "create", "new", "-r", "us-east-1,eu-west-1", "--save", str(home / "new.pem"))
    assert run.code == 6
    assert run.err.startswith(
        "warning: key pair new could not be deleted again and may be in us-east-1; "
        f"its private key stays in {home}/new.pem\n"
    )
    raw = key_pair(ec2, "new")
    assert raw and public_half(home / "new.pem") == raw["PublicKey"].strip()


@pytest.mark.parametrize("fault", [{"lose": True}, {"cut": True}, {"truncate": True}])
def test_a_lost_answer_loses_no_key(fault: dict[str, bool], ec2: Ec2, near: Ectwo, home: Path) -> None:
    # The dry run before it comes first.
    ec2.fault("ImportKeyPair", skip=1, **fault)
    run = near("keypairs", "create", "new", "--json")
    raw = key_pair(ec2, "new")
    assert (run.code, raw is not None) == (0, True)
    assert raw and public_half(home / ".ssh/ectwo/us-east-1/new.pem") == raw["PublicKey"].strip()
    assert records(run)[0]["action"] == "created"


def test_no_permission_is_known_before(ec2: Ec2, near: Ectwo, home: Path) -> None:
    ec2.fault("ImportKeyPair", deny=True, times=None)
    run = near("keypairs", "create", "new")
    assert run.code == 1
    assert "(UnauthorizedOperation)" in run.err
    assert files(home) == []


def test_create_dry_run_changes_nothing(ec2: Ec2, near: Ectwo, home: Path) -> None:
    run = near("keypairs", "create", "new", "-n", "--json")
    path = home / ".ssh/ectwo/us-east-1/new.pem"
    assert (run.code, run.out) == (0, "[]\n")
    assert run.err == f"would create key pair new in us-east-1, the private key in {path}\n"
    assert key_pair(ec2, "new") is None
    assert not (home / ".ssh").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "--type", "dsa"], "unknown --type 'dsa'"),
        (["new", "--format", "der"], "unknown --format 'der'"),
        ([" new"], "bad key pair name ' new'"),
        (["né"], "bad key pair name 'né'"),
        (["x" * 256], f"bad key pair name {'x' * 256!r}"),
        (["new", "--passphrase", "--passphrase-file", "f"], "--passphrase and --passphrase-file exclude each other"),
        (["new", "--passphrase-file", "/nowhere"], "can't read /nowhere: No such file or directory"),
        (["new", "--passphrase-file", "/dev/null"], "the passphrase is empty"),
    ],
)
def test_create_usage(arguments: list[str], message: str, ec2: Ec2, near: Ectwo) -> None:
    run = near("keypairs", "create", *arguments)
    assert (run.code, run.err.splitlines()[0]) == (2, f"error: {message}")
    assert "ImportKeyPair" not in ec2.counts()


# Importing


@pytest.fixture
def mine(home: Path) -> Path:
    """A key of the user's own."""
    path = home / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", path], check=True)
    return path


def test_import_into_several_regions(ec2: Ec2, near: Ectwo, mine: Path) -> None:
    run = near("keypairs", "import", "me", f"{mine}.pub", "-r", "us-east-1,eu-west-1", "--json")
    assert (run.code, [each["action"] for each in records(run)]) == (0, ["imported"] * 2)
    for region in ("us-east-1", "eu-west-1"):
        raw = key_pair(ec2, "me", region)
        assert raw and raw["PublicKey"].strip() == public_half(mine)
    again = near("keypairs", "import", "me", "-", "-r", "us-east-1,us-west-2", "--json",
                       stdin=Path(f"{mine}.pub").read_text())  # fmt: skip
    assert [(each["region"], each["action"]) for each in records(again)] == [
        ("us-east-1", "unchanged"),
        ("us-west-2", "imported"),
    ]


def test_import_leaves_another_key_alone(ec2: Ec2, near: Ectwo, mine: Path) -> None:
    before = key_pair(ec2, "deploy")
    run = near("keypairs", "import", "deploy", f"{mine}.pub", "-r", "us-east-1,us-east-2", "--json")
    assert (run.code, [each["region"] for each in records(run)]) == (6, ["us-east-2"])
    assert run.err.startswith(
        "error: us-east-1: key pair deploy is there already, with another key (InvalidKeyPair.Duplicate)\n"
    )
    assert key_pair(ec2, "deploy") == before


def test_a_private_key_is_never_sent(ec2: Ec2, near: Ectwo, mine: Path) -> None:
    run = near("keypairs", "import", "me", str(mine))
    assert run.code == 2
    assert run.err.startswith(f"error: {mine} holds a private key, which is never sent anywhere\n")
    assert ec2.calls() == []


def test_import_dry_run(ec2: Ec2, near: Ectwo, mine: Path) -> None:
    run = near("keypairs", "import", "me", f"{mine}.pub", "-n", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "would import")
    assert key_pair(ec2, "me") is None


# Showing


def test_show_compares_a_file(ec2: Ec2, near: Ectwo, mine: Path) -> None:
    near("keypairs", "import", "me", f"{mine}.pub")
    for file in (mine, f"{mine}.pub"):
        run = near("keypairs", "show", "me", "--file", str(file), "--json")
        assert (run.code, json.loads(run.out)["file_matches"]) == (0, True)
    run = near("keypairs", "show", "us-east-1/deploy", "--file", str(mine), "--json")
    assert (run.code, json.loads(run.out)["file_matches"]) == (1, False)
    assert run.err == f"error: {mine} is not key pair deploy\n"


@pytest.mark.parametrize("known", ["public key", "fingerprint alone"])
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("format", ["pem", "ppk"])
def test_show_knows_a_key_that_ec2_made(
    known: str, kind: str, format: str, ec2: Ec2, near: Ectwo, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ec2.boto().create_key_pair(KeyName="theirs", KeyType=kind, KeyFormat=format)
    path = home / "theirs"
    path.write_text(made["KeyMaterial"])
    if known == "fingerprint alone":
        monkeypatch.setattr("ectwo_cli.services.keypairs.public_of", lambda data: None)
    run = near("keypairs", "show", "theirs", "--file", str(path), "--json")
    # The fingerprint of an RSA key that EC2 made is of the private half, which is not read from PuTTY's files.
    matches = None if (known, kind, format) == ("fingerprint alone", "rsa", "ppk") else True
    assert (run.code, json.loads(run.out)["file_matches"]) == (0 if matches else 1, matches)


def test_show_without_a_file_says_so(near: Ectwo) -> None:
    run = near("keypairs", "show", "us-east-1/deploy", "--json")
    found = json.loads(run.out)
    assert (run.code, found["file"], found["file_matches"]) == (0, None, None)


def test_show_warns_about_another_key_in_the_place_of_this_one(near: Ectwo, home: Path, mine: Path) -> None:
    place = home / ".ssh/ectwo/us-east-1"
    place.mkdir(parents=True)
    mine.rename(place / "deploy.pem")
    run = near("keypairs", "show", "us-east-1/deploy")
    assert run.code == 0
    assert run.err == f"warning: {place}/deploy.pem is another key than this key pair's\n"


def test_a_key_pair_may_be_named_like_an_id(ec2: Ec2, near: Ectwo) -> None:
    for name in ("key-web", "key-0123456789abcdef0"):
        ec2.boto().create_key_pair(KeyName=name)
        assert near("keypairs", "show", name, "name").out == f"{name}\n"


# Deleting


def test_delete_says_who_was_launched_with_it(ec2: Ec2, near: Ectwo) -> None:
    run = near("keypairs", "delete", "us-east-1/deploy", "--json")
    users = ec2.boto().describe_instances(Filters=[{"Name": "key-name", "Values": ["deploy"]}])
    (user,) = [each["InstanceId"] for reservation in users["Reservations"] for each in reservation["Instances"]]
    assert (run.code, run.out) == (10, "")
    assert f"    ! db-1 ({user}) was launched with it and keeps it\n" in run.err
    assert key_pair(ec2, "deploy")


def test_delete(ec2: Ec2, near: Ectwo) -> None:
    ec2.fault("DeleteKeyPair", lose=True)
    run = near("keypairs", "delete", "us-east-1/deploy", "eu-west-1/legacy", "--yes", "--json")
    assert (run.code, [(each["region"], each["name"], each["action"]) for each in records(run)]) == (
        0,
        [("eu-west-1", "legacy", "deleted"), ("us-east-1", "deploy", "deleted")],
    )
    assert (key_pair(ec2, "deploy"), key_pair(ec2, "legacy", "eu-west-1")) == (None, None)
    assert key_pair(ec2, "deploy", "eu-west-1")


def test_delete_names_the_file_that_stays(ec2: Ec2, near: Ectwo, home: Path) -> None:
    near("keypairs", "create", "new")
    run = near("keypairs", "delete", "new", "-y")
    path = home / ".ssh/ectwo/us-east-1/new.pem"
    assert (run.code, path.exists()) == (0, True)
    assert f"    ! the private key stays in {path}\n" in run.err


def test_delete_dry_run(ec2: Ec2, near: Ectwo) -> None:
    run = near("keypairs", "delete", "us-east-1/deploy", "-n", "--json")
    assert (run.code, records(run)[0]["action"]) == (0, "would delete")
    assert key_pair(ec2, "deploy")
