"""TAB, in real shells."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pexpect
import pytest

from ectwo_cli import shells
from ectwo_cli.complete import seen_file

ROOT = Path(__file__).parents[2]
DONE = "<done>"
STAND_IN = """#!/bin/sh
if [ -n "$_ECTWO_COMPLETE" ]; then exec {python} -m ectwo_cli "$@"; fi
printf '<run>'; printf '[[%s]]' "$@"; printf '<%s>' done
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home of its own, an ``ectwo`` on the PATH, and a cache in which a search has left names."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "ectwo").write_text(STAND_IN.format(python=sys.executable))
    (bin_dir / "ectwo").chmod(0o755)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\n[profile staging]\nregion = us-east-1\n[sso-session x]\n")
    found = {
        "HOME": str(tmp_path),
        "PATH": f"{bin_dir}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    file = seen_file(found, "instances", sandbox=False, profiles=())
    file.parent.mkdir(parents=True)
    names = ["web-1", "two words", "o'näme", None]
    file.write_text(json.dumps([["us-east-1", f"i-0000000{number}", name] for number, name in enumerate(names)]))
    (file.parent / "regions-0.json").write_text(
        json.dumps({"us-east-1": "opt-in-not-required", "eu-west-1": "opted-in", "eu-south-1": "not-opted-in"})
    )
    return found


CASES = [
    # what is typed before TAB, and the words that ectwo is then run with
    ("inst", ["instances"]),
    ("instances fi", ["instances", "find"]),
    ("instances find --sta", ["instances", "find", "--state"]),
    ("instances find --state runn", ["instances", "find", "--state", "running"]),
    ("instances find --state=runn", ["instances", "find", "--state=running"]),
    ("instances find --columns id,laun", ["instances", "find", "--columns", "id,launched_at"]),
    ("instances find -o yam", ["instances", "find", "-o", "yaml"]),
    ("instances find -r eu-", ["instances", "find", "-r", "eu-west-1"]),
    ("instances find -p st", ["instances", "find", "-p", "staging"]),
    ("instances show web-", ["instances", "show", "web-1"]),
    ("instances show two", ["instances", "show", "two words"]),
    ("instances show o", ["instances", "show", "o'näme"]),
    ("instances show i-00000002", ["instances", "show", "i-00000002"]),
    ("instances show us-east-1/i-00000003", ["instances", "show", "us-east-1/i-00000003"]),
    ("instances show web-1 launch", ["instances", "show", "web-1", "launched_at"]),
]

SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set enable-bracketed-paste off'; source {script}; PS1='READY''>'",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "unset zle_bracketed_paste; autoload -Uz compinit; compinit -D; source {script}; PS1='READY''>'",
    ),
    "fish": (["fish", "--no-config", "-i"], "source {script}; function fish_prompt; echo -n READY'>'; end"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_in_a_real_shell(shell: str, environ: dict[str, str]) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not on this machine")
    command, setup = SHELLS[shell]
    script = ROOT / "completions" / shells.SCRIPTS[shell][0]
    child = pexpect.spawn(
        command[0], command[1:], env=environ, encoding="utf-8", dimensions=(50, 200), timeout=60, cwd=environ["HOME"]
    )
    try:
        child.sendline(setup.format(script=script))
        child.expect_exact("READY>")
        made = []
        for typed, _ in CASES:
            # Nothing is read from the keyboard before TAB has been answered.
            child.send(f"ectwo {typed}\t\r")
            child.expect_exact(DONE)
            made.append(re.findall(r"\[\[(.*?)\]\]", child.before.rpartition("<run>")[2]))
        assert made == [wanted for _, wanted in CASES]
    finally:
        child.close(force=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_the_committed_script_is_what_the_program_makes(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    from ectwo_cli.main import main

    assert main(["--completion", shell]) == 0
    assert (ROOT / "completions" / shells.SCRIPTS[shell][0]).read_text() == capsys.readouterr().out
