"""How a result is to be shown: the format, the columns, the JMESPath. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic

from ectwo_cli.errors import UsageError, nearest
from ectwo_cli.model import R, Resource, column_named, columns, value_of
from ectwo_cli.records import dataclass

FORMATS = ("table", "wide", "json", "jsonl", "yaml", "csv", "tsv", "ids")


@dataclass(frozen=True)
class View(Generic[R]):
    """``columns`` are those asked for, None for the format's own. ``profiles`` says that several profiles were asked,
    so that ``profile`` is shown. ``extra`` are keys that records of verbs have beside the properties.
    """

    cls: type[R]
    format: str = "table"
    columns: tuple[str, ...] | None = None
    header: bool = True
    query: str | None = None
    profiles: bool = False
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """One column of what is shown: its name, the type of its values, and how to get one from an item.

    ``is_id``: never cut. ``optional``: left out of an object in JSON and YAML where it is absent.
    """

    name: str
    type: type
    get: Callable[[Any], Any]
    is_id: bool = False
    optional: bool = False

    @property
    def is_number(self) -> bool:
        return self.type in (int, float)

    @property
    def is_time(self) -> bool:
        return self.type is datetime


def view(
    cls: type[R],
    *,
    format: str = "table",
    columns: Sequence[str] | None = None,
    header: bool = True,
    query: str | None = None,
    profiles: bool = False,
    extra: Sequence[str] = (),
) -> View[R]:
    """Check what was asked for. ``columns`` may hold comma lists. Raises UsageError that names the good ones."""
    check_format(format)
    chosen = split_columns(columns)
    if chosen and format == "ids":
        raise UsageError("ids are just IDs; leave --columns out, or choose another format")
    for name in chosen or ():
        if name not in extra:
            column_named(cls, name)
    check_query(query, format)
    return View(cls, format, chosen, header, query, profiles, tuple(extra))


def check_format(format: str) -> None:
    """Raises UsageError unless it is one of FORMATS."""
    if format not in FORMATS:
        raise UsageError(f"unknown output format {format!r}", hint=nearest(format, FORMATS))


def check_query(query: str | None, format: str) -> None:
    """Raises UsageError for a JMESPath that does not parse, or a format that it makes no sense for."""
    if query is None:
        return
    if format not in ("json", "yaml"):
        raise UsageError(f"--query is for json and yaml, not for {format}", hint="add -o json")
    import jmespath
    from jmespath.functions import Functions

    try:
        parsed = jmespath.compile(query).parsed
    except jmespath.exceptions.JMESPathError as error:
        reason = str(error).splitlines()[0].rstrip(":")
        raise UsageError(f"bad JMESPath in --query {query!r}: {reason}") from None
    # jmespath itself finds these out only when it gets to them, which is after everything was asked of EC2.
    good = Functions().FUNCTION_TABLE
    for name in _functions(parsed):
        if name not in good:
            raise UsageError(f"bad JMESPath in --query {query!r}: no function {name!r}", hint=nearest(name, good))


def _functions(node: Any) -> Iterator[str]:
    # The children of a slice are numbers.
    if isinstance(node, Mapping):
        if node["type"] == "function_expression":
            yield node["value"]
        for child in node["children"]:
            yield from _functions(child)


def split_columns(given: Sequence[str] | None) -> tuple[str, ...] | None:
    """``["id,name", "tags.env"]`` as names, without repetitions; None when there are none."""
    names = [part.strip() for name in given or () for part in name.split(",")]
    return tuple(dict.fromkeys(name for name in names if name)) or None


def names(view: View[R], *, everything: bool = False) -> tuple[str, ...]:
    """The columns to show. ``everything``: all properties, unless some were chosen."""
    if view.columns is not None:
        return view.columns
    whole = everything or view.format in ("wide", "json", "jsonl", "yaml")
    return (
        *(
            name
            for name, col in columns(view.cls).items()
            if (whole or col.default) and (name != "profile" or view.profiles)
        ),
        *view.extra,
    )


def values(fields: Sequence[Field]) -> Callable[[Any], Sequence[Any]]:
    """What gets the values of all the fields from an item at once."""
    if len(fields) > 1 and all(type(each.get) is attrgetter for each in fields):
        return attrgetter(*(each.name for each in fields))
    getters = [each.get for each in fields]
    return lambda item: [get(item) for get in getters]


def fields(cls: type[Resource], chosen: Sequence[str]) -> list[Field]:
    """How to get the columns ``chosen`` from a resource."""
    return [_field(cls, name) for name in chosen]


def _field(cls: type[Resource], name: str) -> Field:
    col = column_named(cls, name)
    never_cut = name in (cls.kind.id, "region", "profile", "source") or name.endswith(("_id", "_ip"))
    if name == col.name:
        return Field(name, col.type, attrgetter(name), never_cut)
    return Field(name, str if col.type is dict else list, lambda item: value_of(item, name), never_cut)
