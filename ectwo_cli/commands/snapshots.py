"""``ectwo snapshots``."""

from __future__ import annotations

import typer

from ectwo_cli.commands import migrate as migrating
from ectwo_cli.commands.migrate_options import Copying, Going, Sources
from ectwo_cli.migration.results import CopyRow
from ectwo_cli.options import Consent, Listing, Properties, Raw, Target, ViewOptions, Waiting
from ectwo_cli.services.snapshots import Snapshot

app = typer.Typer()


@app.command()
def find(search: Listing[Snapshot], view: ViewOptions[Snapshot]) -> None:
    """Find snapshots in all regions at once; by default your own.

    \b
      ectwo snapshots find --older-than 365d
      ectwo snapshots find --volume vol-0123456789abcdef0
    """
    search.list_into(view)


@app.command()
def show(target: Target[Snapshot], view: ViewOptions[Snapshot], names: Properties = None, raw: Raw = False) -> None:
    """Show one snapshot, or some of its properties.

    \b
      ectwo snapshots show nightly
      ectwo snapshots show us-east-1/snap-0123456789abcdef0 image_id
    """
    target.show(view, names or [], raw=raw)


@app.command()
def migrate(
    sources: Sources[Snapshot],
    copying: Copying,
    going: Going,
    view: ViewOptions[CopyRow],
    consent: Consent,
    waiting: Waiting,
) -> None:
    """Copy snapshots to other regions, with live progress.

    \b
      ectwo snapshots migrate snap-0123456789abcdef0 --to us-west-2
      ectwo snapshots migrate --source-tag backup=daily --newer-than 1d --to 'eu-*' --yes
      ectwo snapshots migrate --resume

    What is there already is skipped, what is under way is joined: run it again at any time. -r says where to look for
    the sources.
    """
    migrating.migrate(sources, copying, going, view, consent, waiting, resource="snapshot")
