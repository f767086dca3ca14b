"""The rooms and who may know whom: the table of imports, and what a start must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ectwo_cli import main

PACKAGE = Path(__file__).parents[2] / "ectwo_cli"

PURE = {"errors", "records", "model", "query", "config", "outcome"}
# What each room may import of the others; `main` may import all.
ROOMS = {
    "records": set(),
    "errors": {"records"},
    "model": {"errors", "records"},
    "query": {"errors", "model", "records"},
    "config": {"errors", "records"},
    "outcome": {"errors", "model", "records"},
    "fanout": {"errors", "records"},
    "aws": {*PURE, "fanout"},
    "keys": {"errors", "records"},
    "services": {*PURE, "aws", "fanout", "keys", "services"},
    "launch": {*PURE, "aws", "fanout", "services", "launch"},
    "migration": {*PURE, "aws", "fanout", "services", "migration"},
    "ssh": {*PURE, "aws", "fanout", "keys", "services", "ssh"},
    "render": {*PURE, "migration", "render"},
    "follow": {*PURE, "fanout", "services", "render"},
    "prompt": {*PURE, "render"},
    "sandbox": {"errors", "records", "sandbox"},
    "complete": {*PURE, "aws", "render", "services"},
    "expand": {*PURE, "complete", "render"},
    "options": {*PURE, "aws", "fanout", "services", "launch", "complete", "expand", "render", "prompt", "sandbox"},
}
# A library and the one room that may import it.
HOMES = {
    "boto3": {"aws", "sandbox"},
    "botocore": {"aws", "sandbox"},
    "lxml": {"aws"},
    "cryptography": {"keys", "sandbox"},
    "rich": {"render"},
    "questionary": {"prompt"},
    "prompt_toolkit": {"prompt"},
    "moto": {"sandbox"},
    "threading": {"fanout", "aws", "sandbox"},
}


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "ectwo_cli" else [node.module]
            )
            found += [(name, node.lineno) for name in names]
    return found


GROUPS = {command.module for command in main.GROUPS.values()}
FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_one_way(file: Path) -> None:
    here = room(file)
    wrong = []
    for name, line in imports(file):
        parts = name.split(".")
        if parts[0] == "ectwo_cli" and len(parts) > 1:
            there = parts[1]
            if there == here == "commands" and name in GROUPS:
                # A group may be spread over modules, but groups do not import each other.
                wrong.append(f"line {line}: groups must not import each other")
            if there in ("__version__", here):
                continue
            if here in ROOMS and there not in ROOMS[here]:
                wrong.append(f"line {line}: {here} must not import {there}")
            if here == "commands" and there == "main":
                wrong.append(f"line {line}: commands must not import main")
        elif parts[0] in HOMES and here not in HOMES[parts[0]]:
            wrong.append(f"line {line}: {parts[0]} is for {sorted(HOMES[parts[0]])} alone")
    assert not wrong


def loaded_by(*argv: str) -> set[str]:
    """The modules that a run of the program has loaded."""
    code = (
        "import sys\n"
        "from ectwo_cli.main import main\n"
        f"main({list(argv)!r})\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


HEAVY = {"boto3", "botocore", "cryptography", "rich", "questionary", "lxml", "moto", "yaml", "jmespath", "platformdirs"}


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["instances", "--help"], ["instances", "find", "--help"]])
def test_a_start_loads_nothing_heavy(argv: list[str]) -> None:
    assert loaded_by(*argv) & HEAVY == set()


def test_the_version_loads_nothing_at_all_of_ours() -> None:
    assert {name for name in loaded_by("--version") if name.startswith(("ectwo_cli.", "typer"))} == {"ectwo_cli.main"}


def test_a_command_module_loads_nothing_heavy() -> None:
    for file in sorted((PACKAGE / "commands").glob("[a-z]*.py")):
        code = f"import sys, ectwo_cli.commands.{file.stem}; print('\\n'.join(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) & HEAVY == set(), file.name
