"""Values for the shell's TAB: from declarations and short-lived caches, never from the network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ectwo_cli.config import cache_dir
from ectwo_cli.model import Column, R, Resource, columns, value_of

if TYPE_CHECKING:
    from ectwo_cli.services.search import Page

SEEN_LAST = 3600
"""Seconds for which a name or ID that a search has seen is offered."""

MOST_SEEN = 2000
"""Names kept of a kind: more is no help at a TAB."""

Completer = Callable[[typer.Context, str], list[Any]]


def regions(context: typer.Context, incomplete: str) -> list[str]:
    """Enabled regions of the lists that are cached; without any, all that the SDK knows."""
    head, _, rest = incomplete.rpartition(",")
    found: set[str] = set()
    for file in cache_dir(_environ(context)).glob("regions-*.json"):
        known = _read(file)
        if isinstance(known, dict):
            found |= {name for name, status in known.items() if status != "not-opted-in"}
    names = sorted(found or _all_regions())
    return [f"{head}," * bool(head) + name for name in names if name.startswith(rest)]


def profiles(context: typer.Context, incomplete: str) -> list[str]:
    """Profiles of the AWS configuration. Read here: the SDK takes a quarter of a second to load."""
    import configparser

    environ = _environ(context)
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
    return sorted(name for name in names if name.startswith(incomplete))


def formats(incomplete: str) -> list[str]:
    """Formats of -o."""
    from ectwo_cli.render.view import FORMATS

    return [each for each in FORMATS if each.startswith(incomplete)]


def properties(resource: type[Resource]) -> Completer:
    """Properties of a resource, also after a comma or a minus."""

    def names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        head, comma, rest = incomplete.rpartition(",")
        minus = "-" if rest.startswith("-") else ""
        return [
            (head + comma + minus + name, column.help)
            for name, column in columns(resource).items()
            if name.startswith(rest.removeprefix("-"))
        ]

    return names


def targets(resource: type[Resource]) -> Completer:
    """Names and IDs of a resource that searches have seen lately, in the same account."""

    def seen(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        file = _seen_file(
            _environ(context),
            resource,
            sandbox=bool(context.params.get("sandbox")),
            profiles=context.params.get("profile") or (),
        )
        known = _read(file, SEEN_LAST)
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

    return seen


def values(column: Column) -> Completer:
    """Values of a property, where they are few and known."""

    def known(context: typer.Context, incomplete: str) -> list[str]:
        head, comma, rest = incomplete.rpartition(",")
        bang = "!" if rest.startswith("!") else ""
        return [head + comma + bang + each for each in column.values if each.startswith(rest.removeprefix("!"))]

    return known


def completer(make: Callable[[Any], Completer], about: object) -> Completer:
    """What Typer takes, made of a completer that has to know what it is about only when TAB is pressed."""

    def complete(context: typer.Context, incomplete: str) -> list[Any]:
        return make(about)(context, incomplete)

    return complete


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
    file = _seen_file(environ, resource, sandbox=sandbox, profiles=profiles)
    fresh = {(region, id_) for region, id_, _ in seen}
    before = _read(file, SEEN_LAST)
    kept = [each for each in before if tuple(each[:2]) not in fresh] if isinstance(before, list) else []
    write_cache(file, json.dumps([*seen, *kept][:MOST_SEEN]))


def _offerable(name: str | None) -> bool:
    """Whether a shell can take it on its line."""
    return bool(name) and str(name).isprintable()


def _environ(context: typer.Context) -> Mapping[str, str]:
    environ: Mapping[str, str] = context.obj if isinstance(context.obj, Mapping) else {}
    return environ


def _seen_file(environ: Mapping[str, str], resource: type[Resource], *, sandbox: bool, profiles: Iterable[str]) -> Path:
    about = [
        sandbox or environ.get("ECTWO_SANDBOX", ""),
        sorted(profiles) or environ.get("AWS_PROFILE", ""),
        *(environ.get(name, "") for name in ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2")),
    ]
    import hashlib

    digest = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]
    return cache_dir(environ) / f"seen-{resource.kind.plural.replace(' ', '-')}-{digest}.json"


def _read(file: Path, lasts: float | None = None) -> Any:
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
    known = _read(Path(os.path.dirname(found.origin)) / "data" / "partitions.json") if found and found.origin else None
    if not isinstance(known, dict):
        return []
    return [
        name
        for each in known.get("partitions", ())
        if each.get("id") == "aws"
        for name in each.get("regions", ())
        if not name.endswith("global")
    ]
