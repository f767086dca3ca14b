"""Ctrl-C while EC2 is at work: what may be there now is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Ectwo
from tests.ec2 import Ec2


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_while_allocating(ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ectwo_cli.services.addresses.once", interrupt)
    run = ectwo_here("addresses", "allocate")
    assert (run.code, run.out) == (130, "")
    assert re.fullmatch(
        "error: interrupted: an address may have been allocated, or still be\n"
        "hint: see whether it is there with "
        "'ectwo addresses find --tag ectwo:request=[0-9a-f]{32} -r us-east-1'\n",
        run.err,
    )


def test_while_a_key_spreads(ec2: Ec2, ectwo_here: Ectwo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ectwo_cli.services.keypairs.spread", interrupt)
    run = ectwo_here("keypairs", "create", "new", "-r", "us-east-1,eu-west-1", "--save", str(home / "new.pem"))
    assert (run.code, run.out) == (130, "")
    assert run.err == (
        "error: interrupted: key pair new may be in eu-west-1,us-east-1 by now; "
        f"its private key is in {home}/new.pem\n"
        "hint: see where with 'ectwo keypairs find --name new -r eu-west-1,us-east-1'; "
        "'ectwo keypairs delete' takes it back\n"
    )
    assert (home / "new.pem").exists()


def test_while_copying(ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ectwo_cli.services.group_copies.copy", interrupt)
    run = ectwo_here("groups", "copy", "us-east-1/left", "us-east-1/right", "--to", "eu-north-1,eu-west-3")
    assert (run.code, run.out) == (130, "")
    assert run.err == (
        "error: interrupted: copies may be there without their rules in eu-north-1,eu-west-3\n"
        "hint: see them with 'ectwo groups find -r eu-north-1,eu-west-3 --name left,right', and delete them\n"
    )


def test_while_releasing(ec2: Ec2, ectwo_here: Ectwo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ectwo_cli.services.addresses._release", interrupt)
    run = ectwo_here("addresses", "release", "spare", "--yes", "--json")
    assert (run.code, run.out) == (130, "[]\n")
    assert run.err.endswith(
        "error: interrupted: of 1, 0 are known to be done\nhint: the same command again takes it up\n"
    )
