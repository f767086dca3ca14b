"""Reading EC2's answers by a :class:`~ectwo_cli.aws.fast.sheet.Sheet`.

An answer is read in slices of 64 KB, so that libxml2's trees, many times as large, are small and stay in the
processor's cache. Whatever is unusual about an answer makes it botocore's own parser's, so what is read here is what is
understood.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.utils import lowercase_dict, parse_timestamp
from lxml import etree

from ectwo_cli.aws.fast.sheet import Sheet, Unreadable, sheet
from ectwo_cli.aws.session import COLUMNS
from ectwo_cli.fanout import together

SLICE = 64 * 1024
THREADS = 2
"""That many read slices of one answer at once: they hardly hold Python's lock."""

WORTH_THREADS = 8
"""Slices from which on it pays to start them; of many regions with little in each, the regions' own threads do."""

# What makes an answer unusual: declarations, comments and CDATA; what reads as a separator.
_OUR_SEPARATORS = re.compile(rb"\xee\x80[\x80-\x8f]|&#(?:[xX]0*[eE]00[0-9a-fA-F]|0*573[45])")
_NAMESPACE = re.compile(rb' xmlns="[^"<>]*"(?=[^<>]*>)')
# How an element begins.
_FIRST_TAGS = re.compile(rb"\s*(<[^<>]+>\s*<[^<>]+>)")


class Unusual(Exception):
    """An answer that is to be read by botocore's own parser."""


class Reading:
    """What is read of the answers of one operation: raw values at ``paths`` of each element at ``items``."""

    def __init__(self, output: Any, items: str, paths: Sequence[str]) -> None:
        self.paths = paths
        self.sheet: Sheet = sheet(output, items, paths, parse_timestamp)
        self._here = threading.local()

    def answer(self, response: Mapping[str, Any]) -> dict[str, Any] | None:
        """What botocore's own parser says of an answer, with ``COLUMNS`` instead of the elements; None where that
        parser has to read it."""
        try:
            columns, root = self.columns(response["body"])
        except (Unusual, ValueError):
            return None
        about = {"HTTPStatusCode": response["status_code"], "HTTPHeaders": lowercase_dict(response["headers"])}
        request = root.findtext("requestId")
        if request is not None:
            about = {"RequestId": request, **about}
        token = root.findtext(self.sheet.token) if self.sheet.token else None
        return {"NextToken": token, "ResponseMetadata": about, COLUMNS: columns}

    def columns(self, body: bytes) -> tuple[list[list[Any]], Any]:
        """For each path the values of all elements, and the answer's root without the elements. Raises Unusual."""
        start, end = self._inside(body)
        root = self._parsed(_NAMESPACE.sub(b"", body[:start], count=1) + body[end:])
        containers = root.findall(self.sheet.container)
        if len(containers) > 1 or (start < end and not (len(containers) == 1 and not len(containers[0]))):
            raise Unusual
        columns: list[list[Any]] = [[] for _ in self.paths]
        parts = list(_parts(body, start, end))
        threads = THREADS if len(parts) >= WORTH_THREADS else 1
        for written in together(parts, lambda part: self._written(body[part]), threads=threads):
            for column, values in zip(columns, self.sheet.decode(written), strict=True):
                column.extend(values)
        return columns, root

    def _inside(self, body: bytes) -> tuple[int, int]:
        """Where in the answer the elements begin and end; equal where there are none."""
        # One byte is looked for thirty times faster than two, and is hardly ever there.
        if b"!" in body and b"<!" in body:
            raise Unusual
        if (b"\xee" in body or b"&" in body) and _OUR_SEPARATORS.search(body):
            raise Unusual
        opening, closing = f"<{self.sheet.container}>".encode(), f"</{self.sheet.container}>".encode()
        start = body.find(opening)
        start = len(body) if start < 0 else start + len(opening)
        end = body.rfind(closing, start) if start < len(body) else start
        if end < 0:
            raise Unusual
        # Nothing but the root, of which it is taken off, may have a namespace.
        first = _NAMESPACE.search(body, 0, start)
        after = first.end() if first else 0
        if body.find(b"=", after) >= 0 and body.find(b"xmlns", after) >= 0:
            raise Unusual
        if (body.find(b"xmlns", 0, first.start() if first else 0)) >= 0:
            raise Unusual
        if body.find(b"?", after) >= 0 and body.find(b"<?", after) >= 0:
            raise Unusual
        return start, end

    def _written(self, part: bytes) -> str:
        for tag in self.sheet.useless:
            opening, closing = f"<{tag}>".encode(), f"</{tag}>".encode()
            first, *others = part.split(opening)
            part = b"".join([first, *[each.partition(closing)[2] for each in others]])
        name = self.sheet.container.encode()
        tree = self._parsed(b"<r><%b>%b</%b></r>" % (name, part, name))
        written: str = str(self._stylesheet(tree))
        return written

    def _parsed(self, text: bytes) -> Any:
        try:
            return etree.fromstring(text, self._parser)
        except etree.XMLSyntaxError:
            raise Unusual from None

    # lxml locks a parser, and copies a stylesheet, for threads other than the first: so each thread has its own.

    @property
    def _parser(self) -> Any:
        if not hasattr(self._here, "parser"):
            self._here.parser = etree.XMLParser(
                encoding="utf-8",
                resolve_entities=False,
                no_network=True,
                # Blanks between tags only: those that are all the text of an element stay.
                remove_blank_text=True,
                collect_ids=False,
            )
        return self._here.parser

    @property
    def _stylesheet(self) -> Any:
        if not hasattr(self._here, "stylesheet"):
            self._here.stylesheet = etree.XSLT(etree.fromstring(self.sheet.xslt))
        return self._here.stylesheet


def _parts(body: bytes, start: int, end: int) -> Iterator[slice]:
    """Cut where an element begins. A wrong cut leaves two parts that are no XML, which ends in Unusual."""
    found = _FIRST_TAGS.match(body, start, end)
    while start < end:
        cut = body.find(found.group(1), start + SLICE, end) if found else -1
        cut = end if cut < 0 else cut
        yield slice(start, cut)
        start = cut


def of(operation: Any, items: str, paths: Sequence[str]) -> Reading | None:
    """The reading of the answers of ``operation`` (botocore's model of it); None where there can be none."""
    if operation.service_model.resolved_protocol != "ec2":
        return None
    try:
        return Reading(operation.output_shape, items, paths)
    except (Unreadable, LookupError):
        return None
