"""``ectwo images``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.commands import migrate as migrating
from ectwo_cli.commands.migrate_back import list_migrations
from ectwo_cli.commands.migrate_options import Copying, Going, Sources
from ectwo_cli.migration.results import CopyRow, Migration
from ectwo_cli.options import Consent, Listing, Properties, Raw, Scope, Target, ViewOptions, Waiting
from ectwo_cli.services.images import Image

app = typer.Typer()


@app.command()
def find(search: Listing[Image], view: ViewOptions[Image]) -> None:
    """Find images in all regions at once; by default your own.

    \b
      ectwo images find --name 'web-*'
      ectwo images find --architecture arm64 --older-than 180d
    """
    search.list_into(view)


@app.command()
def show(target: Target[Image], view: ViewOptions[Image], names: Properties = None, raw: Raw = False) -> None:
    """Show one image, or some of its properties.

    \b
      ectwo images show web-2026-11
      ectwo images show us-east-1/ami-0123456789abcdef0 snapshot_ids
      ectwo images show web-2026-11 --raw | jq .BlockDeviceMappings
    """
    target.show(view, names or [], raw=raw)


@app.command()
def migrate(
    sources: Sources[Image],
    copying: Copying,
    going: Going,
    view: ViewOptions[CopyRow],
    consent: Consent,
    waiting: Waiting,
    launch: Annotated[
        str | None,
        typer.Option("--launch", metavar="TYPE", help="Start one instance of this type of each copy."),
    ] = None,
) -> None:
    """Copy images to other regions, with live progress.

    \b
      ectwo images migrate web-2026-11 --to us-west-2 --to 'eu-*'
      ectwo images migrate --source-tag app=web -r us-east-1 --to eu-west-1 --dry-run
      ectwo images migrate ami-0123456789abcdef0 --to eu-west-1 --name '{name}-{to}' --kms-key alias/images
      ectwo images migrate --resume
      ectwo images migrate --undo m0123456789

    What is there already is skipped, what is under way (by whomever) is joined: run it again at any time, on any
    machine. -r says where to look for the sources.
    """
    migrating.migrate(sources, copying, going, view, consent, waiting, resource="image", launch=launch)


@app.command()
def migrations(scope: Scope, view: ViewOptions[Migration]) -> None:
    """List migrations of images and snapshots, under way or done, as EC2 knows them.

    \b
      ectwo images migrations
      ectwo images migrations --json | jq -r '.[] | select(.state != "done") | .id'
    """
    list_migrations(scope, view)
