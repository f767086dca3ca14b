"""What a verb is about to hit, shown before it asks."""

from __future__ import annotations

from collections.abc import Sequence

from ectwo_cli.model import Resource, columns
from ectwo_cli.render.grid import Cell, Grid, layout
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import escaped
from ectwo_cli.render.view import fields

UNLIMITED = 1_000_000


def show_plan(
    screen: Screen,
    title: str,
    rows: Sequence[tuple[Resource, Sequence[str]]],
    notes: Sequence[str] = (),
    *,
    asking: bool | None = None,
) -> None:
    """On stderr: ``title``, a table of the resources, each with its consequences under it, then the common ``notes``.

    A consequence that all of several rows share is said once, at the end. With ``--quiet`` the plan is shown only when
    somebody is asked about it: ``asking``, by default whenever somebody could be.
    """
    if screen.quiet and not (screen.can_ask if asking is None else asking):
        return
    shared = _shared([consequences for _, consequences in rows])
    screen.say(screen.paint(escaped(title), "1"))
    for line in _lines(screen, rows, shared):
        screen.say("  " + line)
    for note in (*shared, *notes):
        screen.say(f"{screen.paint('!', '1;33')} {escaped(note)}")


def _lines(screen: Screen, rows: Sequence[tuple[Resource, Sequence[str]]], shared: Sequence[str]) -> list[str]:
    if not rows:
        return []
    items = [item for item, _ in rows]
    known = columns(type(items[0]))
    shown = [name for name, col in known.items() if col.default]
    if "profile" in shown and not any(getattr(item, "profile", None) for item in items):
        shown.remove("profile")
    chosen = fields(type(items[0]), shown)
    now = screen.clock()
    width = screen.width - 2 if screen.err_is_terminal else UNLIMITED
    plan = layout(chosen, items, width, now)
    grid = Grid(plan, items, now)

    made: list[str] = []
    lines = grid.lines()
    made.append(colored(screen, next(lines)))
    following = iter(rows)
    for line in lines:
        made.append(colored(screen, line))
        if grid.is_heading(line):
            continue
        _, consequences = next(following)
        made.extend(f"  {screen.paint('!', '1;33')} {escaped(text)}" for text in consequences if text not in shared)
    if plan.dropped:
        made.append(f"(not shown: {', '.join(plan.dropped)})")
    return made


def _shared(all_consequences: Sequence[Sequence[str]]) -> list[str]:
    if len(all_consequences) < 2:
        return []
    first, *others = all_consequences
    return [text for text in dict.fromkeys(first) if all(text in other for other in others)]


_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def colored(screen: Screen, line: Sequence[Cell]) -> str:
    """Without rich, since a question should not wait for its import."""
    made = [
        screen.paint(cell.text, ";".join(_SGR[word] for word in cell.style.split())) if cell.style else cell.text
        for cell in line
    ]
    return "".join(made).rstrip()
