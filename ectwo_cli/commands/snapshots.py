"""``ectwo snapshots``."""

from __future__ import annotations

import typer

from ectwo_cli.options import Listing, Properties, Raw, Target, ViewOptions
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
