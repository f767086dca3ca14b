"""Find resources of any kind, and find out what a TARGET means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeAlias

from ectwo_cli.aws.calls import batches, escaped
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import NotFound, UsageError
from ectwo_cli.fanout import Results, across
from ectwo_cli.model import R, Raw, Resource, columns, paths
from ectwo_cli.query import MOST_FILTER_VALUES, Condition, Query
from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class Page(Generic[R]):
    """What matched on one page of EC2's answer; ``more``: this region has further pages."""

    items: list[R]
    more: bool = False


Find: TypeAlias = "Callable[[Client, Query[R]], Iterator[Page[R]]]"


def find(client: Client, query: Query[R]) -> Iterator[Page[R]]:
    """What matches in one region, page by page. EC2: the kind's Describe operation. Raises botocore's errors."""
    kind = query.cls.kind
    params = {"MaxResults": kind.page_size, "Filters": list(query.ec2_filters()) or None, **kind.owned, **query.params}
    for values, more in client.columns(kind.operation, kind.items, paths(query.cls), **params):
        found = query.cls.assemble(values, client.region, client.profile)
        yield Page([item for item in found if query.matches(item)], more)


def raw(client: Client, item: R) -> Raw:
    """EC2's own element for ``item``, nothing left out. Raises NotFound when it is gone in the meantime."""
    kind = type(item).kind
    column = columns(type(item))[kind.id]
    value = getattr(item, kind.id)
    params = {"Filters": [{"Name": column.filter, "Values": [escaped(value)]}]} if column.filter else {}
    for page in client.pages(kind.operation, kind.items, **params, **kind.by_id):
        for data in page:
            if getattr(type(item).parse(data, client.region), kind.id) == value:
                return data
    raise NotFound(f"{kind.noun} {value} is gone")


def place_of(client: Client) -> str:
    """How a region is named to the user: with the profile, when one was asked for."""
    return f"{client.profile}/{client.region}" if client.profile else client.region


def everywhere(clients: Sequence[Client], query: Query[R], how: Find[R] = find) -> Results[Client, Page[R]]:
    """What matches in all the regions, which are asked at once; pages as they come."""
    return across(clients, lambda client: how(client, query), where=place_of, meanwhile=prepare(clients, query.cls))


def prepare(clients: Sequence[Client], cls: type[R]) -> Callable[[], None]:
    """What makes ready to read the answers, while the first of them is on its way."""

    def ready() -> None:
        for client in clients[:1]:
            client.prepare(cls.kind.operation, cls.kind.items, paths(cls))

    return ready


def owned_by(
    query: Query[R], owners: Sequence[str], parameter: str, *, public: Sequence[str], broad: Sequence[str], hint: str
) -> Query[R]:
    """The query for what these owners have: ``self``, one of ``public``, ``all``, or IDs of accounts.

    ``parameter`` is the operation's own for owners; ``broad`` are the filters that do not narrow what is public.
    Raises UsageError for an unknown owner, and with ``hint`` for a search of everybody's that nothing narrows.
    """
    for owner in owners:
        if owner not in ("self", "all", *public) and not re.fullmatch(r"\d{12}", owner):
            raise UsageError(
                f"unknown owner {owner!r}", hint=f"self, {', '.join(public)}, all, or the 12 digits of an account"
            )
    everybody = [owner for owner in owners if owner in ("all", *public)]
    narrow = any(
        each["Name"] not in broad and all(value.strip("*?") for value in each["Values"]) for each in query.ec2_filters()
    )
    if everybody and not narrow:
        raise UsageError(f"--owner {everybody[0]} alone means all that the world has made public", hint=hint)
    whose = (
        {**dict.fromkeys(query.cls.kind.owned), **query.cls.kind.by_id}
        if "all" in owners
        else {parameter: list(owners)}
    )
    return replace(query, params=whose)


# Targets


@dataclass(frozen=True)
class Ref:
    """A TARGET as it was typed: a ``region`` when it names one, and an ID or a name."""

    text: str
    region: str | None
    value: str
    is_id: bool


REGION_NAME = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")


def ref(text: str, cls: type[R]) -> Ref:
    """Read ``ID``, ``NAME``, ``REGION/ID`` or ``REGION/NAME``. Raises UsageError for a malformed ID."""
    region, rest = split_region(text)
    if not rest or (rest.endswith("/") and REGION_NAME.fullmatch(rest[:-1])):
        raise UsageError(f"an empty {cls.kind.noun} name")
    return Ref(text, region, rest, is_id(rest, cls))


def split_region(text: str) -> tuple[str | None, str]:
    """``REGION/REST`` in two; what has no region in front is the rest alone."""
    region, slash, rest = text.partition("/")
    return (region, rest) if slash and rest and REGION_NAME.fullmatch(region) else (None, text)


def is_id(value: str, cls: type[R]) -> bool:
    """Whether ``value`` is an ID of this kind. Raises UsageError when it was meant to be one and is malformed."""
    prefix = cls.kind.id_prefix
    if not prefix or not value.startswith(prefix) or cls.kind.id in cls.kind.lookup:
        return False
    if re.fullmatch(cls.kind.id_form, value.removeprefix(prefix)):
        return True
    # Names may begin like an ID too ("i-am-web"); what has no further sign in it was meant to be one.
    if re.fullmatch(r"\w*", value.removeprefix(prefix)):
        raise UsageError(f"malformed {cls.kind.noun} ID {value!r}", hint=f"an ID is {prefix} and {cls.kind.id_words}")
    return False


@dataclass(frozen=True)
class Lookup(Generic[R]):
    """What TARGETs mean: for each the resources that bear it, in default order; and the regions that failed."""

    found: Mapping[Ref, list[R]]
    results: Results[Client, tuple[Ref, R]]

    @property
    def items(self) -> list[R]:
        """All of them, each once."""
        unique = {_whereabouts(item): item for item in self._all()}
        return list(unique.values())

    @property
    def missing(self) -> list[Ref]:
        """The TARGETs that nothing bears."""
        return [each for each, items in self.found.items() if not items]

    @property
    def ambiguous(self) -> list[Ref]:
        """The names that several bear."""
        return [each for each, items in self.found.items() if len(items) > 1]

    def _all(self) -> Iterator[R]:
        for items in self.found.values():
            yield from items


def look_up(
    refs: Sequence[Ref],
    clients: Callable[[str | None], Sequence[Client]],
    cls: type[R],
    how: Find[R] = find,
    *,
    by: Callable[[Client, Sequence[Ref]], Iterator[tuple[Ref, R]]] | None = None,
) -> Lookup[R]:
    """Find what ``refs`` name, in one round trip to all regions.

    ``clients(region)`` gives the places to ask: those of one region, or of the whole scope for None. Only what names no
    region makes the whole scope be asked. ``by`` finds them in one region, where :func:`find_refs` can't.
    """
    regions = {each.region for each in refs}
    places = {
        (client.profile, client.region): client
        for region in sorted(regions, key=lambda region: region or "")
        for client in clients(region)
    }
    # A region that only a TARGET names is asked for that TARGET alone.
    scoped = {(client.profile, client.region) for client in clients(None)} if None in regions else set()

    def wanted_in(client: Client) -> list[Ref]:
        here = (client.profile, client.region)
        return [each for each in refs if each.region == client.region or (each.region is None and here in scoped)]

    def work(client: Client) -> Iterator[tuple[Ref, R]]:
        wanted = wanted_in(client)
        yield from by(client, wanted) if by else find_refs(client, wanted, cls, how)

    asked = list(places.values())
    results = across(asked, work, where=place_of, meanwhile=prepare(asked, cls))
    found: dict[Ref, list[R]] = {each: [] for each in refs}
    for which, item in results:
        # A thing may be named by what else it is found by: an address by its own IP.
        if item not in found[which]:
            found[which].append(item)
    order = Query(cls)
    return Lookup({which: order.order(items) for which, items in found.items()}, results)


def find_refs(client: Client, refs: Sequence[Ref], cls: type[R], how: Find[R] = find) -> Iterator[tuple[Ref, R]]:
    """What the TARGETs mean in one region: by ID with filters (an unknown ID must not fail the batch), by name."""
    kind = cls.kind
    ids = [each for each in refs if each.is_id or kind.id in kind.lookup]
    names = [each for each in refs if not each.is_id]
    for name, some in ((kind.id, ids), *((name, names) for name in kind.lookup if name != kind.id)):
        column = columns(cls)[name]
        for batch in batches(some, MOST_FILTER_VALUES):
            by_value: dict[str, list[Ref]] = {}
            for each in batch:
                by_value.setdefault(each.value, []).append(each)
            query = Query(cls, [_named(column.name, column.filter, by_value, by_id=name == kind.id)])
            if name == kind.id:
                query = replace(query, params={**dict.fromkeys(kind.owned), **kind.by_id})
            for page in how(client, query):
                for item in page.items:
                    for which in by_value[getattr(item, name)]:
                        yield which, item


def by_ids(cls: type[R], ids: Iterable[str]) -> Query[R]:
    """The query for resources by their IDs, through a filter: one that EC2 does not know fails nothing."""
    kind = cls.kind
    column = columns(cls)[kind.id]
    own = {**dict.fromkeys(kind.owned), **kind.by_id}
    return Query(cls, [_named(column.name, column.filter, ids, by_id=True)], params=own)


def _named(name: str, filter_name: str | None, values: Iterable[str], *, by_id: bool) -> Condition:
    wanted = set(values)
    sent = {"Name": filter_name, "Values": [escaped(value) for value in sorted(wanted)]} if filter_name else None
    return Condition(lambda item: getattr(item, name) in wanted, sent, name if by_id else None)


def _whereabouts(item: Resource) -> tuple[object, ...]:
    """What tells one resource from every other. A region itself is in none."""
    return tuple(getattr(item, name, None) for name in ("profile", "region", item.kind.id))


def missing(refs: Sequence[Ref], cls: type[R], hint: str | None = None) -> NotFound:
    """The error for TARGETs that nothing bears."""
    kind = cls.kind
    names = ", ".join(each.text for each in refs)
    return NotFound(f"no {kind.noun if len(refs) == 1 else kind.plural} {names}", hint=hint)


def several(which: Ref, items: Sequence[R], cls: type[R]) -> UsageError:
    """The error for a name that several bear, where one is needed; it lists them."""
    names = ", ".join("/".join(str(part) for part in _whereabouts(item) if part) for item in items)
    return UsageError(
        f"{len(items)} {cls.kind.plural} are named {which.text!r}: {names}", hint="name one of them by its ID"
    )
