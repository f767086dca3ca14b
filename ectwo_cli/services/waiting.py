"""Wait for a state: of any kind of resource, in any number of regions, with one question a region and tick.

How to use it, for images that were just copied::

    goal = Goal(
        "available",
        reached=lambda image: image.state == "available",
        hopeless=lambda image: (image.state_reason or "it failed") if image.state in ("failed", "error") else None,
        detail=lambda image: f"{image.progress}%",
    )
    sights = wait(scope.by_region(images), goal, limit=options.within(LIMIT))

``wait`` yields what is seen of each thing whenever that changes; the last :class:`Sight` of a thing has ``ok`` True
(there), False (will never be; ``reason`` says why) or, with ``late``, None: the time ran out. At the edge,
``ectwo_cli.follow`` shows all of that live and turns Ctrl-C and the time running out into the right words::

    ended = follow(screen, sights, verb="copying", again=lambda items: "ectwo images wait ...")

Things are asked for by ID through a filter, so that one that EC2 does not show yet fails nothing; what is not in the
answer for a minute is gone. A ``look`` of your own may ask otherwise (see :func:`looks_by_id`). A throttle, a server in
trouble or a dead network only delay the next look. ``clock`` and ``sleep`` are parameters so that tests need no time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field, replace
from datetime import timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from ectwo_cli.aws.calls import batches, is_passing
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import Failure
from ectwo_cli.fanout import Results, across
from ectwo_cli.model import R, Resource
from ectwo_cli.query import MOST_FILTER_VALUES
from ectwo_cli.records import dataclass
from ectwo_cli.services import search

T = TypeVar("T")

LIMIT = timedelta(minutes=20)
"""How long verbs wait when ``--timeout`` says nothing."""

INVISIBLE = 60.0
"""Seconds for which EC2 may not list what it made a moment ago; after them it is gone."""

TRIES = 10
"""So many looks in a row may get no answer (each with the SDK's own retries behind it)."""

Look: TypeAlias = "Callable[[Client, Sequence[str]], Iterable[T]]"
"""What asks EC2, once where possible, for the things with these IDs; those that it does not know are left out."""


@dataclass(frozen=True)
class Goal(Generic[T]):
    """What is waited for.

    ``word`` names it (``stopped``). ``reached`` says that it is there, ``hopeless`` why it can't be any more (None
    while it can). ``state`` and ``detail`` are what progress shows. ``gone`` tells what it means that EC2 does not
    list the thing any more: the goal itself, or else that it will never be reached.
    """

    word: str
    reached: Callable[[T], bool]
    hopeless: Callable[[T], str | None] = lambda _: None
    state: Callable[[T], str] = lambda item: str(getattr(item, "state", "") or "")
    detail: Callable[[T], str] = lambda _: ""
    gone: bool = False


@dataclass(frozen=True)
class Sight(Generic[T]):
    """One thing as it was seen last. ``key`` is its profile, region and ID.

    ``ok``: True there, False never (``reason``, with EC2's ``code`` and a ``hint`` where there are some), None still
    on its way; ``late`` with None: nobody waits for it any more. ``action`` is what was done to it, in one word.
    ``sent`` says that EC2 has been asked for it, so that it goes on without us, ``doing`` what, where that is not
    what the verb says; not ``sent`` but ``doing``: it is just being asked.
    """

    key: tuple[str | None, str, str]
    item: T
    state: str
    detail: str = ""
    ok: bool | None = None
    reason: str | None = None
    code: str | None = None
    hint: str | None = None
    late: bool = False
    action: str | None = None
    sent: bool = True
    doing: str = ""

    @property
    def ended(self) -> bool:
        """Whether no further sight of it comes."""
        return self.ok is not None or self.late


@dataclass(frozen=True)
class Pace:
    """Seconds between two looks: ``first``, then growing by ``factor`` up to ``most``."""

    first: float = 1.0
    most: float = 5.0
    factor: float = 1.25

    def after(self, tick: int) -> float:
        """The pause after look number ``tick``, from 0."""
        return min(self.most, self.first * self.factor ** min(tick, 100))


SLOW = Pace(first=2.0, most=15.0)
"""For what takes minutes to hours: images, snapshots, status checks."""


@dataclass
class Ticker(Generic[T]):
    """The looks at one region: pauses, the time limit, and patience with EC2's troubles."""

    client: Client
    look: Look[T]
    key: Callable[[T], str]
    limit: timedelta | None = LIMIT
    pace: Pace = Pace()
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    trouble: str = field(default="", init=False)
    """Why the last look got no answer."""
    _tick: int = field(default=0, init=False)
    _unanswered: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    @property
    def late(self) -> bool:
        """Whether the time has run out."""
        return self.limit is not None and self.clock() - self._began >= self.limit.total_seconds()

    def pause(self) -> None:
        """Sleep until the next look, or until the time runs out."""
        seconds = self.pace.after(self._tick) * (1 + self._unanswered)
        if self.limit is not None:
            seconds = min(seconds, self.limit.total_seconds() - (self.clock() - self._began))
        self._tick += 1
        if seconds > 0:
            self.sleep(seconds)

    def see(self, ids: Sequence[str]) -> dict[str, T] | None:
        """What EC2 lists of them, by ID; None when it gave no answer, which is worth another try.

        Raises botocore's errors when another try would not help, or too many were made.
        """
        try:
            found = {self.key(item): item for item in self.look(self.client, ids)}
        except Exception as error:
            self._unanswered += 1
            if self._unanswered >= TRIES or not is_passing(error):
                raise
            self.trouble = "no answer from EC2, trying again"
            return None
        self._unanswered, self.trouble = 0, ""
        return found


def looks_by_id(cls: type[R], how: search.Find[R] = search.find) -> Look[R]:
    """The look that asks the kind's Describe operation with a filter on the ID. EC2: that operation."""

    def look(client: Client, ids: Sequence[str]) -> Iterator[R]:
        for some in batches(ids, MOST_FILTER_VALUES):
            for page in how(client, search.by_ids(cls, some)):
                yield from page.items

    return look


def id_of(item: Any) -> str:
    """The ID of a resource."""
    return str(getattr(item, item.kind.id))


def key_of(item: Any) -> tuple[str | None, str, str]:
    """Profile, region and ID of a resource."""
    return (item.profile, item.region, id_of(item))


def wait(
    places: Sequence[tuple[Client, Sequence[R]]],
    goal: Goal[R],
    *,
    look: Look[R] | None = None,
    limit: timedelta | None = LIMIT,
    pace: Pace = Pace(),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Results[tuple[Client, Sequence[R]], Sight[R]]:
    """Wait for ``goal`` in all the places at once; a place is a region's client and its resources.

    The items are looked at before EC2 is asked: what is there already costs no call. ``limit`` None waits for ever.
    A region that fails for good (a permission is missing) is among the failures of the result.
    """

    def work(place: tuple[Client, Sequence[R]]) -> Iterator[Sight[R]]:
        client, items = place
        ticker: Ticker[R] = Ticker(
            client, look or looks_by_id(_class_of(items)), id_of, limit, pace, clock=clock, sleep=sleep
        )
        yield from watch(ticker, items, goal)

    return across([place for place in places if place[1]], work, where=lambda place: search.place_of(place[0]))


def watch(ticker: Ticker[R], items: Sequence[R], goal: Goal[R]) -> Iterator[Sight[R]]:
    """The sights of one region's things until all have ended. Raises botocore's errors that no patience mends."""
    sights = {id_of(item): judge(item, goal) for item in items}
    missing_since: dict[str, float] = {}
    yield from sights.values()
    while True:
        waiting = [name for name, sight in sights.items() if not sight.ended]
        if not waiting:
            return
        if ticker.late:
            yield from (replace(sights[name], late=True) for name in waiting)
            return
        ticker.pause()
        found = ticker.see(waiting)
        for name in waiting:
            before = sights[name]
            if found is None:
                now = replace(before, detail=ticker.trouble)
            elif name in found:
                missing_since.pop(name, None)
                now = judge(found[name], goal)
            else:
                now = _unseen(before, goal, ticker.clock() - missing_since.setdefault(name, ticker.clock()))
            sights[name] = now
            # Also what has not changed: who shows it counts the seconds, and a heartbeat is due now and then.
            yield now


def judge(item: R, goal: Goal[R]) -> Sight[R]:
    """What a thing's state means for the goal."""
    seen: Sight[R] = Sight(key_of(item), item, goal.state(item), goal.detail(item))
    if goal.reached(item):
        return replace(seen, ok=True)
    reason = goal.hopeless(item)
    return seen if reason is None else replace(seen, ok=False, reason=reason)


def _unseen(before: Sight[R], goal: Goal[R], seconds: float) -> Sight[R]:
    if goal.gone:
        return replace(before, ok=True, state=goal.word)
    if seconds >= INVISIBLE:
        return replace(before, ok=False, reason="EC2 does not list it any more")
    return before


def _class_of(items: Sequence[R]) -> type[R]:
    return type(items[0])


def failed(failure: Failure, items: Iterable[Resource]) -> Iterator[Sight[Any]]:
    """The sights for a region that failed for good: of its ``items``, that nothing is known of their end."""
    from ectwo_cli.aws.explain import explain

    told = explain(failure.error)
    for item in items:
        state = str(getattr(item, "state", "") or "")
        yield Sight(key_of(item), item, state, ok=False, reason=told.message, code=told.code, hint=told.hint)
