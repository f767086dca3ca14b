"""``ectwo images``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.commands.images_options import UnusedOnly
from ectwo_cli.expand import QUERY
from ectwo_cli.options.declared import Owners, Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.services import images, search, usage
from ectwo_cli.services.images import Image, ImageDetail

app = typer.Typer()


@app.command()
def find(
    search_: Listing[Image],
    view: ViewOptions[Image],
    owner: Owners = None,
    unused: UnusedOnly = False,
    alias: Annotated[
        bool,
        typer.Option("--alias", help="What the aliases of 'instances launch' stand for.", rich_help_panel=QUERY),
    ] = False,
) -> None:
    """Find images in all regions at once; by default your own.

    \b
      ectwo images find --name 'web-*'
      ectwo images find --unused --older-than 180d --columns region,name,id,size_gib
      ectwo images find --owner amazon --name 'al2023-ami-2023*-arm64' -r us-east-1 --sort -created_at --limit 3
      ectwo images find --owner 099720109477 --name '*ubuntu-noble*' --architecture arm64
      ectwo images find --alias -r eu-west-1

    An image is unused when no instance (that is not terminated), no launch template (its default and its latest
    version), no launch configuration and no Auto Scaling group of its region names it. Other accounts that it is shared
    with can't be looked into: 'last_launched_at' tells of them too.
    """
    if alias:
        from ectwo_cli.commands import images_making

        images_making.list_aliases(search_, view, others=bool(owner or unused))
        return
    query = images.of_owners(search_.query, owner or ["self"])
    how = images.Unused() if unused else None
    try:
        search_.list_into(view, how or search.find, given=query)
    finally:
        for line in usage.told(how.unknown) if how else ():
            search_.screen.warn(line)


@app.command()
def show(
    target: Target[ImageDetail], view: ViewOptions[ImageDetail], names: Properties = None, raw: Raw = False
) -> None:
    """Show one image: its origin, volumes, permissions, and what uses it.

    \b
      ectwo images show web-2026-11
      ectwo images show us-east-1/ami-0123456789abcdef0 snapshot_ids
      ectwo images show web-2026-11 instances
      ectwo images show web-2026-11 --raw | jq .BlockDeviceMappings
    """
    plain = raw or (names and not any(name in images.DETAILS for name in names))
    target.show(view, names or [], raw=raw, how=search.find if plain else images.find_in_detail)
