"""Queries: patterns, ``--tag``, ``--where``, sorting; and which of it EC2 can evaluate itself.

Everything here is pure. A query is always evaluated here in full on what EC2 answers; what is sent to EC2 as a filter
only makes the answer shorter. So the results are the same either way.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any, Generic, Literal

from ectwo_cli.errors import UsageError
from ectwo_cli.model import Column, R, Resource, column_named, columns, once, value_of
from ectwo_cli.records import dataclass

Filter = Mapping[str, Any]
"""A filter in EC2's form: ``{"Name": "instance-state-name", "Values": ["running"]}``."""

MOST_FILTER_VALUES = 200
"""EC2 takes this many values in one filter."""


# Patterns


@dataclass(frozen=True)
class Pattern:
    """One value of a condition: a literal, a glob, or a regex; ``negative`` for the ``!`` in front of it."""

    text: str
    form: Literal["literal", "glob", "regex"]
    negative: bool
    regex: re.Pattern[str] | None

    def found_in(self, value: str) -> bool:
        """Whether the pattern matches, the ``!`` aside."""
        if self.regex is None:
            return value == self.text
        return self.regex.search(value) is not None

    @property
    def for_ec2(self) -> str | None:
        """The same as a value of an EC2 filter; None where EC2 can't express it."""
        if self.form == "regex" or not self.text:
            return None
        return self.text.replace("\\", "\\\\")


def pattern(text: str) -> Pattern:
    """Read a literal, a glob (``*``, ``?``), a regex between slashes, or ``!`` in front of one of these.

    Raises UsageError for a regex that does not compile.
    """
    negative = text.startswith("!")
    body = text[1:] if negative else text
    if len(body) >= 2 and body.startswith("/") and body.endswith("/"):
        return Pattern(body[1:-1], "regex", negative, compiled(body[1:-1]))
    if "*" in body or "?" in body:
        return Pattern(body, "glob", negative, glob(body))
    return Pattern(body, "literal", negative, None)


def patterns(values: Iterable[str]) -> list[Pattern]:
    """Read repeated and comma-separated values; a comma between slashes belongs to the regex."""
    return [pattern(part) for value in values for part in _split(value)]


def compiled(expression: str) -> re.Pattern[str]:
    """The regex. Raises UsageError that shows where it is wrong."""
    try:
        return re.compile(expression)
    except re.error as error:
        raise UsageError(f"bad regex /{expression}/: {error}") from None


def glob(text: str) -> re.Pattern[str]:
    """A regex for a glob, in which only ``*`` and ``?`` are special: what EC2's own filters take."""
    parts = {"*": ".*", "?": "."}
    return re.compile(r"\A" + "".join(parts.get(char) or re.escape(char) for char in text) + r"\Z", re.DOTALL)


def chosen(wanted: Sequence[Pattern], value: Any) -> bool:
    """Whether ``value`` is any of the plain patterns and none of the ``!`` ones.

    A list matches when one element does; ``!`` then means that none does. An absent value, or an empty list, is
    matched by the empty pattern and by every ``!`` but ``!`` alone.
    """
    texts = _texts(value)

    def hit(each: Pattern) -> bool:
        return any(each.found_in(text) for text in texts) if texts else not each.text

    plain = [each for each in wanted if not each.negative]
    if plain and not any(hit(each) for each in plain):
        return False
    return not any(hit(each) for each in wanted if each.negative)


def text_of(value: Any) -> str:
    """A property as the text that patterns see, which is also what TSV and CSV show."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC: ``2026-11-22T15:04:05Z``, with fractions of a second only where there are some."""
    there = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    if there.microsecond:
        return there.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"
    return there.isoformat()[: -len("+00:00")] + "Z"


def instant(text: str) -> datetime | None:
    """A time as EC2 writes it (``2026-11-22T15:04:05.000Z``); None where it is written in another way."""
    if not _INSTANT.fullmatch(text):
        return None
    return datetime.fromisoformat(text[:-1] + "+00:00")


# Python 3.10 takes three digits of a fraction, or six.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return [text_of(part) for part in value if part is not None]
    return [text_of(value)]


def _split(value: str) -> list[str]:
    parts: list[str] = []
    rest = value
    while True:
        regex = re.match(r"(!?/.*?/)(?:,|\Z)", rest, re.DOTALL)
        part = regex.group(1) if regex else rest.partition(",")[0]
        parts.append(part)
        if len(part) == len(rest):
            break
        rest = rest[len(part) + 1 :]
    # An empty value means "absent", but the empty end of `a,` means nothing.
    return [part for part in parts if part] or [""]


# Times


def duration(text: str, *, what: str = "duration") -> timedelta:
    """``90s``, ``20m``, ``2h``, ``7d``, ``2w``; a bare number is seconds. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text.strip())
    if not found:
        raise UsageError(f"bad {what} {text!r}", hint="write 90s, 20m, 2h or 7d")
    unit = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found.group(2)]
    try:
        return timedelta(**{unit: float(found.group(1))})
    except OverflowError:
        raise UsageError(f"{what} {text!r} is too long") from None


def moment(text: str, now: datetime) -> datetime:
    """An ISO date or time (UTC unless it says otherwise), ``now``, ``now-30d``. Raises UsageError."""
    relative = re.fullmatch(r"now(?:\s*([+-])\s*(\S+))?", text.strip())
    try:
        if relative:
            sign, length = relative.groups()
            if length is None:
                return now
            return now + duration(length) if sign == "+" else now - duration(length)
        # Python 3.10 reads neither a Z nor fractions of other than 3 or 6 digits.
        plain = re.sub(r"[zZ]\Z", "+00:00", text.strip())
        plain = re.sub(r"\.(\d+)", lambda found: "." + (found.group(1) + "000000")[:6], plain)
        read = datetime.fromisoformat(plain)
    except (ValueError, OverflowError):
        raise UsageError(f"bad time {text!r}", hint="write 2026-01-31, 2026-01-31T12:00Z, now or now-30d") from None
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


# Conditions


@dataclass(frozen=True)
class Condition:
    """Something that must hold. ``filter`` is the same for EC2, or None where EC2 can't evaluate it.

    ``asks_for`` is the property of which it names values positively, so that hidden ones are not hidden from it.
    ``about`` is the property that it looks at, where it is but one.
    """

    holds: Callable[[Any], bool]
    filter: Filter | None = None
    asks_for: str | None = None
    about: str | None = None


def option_condition(col: Column, values: Sequence[str], cls: type[Resource]) -> Condition:
    """``--state running,stopped``: the property is any of the plain values and none of the ``!`` ones."""
    for prefix, other in col.redirect.items():
        if all(value.lstrip("!").startswith(prefix) for value in values):
            col = columns(cls)[other]
    wanted = patterns(values)
    if col.type in (int, float):
        # 0.10 and 0.1 are one number.
        wanted = [_number_pattern(each, col) for each in wanted]
    return Condition(
        lambda item: chosen(wanted, value_of(item, col.name)),
        filter_of(col.filter, wanted),
        col.name if any(not each.negative for each in wanted) else None,
        col.name,
    )


def tag_condition(text: str) -> Condition:
    """``KEY``, ``KEY=VALUE``, ``!KEY``, ``KEY=!VALUE``."""
    key, equals, value = text.partition("=")
    absent = key.startswith("!")
    wanted_key = pattern(key.removeprefix("!"))
    if not wanted_key.text:
        raise UsageError(f"--tag {text!r} names no key")
    if absent and equals:
        raise UsageError(f"--tag {text!r}: write '!KEY' for an absent tag, 'KEY=!VALUE' for another value")

    if not equals:
        return Condition(
            lambda item: absent != any(wanted_key.found_in(tag) for tag in item.tags),
            None if absent else filter_of("tag-key", [wanted_key]),
        )
    wanted = patterns([value])
    if value == "":
        # A tag may well be set to nothing; without this the pattern would mean "absent".
        return Condition(lambda item: any(wanted_key.found_in(tag) and not text for tag, text in item.tags.items()))
    name = f"tag:{key}" if wanted_key.form == "literal" else None
    return Condition(
        lambda item: chosen(wanted, [text for tag, text in item.tags.items() if wanted_key.found_in(tag)] or None),
        filter_of(name, wanted),
    )


def where_condition(text: str, cls: type[Resource], now: datetime) -> Condition:
    """``PROPERTY OP VALUE``. Raises UsageError for an unknown property or operator, or one that makes no sense."""
    found = re.fullmatch(r"\s*(.+?)\s*(!=|!~|<=|>=|==|=|~|<|>)\s*(.*?)\s*", text, re.DOTALL)
    if not found:
        raise UsageError(
            f"bad condition --where {text!r}", hint="write 'PROPERTY OP VALUE', OP one of = != ~ !~ < <= > >="
        )
    name, sign, value = found.groups()
    if sign == "==":
        raise UsageError(f"unknown operator '==' in --where {text!r}", hint="OP is one of = != ~ !~ < <= > >=")
    col = column_named(cls, name)
    if col.type is dict and name == col.name:
        raise UsageError(f"--where {text!r}: name one of the {col.name}, as in {col.name}.KEY")

    if sign in ("<", "<=", ">", ">="):
        return replace(_comparison(col, name, sign, value, now), about=col.name)
    if sign in ("~", "!~"):
        expression = compiled(value.removeprefix("/").removesuffix("/") if _between_slashes(value) else value)
        wanted = Pattern(expression.pattern, "regex", sign == "!~", expression)
    else:
        wanted = _equality(col, value, negative=sign == "!=", now=now)
    return Condition(
        lambda item: chosen([wanted], value_of(item, name)),
        filter_of(_filter_name(col, name), [wanted]),
        None if wanted.negative else col.name,
        col.name,
    )


def age_condition(cls: type[Resource], text: str, *, older: bool, now: datetime) -> Condition:
    """``--older-than 30d`` and ``--newer-than 12h``, on what has a creation time."""
    name = cls.kind.created
    if name is None:
        raise UsageError(f"{cls.kind.plural} have no creation time")
    limit = now - duration(text, what="age")
    compare = operator.lt if older else operator.gt
    return Condition(lambda item: (value := getattr(item, name)) is not None and compare(value, limit))


def raw_filter(text: str) -> Filter:
    """``NAME=VALUE[,VALUE]`` for EC2, as it is."""
    name, equals, values = text.partition("=")
    if not name or not equals:
        raise UsageError(f"bad --filter {text!r}", hint="write NAME=VALUE[,VALUE], NAME one of EC2's filters")
    return {"Name": name, "Values": values.split(",")}


def _between_slashes(value: str) -> bool:
    return len(value) >= 2 and value.startswith("/") and value.endswith("/")


def _filter_name(col: Column, name: str) -> str | None:
    if name == col.name:
        return col.filter
    return f"tag:{name.partition('.')[2]}" if col.name == "tags" else None


def filter_of(name: str | None, wanted: Sequence[Pattern]) -> Filter | None:
    """The filter for what EC2 can evaluate of the patterns; None where it can't."""
    plain = [each.for_ec2 for each in wanted if not each.negative]
    if name is None or not plain or None in plain or len(plain) > MOST_FILTER_VALUES:
        return None
    return {"Name": name, "Values": plain}


def _number_pattern(each: Pattern, col: Column) -> Pattern:
    if each.form != "literal" or not each.text:
        return each
    return Pattern(text_of(_number(each.text, col.name, col.type)), "literal", each.negative, None)


def _equality(col: Column, value: str, *, negative: bool, now: datetime) -> Pattern:
    read = pattern(value) if "*" in value or "?" in value else Pattern(value, "literal", False, None)
    if read.form == "literal" and value and col.type is datetime:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            # A day is all the times of that day.
            moment(value, now)
            read = pattern(f"{value}T*")
        else:
            read = Pattern(iso(moment(value, now)), "literal", False, None)
    elif read.form == "literal" and col.type in (int, float):
        read = _number_pattern(read, col)
    return Pattern(read.text, read.form, negative, read.regex)


def _comparison(col: Column, name: str, sign: str, value: str, now: datetime) -> Condition:
    # Parts of lists of objects (ports of rules) are compared as numbers.
    inner = name != col.name and col.type is list
    if not col.comparable and not inner:
        raise UsageError(f"{sign!r} is for numbers and times; {name} is text", hint="use = != ~ or !~")
    limit: Any = moment(value, now) if col.type is datetime else _number(value, name, float)
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[sign]

    def holds(item: Any) -> bool:
        found = value_of(item, name)
        parts = found if isinstance(found, list) else [found]
        return any(compare(part, limit) for part in parts if isinstance(part, (int, float, datetime)))

    return Condition(holds)


def _number(text: str, name: str, as_type: type) -> int | float:
    try:
        number = float(text)
    except ValueError:
        raise UsageError(f"{name} is a number, {text!r} is not") from None
    return int(number) if as_type is int and number.is_integer() else number


# Queries


@dataclass(frozen=True)
class Query(Generic[R]):
    """What to find, in what order, how much of it. ``conditions`` must all hold.

    ``filters`` are the user's own, sent to EC2 untouched. ``sort`` are names of properties, ``-`` in front for
    descending. ``everything`` brings back what a search leaves out (terminated instances).
    """

    cls: type[R]
    conditions: Sequence[Condition] = ()
    filters: Sequence[Filter] = ()
    sort: Sequence[str] = ()
    limit: int | None = None
    everything: bool = False
    one: bool = False
    fail_empty: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing narrows it."""
        return not self.conditions and not self.filters

    @property
    def is_ordered(self) -> bool:
        """Whether all results have to be known before the first can be shown."""
        return bool(self.sort or self.limit is not None or self.one)

    def ec2_filters(self) -> list[Filter]:
        """What EC2 is asked to evaluate. One filter a name: what EC2 does with two of one name is not documented."""
        chosen_filters: dict[str, Filter] = {}
        for condition in self.conditions:
            if condition.filter is not None:
                chosen_filters.setdefault(condition.filter["Name"], condition.filter)
        taken = {each["Name"] for each in self.filters}
        return [*self.filters, *(each for name, each in chosen_filters.items() if name not in taken)]

    def matches(self, item: R) -> bool:
        """Whether all conditions hold, and the item is not of those that are left out."""
        return all(condition.holds(item) for condition in self.conditions) and not self._hides(item)

    def order(self, items: Iterable[R]) -> list[R]:
        """The items in the order asked for, then by region, name (nameless last) and ID; no more than ``limit``."""
        ordered = in_default_order(list(items))
        for name in reversed(self.sort):
            column_name = name.removeprefix("-")
            absent = [item for item in ordered if _unset(value_of(item, column_name))]
            present = [item for item in ordered if not _unset(value_of(item, column_name))]
            present.sort(key=lambda item: sort_key(value_of(item, column_name)), reverse=name.startswith("-"))
            ordered = present + absent
        if self.one:
            return ordered[:1]
        return ordered if self.limit is None else ordered[: self.limit]

    def _hides(self, item: R) -> bool:
        return any(getattr(item, name) in values for name, values in self._hidden.items())

    @cached_property
    def _hidden(self) -> Mapping[str, tuple[str, ...]]:
        """What is left out: all that the kind hides, less what this query asks for."""
        kind = self.cls.kind
        asked = {condition.asks_for for condition in self.conditions}
        if self.everything or kind.id in asked:
            return {}
        raw = {each["Name"] for each in self.filters}
        return {
            name: values
            for name, values in kind.hidden.items()
            if name not in asked and columns(self.cls)[name].filter not in raw
        }


def in_default_order(items: Sequence[R]) -> list[R]:
    """The items by :func:`default_key`, of which most need only the beginning."""
    get = operator.attrgetter("region", "name", "id")
    try:
        # What is unset comes last in each; None beside an empty text can't be compared.
        keys = [(not region, region, not name, name or "", not id, id) for region, name, id in map(get, items)]
        if len(set(keys)) == len(keys):
            return [items[at] for at in sorted(range(len(items)), key=keys.__getitem__)]
    except (AttributeError, TypeError):
        # Not all resources have these, nor all of these are text.
        pass
    return sorted(items, key=default_key)


def default_key(item: Resource) -> tuple[Any, ...]:
    """Region, name (nameless last), ID; then profile and every default column, so that an order is one order."""
    values = _in_default_order(item.__class__)(item)
    return tuple([(True, "") if _unset(value) else (False, sort_key(value)) for value in values])


@once
def _in_default_order(cls: type[Resource]) -> Callable[[Resource], tuple[Any, ...]]:
    known = columns(cls)
    names = dict.fromkeys(("region", "name", cls.kind.id, *(col.name for col in known.values() if col.default)))
    chosen = [name for name in names if name in known]
    get = operator.attrgetter(*chosen)
    return get if len(chosen) > 1 else lambda item: (get(item),)


def sort_key(value: Any) -> Any:
    """What a property is sorted by."""
    if isinstance(value, (list, Mapping)):
        return str(value)
    return value


def _unset(value: Any) -> bool:
    return value is None or value == ""


def check_sort(cls: type[Resource], names: Iterable[str]) -> tuple[str, ...]:
    """``--sort`` values, commas split. Raises UsageError for an unknown property."""
    split = tuple(part for name in names for part in name.split(",") if part)
    for name in split:
        column_named(cls, name.removeprefix("-"))
    return split
