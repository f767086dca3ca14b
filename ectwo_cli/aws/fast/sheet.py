"""Which parts of EC2's answer are read, as an XSLT stylesheet that writes them out, and the reader of what it writes.

A path of a property (``State.Name``, ``SecurityGroups[].GroupName``, ``Tags``) and the shape of the answer give both.
libxml2 runs the stylesheet ten times faster than Python could walk the elements, and on a core of its own.

What is written is the values of one element after the other, each with ``SEPARATORS[0]`` behind it. A value is nothing
where it is absent, else ``+`` and what it holds: text; or, with the separators of the next levels, the members of a
structure, or the elements of a list.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from ectwo_cli.query import instant
from ectwo_cli.records import dataclass

SEPARATORS = "".join(chr(0xE000 + number) for number in range(16))
"""Of Unicode's private use area: text that holds one of them is not read by this."""

XSLT = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    '<xsl:output method="text" encoding="UTF-8"/>'
    '<xsl:template match="/">'
    "<xsl:for-each select={elements}>{body}</xsl:for-each>"
    "</xsl:template></xsl:stylesheet>"
)

MANY = 12
"""Scalars in a part of an element that is not read at all, from which on it is worth cutting it out beforehand."""

Decode = Callable[[str], Any]


class Unreadable(Exception):
    """A shape that this does not know how to read; botocore's own parser does."""


@dataclass(frozen=True)
class Sheet:
    """``container`` is the tag around the elements in the answer, ``token`` that of NextToken if there is one.

    ``xslt`` writes out the elements of a ``<r><container>…</container></r>``, ``decode`` reads them: for each path, in
    order, the raw values of all the elements. Values that are equal may be one object. ``useless`` are tags of what can
    be cut out of the answer first.
    """

    container: str
    token: str | None
    xslt: str
    decode: Callable[[str], list[Iterable[Any]]]
    useless: tuple[str, ...]


def sheet(output: Any, items: str, paths: Sequence[str], timestamp: Decode) -> Sheet:
    """For the elements at ``items`` in answers of the shape ``output``, of which ``paths`` are wanted.

    ``timestamp`` reads times that are not in EC2's usual form. Raises Unreadable, LookupError.
    """
    steps: list[str] = []
    shape = output
    parents = []
    for part in items.split("."):
        parents.append(shape)
        shape, tag = _member(shape, part.removesuffix("[]"))
        steps += [tag, "*"]
        shape = _element(shape)
    if shape.type_name != "structure":
        raise Unreadable(items)
    times = _Times(timestamp)
    parts = [_path(shape, path, times) for path in paths]
    body = "".join(xslt + _text(SEPARATORS[0]) for xslt, _ in parts)
    decoders = [decode for _, decode in parts]

    def decode(text: str) -> list[Iterable[Any]]:
        # By column: so most of it is done without a call of Python's for each value.
        values = text.split(SEPARATORS[0])[:-1]
        return [map(read, values[at :: len(decoders)]) for at, read in enumerate(decoders)]

    return Sheet(
        container=steps[0],
        token=_member(output, "NextToken")[1] if "NextToken" in output.members else None,
        xslt=XSLT.format(elements=quoteattr("/".join(["/*", *steps])), body=body),
        decode=decode,
        useless=_useless([*parents[1:], shape], steps, paths, shape),
    )


def _path(shape: Any, path: str, times: _Times) -> tuple[str, Decode]:
    """What writes the value at ``path``, and what reads it, as ``model.pick`` would from botocore's answer."""
    if not _knows(shape, path):
        # A path that a service fills itself: botocore's answer does not have it either.
        return "", (lambda text: []) if "[]" in path else (lambda text: None)
    steps: list[str] = []
    many = False
    for part in path.split("."):
        shape, tag = _member(shape, part.removesuffix("[]"))
        steps.append(tag)
        if part.endswith("[]"):
            many = True
            shape = _element(shape)
            steps.append("*")
    if not many:
        inner, decode = _value(shape, 1, times)
        return _each("/".join(steps), inner), decode
    if shape.type_name == "list":
        # pick() flattens them; nothing declared so far needs that.
        raise Unreadable(path)
    inner, decode = _value(shape, 2, times)
    end = SEPARATORS[1]
    return _each("/".join(steps), inner + _text(end)), lambda text: [decode(part) for part in text.split(end)[:-1]]


def _value(shape: Any, level: int, times: _Times) -> tuple[str, Decode]:
    """What writes the value of the current element, whatever its shape, and what reads it (or nothing, as None)."""
    if level >= len(SEPARATORS) - 1:
        raise Unreadable(shape.name)
    kind = shape.type_name
    if kind == "timestamp":
        return SCALAR, times.__getitem__
    if kind in _SCALARS:
        return SCALAR, _Known(_SCALARS[kind]).__getitem__
    end = SEPARATORS[level]
    if kind == "list":
        inner, decode = _value(_element(shape), level + 1, times)
        return (
            "+" + _each("*", inner + _text(end)),
            lambda text: [decode(part) for part in text[1:].split(end)[:-1]] if text else None,
        )
    if kind != "structure" or shape.is_tagged_union:
        raise Unreadable(shape.name)
    written = "+"
    members: list[tuple[str, Decode]] = []
    for name in shape.members:
        member, tag = _member(shape, name)
        inner, decode = _value(member, level + 1, times)
        written += _each(tag, inner) + _text(end)
        members.append((name, decode))

    def read(text: str) -> dict[str, Any]:
        parts = zip(members, text.split(end), strict=False)
        return {name: decode(part) for (name, decode), part in parts if part}

    # Many bear the same tags.
    return written, _Known(read).__getitem__


def _each(select: str, body: str) -> str:
    return f"<xsl:for-each select={quoteattr(select)}>{body}</xsl:for-each>"


def _text(text: str) -> str:
    return f"<xsl:text>{text}</xsl:text>"


def _knows(shape: Any, path: str) -> bool:
    """Whether the model has the member that ``path`` begins with."""
    return path.partition(".")[0].removesuffix("[]") in shape.members


def _member(shape: Any, name: str) -> tuple[Any, str]:
    """A member of a structure, and the tag that it has in XML."""
    if shape.type_name != "structure":
        raise Unreadable(shape.name)
    member = shape.members[name]
    about = member.serialization
    if any(about.get(each) for each in ("location", "flattened", "xmlAttribute", "eventheader")):
        raise Unreadable(name)
    return member, about.get("name") or name


def _element(shape: Any) -> Any:
    if shape.type_name != "list":
        raise Unreadable(shape.name)
    return shape.member


def _boolean(text: str) -> bool:
    return text == "true"


SCALAR = '+<xsl:value-of select="."/>'

_SCALARS: dict[str, Decode] = {
    "string": str,
    "character": str,
    "boolean": _boolean,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "blob": base64.b64decode,
}


class _Known(dict[str, Any]):
    """Values by what was written of them. The first different ones are kept, so that most are found without a call,
    and "running" is in the memory once and not for each instance."""

    def __init__(self, read: Decode) -> None:
        super().__init__({"": None})
        self._read = read

    def __missing__(self, text: str) -> Any:
        value = self._read(text[1:])
        if len(self) < 300:
            self[text] = value
        return value


class _Times(_Known):
    """Times; those not in EC2's usual form are read by ``other``."""

    def __init__(self, other: Decode) -> None:
        super().__init__(lambda text: instant(text) or other(text))


def _useless(above: Sequence[Any], steps: Sequence[str], paths: Sequence[str], element: Any) -> tuple[str, ...]:
    """Tags of large parts that nothing is read from, and that nothing read has as a tag of its own, or inside."""
    used = set(steps)
    for path in paths:
        if not _knows(element, path):
            continue
        shape = element
        for part in path.split("."):
            shape, tag = _member(shape, part.removesuffix("[]"))
            used.add(tag)
            if part.endswith("[]"):
                shape = _element(shape)
        used |= _tags(shape, set())
    found = []
    for shape in above:
        if shape.type_name == "structure":
            for name in shape.members:
                member, tag = _member(shape, name)
                if tag not in used and len(_tags(member, set())) >= MANY:
                    found.append(tag)
    return tuple(dict.fromkeys(found))


def _tags(shape: Any, seen: set[str]) -> set[str]:
    """All tags inside a value of this shape."""
    if shape.name in seen:
        return set()
    seen.add(shape.name)
    if shape.type_name == "list":
        return _tags(shape.member, seen)
    if shape.type_name != "structure":
        return set()
    found = set()
    for name in shape.members:
        member = shape.members[name]
        found |= {member.serialization.get("name") or name} | _tags(member, seen)
    return found
