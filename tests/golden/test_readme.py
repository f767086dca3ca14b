"""The README is true: its table of verbs, and the code that it shows.

``ECTWO_UPDATE_GOLDEN=1 python -m pytest tests/golden`` writes the table anew.
"""

from __future__ import annotations

import os
import re
import sys
import types

import pytest

from ectwo_cli.main import GROUPS, verbs
from ectwo_cli.model import columns
from tests.conftest import ROOT
from tests.ec2 import Ec2

README = ROOT / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_table_of_verbs() -> None:
    rows = [f"| `{group}` | {' '.join(f'`{verb}`' for verb in verbs(group))} |\n" for group in GROUPS]
    text = README.read_text()
    head, begin, rest = text.partition("<!-- groups -->\n")
    end = "<!-- /groups -->"
    wanted = head + begin + "".join(rows) + rest[rest.index(end) :]
    if os.environ.get("ECTWO_UPDATE_GOLDEN"):
        README.write_text(wanted)
    assert README.read_text() == wanted


def test_the_commands_of_the_tour_exist() -> None:
    for group, verb in re.findall(r"\bectwo ([a-z]+) ([a-z-]+)", README.read_text()):
        if group in GROUPS:
            assert verb in verbs(group), f"ectwo {group} {verb}"


def test_the_python_examples_run(user: Ec2, capsys: object) -> None:
    """Against the sandbox, one after the other, in one namespace."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        if "@resource" not in block:
            exec(compile(block, "README.md", "exec"), names)
    assert names


def test_a_new_resource_is_what_the_readme_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of a resource is one: everything comes of its declaration."""
    (block,) = [each for each in BLOCKS if "@resource" in each]
    module = types.ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    setup = "from datetime import datetime\nfrom ectwo_cli.model import *\n"
    exec(compile(setup + block.partition("# commands")[0], "README.md", "exec"), vars(module))
    found = columns(vars(module)["Volume"])
    assert [name for name, column in found.items() if column.default] == [
        "profile",
        "region",
        "id",
        "state",
        "created_at",
    ]
    assert [column.option for column in found.values() if column.option] == ["--state"]
