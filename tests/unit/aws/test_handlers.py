"""Of botocore's handlers, those for services that are never asked are left out, and no others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from botocore import handlers as botocores
from botocore import hooks

import ectwo_cli
from ectwo_cli.aws.fast import handlers

SOURCES = Path(ectwo_cli.__file__).parent


def test_those_of_other_services_and_of_documentation_go(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        ("before-call", 1),
        ("needs-retry.s3.UploadPart", 2, botocores.REGISTER_LAST),
        ("before-call.*.s3", 3),
        ("before-parameter-build.ec2.RunInstances", 4),
        ("docs.*.s3.*", 5),
        ("before-call.s3-control", 6),
    ]
    monkeypatch.setattr(botocores, "BUILTIN_HANDLERS", known)
    handlers.leave_out()
    assert [each[1] for each in known] == [1, 3, 4, 6]


def test_a_botocore_without_such_lists_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(botocores, "BUILTIN_HANDLERS")
    monkeypatch.delattr(hooks, "EVENT_ALIASES")
    handlers.leave_out()


ALIASES = """
from botocore.hooks import EVENT_ALIASES
for name in EVENT_ALIASES:
    print(name)
"""


def test_no_service_that_is_asked_is_among_them() -> None:
    asked = {name for file in SOURCES.rglob("*.py") for name in re.findall(r'service="([\w-]+)"', file.read_text())}
    assert {"sts", "ssm", "pricing"} <= asked
    assert not asked & {*handlers.NEVER_ASKED}
    # In a process of its own: in this one they may be left out already.
    old = subprocess.run([sys.executable, "-c", ALIASES], capture_output=True, text=True, check=True).stdout.split()
    of_asked = {name for name in old if name in asked or name.removeprefix("api.") in asked}
    assert of_asked == {*handlers.OLD_NAMES}


def test_old_names_of_others_go(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"autoscaling": "auto-scaling", "lex": "lex-runtime"}
    monkeypatch.setattr(hooks, "EVENT_ALIASES", names)
    handlers.leave_out()
    assert names == {"autoscaling": "auto-scaling"}
