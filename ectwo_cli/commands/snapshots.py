"""``ectwo snapshots``."""

from __future__ import annotations

import typer

from ectwo_cli.commands.snapshots_options import Orphaned, VolumeGone
from ectwo_cli.options.declared import Owners, Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.services import snapshots
from ectwo_cli.services.snapshots import Snapshot

app = typer.Typer()


@app.command()
def find(
    search: Listing[Snapshot],
    view: ViewOptions[Snapshot],
    owner: Owners = None,
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
