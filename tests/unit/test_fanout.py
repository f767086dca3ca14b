"""Many places at once: who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ectwo_cli import fanout
from ectwo_cli.errors import SomeFailed
from ectwo_cli.fanout import across, together

PATIENCE = 5.0
"""Seconds that a test waits for what must come."""


class Pages:
    """Gives the numbers from 0 on, and tells which were begun."""

    def __init__(self, count: int) -> None:
        self.begun = [threading.Event() for _ in range(count)]

    def __call__(self, place: str) -> Iterator[int]:
        for number, event in enumerate(self.begun):
            event.set()
            yield number


def test_the_second_page_is_begun_only_when_the_first_has_been_worked_on() -> None:
    pages = Pages(3)
    results = iter(across(["here"], pages, where=str))

    assert next(results) == 0
    assert not pages.begun[1].wait(0.05)
    assert next(results) == 1


def test_from_the_second_page_on_one_is_made_ahead_and_no_more() -> None:
    pages = Pages(4)
    results = iter(across(["here"], pages, where=str))

    assert [next(results), next(results)] == [0, 1]
    assert pages.begun[2].wait(PATIENCE)
    assert not pages.begun[3].wait(0.05)
    assert list(results) == [2, 3]


def test_whoever_leaves_stops_the_workers() -> None:
    pages = Pages(100)
    before = threading.active_count()
    results = across(["here"], pages, where=str)

    for number in results:
        if number == 2:
            break
    results._stream.close()  # type: ignore[attr-defined]

    for thread in threading.enumerate():
        if thread.daemon and thread.name.endswith("(run)"):
            thread.join(PATIENCE)
    assert threading.active_count() <= before
    assert not pages.begun[5].is_set()


def test_one_that_fails_stops_no_other() -> None:
    def work(place: str) -> Iterator[str]:
        yield place
        if place == "bad":
            raise ValueError(place)

    results = across(["bad", "good"], work, where=str)

    assert sorted(results) == ["bad", "good"]
    with pytest.raises(SomeFailed) as raised:
        results.check()
    assert [failure.where for failure in raised.value.failures] == ["bad"]
    assert raised.value.some_worked


def test_the_time_of_waiting_is_used() -> None:
    made_ready = threading.Event()

    def work(place: str) -> Iterator[bool]:
        yield made_ready.wait(PATIENCE)

    assert list(across(["here"], work, where=str, meanwhile=made_ready.set)) == [True]


def test_an_answer_at_once_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "SENDING", PATIENCE)
    done: list[str] = []

    assert list(across(["here"], Pages(2), where=str, meanwhile=lambda: done.append("in vain"))) == [0, 1]
    assert done == []


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_come_in_order(threads: int) -> None:
    assert together(range(20), lambda part: part * 2, threads=threads) == [part * 2 for part in range(20)]


def test_parts_are_worked_on_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    assert len(together(range(2), lambda part: both.wait(), threads=2)) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_part_raises_is_raised_and_ends_the_rest(threads: int) -> None:
    begun: list[int] = []

    def work(part: int) -> float:
        begun.append(part)
        return 1 / part

    with pytest.raises(ZeroDivisionError):
        together([0] * 50, work, threads=threads)
    assert len(begun) <= threads


def test_what_another_thread_raises_ends_the_rest() -> None:
    here = threading.current_thread()
    failed = threading.Event()
    begun: list[int] = []

    def work(part: int) -> int:
        begun.append(part)
        if threading.current_thread() is here:
            assert failed.wait(PATIENCE)
            return part
        failed.set()
        raise ValueError(part)

    with pytest.raises(ValueError):
        together(range(50), work, threads=2)
    assert len(begun) <= 3


def test_an_interrupt_is_not_lost_to_another_threads_error() -> None:
    here = threading.current_thread()
    begun, failed = threading.Event(), threading.Event()

    def work(part: int) -> int:
        if threading.current_thread() is here:
            begun.set()
            assert failed.wait(PATIENCE)
            raise KeyboardInterrupt
        assert begun.wait(PATIENCE)
        failed.set()
        raise ValueError(part)

    with pytest.raises(KeyboardInterrupt):
        together(range(50), work, threads=2)
