"""``ectwo snapshots``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.commands import migrate as migrating
from ectwo_cli.commands.migrate_options import Copying, Going, Sources
from ectwo_cli.expand import QUERY
from ectwo_cli.migration.results import CopyRow
from ectwo_cli.options import Consent, Listing, Properties, Raw, Target, ViewOptions, Waiting
from ectwo_cli.services import snapshots
from ectwo_cli.services.snapshots import Snapshot

app = typer.Typer()

Orphaned = Annotated[
    bool,
    typer.Option("--orphaned", help="Made by EC2 for an image that is gone.", rich_help_panel=QUERY),
]
VolumeGone = Annotated[bool, typer.Option("--volume-gone", help="Their volume is gone.", rich_help_panel=QUERY)]


@app.command()
def find(
    search: Listing[Snapshot],
    view: ViewOptions[Snapshot],
    owner: Annotated[
        list[str] | None,
        typer.Option(
            "--owner",
            metavar="OWNER",
            help="Whose: self (the default), amazon, an account's ID, or all; repeatable.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    orphaned: Orphaned = False,
    volume_gone: VolumeGone = False,
) -> None:
    """Find snapshots in all regions at once; by default your own.

    \b
      ectwo snapshots find --older-than 365d --columns region,id,volume_size,description
      ectwo snapshots find --volume vol-0123456789abcdef0
      ectwo snapshots find --orphaned -o ids | ectwo snapshots delete -

    What EC2 says in the descriptions of snapshots that it made for an image is read into image_id and instance_id.
    Orphaned are those of an image that is neither there any more nor in the Recycle Bin, and that no other image uses.
    """
    how = snapshots.finder(orphaned=orphaned, volume_gone=volume_gone)
    search.list_into(view, how, given=snapshots.of_owners(search.query, owner or ["self"]))


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
