"""Questions, asked through a pseudo-terminal."""

from __future__ import annotations

import ast
import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from ectwo_cli import prompt
from ectwo_cli.errors import Declined
from ectwo_cli.render.screen import Screen

ASK = """
import os, sys
from ectwo_cli import prompt
from ectwo_cli.errors import Declined
from ectwo_cli.prompt import Choice
from ectwo_cli.render.screen import Screen
screen = Screen(sys.stdin, sys.stdout, sys.stderr, os.environ)
try:
    answer = ("answer", {call})
except KeyboardInterrupt:
    answer = ("interrupted",)
except Declined as declined:
    answer = ("declined", declined.message)
with open({path!r}, "w") as file:
    file.write(repr(answer))
"""
SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>])")


class Asked:
    """A question on a terminal; its stdout goes into a file, which has to stay empty."""

    def __init__(self, child: pexpect.spawn[str], folder: Path) -> None:
        self.child = child
        self.folder = folder

    def expect(self, text: str) -> None:
        self.child.expect_exact(text)

    def send(self, keys: str) -> None:
        self.child.send(keys)

    @property
    def answer(self) -> tuple[object, ...]:
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == 0
        assert (self.folder / "stdout").read_text() == ""
        read: tuple[object, ...] = ast.literal_eval((self.folder / "answer").read_text())
        return read


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[object]:
    @contextmanager
    def asking(call: str, **environ: str) -> Iterator[Asked]:
        script = tmp_path / "ask.py"
        script.write_text(ASK.format(call=call, path=str(tmp_path / "answer")))
        child = pexpect.spawn(
            "/bin/sh",
            ["-c", f'exec "{sys.executable}" "{script}" > "{tmp_path}/stdout"'],
            env={
                **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
                "TERM": "xterm-256color",
                "PYTHONPATH": str(Path(__file__).parents[2]),
                **environ,
            },
            encoding="utf-8",
            timeout=30,
            dimensions=(24, 80),
        )
        child.delaybeforesend = child.delayafterclose = child.ptyproc.delayafterclose = 0
        try:
            yield Asked(child, tmp_path)
        finally:
            child.close(force=True)

    yield asking


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ("\r", False),
        ("n\r", False),
        ("No\r", False),
        ("y\r", True),
        (" YES \r", True),
        ("\x04", False),
    ],
)
def test_confirm(ask, keys: str, answer: bool) -> None:  # type: ignore[no-untyped-def]
    with ask("prompt.confirm(screen, 'terminate web\\x1b[2J?')") as asked:
        asked.expect("terminate web\\x1b[2J? [y/N] ")
        asked.send(keys)
        assert asked.answer == ("answer", answer)


def test_confirm_asks_again_when_it_is_neither(ask) -> None:  # type: ignore[no-untyped-def]
    with ask("prompt.confirm(screen, 'go on?')") as asked:
        asked.expect("[y/N] ")
        asked.send("perhaps\r")
        asked.expect("please answer y or n")
        asked.expect("[y/N] ")
        asked.send("y\r")
        assert asked.answer == ("answer", True)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [("12\r", True), (" 12 \r", True), ("\r", False), ("y\r", False), ("11\r", False), ("\x04", False)],
)
def test_confirm_count(ask, keys: str, answer: bool) -> None:  # type: ignore[no-untyped-def]
    with ask("prompt.confirm_count(screen, 'terminate 12 instances?', 12)") as asked:
        asked.expect("terminate 12 instances? Type 12 to go on: ")
        asked.send(keys)
        assert asked.answer == ("answer", answer)


CALLS = {
    "confirm": "prompt.confirm(screen, 'question')",
    "confirm_count": "prompt.confirm_count(screen, 'question', 12)",
    "choose": "prompt.choose(screen, 'question', [Choice('a', 1), Choice('b', 2)])",
    "ask_text": "prompt.ask_text(screen, 'question')",
    "secret": "prompt.secret(screen, 'question')",
}


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_passes_through(ask, name: str) -> None:  # type: ignore[no-untyped-def]
    with ask(CALLS[name]) as asked:
        asked.expect("question")
        asked.child.expect(r".")
        asked.child.sendintr() if name in ("confirm", "confirm_count") else asked.send("\x03")
        assert asked.answer == ("interrupted",)


@pytest.mark.parametrize("name", CALLS)
def test_so_does_a_signal(ask, name: str) -> None:  # type: ignore[no-untyped-def]
    with ask(CALLS[name]) as asked:
        asked.expect("question")
        asked.child.expect(r".")
        os.kill(asked.child.pid, signal.SIGINT)
        assert asked.answer == ("interrupted",)


@pytest.mark.parametrize("name", ["ask_text", "secret"])
def test_ctrl_d_is_no_answer(ask, name: str) -> None:  # type: ignore[no-untyped-def]
    with ask(CALLS[name]) as asked:
        asked.expect("question")
        asked.child.expect(r".")
        asked.send("\x04")
        assert asked.answer == ("declined", "no answer")


@pytest.mark.parametrize("keys", ["\x1b[B\x1b[B\r", "\x1b[A\r"])
def test_choose_with_the_arrow_keys(ask, keys: str) -> None:  # type: ignore[no-untyped-def]
    choices = "[Choice('t3.micro', 'a', '1 GiB'), Choice('t3.small\\x9b', {'k': 1}), Choice('m7g.large', ['c'])]"
    with ask(f"prompt.choose(screen, 'Which type?', {choices})") as asked:
        asked.expect("t3.micro")
        asked.expect("t3.small\\x9b")
        asked.expect("m7g.large")
        asked.send(keys)
        assert asked.answer == ("answer", ["c"])


def test_typing_narrows_a_long_list(ask) -> None:  # type: ignore[no-untyped-def]
    with ask("prompt.choose(screen, 'Which?', [Choice(f'image-{n}', n) for n in range(40)])") as asked:
        asked.expect("type to narrow")
        asked.expect("image-3")
        asked.send("-37\r")
        assert asked.answer == ("answer", 37)


def test_text_with_a_default_and_a_check(ask) -> None:  # type: ignore[no-untyped-def]
    check = "lambda text: None if text.isdigit() else 'digits\\x1b alone'"
    with ask(f"prompt.ask_text(screen, 'How many?', default='1x', validate={check})") as asked:
        asked.expect("How many?")
        asked.expect("1x")
        asked.send("\r")
        asked.expect("digits\\x1b alone")
        asked.send("\x15" + "23\r")
        assert asked.answer == ("answer", "23")


def test_a_secret_is_never_shown(ask) -> None:  # type: ignore[no-untyped-def]
    with ask("prompt.secret(screen, 'Passphrase:')") as asked:
        asked.expect("Passphrase: ")
        # The echo is off only once this has been printed.
        asked.child.waitnoecho(10)
        asked.send("hunter2\r")
        assert asked.answer == ("answer", "hunter2")
        seen = SEQUENCE.sub("", asked.child.before)
        assert "hunter2" not in seen
        assert "*" not in seen


CHOICES = [prompt.Choice("a", 1)]


@pytest.mark.parametrize(
    "ask_it",
    [
        lambda screen: prompt.confirm(screen, "sure?", flag="--yes"),
        lambda screen: prompt.confirm_count(screen, "sure?", 12, flag="--yes"),
        lambda screen: prompt.choose(screen, "sure?", CHOICES, flag="--yes"),
        lambda screen: prompt.ask_text(screen, "sure?", flag="--yes"),
        lambda screen: prompt.secret(screen, "sure?", flag="--yes"),
    ],
)
def test_without_a_terminal_nothing_is_asked(ask_it) -> None:  # type: ignore[no-untyped-def]
    screen = Screen(io.StringIO("y\n"), io.StringIO(), io.StringIO(), {})
    with pytest.raises(Declined) as caught:
        ask_it(screen)
    assert caught.value.message == "this has to be asked: sure?"
    assert caught.value.hint == "there is no terminal to ask on; say it with --yes"
