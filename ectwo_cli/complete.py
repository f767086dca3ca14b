"""Values for the shell's TAB: from declarations and short-lived caches, never from the network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ectwo_cli.config import cache_dir

if TYPE_CHECKING:
    from ectwo_cli.model import R
    from ectwo_cli.services.search import Page

SEEN_LAST = 3600
"""Seconds for which a name or ID that a search has seen is offered."""

MOST_SEEN = 2000
"""Names kept of a kind: more is no help at a TAB."""


class Offer:
    """What an option or argument offers at a TAB. It stands beside the Typer option in ``Annotated``.

    ``about`` is what it is of: a resource, or a property of one; of what the verb is about where it is None.
    """

    def __init__(self, what: str, about: Any = None) -> None:
        self.what = what
        self.about = about

    @property
    def spec(self) -> list[Any]:
        """The same as JSON, so that a TAB needs no more than a file: see :func:`offers`."""
        if self.what == "values":
            return ["values", list(self.about)]
        if self.what == "properties":
            from ectwo_cli.model import columns

            return ["properties", [[name, column.help] for name, column in columns(self.about).items()]]
        if self.what == "targets":
            return ["targets", self.about.kind.plural]
        return [self.what, None]


REGIONS, PROFILES = Offer("regions"), Offer("profiles")
PROPERTIES, TARGETS = Offer("properties"), Offer("targets")
"""Of the resource that the verb is about."""


def offers(
    spec: Sequence[Any], incomplete: str, environ: Mapping[str, str], *, sandbox: bool, profiles: Sequence[str]
) -> list[tuple[str, str]]:
    """What may stand for ``incomplete``, with what each is. Lists go on after a comma, conditions after a ``!``."""
    what, about = spec
    if what == "targets":
        return _seen(str(about), incomplete, environ, sandbox=sandbox, profiles=profiles)
    head, comma, rest = incomplete.rpartition(",")
    sign = rest[:1] if rest[:1] and rest[0] in {"values": "!", "properties": "-"}.get(what, "") else ""
    if what == "regions":
        found = [(name, "") for name in _regions(environ)]
    elif what == "profiles":
        found = [(name, "") for name in _profiles(environ)]
    elif what == "properties":
        found = [(name, text) for name, text in about]
    else:
        found = [(value, "") for value in about]
    return [(head + comma + sign + name, text) for name, text in found if name.startswith(rest.removeprefix(sign))]


def _regions(environ: Mapping[str, str]) -> list[str]:
    """Enabled regions of the lists that are cached; without any, all that the SDK knows."""
    found: set[str] = set()
    for file in cache_dir(environ).glob("regions-*.json"):
        known = read_cache(file)
        if isinstance(known, dict):
            found |= {name for name, status in known.items() if status != "not-opted-in"}
    return sorted(found or _all_regions())


def _profiles(environ: Mapping[str, str]) -> list[str]:
    """Profiles of the AWS configuration. Read here: the SDK takes a quarter of a second to load."""
    import configparser

    home = Path(environ.get("HOME") or Path.home()) / ".aws"
    files = (
        environ.get("AWS_CONFIG_FILE") or home / "config",
        environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials",
    )
    names: set[str] = set()
    for file in files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(file)
        except (configparser.Error, UnicodeDecodeError):
            continue
        names |= {
            section.removeprefix("profile ").strip()
            for section in parser.sections()
            if not section.startswith(("sso-session ", "services "))
        }
    return sorted(names)


def _seen(
    plural: str, incomplete: str, environ: Mapping[str, str], *, sandbox: bool, profiles: Sequence[str]
) -> list[tuple[str, str]]:
    """Names and IDs that searches have seen lately, in the same account."""
    known = read_cache(seen_file(environ, plural, sandbox=sandbox, profiles=profiles), SEEN_LAST)
    offered: dict[str, str] = {}
    for region, id_, name in known if isinstance(known, list) else ():
        if name and name.startswith(incomplete):
            offered.setdefault(name, f"{region} {id_}")
        if incomplete and id_.startswith(incomplete):
            offered.setdefault(id_, f"{region} {name or ''}".strip())
        if incomplete and f"{region}/".startswith(incomplete.partition("/")[0] + "/"):
            for value in (f"{region}/{name}" if name else "", f"{region}/{id_}"):
                if value.startswith(incomplete) and value:
                    offered.setdefault(value, name or "")
    return sorted(offered.items())


def remember(
    pages: Iterable[Page[R]],
    resource: type[R],
    environ: Mapping[str, str],
    *,
    sandbox: bool,
    profiles: Iterable[str],
) -> Iterator[Page[R]]:
    """Pass the pages of a search on, and keep names and IDs of what is on them for the next TAB."""
    from ectwo_cli.aws.cache import write_cache
    from ectwo_cli.model import columns, value_of

    kind = resource.kind
    has_name = "name" in columns(resource) and kind.id != "name"
    seen: list[tuple[str, str, str | None]] = []
    for page in pages:
        for item in page.items[: MOST_SEEN - len(seen)]:
            name = value_of(item, "name") if has_name else None
            seen.append((getattr(item, "region", ""), getattr(item, kind.id), name if _offerable(name) else None))
        yield page
    if not seen:
        return
    file = seen_file(environ, kind.plural, sandbox=sandbox, profiles=profiles)
    fresh = {(region, id_) for region, id_, _ in seen}
    before = read_cache(file, SEEN_LAST)
    kept = [each for each in before if tuple(each[:2]) not in fresh] if isinstance(before, list) else []
    write_cache(file, json.dumps([*seen, *kept][:MOST_SEEN]))


def _offerable(name: str | None) -> bool:
    """Whether a shell can take it on its line."""
    return bool(name) and str(name).isprintable()


def seen_file(environ: Mapping[str, str], plural: str, *, sandbox: bool, profiles: Iterable[str]) -> Path:
    """Where the names of a kind are kept, an account apart from every other."""
    about = [
        sandbox or environ.get("ECTWO_SANDBOX", ""),
        sorted(profiles) or environ.get("AWS_PROFILE", ""),
        *(environ.get(name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2")),
    ]
    import hashlib

    digest = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
    return cache_dir(environ) / f"seen-{plural.replace(' ', '-')}-{digest}.json"


def read_cache(file: Path, lasts: float | None = None) -> Any:
    """What a cache file holds; None when there is none that can be read, or it is older than ``lasts`` seconds."""
    import time

    try:
        if lasts is not None and not 0 <= time.time() - file.stat().st_mtime < lasts:
            return None
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _all_regions() -> list[str]:
    from importlib.util import find_spec

    found = find_spec("botocore")
    known = (
        read_cache(Path(os.path.dirname(found.origin)) / "data" / "partitions.json") if found and found.origin else None
    )
    if not isinstance(known, dict):
        return []
    return [
        name
        for each in known.get("partitions", ())
        if each.get("id") == "aws"
        for name in each.get("regions", ())
        if not name.endswith("global")
    ]
