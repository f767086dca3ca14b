"""Our ``dataclass`` is the standard library's, but for how it is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import field
from typing import Any

import pytest

from ectwo_cli import records


def points(dataclass: Any) -> tuple[type[Any], type[Any]]:
    @dataclass(frozen=True)
    class Point:
        x: int
        y: int = 2
        note: str = field(default="", compare=False)
        secret: str = field(default="", repr=False)

    @dataclass(frozen=True)
    class Named(Point):
        name: str = "here"

    return Point, Named


Look = Callable[[Any, Any], object]

LOOKS: dict[str, Look] = {
    "equal": lambda point, named: point(1) == point(1),
    "not equal": lambda point, named: point(1) == point(2),
    "what is not compared": lambda point, named: point(1, note="a") == point(1, note="b"),
    "what is not shown": lambda point, named: repr(point(1, secret="key")).rpartition(".")[2],
    "shown": lambda point, named: repr(named(1, name="there")).rpartition(".")[2],
    "another class": lambda point, named: point(1) == named(1),
    "another thing": lambda point, named: point(1) == 1,
    "hash": lambda point, named: hash(point(1)) == hash(point(1, note="a")),
    "different hash": lambda point, named: hash(point(1)) == hash(point(3)),
    "in a set": lambda point, named: len({named(1), named(1), named(2)}),
    "replaced": lambda point, named: dataclasses.replace(named(1), y=5) == named(1, 5),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_it_does_what_that_of_the_standard_library_does(look: Look) -> None:
    assert look(*points(records.dataclass)) == look(*points(dataclasses.dataclass))


def test_what_may_change_has_no_hash() -> None:
    @records.dataclass
    class Count:
        number: int = 0

    assert Count() == Count()
    with pytest.raises(TypeError):
        hash(Count())


def test_methods_of_the_class_itself_stay() -> None:
    @records.dataclass(frozen=True)
    class Word:
        text: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Word) and self.text.lower() == other.text.lower()

        def __hash__(self) -> int:
            return hash(self.text.lower())

        def __repr__(self) -> str:
            return self.text

    assert {Word("A"), Word("a")} == {Word("a")}
    assert repr(Word("A")) == "A"
