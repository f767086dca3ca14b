"""Create what has no idempotency token: a lost answer is looked into before anything is sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ectwo_cli.aws.calls import is_lost, is_throttle
from ectwo_cli.errors import EctwoError
from ectwo_cli.records import dataclass

T = TypeVar("T")

LOOKS = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each look for what a lost answer may have been about: EC2 shows new things a little late."""

SENDS = 4
"""How often it is sent at most."""


@dataclass(frozen=True)
class Made(Generic[T]):
    """What was made; ``surely_once`` is false when an answer was lost on the way, so that there might be a second."""

    what: T
    surely_once: bool


def once(
    send: Callable[[], T],
    look: Callable[[], T | None],
    *,
    sleep: Callable[[float], None],
    what: str,
    where_to_look: str,
) -> Made[T]:
    """Call ``send``, which must not retry by itself. When its answer is lost, what ``look`` finds is taken for it.

    Raises what ``send`` raises when EC2 refuses it, and EctwoError when it can't be told whether ``what`` was made.
    """
    lost: BaseException | None = None
    for attempt in range(SENDS):
        try:
            return Made(send(), surely_once=lost is None)
        except Exception as error:
            if is_throttle(error) and attempt + 1 < SENDS:
                sleep(LOOKS[attempt])
                continue
            if not is_lost(error):
                raise
            lost = error
        found = _look(look, LOOKS, sleep, what, where_to_look)
        if found is not None:
            return Made(found, surely_once=False)
    assert lost is not None
    raise lost


def _look(
    look: Callable[[], T | None],
    pauses: Sequence[float],
    sleep: Callable[[float], None],
    what: str,
    where_to_look: str,
) -> T | None:
    for pause in pauses:
        sleep(pause)
        try:
            found = look()
        except Exception as error:
            raise EctwoError(
                f"EC2's answer was lost, so it is not known whether {what} was made, and looking failed too: {error}",
                hint=f"see whether it is there with '{where_to_look}' before you try again",
            ) from error
        if found is not None:
            return found
    return None
