"""rich's Console, made from a Screen: for stdout's tables and stderr's live displays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ectwo_cli.render.screen import Screen

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def out_console(screen: Screen) -> Console:
    return _console(screen, screen.color_out, error=False)


def err_console(screen: Screen) -> Console:
    return _console(screen, screen.color_err, error=True)


def _console(screen: Screen, color: bool, *, error: bool) -> Console:
    from rich.console import Console

    return Console(
        file=screen.stderr if error else screen.stdout,
        # What the terminal can do has been found out; rich, asking again, might find otherwise.
        force_terminal=screen.err_is_terminal if error else screen.out_is_terminal,
        color_system="standard" if color else None,
        no_color=not color,
        width=screen.width,
        height=screen.height,
        # Data is never markup, nor is a word in it to be highlighted or made an emoji.
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        _environ={},
    )


def out_text(screen: Screen, what: RenderableType) -> str:
    """``what`` as text for stdout's terminal, with its colors."""
    console = out_console(screen)
    with console.capture() as captured:
        console.print(what, end="")
    return captured.get()
