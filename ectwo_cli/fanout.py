"""Ask many places at once. Threads live here and nowhere else."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ectwo_cli.errors import Failure, SomeFailed

Place = TypeVar("Place")
T = TypeVar("T")

MOST_AT_ONCE = 40
"""More regions than there are; accounts times regions queue up behind it."""


@dataclass
class Results(Generic[Place, T]):
    """What the places answer, as it comes: iterate once, then :meth:`check`.

    ``failures`` are complete when the iteration has ended. One place that fails never stops the others.
    """

    _stream: Iterator[T]
    failures: list[Failure] = field(default_factory=list)
    worked: int = 0

    def __iter__(self) -> Iterator[T]:
        return self._stream

    def check(self) -> None:
        """Raises SomeFailed when a place failed; it knows whether any other worked."""
        if self.failures:
            raise SomeFailed(self.failures, some_worked=self.worked > 0)


def across(
    places: Sequence[Place],
    work: Callable[[Place], Iterable[T]],
    *,
    where: Callable[[Place], str],
    most: int = MOST_AT_ONCE,
) -> Results[Place, T]:
    """Run ``work`` on every place at once and pass on what it yields, in the order in which it comes.

    A worker goes on only when what it yielded last has been taken, so that a fast server can't fill the memory and the
    first page is shown before the second is asked for. Leaving the iteration early (an error, Ctrl-C) stops the
    workers at their next item; they are daemons, so they never hold up the end of the program.
    """
    inbox: queue.Queue[_Message[Any]] = queue.Queue()
    stopped = threading.Event()
    waiting = iter(places)
    lock = threading.Lock()

    def next_place() -> Place | None:
        with lock:
            return next(waiting, None)

    def run() -> None:
        while (place := next_place()) is not None and not stopped.is_set():
            try:
                for value in work(place):
                    taken = threading.Event()
                    inbox.put(_Message("value", value, taken))
                    taken.wait()
                    if stopped.is_set():
                        return
                inbox.put(_Message("done", None, None))
            except BaseException as error:
                inbox.put(_Message("failed", Failure(where(place), error, place), None))

    def stream() -> Iterator[T]:
        taken: threading.Event | None = None
        left = len(places)
        try:
            for _ in range(min(most, len(places))):
                threading.Thread(target=run, daemon=True).start()
            while left:
                message = inbox.get()
                if message.kind == "value":
                    taken = message.taken
                    yield message.value
                    if taken is not None:
                        taken.set()
                    taken = None
                    continue
                left -= 1
                if message.kind == "done":
                    results.worked += 1
                elif isinstance(message.value.error, (KeyboardInterrupt, SystemExit)):
                    raise message.value.error
                else:
                    results.failures.append(message.value)
        finally:
            stopped.set()
            if taken is not None:
                taken.set()

    results: Results[Place, T] = Results(stream())
    return results


@dataclass(frozen=True)
class _Message(Generic[T]):
    kind: str
    value: T
    taken: threading.Event | None
