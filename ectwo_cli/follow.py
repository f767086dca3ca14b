"""Show what is waited for, gather how it ended, and say what AWS goes on doing when nobody waits any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from ectwo_cli.errors import Interrupted, StillGoing
from ectwo_cli.fanout import Results
from ectwo_cli.model import Resource
from ectwo_cli.outcome import Outcome
from ectwo_cli.render.screen import Screen
from ectwo_cli.services.waiting import Sight, failed

R = TypeVar("R", bound=Resource)

NAMED = 5
"""So many are named in a message; of the rest the number is said."""

Again = Callable[[Sequence[Sight[Any]]], str]
"""Gives the hint on how to take it up again, for things that are still on their way."""


def follow(
    screen: Screen, sights: Results[Any, Sight[R]], *, verb: str, again: Again, still: str | None = None
) -> list[Sight[R]]:
    """The last sight of each thing, while progress is shown on stderr; ``verb`` is ``stopping``.

    ``still`` is what is said of what has not ended, where it is not known what AWS does: ``not stopped yet:``.

    Things of a region that failed for good come as sights that say why. Raises Interrupted for Ctrl-C.
    """
    from ectwo_cli.render.progress import Waits
    from ectwo_cli.render.show import label

    last: dict[Any, Sight[R]] = {}
    shown: set[Any] = set()
    try:
        with ExitStack() as display:
            waits: Waits | None = None
            for sight in sights:
                last[sight.key] = sight
                if sight.ok is None and (sight.sent or not sight.doing):
                    # Not before there is something to wait for: what ended at first sight the result tells.
                    waits = waits or display.enter_context(Waits(screen, verb))
                    waits.update(sight.key, label(sight.item), sight.state, sight.detail)
                    shown.add(sight.key)
                elif sight.ok is not None and waits and sight.key in shown:
                    waits.done(sight.key, sight.state, sight.ok)
            for failure in sights.failures:
                place: Any = failure.place
                for sight in failed(failure, place[1]):
                    if sight.key not in last or not last[sight.key].ended:
                        last[sight.key] = sight
    except KeyboardInterrupt:
        going = [sight for sight in last.values() if sight.ok is None]
        if not going:
            raise
        raise Interrupted(
            f"interrupted; {goes_on(going, verb, still)}", hint=f"take it up again with: {again(going)}"
        ) from None
    return list(last.values())


def check_time(sights: Sequence[Sight[Any]], *, verb: str, again: Again, still: str | None = None) -> None:
    """Raises StillGoing when the time ran out for some."""
    late = [sight for sight in sights if sight.late]
    if late:
        raise StillGoing(f"the time is up; {goes_on(late, verb, still)}", hint=f"take it up again with: {again(late)}")


def goes_on(sights: Sequence[Sight[Any]], verb: str, still: str | None = None) -> str:
    """What AWS goes on doing, and what it was not yet asked for."""
    from ectwo_cli.render.show import label

    def named(some: Sequence[Sight[Any]]) -> str:
        names = [label(sight.item) for sight in some[:NAMED]]
        more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
        return ", ".join(names) + more

    said: dict[str, list[Sight[Any]]] = {}
    for sight in sights:
        if still:
            what = still
        elif sight.sent:
            what = f"AWS goes on {sight.doing or verb}"
        else:
            what = f"AWS may have begun {sight.doing}" if sight.doing else "nothing was done yet to"
        said.setdefault(what, []).append(sight)
    parts = [f"{what} {named(some)}" for what, some in said.items()]
    return "; ".join(parts)


def outcomes(sights: Sequence[Sight[R]]) -> list[Outcome[R]]:
    """The sights as results. One that is late did not fail."""
    return [
        Outcome(sight.item, None, sight.reason or "failed", sight.code, sight.hint)
        if sight.ok is False
        else Outcome(sight.item, sight.action)
        for sight in sights
    ]
