"""Least, mean, most, last of a price: against plain arithmetic, in constant memory, whatever the order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ectwo_cli.aws.session import Account, Client
from ectwo_cli.query import patterns
from ectwo_cli.services import spot_history
from ectwo_cli.services.spot_history import Course, OutOfOrder, Span

BEGIN = datetime(2026, 11, 15, tzinfo=timezone.utc)
DAY = 86400.0


class Told(Client):
    """A region that answers with these pages, every time it is asked."""

    told: Sequence[Sequence[Any]]
    asked: list[dict[str, Any]]

    def pages(self, operation: str, items: str, **params: Any) -> Iterator[list[Any]]:
        assert (operation, items) == ("DescribeSpotPriceHistory", "SpotPriceHistory[]")
        self.asked.append(params)
        for page in self.told:
            yield list(page)


def region(*pages: Sequence[Any]) -> Told:
    client = Told(Account(None), "us-east-1")
    object.__setattr__(client, "told", pages)
    object.__setattr__(client, "asked", [])
    return client


def change(hours: float, price: str, zone: str = "us-east-1a", type: str = "m6i.large") -> dict[str, Any]:
    """That the price changed so many hours after the begin."""
    return {
        "AvailabilityZone": zone,
        "InstanceType": type,
        "ProductDescription": "Linux/UNIX",
        "SpotPrice": price,
        "Timestamp": BEGIN + timedelta(hours=hours),
    }


def span(hours: float, *types: str, pieces: int = 0) -> Span:
    return Span(patterns(types or ["m6i.large"]), ["linux"], [], BEGIN, BEGIN + timedelta(hours=hours), pieces)


def numbers(client: Client, asked: Span) -> list[tuple[Any, ...]]:
    found = [told.history for told in spot_history.history(client, asked)]
    return [(each.zone, each.min, each.mean, each.max, each.last, each.changes) for each in found]


def test_the_mean_is_weighted_by_time() -> None:
    # 0.02 for 6 hours, 0.05 for 1, 0.03 for 3.
    client = region([change(7, "0.030000"), change(6, "0.050000")], [change(-20, "0.020000")])
    (told,) = spot_history.history(client, span(10, pieces=5))
    found = told.history
    assert (found.min, found.mean, found.max, found.last, found.changes) == (0.02, 0.026, 0.05, 0.03, 2)
    assert (found.since, found.until) == (BEGIN, BEGIN + timedelta(hours=10))
    assert told.parts == pytest.approx([0.02, 0.02, 0.02, 0.04, 0.03])


def test_a_price_that_is_told_again_is_no_change() -> None:
    client = region([change(8, "0.03"), change(5, "0.03"), change(2, "0.03"), change(-1, "0.02")])
    assert numbers(client, span(10)) == [("us-east-1a", 0.02, 0.028, 0.03, 0.03, 1)]


def test_what_begins_later_is_weighted_from_there() -> None:
    client = region([change(8, "0.04"), change(4, "0.01")])
    (told,) = spot_history.history(client, span(10, pieces=5))
    assert (told.history.mean, told.history.changes) == (0.02, 1)
    assert told.history.since == BEGIN + timedelta(hours=4)
    assert told.parts == [None, None, 0.01, 0.01, 0.04]


def test_zones_types_and_platforms_are_told_apart() -> None:
    windows = {**change(3, "0.09"), "ProductDescription": "Windows"}
    vpc = {**change(5, "0.07", zone="us-east-1c"), "ProductDescription": "Linux/UNIX (Amazon VPC)"}
    client = region(
        [change(9, "0.02"), vpc, windows, change(4, "0.05", type="m6i.xlarge"), change(1, "0.04", zone="us-east-1b")]
    )
    assert [row[0] for row in numbers(client, span(10))] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    found = [told.history.type for told in spot_history.history(client, span(10, "m6i.*"))]
    assert found == ["m6i.large"] * 3 + ["m6i.xlarge"]


def test_what_ec2_can_narrow_is_sent_to_it() -> None:
    client = region([])
    asked = Span(patterns(["m6*.large"]), ["linux"], patterns(["us-east-1a"]), BEGIN, BEGIN + timedelta(days=1))
    assert not list(spot_history.history(client, asked))
    assert client.asked == [
        {
            "StartTime": BEGIN,
            "EndTime": BEGIN + timedelta(days=1),
            "ProductDescriptions": ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"],
            "Filters": [
                {"Name": "instance-type", "Values": ["m6*.large"]},
                {"Name": "availability-zone", "Values": ["us-east-1a"]},
            ],
            "MaxResults": 1000,
        }
    ]


CHANGES = st.lists(
    st.tuples(st.integers(-48, 200), st.integers(1, 9)), min_size=1, max_size=40, unique_by=lambda each: each[0]
)


def plainly(changes: Sequence[tuple[int, int]], hours: int) -> tuple[Any, ...] | None:
    """The same by walking through every hour."""
    ordered = sorted(changes)
    course = [max((each for each in ordered if each[0] <= hour), default=None) for hour in range(hours)]
    known = [each[1] / 100 for each in course if each is not None]
    if not known:
        return None
    changed = sum(before != after for before, after in pairwise(known))
    return min(known), round(sum(known) / len(known), 6), max(known), known[-1], changed


@given(CHANGES, st.integers(2, 168))
def test_it_is_what_counting_the_hours_gives(changes: list[tuple[int, int]], hours: int) -> None:
    told = [change(hour, f"{price / 100:.6f}") for hour, price in sorted(changes, reverse=True)]
    found = numbers(region(told[:7], told[7:]), span(hours))
    expected = plainly(changes, hours)
    if expected is None:
        assert found == []
    else:
        # Sums that end on half a millionth are rounded by the last bit of a float.
        assert found[0][1:] == pytest.approx(expected, abs=2e-6)


@given(CHANGES, st.integers(2, 168), st.randoms(use_true_random=False))
def test_the_order_of_the_answer_does_not_matter(changes: list[tuple[int, int]], hours: int, random: Any) -> None:
    told = [change(hour, f"{price / 100:.6f}") for hour, price in sorted(changes, reverse=True)]
    expected = numbers(region(told), span(hours))
    random.shuffle(told)
    assert numbers(region(told[:3], told[3:]), span(hours)) == expected


def test_a_change_that_is_newer_than_the_last_one_is_noticed() -> None:
    course = Course(0, 100)
    course.add(50, 1)
    with pytest.raises(OutOfOrder):
        course.add(60, 2)


def test_a_long_history_takes_no_memory() -> None:
    count = 40

    def pages() -> Iterator[list[Any]]:
        for page in range(count):
            yield [change(-(page * 500 + row) / 60, f"{(row % 7 + 1) / 100:.6f}") for row in range(500)]

    class Long(Told):
        def pages(self, operation: str, items: str, **params: Any) -> Iterator[list[Any]]:
            return pages()

    whole = Span(patterns(["m6i.large"]), ["linux"], [], BEGIN - timedelta(days=90), BEGIN + timedelta(days=1), 50)
    client = Long(Account(None), "us-east-1")
    tracemalloc.start()
    try:
        (told,) = spot_history.history(client, whole)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Every one of them differs from the one before but where a page of 500 begins anew.
    assert told.history.changes == count * 500 - 1
    # A page or two; all of them would be 10 MB.
    assert peak < 1_500_000
