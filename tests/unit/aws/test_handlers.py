"""Of botocore's handlers, those for services that are never asked are left out, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from botocore import handlers as botocores

import ectwo_cli
from ectwo_cli.aws.fast import handlers

SOURCES = Path(ectwo_cli.__file__).parent


def test_those_of_other_services_go(monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert [each[1] for each in known] == [1, 3, 4, 5, 6]


def test_a_botocore_without_such_a_list_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(botocores, "BUILTIN_HANDLERS")
    handlers.leave_out()


def test_no_service_that_is_asked_is_among_them() -> None:
    asked = {name for file in SOURCES.rglob("*.py") for name in re.findall(r'service="([\w-]+)"', file.read_text())}
    assert {"sts", "ssm", "pricing"} <= asked
    assert not asked & {*handlers.NEVER_ASKED}
