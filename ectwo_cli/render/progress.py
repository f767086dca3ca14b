"""What is waited for, one line a target, on stderr: live on a terminal, else a line for each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ectwo_cli.records import dataclass
from ectwo_cli.render.grid import Cell, cut, measure, segments
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import escaped
from ectwo_cli.render.values import elapsed, state_style

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from typing_extensions import Self

REFRESHES_A_SECOND = 8
HEARTBEAT = 60.0
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass
class Target:
    """One thing that is waited for; ``ok`` is None as long as it is."""

    label: str
    state: str
    since: float
    detail: str = ""
    ended: float | None = None
    ok: bool | None = None


class Waits:
    """``with Waits(screen, "stopping") as waits: waits.update(key, label, state)``, at last ``waits.done(key, state)``.

    ``clock`` counts seconds. Silent with ``--quiet``. Leaves the cursor as it was, however it ends.
    """

    def __init__(self, screen: Screen, verb: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._verb = verb
        self._clock = clock
        self._targets: dict[Any, Target] = {}
        self._live: Any = None
        self._began = clock()
        self._said = self._began

    def __enter__(self) -> Self:
        if self._screen.err_is_terminal and not self._screen.is_dumb and not self._screen.quiet:
            self._start_live()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._screen.above = None
            live, self._live = self._live, None
            live.stop()

    def update(self, key: Any, label: str, state: str, detail: str | None = None) -> None:
        """``label`` is in ``state`` now. The first call begins its clock."""
        target = self._targets.get(key)
        if target is None:
            self._targets[key] = Target(label, state, self._clock(), detail or "")
            self._changed(self._targets[key])
            return
        changed = (target.state, target.detail) != (state, detail or "")
        target.label, target.state, target.detail = label, state, detail or ""
        if changed:
            self._changed(target)
        else:
            self._beat()

    def done(self, key: Any, state: str, ok: bool = True) -> None:
        """It is where it was to be, or will never be."""
        target = self._targets[key]
        changed = target.state != state or target.ok is not ok
        target.state, target.ok, target.ended = state, ok, self._clock()
        if changed:
            self._changed(target)

    def lines(self, width: int, height: int) -> Iterator[list[Cell]]:
        """The display: every target where they fit ``height``, else the unfinished ones and a count."""
        now = self._clock()
        # A copy: the display is drawn by a thread of rich while targets are added.
        targets = list(self._targets.values())
        shown = targets
        if len(targets) > height:
            shown = [each for each in targets if each.ok is None][: height - 1]
        labels = [escaped(each.label) for each in shown]
        states = max((measure(escaped(each.state)) for each in shown), default=0)
        left = min(
            max(map(measure, labels), default=0), max(width - states - len("⠋ ") - len("  ") - len("  00m00s"), 10)
        )
        for target, label in zip(shown, labels, strict=True):
            yield self._line(target, cut(label, left), left, states, now, width)
        if len(shown) < len(targets):
            finished = sum(each.ok is not None for each in targets)
            yield [Cell(f"  {self._verb}: {finished} of {len(targets)} done", "dim")]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from segments(self.lines(self._screen.width - 1, max(self._screen.height - 2, 3)))

    def _line(self, target: Target, label: str, left: int, states: int, now: float, width: int) -> list[Cell]:
        if target.ok is None:
            sign = Cell(SPINNER[int(now * REFRESHES_A_SECOND) % len(SPINNER)], "cyan")
        else:
            sign = Cell("✓", "green") if target.ok else Cell("✗", "red")
        state = escaped(target.state)
        spent = elapsed((target.ended or now) - target.since)
        style = "red" if target.ok is False else state_style("state", target.state)
        made = [
            sign,
            Cell(" " + label + " " * (left - measure(label)) + "  "),
            Cell(state, style),
            Cell(" " * (states - measure(state)) + f"  {spent:>6}", "dim"),
        ]
        room = width - sum(measure(cell.text) for cell in made) - 2
        if target.detail and not target.ok and room > 3:
            made.append(Cell("  " + cut(escaped(target.detail), room), "dim"))
        return made

    def _start_live(self) -> None:
        from rich.live import Live
        from rich.text import Text

        from ectwo_cli.render.console import err_console

        console = err_console(self._screen)
        live = Live(
            self,
            console=console,
            refresh_per_second=REFRESHES_A_SECOND,
            # The result, on the same terminal, says it all again.
            transient=self._screen.out_is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        self._live = live
        self._screen.above = lambda line: console.print(Text.from_ansi(line))

    def _changed(self, target: Target) -> None:
        if self._live is not None or self._screen.quiet:
            return
        detail = f" ({target.detail})" if target.detail and not target.ok else ""
        failed = " (failed)" if target.ok is False else ""
        spent = elapsed((target.ended or self._clock()) - target.since)
        after = f" after {spent}" if target.ok is not None else ""
        self._say(f"{target.label}: {target.state}{detail}{failed}{after}")

    def _beat(self) -> None:
        if self._live is None and not self._screen.quiet and self._clock() - self._said >= HEARTBEAT:
            waiting = sum(each.ok is None for each in self._targets.values())
            spent = elapsed(self._clock() - self._began)
            self._say(f"still {self._verb}: {waiting} of {len(self._targets)} to go after {spent}")

    def _say(self, line: str) -> None:
        self._said = self._clock()
        self._screen.note(line)
