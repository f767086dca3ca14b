"""Questions, on stderr, to somebody at a terminal. questionary lives here and nowhere else.

Nothing asks unless stdin and stderr are terminals; else Declined is raised, whose hint names the flag that answers.
Ctrl-C passes through as KeyboardInterrupt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ectwo_cli.errors import Declined
from ectwo_cli.records import dataclass
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import escaped

MANY_CHOICES = 15
"""Above this, typing narrows the list."""


@dataclass(frozen=True)
class Choice:
    """Something to choose: what is shown, what it stands for, and a word of explanation."""

    label: str
    value: Any
    hint: str = ""


def confirm(screen: Screen, question: str, *, flag: str = "--yes") -> bool:
    """Yes or no, by a word and Enter; the default, also for Ctrl-D, is No."""
    _require(screen, question, flag)
    while True:
        answer = _line(screen, f"{question} [y/N] ")
        if answer is None or answer.lower() in ("", "n", "no"):
            return False
        if answer.lower() in ("y", "yes"):
            return True
        screen.say("please answer y or n")


def confirm_count(screen: Screen, question: str, count: int, *, flag: str = "--yes") -> bool:
    """A question about many things: their number has to be typed; anything else is No."""
    _require(screen, question, flag)
    return _line(screen, f"{question} Type {count} to go on: ") == str(count)


def choose(screen: Screen, question: str, choices: Sequence[Choice], *, flag: str | None = None) -> Any:
    """The value of the one chosen with the arrow keys; in a long list, typing narrows it."""
    _require(screen, question, flag)
    import questionary
    from prompt_toolkit.keys import Keys

    many = len(choices) > MANY_CHOICES
    left = max((len(escaped(each.label)) for each in choices), default=0)
    shown = [
        questionary.Choice(
            title=f"{escaped(each.label):<{left}}  {escaped(each.hint)}" if each.hint else escaped(each.label),
            value=index,
        )
        for index, each in enumerate(choices)
    ]
    asked = questionary.select(
        escaped(question),
        choices=shown,
        use_search_filter=many,
        use_jk_keys=False,
        instruction="(arrow keys, or type to narrow)" if many else "(arrow keys)",
        **_terminal(screen),
    )
    # A real signal, as against the key, would be swallowed.
    bindings: Any = asked.application.key_bindings
    bindings.add(Keys.SIGINT)(lambda event: event.app.exit(exception=KeyboardInterrupt))
    return choices[asked.unsafe_ask()].value


def ask_text(
    screen: Screen,
    question: str,
    *,
    default: str | None = None,
    validate: Callable[[str], str | None] | None = None,
    flag: str | None = None,
) -> str:
    """A line of text. ``validate`` says what is wrong with it, or None. Raises Declined at Ctrl-D."""
    _require(screen, question, flag)
    import questionary

    def check(text: str) -> bool | str:
        wrong = validate(text) if validate else None
        return True if wrong is None else escaped(wrong)

    asked = questionary.text(escaped(question), default=default or "", validate=check, **_terminal(screen))
    try:
        return str(asked.unsafe_ask())
    except EOFError:
        raise Declined("no answer") from None


def secret(screen: Screen, question: str, *, flag: str | None = None) -> str:
    """A passphrase: never echoed, not even as stars, which would tell its length. Raises Declined at Ctrl-D."""
    _require(screen, question, flag)
    from getpass import getpass

    try:
        return getpass(f"{escaped(question)} ", screen.stderr)
    except EOFError:
        raise Declined("no answer") from None


def _require(screen: Screen, question: str, flag: str | None) -> None:
    if not screen.can_ask:
        hint = f"there is no terminal to ask on; say it with {flag}" if flag else "there is no terminal to ask on"
        raise Declined(f"this has to be asked: {question}", hint=hint)


def _line(screen: Screen, prompt: str) -> str | None:
    """What is typed, without spaces around it; None for Ctrl-D."""
    screen.stderr.write(f"{screen.paint('?', '1;36')} {escaped(prompt)}")
    screen.stderr.flush()
    answer = screen.stdin.readline()
    if not answer:
        screen.say("")
        return None
    return answer.strip()


def _terminal(screen: Screen) -> dict[str, Any]:
    """prompt_toolkit's ends: it would write to stdout, which is for the result."""
    from prompt_toolkit.input import create_input
    from prompt_toolkit.output.color_depth import ColorDepth
    from prompt_toolkit.output.defaults import create_output

    output = create_output(screen.stderr)
    if hasattr(output, "enable_cpr"):
        # A terminal that can't say where its cursor is would cost a second, and a warning.
        output.enable_cpr = False
    return {
        "input": create_input(screen.stdin),
        "output": output,
        "color_depth": None if screen.color_err else ColorDepth.DEPTH_1_BIT,
    }
