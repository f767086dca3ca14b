"""Spot prices over time: least, mean, most, last; and the course of each zone, for a plot.

Histories can be long, so that nothing is kept of them but sums: EC2 tells the newest change first, and each change is
added to what is known of its zone and type as it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, Regional, column, resource
from ectwo_cli.query import Pattern, chosen, filter_of
from ectwo_cli.records import dataclass
from ectwo_cli.services.spot_prices import OF_VPC, PRODUCTS, platform_of

LONGEST = 90
"""Days that EC2 remembers."""


@resource(
    "spot price history",
    plural="spot price histories",
    operation="DescribeSpotPriceHistory",
    items="SpotPriceHistory[]",
    id="type",
    lookup=(),
)
class SpotHistory(Regional):
    """The price of a type in a zone over a time, in US dollars an hour. EC2: DescribeSpotPriceHistory."""

    zone: str = column("zone", default=True, help="the Availability Zone")
    type: str = column("type", default=True, help="the instance type")
    platform: str = column("platform", default=True, help="the operating system")
    min: float = column("min", default=True, help="the lowest price")
    mean: float = column("mean", default=True, help="the mean price, weighted by how long it lasted")
    max: float = column("max", default=True, help="the highest price")
    last: float = column("last", default=True, help="the price at the end")
    changes: int = column("changes", default=True, help="how often it changed")
    since: datetime = column("since", help="the begin: of the time asked for, or of EC2's memory")
    until: datetime = column("until", help="the end")


class OutOfOrder(Exception):
    """EC2 did not tell the newest change first, so that sums can't be taken as they come."""


@dataclass
class Course:
    """One zone's and type's price between two times (seconds), fed with its changes, the newest first.

    ``parts`` is the time cut into equal pieces, with the mean price in each; None where it is not known.
    """

    since: float
    until: float
    pieces: int = 0
    lowest: float = field(default=0.0, init=False)
    highest: float = field(default=0.0, init=False)
    last: float | None = field(default=None, init=False)
    changes: int = field(default=0, init=False)
    _sum: float = field(default=0.0, init=False)
    _begins: float = field(default=0.0, init=False)
    _earliest: float = field(default=0.0, init=False)
    _price: float = field(default=0.0, init=False)
    _sums: list[float] = field(default_factory=list, init=False)
    _times: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._begins = self._earliest = self.until
        self._sums = [0.0] * self.pieces
        self._times = [0.0] * self.pieces

    def add(self, time: float, price: float) -> None:
        """It changed to ``price`` at ``time``. Raises OutOfOrder for one that is newer than the last one added."""
        if time >= self.until or self._begins <= self.since:
            # After the time that is looked at; or before it, and what was in effect at its begin is known already.
            if time > self._earliest and self.last is not None:
                raise OutOfOrder
            self._earliest = min(self._earliest, time)
            return
        if time > self._earliest:
            raise OutOfOrder
        if self.last is not None and time == self._earliest:
            return
        self._earliest = time
        begin = max(time, self.since)
        if self.last is None:
            self.last = self.lowest = self.highest = price
        elif price != self._price:
            # What came after this one was a change.
            self.changes += 1
        self.lowest, self.highest = min(self.lowest, price), max(self.highest, price)
        self._sum += price * (self._begins - begin)
        self._spread(begin, self._begins, price)
        self._begins, self._price = begin, price

    @property
    def known(self) -> bool:
        """Whether there was any price in that time."""
        return self.last is not None

    @property
    def known_since(self) -> float:
        """From when on the price is known."""
        return self._begins

    @property
    def mean(self) -> float:
        """The mean price, weighted by time."""
        length = self.until - self._begins
        return self._sum / length if length > 0 else self.last or 0.0

    @property
    def parts(self) -> list[float | None]:
        """The mean of each piece of the time."""
        return [total / time if time > 0 else None for total, time in zip(self._sums, self._times, strict=True)]

    def _spread(self, begin: float, end: float, price: float) -> None:
        if not self.pieces:
            return
        size = (self.until - self.since) / self.pieces
        first = min(int((begin - self.since) / size), self.pieces - 1)
        last = min(int((end - self.since) / size), self.pieces - 1)
        for piece in range(first, last + 1):
            low = max(begin, self.since + piece * size)
            high = min(end, self.since + (piece + 1) * size)
            if high > low:
                self._sums[piece] += price * (high - low)
                self._times[piece] += high - low


@dataclass(frozen=True)
class Told:
    """What became of a zone's and type's price, and its course."""

    history: SpotHistory
    parts: Sequence[float | None]


@dataclass(frozen=True)
class Span:
    """What to look at: types, platforms, zones (none: all); between two times; in so many pieces for a plot."""

    types: Sequence[Pattern]
    platforms: Sequence[str]
    zones: Sequence[Pattern]
    since: datetime
    until: datetime
    pieces: int = 0


def history(client: Client, span: Span) -> Iterator[Told]:
    """What became of the prices in one region. EC2: DescribeSpotPriceHistory. Raises botocore's errors."""
    try:
        courses = _courses(span, _changes(client, span))
    except OutOfOrder:
        # It has never been seen, but nowhere is it promised; then they are all needed at once.
        changes = sorted(_changes(client, span), key=lambda each: each[1], reverse=True)
        courses = _courses(span, iter(changes))
    for key, course in sorted(courses.items()):
        if course.known:
            yield _told(client, span, key, course)


Key = tuple[str, str, str]


def _changes(client: Client, span: Span) -> Iterator[tuple[Key, float, float]]:
    """Zone, type and platform; time; price: of each change, page by page, none of them kept."""
    filters = [
        each
        for each in (filter_of("instance-type", span.types), filter_of("availability-zone", span.zones))
        if each is not None
    ]
    names = [name for each in span.platforms for name in (PRODUCTS[each], PRODUCTS[each] + OF_VPC)]
    pages = client.pages(
        "DescribeSpotPriceHistory",
        "SpotPriceHistory[]",
        StartTime=span.since,
        EndTime=span.until,
        ProductDescriptions=names,
        Filters=filters or None,
        MaxResults=1000,
    )
    for page in pages:
        for data in page:
            yield _key(data), data["Timestamp"].timestamp(), float(data["SpotPrice"])


def _key(data: Raw) -> Key:
    return data["InstanceType"], str(platform_of(data["ProductDescription"])), data["AvailabilityZone"]


def _courses(span: Span, changes: Iterator[tuple[Key, float, float]]) -> dict[Key, Course]:
    begin, end = span.since.timestamp(), span.until.timestamp()
    courses: dict[Key, Course] = {}
    for key, time, price in changes:
        type, platform, zone = key
        if platform not in span.platforms or not chosen(span.types, type) or not chosen(span.zones, zone):
            continue
        if key not in courses:
            courses[key] = Course(begin, end, span.pieces)
        courses[key].add(time, price)
    return courses


def _told(client: Client, span: Span, key: Key, course: Course) -> Told:
    type, platform, zone = key
    whole = course.known_since <= span.since.timestamp()
    data: dict[str, Any] = {
        "zone": zone,
        "type": type,
        "platform": platform,
        "min": course.lowest,
        "mean": round(course.mean, 6),
        "max": course.highest,
        "last": course.last,
        "changes": course.changes,
        "since": span.since if whole else datetime.fromtimestamp(course.known_since, span.since.tzinfo),
        "until": span.until,
    }
    return Told(SpotHistory.parse(data, client.region, client.profile), course.parts)
