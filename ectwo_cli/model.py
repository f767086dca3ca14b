"""What a resource and its properties are, and how they are read from EC2's answer.

A resource is declared once, as a frozen dataclass whose fields say where they are in the answer::

    @resource("instance", id_prefix="i-", operation="DescribeInstances", items="Reservations[].Instances[]")
    class Instance(Regional):
        id: str = column("InstanceId", filter="instance-id", default=True)
        state: str = column("State.Name", filter="instance-state-name", default=True, option="--state")

That one declaration drives the table, JSON and CSV, ``--columns``, ``--sort``, ``--where``, the ``--state`` option,
what is sent to EC2 as a filter, completion, the help text, and which parts of the answer are read at all.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ectwo_cli.errors import UsageError, nearest
from ectwo_cli.records import dataclass

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[C], C]:
        """Only a type checker needs the real one, and importing it costs a millisecond of every start."""
        return lambda decorator: decorator


R = TypeVar("R", bound="Resource")
C = TypeVar("C", bound=type[Any])
T = TypeVar("T")

Raw = Mapping[str, Any]
"""One element of EC2's answer, as boto3 gives it."""


@dataclass(frozen=True)
class Column:
    """A property of a resource.

    ``paths`` are where its raw values are in EC2's element; ``read`` makes the property of them. One without paths is
    absent until it is filled in later.
    ``filter`` is the EC2 filter that compares the very same value, or None where EC2 has none.
    ``option`` is the option of ``find`` that asks for it; without one it is reached by ``--where``.
    ``values`` are all values it can have, where they are few and known.
    ``redirect`` sends an option's values that start with its key to another property (``sg-`` to ``group_ids``).
    """

    name: str
    type: type
    paths: tuple[str, ...]
    read: Callable[..., Any] | None
    filter: str | None
    default: bool
    option: str | None
    values: tuple[str, ...]
    help: str
    redirect: Mapping[str, str]

    @property
    def comparable(self) -> bool:
        """Whether ``<`` and ``>`` mean something."""
        return self.type in (int, float, datetime)


@dataclass(frozen=True)
class Kind:
    """What a kind of resource is called, and how EC2 lists it.

    ``items`` is the path to the elements in the answer of ``operation``; ``page_size`` the largest MaxResults that
    EC2 takes, None where it does not page. ``lookup`` are the properties that a TARGET may name beside the ID.
    ``hidden`` are values that a search leaves out unless asked for (``state``: ``terminated``).
    ``id_form`` is the regex of what follows ``id_prefix``, and ``id_words`` what it is in words.
    ``created`` is the property that ``--older-than`` compares. ``owned`` are the parameters that keep a search to what
    the account owns; a lookup by ID does without, and has those of ``by_id``.
    """

    noun: str
    plural: str
    id_prefix: str
    operation: str
    items: str
    page_size: int | None
    id: str
    lookup: tuple[str, ...]
    hidden: Mapping[str, tuple[str, ...]]
    created: str | None
    owned: Mapping[str, Any]
    by_id: Mapping[str, Any]
    id_form: str
    id_words: str


def column(
    *paths: str,
    read: Callable[..., Any] | None = None,
    filter: str | None = None,
    default: bool = False,
    option: str | None = None,
    values: Iterable[str] = (),
    help: str = "",
    redirect: Mapping[str, str] | None = None,
) -> Any:
    """A field of a resource; see :class:`Column`. ``read`` gets the raw value of each path, None where absent."""
    return dataclasses.field(
        default=None,
        metadata={
            "paths": paths,
            "read": read,
            "filter": filter,
            "default": default,
            "option": option,
            "values": tuple(values),
            "help": help,
            "redirect": dict(redirect or {}),
        },
    )


class Resource:
    """One thing of the account. Properties are plain values: text, numbers, aware datetimes, lists, tags as a dict."""

    __slots__ = ()
    kind: ClassVar[Kind]

    @classmethod
    def parse(cls, data: Raw, region: str, profile: str | None = None) -> Self:
        """Read the properties from ``data``, one element of EC2's answer in ``region``."""
        (made,) = cls.assemble([[read(data)] for read in _picks(cls)], region, profile)
        return made

    @classmethod
    def assemble(cls, values: Sequence[Sequence[Any]], region: str, profile: str | None = None) -> list[Self]:
        """Make resources of raw ``values``: for each of ``paths(cls)``, in that order, those of all elements."""
        made = [cls.__new__(cls) for _ in values[0]]
        given = [*values, repeat(region), repeat(profile), repeat(None)]
        # Property by property, as a dataclass sets them, but without a call of Python's for each resource.
        for put, read, at in _setters(cls):
            those = [given[each] for each in at]
            deque(map(put, made, map(read, *those) if read else those[0]), maxlen=0)
        return made


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(column,))
def resource(
    noun: str,
    *,
    operation: str,
    items: str,
    plural: str | None = None,
    id_prefix: str = "",
    page_size: int | None = 1000,
    id: str = "id",
    lookup: Sequence[str] = ("name",),
    hidden: Mapping[str, str | tuple[str, ...]] | None = None,
    created: str | None = None,
    owned: Mapping[str, Any] | None = None,
    by_id: Mapping[str, Any] | None = None,
    id_form: str = "[0-9a-f]{8}|[0-9a-f]{17}",
    id_words: str = "8 or 17 of the digits 0-9 a-f",
) -> Callable[[C], C]:
    """Make the class a resource: a frozen dataclass with slots that knows its :class:`Kind`."""
    kind = Kind(
        noun=noun,
        plural=plural or f"{noun}s",
        id_prefix=id_prefix,
        operation=operation,
        items=items,
        page_size=page_size,
        id=id,
        lookup=tuple(lookup),
        hidden={name: (some,) if isinstance(some, str) else some for name, some in (hidden or {}).items()},
        created=created,
        owned=owned or {},
        by_id=by_id or {},
        id_form=id_form,
        id_words=id_words,
    )

    def declare(cls: C) -> C:
        made = dataclass(frozen=True, kw_only=True, slots=True)(cls)
        made.kind = kind
        return typing.cast(C, made)

    return declare


def once(make: Callable[[type[Resource]], T]) -> Callable[[type[Resource]], T]:
    """``functools.cache`` whose type still says what goes in."""
    return typing.cast(Callable[[type[Resource]], T], cache(make))


REGION, PROFILE, ABSENT = "@region", "@profile", "@absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Regional(Resource):
    """A resource that lives in a region. ``profile`` is shown when several profiles are asked."""

    profile: str | None = column(PROFILE, default=True, help="the profile whose account it is in")
    region: str = column(REGION, default=True, help="the region it is in")


@once
def columns(cls: type[Resource]) -> Mapping[str, Column]:
    """The properties of a resource by name, in order of declaration."""
    hints = typing.get_type_hints(cls)
    return {
        field.name: Column(name=field.name, type=_plain(hints[field.name]), **field.metadata)
        for field in dataclasses.fields(typing.cast(Any, cls))
    }


def column_named(cls: type[Resource], name: str) -> Column:
    """The property that ``name`` starts with (``tags.env``: ``tags``). Raises UsageError when there is none."""
    found = columns(cls).get(name) or columns(cls).get(name.partition(".")[0])
    if found is None:
        raise UsageError(f"{cls.kind.noun} has no property {name!r}", hint=nearest(name, columns(cls)))
    if name != found.name and found.type not in (dict, list):
        raise UsageError(f"property {found.name!r} has no parts, so there is no {name!r}")
    return found


def value_of(item: Resource, name: str) -> Any:
    """The property ``name``; dotted into tags (``tags.env``) and into lists of objects (``ingress.from_port``)."""
    head, _, rest = name.partition(".")
    value = getattr(item, head)
    if not rest:
        return value
    if isinstance(value, Mapping):
        return value.get(rest)
    if isinstance(value, list):
        return [part.get(rest) for part in value]
    return None


def record(item: Resource) -> dict[str, Any]:
    """All properties by name."""
    return {name: getattr(item, name) for name in columns(type(item))}


@once
def paths(cls: type[Resource]) -> Sequence[str]:
    """Where in EC2's element the properties are: all that has to be read of an answer."""
    return sorted({path for col in columns(cls).values() for path in col.paths if not path.startswith("@")})


def tags_of(raw: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """EC2's list of keys and values as a dict, by key."""
    return {tag["Key"]: tag.get("Value", "") for tag in sorted(raw or (), key=lambda tag: tag["Key"])}


def name_of(raw: Sequence[Mapping[str, str]] | None) -> str | None:
    """The ``Name`` tag; None when it is absent or empty."""
    for tag in raw or ():
        if tag["Key"] == "Name":
            return tag.get("Value") or None
    return None


def pick(path: str) -> Callable[[Any], Any]:
    """A function that reads ``path`` (``State.Name``, ``Groups[].GroupId``) from an element; None where absent.

    With ``[]`` it gives a list, flattened, without the absent ones.
    """
    head, _, rest = path.partition(".")
    many = head.endswith("[]")
    key = head.removesuffix("[]")
    inner = pick(rest) if rest else None

    if many:

        def read_many(data: Any) -> list[Any]:
            found: list[Any] = []
            for part in data.get(key) or ():
                value = inner(part) if inner else part
                if isinstance(value, list):
                    found.extend(value)
                elif value is not None:
                    found.append(value)
            return found

        return read_many

    if inner is None:
        return lambda data: data.get(key)

    def read_inner(data: Any) -> Any:
        part = data.get(key)
        # An inner list is empty, not absent, when what holds it is absent.
        return inner(part if part is not None else {})

    return read_inner


@once
def _picks(cls: type[Resource]) -> list[Callable[[Any], Any]]:
    return [pick(path) for path in paths(cls)]


Setter = tuple[Callable[[Any, Any], None], "Callable[..., Any] | None", Sequence[int]]


@once
def _setters(cls: type[Resource]) -> list[Setter]:
    """For each property what sets it, what makes it of its raw values, and where those are: in the order of
    ``paths``, then the region, the profile and nothing."""
    at = {path: index for index, path in enumerate([*paths(cls), REGION, PROFILE, ABSENT])}
    return [
        (getattr(cls, col.name).__set__, col.read, [at[path] for path in col.paths or (ABSENT,)])
        for col in columns(cls).values()
    ]


def _plain(hint: Any) -> type:
    """``str | None`` is str, ``list[str]`` is list."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = [arm for arm in typing.get_args(hint) if arm is not type(None)]
    origin = typing.get_origin(hint) or hint
    return typing.cast(type, origin)
