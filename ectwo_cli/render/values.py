"""Values as people read them: "3d ago", "yes", lists with commas; and which states are good, busy or bad. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ectwo_cli.query import iso, text_of
from ectwo_cli.render.text import escaped

ABSENT = "-"

_UNITS = ((365 * 86400, "y"), (30 * 86400, "mo"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))

_COLORS = {
    "green": (
        "running available completed ok passed active in-use associated success attached enabled opted-in "
        "opt-in-not-required fulfilled launched started copied created done"
    ),
    "yellow": (
        "pending stopping shutting-down rebooting initializing pending-evaluation copying open waiting queued "
        "marked-for-stop pending-fulfillment insufficient-data transient recoverable recovering opting-in "
        "opting-out warning"
    ),
    "red": "failed error impaired invalid unhealthy price-too-low bad-parameters capacity-not-available not-available",
    "dim": (
        "stopped terminated deregistered disabled deleted cancelled closed not-opted-in unchanged not-applicable "
        "released standby archived"
    ),
}
_STYLE_OF = {word: color for color, words in _COLORS.items() for word in words.split()}
_STATEFUL = ("state", "status", "action", "result", "system", "instance", "reachability")


def state_style(name: str, value: Any) -> str:
    """The color of a state, "" for what is none."""
    last = name.rpartition(".")[2].rpartition("_")[2]
    return _STYLE_OF.get(value, "") if last in _STATEFUL and isinstance(value, str) else ""


def human(value: Any, now: datetime, *, short: bool = False) -> str:
    """A value in a table, on one line, its control characters written out."""
    if value is None or value == "" or value == [] or value == {}:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return ago(value, now, short=short)
    if isinstance(value, Mapping):
        return ", ".join(_pair(str(key), part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_part(part, now) for part in value)
    return escaped(text_of(value))


def ago(moment: datetime, now: datetime, *, short: bool = False) -> str:
    """``3d ago``, ``in 2h``; short: ``3d``, ``+2h``. In the largest unit that there are at least two of."""
    seconds = (now - moment).total_seconds()
    count, unit = span(abs(seconds))
    if seconds < 0 and count:
        return f"+{count}{unit}" if short else f"in {count}{unit}"
    return f"{count}{unit}" if short else f"{count}{unit} ago"


def span(seconds: float) -> tuple[int, str]:
    """A length of time as a number and a unit: 59 s, 119 s, 2 m, 47 h, 2 d, 2 mo, 2 y."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return int(seconds // size), unit
    return int(seconds), "s"


def elapsed(seconds: float) -> str:
    """``7s``, ``1m07s``, ``2h05m``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def exact(value: Any, now: datetime) -> str:
    """As ``human``, but a time with its date: for where there is room."""
    if isinstance(value, datetime):
        return f"{iso(value)} ({ago(value, now)})"
    return human(value, now)


def _pair(key: str, value: Any) -> str:
    return f"{escaped(key)}={escaped(text_of(value))}"


def _part(value: Any, now: datetime) -> str:
    if isinstance(value, Mapping):
        return " ".join(human(part, now) for part in value.values() if part not in (None, "", [], {}))
    return human(value, now)
