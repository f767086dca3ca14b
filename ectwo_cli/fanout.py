"""Ask many places at once. Threads live here and nowhere else."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from ectwo_cli.errors import Failure, SomeFailed
from ectwo_cli.records import dataclass

Place = TypeVar("Place")
T = TypeVar("T")

MOST_AT_ONCE = 40
"""More regions than there are; accounts times regions queue up behind it."""


SENDING = 0.05
"""Seconds in which the requests are sent: what is done in their stead would only hold them up."""


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

    def unless_all_fail(self) -> Iterator[T]:
        """The same as iterating, but begun: raises SomeFailed here when no place works, before anything is shown."""
        first = list(islice(self._stream, 1))
        if not first:
            self.check_any()
        return chain(first, self._stream)

    def check_any(self) -> None:
        """Raises SomeFailed when places failed and none worked."""
        if not self.worked:
            self.check()

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
    meanwhile: Callable[[], object] | None = None,
) -> Results[Place, T]:
    """Run ``work`` on every place at once and pass on what it yields, in the order in which it comes.

    The second value of a place is begun only when the first has been worked on, so that the first page is shown before
    the next is asked for, and whoever leaves then has asked for nothing in vain. From there on a worker is one value
    ahead and no more, so that a fast server can't fill the memory. Leaving the iteration early (an error, Ctrl-C) stops
    the workers at their next item; they are daemons, so they never hold up the end of the program.

    ``meanwhile`` is done here while the workers wait for their first answers; not at all if one comes at once.
    """
    inbox: queue.Queue[_Message[Any]] = queue.Queue()
    came = threading.Event()
    stopped = threading.Event()
    waiting = iter(places)
    lock = threading.Lock()

    def next_place() -> Place | None:
        with lock:
            return next(waiting, None)

    def tell(message: _Message[Any]) -> None:
        inbox.put(message)
        came.set()

    def run() -> None:
        while (place := next_place()) is not None and not stopped.is_set():
            done: threading.Event | None = None
            try:
                for value in work(place):
                    before, done = done, threading.Event()
                    tell(_Message("value", value, done))
                    (before or done).wait()
                    if stopped.is_set():
                        return
                tell(_Message("done", None, None))
            except BaseException as error:
                tell(_Message("failed", Failure(where(place), error, place), None))

    def stream() -> Iterator[T]:
        done: threading.Event | None = None
        left = len(places)
        try:
            for _ in range(min(most, len(places))):
                threading.Thread(target=run, daemon=True).start()
            if meanwhile is not None and not came.wait(SENDING):
                meanwhile()
            while left:
                message = inbox.get()
                if message.kind == "value":
                    done = message.done
                    yield message.value
                    if done is not None:
                        done.set()
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
            if done is not None:
                done.set()

    results: Results[Place, T] = Results(stream())
    return results


def together(parts: Sequence[Place], work: Callable[[Place], T], *, threads: int) -> list[T]:
    """What ``work`` makes of each part, in order, by this thread and others: for work that mostly goes without
    Python's lock. What ``work`` raises is raised here, and the parts that nobody has begun are left."""
    made: dict[int, T] = {}
    errors: list[BaseException] = []
    left = deque(enumerate(parts))

    def run() -> None:
        while left:
            try:
                number, part = left.popleft()
            except IndexError:
                # Another thread was quicker.
                return
            made[number] = work(part)

    def help() -> None:
        try:
            run()
        except BaseException as error:
            errors.append(error)
            left.clear()

    others = [threading.Thread(target=help, daemon=True) for _ in range(min(threads, len(parts)) - 1)]
    try:
        for each in others:
            each.start()
        run()
    finally:
        # Whatever ended this, a Ctrl-C for instance, ends the others after the part that they are at.
        left.clear()
    for each in others:
        each.join()
    if errors:
        raise errors[0]
    return [made[number] for number in range(len(parts))]


@dataclass(frozen=True)
class _Message(Generic[T]):
    kind: str
    value: T
    done: threading.Event | None
    """Set when the value has been worked on."""


class Workers(Generic[T]):
    """A thread for each place, which does one job there after the other; answers come in one queue.

    They are daemons: an answer that takes long never holds up the end of the program.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, queue.SimpleQueue[Callable[[], T]]] = {}
        self._inbox: queue.SimpleQueue[tuple[str, T | None, BaseException | None] | None] = queue.SimpleQueue()

    def begin(self, place: str, job: Callable[[], T]) -> None:
        """Do ``job`` at ``place``, after what is to be done there already."""
        if place not in self._jobs:
            self._jobs[place] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(place, self._jobs[place]), daemon=True).start()
        self._jobs[place].put(job)

    def collect(self, patience: float) -> list[tuple[str, T | None, BaseException | None]]:
        """What has come in, as (place, value, error); waits at most ``patience`` seconds for the first one."""
        found = []
        try:
            found.append(self._inbox.get(timeout=max(0.0, patience)))
            while True:
                found.append(self._inbox.get_nowait())
        except queue.Empty:
            return [answer for answer in found if answer is not None]

    def wake(self) -> None:
        """End a :meth:`collect` that waits. Safe in a signal handler."""
        self._inbox.put(None)

    def _work(self, place: str, jobs: queue.SimpleQueue[Callable[[], T]]) -> None:
        while True:
            job = jobs.get()
            try:
                self._inbox.put((place, job(), None))
            except BaseException as error:
                self._inbox.put((place, None, error))
