"""The formats for programs: json, jsonl, yaml, csv, tsv, ids. No rich; light and fast, for 100,000 records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from json.encoder import encode_basestring
from operator import add
from typing import Any

from ectwo_cli.model import Resource
from ectwo_cli.query import iso
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.text import CONTROLS, TSV_SPECIAL, cell, compact, escaped, json_safe, plain, tsv_cell
from ectwo_cli.render.view import Field, values

CHUNK = 500
"""Records written at once: enough for speed, little enough for memory."""

Records = Iterable[dict[str, Any]]


# JSON


def write_json(screen: Screen, objects: Iterable[str]) -> None:
    """One array of what :func:`json_objects` makes, indented by 2, as ``json.dumps(indent=2)`` writes it."""
    opening = "[\n  "
    for chunk in _chunks(objects):
        screen.write(json_safe(opening + ",\n  ".join(chunk)))
        opening = ",\n  "
    screen.write("[]\n" if opening.startswith("[") else "\n]\n")
    screen.flush()


def json_objects(fields: Sequence[Field], items: Iterable[Any]) -> Iterator[str]:
    """Each item as an object of an array. In a tenth of the time that ``json.dumps(indent=2)`` takes."""
    if any(each.optional for each in fields) or not fields:
        for record in records(fields, items):
            yield pretty(record, "\n  ")
        return
    members = ",".join(f"\n    {_key(each.name).replace('%', '%%')}%s" for each in fields)
    frame = f"{{{members}\n  }}"
    for chunk in _chunks(items):
        # Field by field, so that most of it is done without a call of Python's for each value.
        columns = [_texts(list(map(each.get, chunk)), "\n    ") for each in fields]
        yield from map(frame.__mod__, zip(*columns, strict=True))


def write_json_value(screen: Screen, value: Any) -> None:
    """Any value that JSON knows, and times; indented by 2."""
    screen.write(json_safe(pretty(value)) + "\n")
    screen.flush()


def write_jsonl(screen: Screen, records: Records) -> None:
    """One object a line; handed over at the end, so that a reader sees a page as soon as it is here."""
    for chunk in _chunks(records):
        screen.write(json_safe("".join(compact(each) + "\n" for each in chunk)))
    screen.flush()


def pretty(value: Any, line: str = "\n") -> str:
    """JSON indented by 2. ``line`` is a line break with the indent that the value stands at."""
    # The encoder of the standard library is fast (in C) only without an indent.
    (text,) = _texts([value], line)
    return text


def _texts(values: Sequence[Any], line: str) -> list[str]:
    """Each value as :func:`pretty` writes it; many of one kind take a fraction of the time."""
    with suppress(TypeError):
        # Most are nothing but text.
        return list(map(encode_basestring, values))
    kinds = set(map(type, values))
    if kinds == {list}:
        parts = iter(_texts(list(chain.from_iterable(values)), line + "  "))
        return [_framed("[", list(islice(parts, len(each))), "]", line) for each in values]
    if kinds == {dict}:
        keys = map(_key, chain.from_iterable(values))
        inside = _texts(list(chain.from_iterable(map(dict.values, values))), line + "  ")
        pairs = map(add, keys, inside)
        return [_framed("{", list(islice(pairs, len(each))), "}", line) for each in values]

    def other(value: Any) -> str:
        if isinstance(value, (list, tuple)):
            return pretty(list(value), line)
        return encode_basestring(value) if isinstance(value, str) else pretty(plain(value), line)

    return [_SCALARS.get(each.__class__, other)(each) for each in values]


def _framed(opening: str, parts: Sequence[str], closing: str, line: str) -> str:
    inner = line + "  "
    return f"{opening}{inner}{f',{inner}'.join(parts)}{line}{closing}" if parts else opening + closing


_SCALARS: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring,
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: repr,
    # Neither infinity nor what is no number has a form in JSON.
    float: lambda value: repr(value) if value - value == 0 else "null",
    datetime: lambda value: f'"{iso(value)}"',
}


@lru_cache(maxsize=1000)
def _key(key: Any) -> str:
    return f"{encode_basestring(str(key))}: "


def json_native(value: Any) -> Any:
    """``value`` with times as text: what a JMESPath, and YAML, work on."""
    if isinstance(value, dict):
        return {str(key): json_native(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_native(part) for part in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return json_native(plain(value))


def queried(value: Any, expression: str) -> Any:
    """What a JMESPath makes of a value. Raises UsageError for what turns out wrong only now (``sort_by`` of mixed)."""
    import jmespath

    from ectwo_cli.errors import UsageError

    try:
        return jmespath.search(expression, json_native(value))
    except jmespath.exceptions.JMESPathError as error:
        raise UsageError(f"--query {expression!r}: {error}") from None


# YAML


def write_yaml(screen: Screen, records: Records) -> None:
    """A list of mappings."""
    empty = True
    for chunk in _chunks(records):
        screen.write("".join(_yaml([each]) for each in chunk))
        empty = False
    if empty:
        screen.write("[]\n")
    screen.flush()


def write_yaml_value(screen: Screen, value: Any) -> None:
    """Any value that JSON knows, and times."""
    screen.write(_yaml(value))
    screen.flush()


def _yaml(value: Any) -> str:
    import yaml

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Text with control characters goes into double quotes, where they can be written out."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, data: str) -> Any:
        style = '"' if CONTROLS.search(data) else None
        # YAML has no way to say a lone surrogate.
        sayable = data.encode("utf-8", "backslashreplace").decode("utf-8") if style else data
        return dumper.represent_scalar("tag:yaml.org,2002:str", sayable, style=style)

    Dumper.add_representer(str, text)
    dumped = yaml.dump(json_native(value), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    # A bare scalar is ended by a line of dots, which nobody wants to read.
    return json_safe(str(dumped).removesuffix("...\n"))


# CSV, TSV, IDs


def write_csv(screen: Screen, rows: Iterable[Sequence[str]]) -> None:
    """Quoted as RFC 4180. Lines end with a line feed, as in the other formats, so that ``cut`` and ``tail`` work."""
    import csv

    lines: list[str] = []

    class Lines:
        def write(self, line: str) -> None:
            # The writer quotes a carriage return, in all versions, only when it is part of its own line end.
            lines.append(line[:-2] + "\n")

    writer = csv.writer(Lines(), lineterminator="\r\n")
    shown = _shown(screen)
    for chunk in _chunks(rows):
        writer.writerows([[shown(text) for text in row] for row in chunk] if shown else chunk)
        screen.write("".join(lines))
        lines.clear()
    screen.flush()


def write_tsv(screen: Screen, rows: Iterable[Sequence[str]]) -> None:
    r"""Tabs, line breaks and backslashes of a cell are ``\t``, ``\n``, ``\r``, ``\\``: one record, one line."""
    shown = _shown(screen)
    for chunk in _chunks(rows):
        lines = [_tsv_line(row) for row in chunk]
        if shown:
            lines = ["\t".join([shown(part) for part in line.split("\t")]) for line in lines]
        screen.write("\n".join(lines) + "\n")
    screen.flush()


def _tsv_line(row: Sequence[str]) -> str:
    line = "\t".join(row)
    # Hardly any row has something to be written out: one look at all of it will do.
    if line.count("\t") == len(row) - 1 and not TSV_SPECIAL.search(line.replace("\t", "")):
        return line
    return "\t".join([tsv_cell(text) for text in row])


def write_ids(screen: Screen, items: Iterable[Resource]) -> None:
    """``REGION/ID`` lines, which any verb takes back on stdin."""
    for chunk in _chunks(items):
        screen.write("".join(f"{escaped(target(item))}\n" for item in chunk))
    screen.flush()


def target(item: Resource) -> str:
    """``REGION/ID``; the ID alone of what has no region."""
    region = getattr(item, "region", None)
    own = str(getattr(item, item.kind.id))
    return f"{region}/{own}" if region else own


def cells(fields: Sequence[Field], items: Iterable[Any]) -> Iterator[list[str]]:
    """The rows for CSV and TSV."""
    get = values(fields)
    for item in items:
        yield [value if value.__class__ is str else cell(value) for value in get(item)]


def records(fields: Sequence[Field], items: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The objects for JSON and YAML."""
    names, get = [each.name for each in fields], values(fields)
    optional = [each.name for each in fields if each.optional]
    for item in items:
        made = dict(zip(names, get(item), strict=True))
        for name in optional:
            if made[name] is None:
                del made[name]
        yield made


def _shown(screen: Screen) -> Callable[[str], str] | None:
    """What a cell goes through: on a terminal its control characters are written out; elsewhere it stays as it is."""
    return escaped if screen.out_is_terminal else None


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
