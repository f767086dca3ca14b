"""What must not change by accident: every ``--help``, and the properties of every resource, which are the keys of JSON.

``ECTWO_UPDATE_GOLDEN=1 python -m pytest tests/golden`` writes the files anew: read the diff before you commit it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pkgutil
from pathlib import Path

import pytest

import ectwo_cli.services
from ectwo_cli.main import GROUPS, main, verbs
from ectwo_cli.model import Resource, columns

HERE = Path(__file__).parent
COMMANDS = [(), *((group,) for group in GROUPS), *((group, verb) for group in GROUPS for verb in verbs(group))]


def hold(name: str, text: str) -> None:
    """The text is that of the file."""
    file = HERE / name
    if os.environ.get("ECTWO_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*command, "--help"]) == 0
    hold(f"help/{'-'.join(command) or 'ectwo'}.txt", out.getvalue())


@pytest.mark.parametrize("command", [each for each in COMMANDS if len(each) == 2], ids=" ".join)
def test_help_begins_with_an_example(command: tuple[str, str]) -> None:
    lines = (verbs(command[0])[command[1]].callback.__doc__ or "").splitlines()
    assert len(lines[0]) <= 72, "the first line is what the list of verbs shows"
    assert lines[2].strip() == "\b"
    assert lines[3].strip().startswith(("ectwo ", "eval ", "ssh "))


def resources() -> list[type[Resource]]:
    for module in pkgutil.iter_modules(ectwo_cli.services.__path__):
        importlib.import_module(f"ectwo_cli.services.{module.name}")
    found: list[type[Resource]] = []
    waiting = [Resource]
    while waiting:
        each = waiting.pop()
        waiting += each.__subclasses__()
        if "kind" in vars(each) and each not in found:
            found.append(each)
    # slots=True makes the class anew; the one that the module names is the real one. Other tests have their own.
    ours = [each for each in found if each.__module__.startswith("ectwo_cli.")]
    return [each for each in ours if getattr(importlib.import_module(each.__module__), each.__name__) is each]


@pytest.mark.parametrize("cls", resources(), ids=lambda cls: cls.__name__)
def test_properties(cls: type[Resource]) -> None:
    lines = [f"{name}{' *' * column.default}: {column.type.__name__}" for name, column in columns(cls).items()]
    hold(f"properties/{cls.__name__}.txt", "\n".join(lines) + "\n")


def test_no_file_is_left_of_what_is_gone() -> None:
    wanted = {f"{'-'.join(command) or 'ectwo'}.txt" for command in COMMANDS}
    assert {file.name for file in (HERE / "help").iterdir()} == wanted
    assert {file.stem for file in (HERE / "properties").iterdir()} == {cls.__name__ for cls in resources()}
