"""``ectwo images``."""

from __future__ import annotations

import typer

from ectwo_cli.options import Listing, Properties, Raw, Target, ViewOptions
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
