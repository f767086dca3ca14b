"""EC2's filters and pages, the same for every resource.

A filter compares with ``*`` and ``?`` (a backslash makes them plain), minds case, joins its values with "or" and
itself with "and". Items are botocore-shaped dicts; a table gives each filter's path in them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from ectwo_cli.sandbox.refusals import Refusal, bad_value
from ectwo_cli.sandbox.wire import stamp

Item = dict[str, Any]
Reader = str | Callable[[Item], object]
Table = Mapping[str, Reader]

MOST_VALUES = 200


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """The regular expression that a filter's value means."""
    out = []
    escaped = False
    for sign in text:
        if escaped:
            out.append(re.escape(sign))
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == "*":
            out.append(".*")
        elif sign == "?":
            out.append(".")
        else:
            out.append(re.escape(sign))
    if escaped:
        out.append(re.escape("\\"))
    return re.compile("".join(out), re.DOTALL)


def matches(wanted: Iterable[str], values: Iterable[str]) -> bool:
    """Whether one of the values is what one of the patterns says."""
    patterns = [pattern(text) for text in wanted]
    return any(one.fullmatch(value) for value in values for one in patterns)


def texts(value: object) -> list[str]:
    """What a value is compared as: booleans as ``true``, times as EC2 writes them, lists flattened."""
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, datetime):
        return [stamp(value)]
    if isinstance(value, (list, tuple, set)):
        return [text for one in value for text in texts(one)]
    if isinstance(value, float) and value == int(value):
        return [str(int(value)), str(value)]
    return [str(value)]


def at(item: object, path: str) -> object:
    """The value at a dotted path; a list on the way gives the list of what is below each of its elements."""
    head, _, rest = path.partition(".")
    if isinstance(item, list):
        return [at(one, path) for one in item]
    if not isinstance(item, dict):
        return None
    value = item.get(head)
    return at(value, rest) if rest else value


def read(item: Item, reader: Reader) -> list[str]:
    """What a filter looks at in an item."""
    return texts(at(item, reader) if isinstance(reader, str) else reader(item))


def select(items: Iterable[Item], filters: Sequence[Mapping[str, Any]] | None, table: Table) -> list[Item]:
    """The items that all filters let through. Raises Refusal for a filter that EC2 does not know."""
    chosen = list(items)
    for one in filters or ():
        name = str(one.get("Name", ""))
        wanted = [str(value) for value in one.get("Values", ())]
        if not name:
            raise Refusal("InvalidParameterValue", "The filter 'null' is invalid")
        if len(wanted) > MOST_VALUES:
            raise Refusal(
                "FilterLimitExceeded",
                f"The maximum number of filter values specified on a single call is {MOST_VALUES}",
            )
        reader = _reader(name, table)
        chosen = [item for item in chosen if matches(wanted, read(item, reader))]
    return chosen


def _reader(name: str, table: Table) -> Reader:
    if name in table:
        return table[name]
    if name.startswith("tag:"):
        key = name[4:]
        return lambda item: [tag["Value"] for tag in item.get("Tags", ()) if tag["Key"] == key]
    if name == "tag-key":
        return "Tags.Key"
    if name == "tag-value":
        return "Tags.Value"
    raise Refusal("InvalidParameterValue", f"The filter '{name}' is invalid")


def page(
    items: Sequence[Any],
    parameters: Mapping[str, Any],
    *,
    least: int = 5,
    most: int = 1000,
    unasked: int | None = None,
) -> tuple[list[Any], str | None]:
    """The asked page of the items, and the token of the next one.

    ``unasked`` is the page size when MaxResults is not given; None is everything.
    """
    size = parameters.get("MaxResults")
    if size is not None:
        if size < least:
            raise bad_value(size, "maxResults", f"Expecting a value greater than or equal to {least}.")
        # EC2 gives fewer than asked, rather than an error, when more than it will send is asked for.
        size = min(size, most)
    else:
        size = unasked
    start = _start(parameters.get("NextToken"))
    if start > len(items):
        raise Refusal("InvalidParameterValue", "Unable to parse pagination token")
    if size is None:
        return list(items[start:]), None
    chosen = list(items[start : start + size])
    following = start + size
    return chosen, (_token(following) if following < len(items) else None)


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"page:{start}".encode()).decode()


def _start(token: str | None) -> int:
    if not token:
        return 0
    try:
        word, number = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        if word != "page":
            raise ValueError(word)
        return int(number)
    except ValueError:
        raise Refusal("InvalidParameterValue", "Unable to parse pagination token") from None
