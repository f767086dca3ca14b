"""Values for the shell's TAB: from declarations and short-lived caches, never from the network."""

from __future__ import annotations

from collections.abc import Callable

import typer

from ectwo_cli.model import Column, Resource, columns

Completer = Callable[[str], list[str]]


def regions(incomplete: str) -> list[str]:
    """Regions of the cached lists."""
    return []


def profiles(incomplete: str) -> list[str]:
    """Profiles of the AWS configuration."""
    return []


def formats(incomplete: str) -> list[str]:
    """Formats of -o."""
    from ectwo_cli.render.view import FORMATS

    return [each for each in FORMATS if each.startswith(incomplete)]


def properties(resource: type[Resource]) -> Completer:
    """Properties of a resource, also after a comma or a minus."""

    def names(incomplete: str) -> list[str]:
        head, comma, rest = incomplete.rpartition(",")
        minus = "-" if rest.startswith("-") else ""
        return [head + comma + minus + name for name in columns(resource) if name.startswith(rest.removeprefix("-"))]

    return names


def targets(resource: type[Resource]) -> Completer:
    """Names and IDs of a resource, as a search has seen them lately."""

    def seen(incomplete: str) -> list[str]:
        return []

    return seen


def values(column: Column) -> Completer:
    """Values of a property, where they are few and known."""

    def known(incomplete: str) -> list[str]:
        return [value for value in column.values if value.startswith(incomplete)]

    return known


def completer(make: Callable[..., Completer], *about: object) -> Callable[[typer.Context, str], list[str]]:
    """What Typer takes, for a completer that has to know the resource."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return make(*about)(incomplete)

    return complete
