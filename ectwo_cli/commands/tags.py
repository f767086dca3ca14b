"""``ectwo tags``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, TypeAlias

import typer

from ectwo_cli.errors import UsageError
from ectwo_cli.expand import ACT
from ectwo_cli.options.acting import Consent, carry_out
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Selection, read_lines
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.services import search, tags
from ectwo_cli.services.tags import Change, Tag, Tagged

app = typer.Typer()

KeepGoing: TypeAlias = Annotated[
    bool, typer.Option("--keep-going", help="When a TARGET is not found, do the others.", rich_help_panel=ACT)
]
OnlyType: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--resource-type",
        metavar="TYPE",
        help="Names mean only this kind: instance, volume, image, ...",
        rich_help_panel=ACT,
    ),
]


@app.command()
def find(listing: Listing[Tag], view: ViewOptions[Tag]) -> None:
    """Find tags of anything, in all regions at once.

    \b
      ectwo tags find --key env
      ectwo tags find --key Name --value 'web-*' --resource-type instance
      ectwo tags find --resource i-0123456789abcdef0
      ectwo tags find --key owner --value alice -o ids | ectwo tags set - owner=bob

    -o ids gives the resources.
    """
    listing.list_into(view)


@app.command(name="set")
def set_(
    scope: Scope,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET... KEY=VALUE...",
            show_default=False,
            help="IDs or names of anything, alone or as REGION/ID, - for stdin; then the tags.",
        ),
    ],
    consent: Consent,
    view: Report[Tagged],
    resource_type: OnlyType = None,
    keep_going: KeepGoing = False,
) -> None:
    """Set tags on anything.

    \b
      ectwo tags set web-1 env=prod
      ectwo tags set i-0123456789abcdef0 vol-0123456789abcdef0 'owner=Jane Doe' cost-center=42
      ectwo instances find --type 't2.*' -o ids | ectwo tags set - retire=yes

    Arguments with a = are tags, the others TARGETs; a name means all that bear it. Other tags stay as they are.
    """
    targets = [word for word in words if "=" not in word]
    wanted = tags.read_tags([word for word in words if "=" in word])
    if not targets or not wanted:
        raise UsageError("which tags?" if targets else "which resources?", hint="write TARGET... KEY=VALUE...")
    selection = _select(scope, targets, resource_type, keep_going)
    change = Change(wanted)
    going = [item for item in selection.items if not change.holds(item.tags)]
    if consent.dry_run or selection.ambiguous:
        _plan(scope, going, change)
    if selection.ambiguous and going and not consent.dry_run and not consent.yes and scope.screen.can_ask:
        consent.require(f"Tag {_count(going)}?", count=len(going))
    carry_out(scope, view, selection, lambda client, items: tags.apply(client, items, change, check=consent.dry_run))


@app.command()
def remove(
    scope: Scope,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            show_default=False,
            help="IDs or names of anything, alone or as REGION/ID; - reads them from stdin, one a line.",
        ),
    ],
    consent: Consent,
    view: Report[Tagged],
    key: Annotated[
        list[str],
        typer.Option("--key", metavar="KEY", help="The tag to remove; repeatable.", rich_help_panel=ACT),
    ],
    resource_type: OnlyType = None,
    keep_going: KeepGoing = False,
) -> None:
    """Remove tags from anything. A tag that is not there is no error.

    \b
      ectwo tags remove web-1 --key temporary
      ectwo tags remove us-east-1/i-0123456789abcdef0 --key a --key b --yes
      ectwo tags find --key old -o ids | ectwo tags remove - --key old --yes
    """
    for each in key:
        tags.check_key(each)
    selection = _select(scope, words, resource_type, keep_going)
    change = Change({}, key)
    if consent.yes and selection.ambiguous:
        raise UsageError(
            f"several are named {', '.join(map(repr, selection.ambiguous))}: {_ids(selection.items)}",
            hint="name them by ID, or say which kind with --resource-type",
        )
    going = [item for item in selection.items if not change.holds(item.tags)]
    _plan(scope, going, change)
    if going and not consent.dry_run:
        consent.require(f"Remove tags from {_count(going)}?", count=len(going), ambiguous=selection.ambiguous)
    carry_out(scope, view, selection, lambda client, items: tags.apply(client, items, change, check=consent.dry_run))


def _select(scope: Scope, words: Sequence[str], type: str | None, keep_going: bool) -> Selection[Tagged]:
    wanted = tags.refs(read_lines(scope.screen, words))
    if not wanted:
        # An empty list on stdin: nothing matched, so there is nothing to do.
        return Selection([])
    found = tags.find_targets(wanted, scope.clients, type=type)
    if found.missing:
        found.results.check_any()
        if not keep_going or not found.items:
            raise search.missing(found.missing, Tagged)
        for each in found.missing:
            scope.screen.error(search.missing([each], Tagged).message)
    ambiguous = [each.text for each in found.ambiguous]
    return Selection(found.items, results=found.results, missing=found.missing, ambiguous=ambiguous)


def _plan(scope: Scope, items: Sequence[Tagged], change: Change) -> None:
    from ectwo_cli.render.plan import show_plan

    if not items:
        return
    title = f"Set tags on {_count(items)}:" if change.set else f"Remove tags from {_count(items)}:"
    show_plan(scope.screen, title, [(item, list(_lines(item, change))) for item in items])


def _lines(item: Tagged, change: Change) -> Iterable[str]:
    for key, value in change.set.items():
        old = item.tags.get(key)
        if old is None:
            yield f"{key}={value} is added"
        elif old != value:
            yield f"{key}={value} replaces {key}={old}"
    for key in change.remove:
        if key in item.tags:
            yield f"{key}={item.tags[key]} is removed"


def _ids(items: Sequence[Tagged]) -> str:
    return ", ".join(f"{item.region}/{item.resource_id}" for item in items)


def _count(items: Sequence[Tagged]) -> str:
    return f"{len(items)} resource{'s' if len(items) != 1 else ''}"
