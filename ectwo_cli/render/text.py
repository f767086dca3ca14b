"""Text from AWS is data: how it is shown without a control character of it reaching a terminal.

Pure. ``cell`` is the text of a property in TSV, CSV and bare values; ``human`` (in ``values``) the one in a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ectwo_cli.query import iso, text_of

# C0, DEL, C1, line and paragraph separators, the bidirectional embeddings, overrides and isolates, lone surrogates.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_TSV = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r", "\\": r"\\"})
TSV_SPECIAL = re.compile(r"[\t\n\r\\]")


def escaped(text: str) -> str:
    r"""``text`` with its control characters written out: ``\n``, ``\x1b``, ``\u202e``. One line, whatever it was."""
    if text.isprintable():
        return text
    return CONTROLS.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    char = found.group()
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def tsv_cell(text: str) -> str:
    r"""``text`` with tab, line breaks and backslash as ``\t``, ``\n``, ``\r``, ``\\``."""
    return text.translate(_TSV) if TSV_SPECIAL.search(text) else text


def cell(value: Any) -> str:
    """A property as text: empty where absent, lists joined by a comma, tags and lists of objects as compact JSON."""
    if value is None:
        return ""
    if type(value) is str:
        return value
    if isinstance(value, Mapping):
        return compact(value)
    if isinstance(value, (list, tuple)):
        if any(isinstance(part, (Mapping, list, tuple)) for part in value):
            return compact(value)
        return ",".join(text_of(part) for part in value)
    return text_of(value)


def compact(value: Any) -> str:
    """JSON on one line, without spaces. It may still bear what ``CONTROLS`` finds; see ``json_safe``."""
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=plain)


def json_safe(text: str) -> str:
    r"""JSON in which DEL, C1 and the other ``CONTROLS`` are ``\u`` escapes too. They occur in its strings alone."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _BEYOND_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


# What json leaves raw in a string. The line breaks and indents of the JSON text itself stay.
_BEYOND_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(value: Any) -> Any:
    """What json can't write by itself: times. For ``default=``."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
