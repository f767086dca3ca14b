"""``ectwo addresses``."""

from __future__ import annotations

import typer

from ectwo_cli.options import Listing, Properties, Raw, Target, ViewOptions
from ectwo_cli.services.addresses import Address

app = typer.Typer()


@app.command()
def find(search: Listing[Address], view: ViewOptions[Address]) -> None:
    """Find Elastic IP addresses in all regions at once.

    \b
      ectwo addresses find
      ectwo addresses find --instance i-0123456789abcdef0
      ectwo addresses find --tag env=dev --columns region,public_ip,tags.owner
    """
    search.list_into(view)


@app.command()
def show(target: Target[Address], view: ViewOptions[Address], names: Properties = None, raw: Raw = False) -> None:
    """Show one address, by its public IP, allocation ID or name.

    \b
      ectwo addresses show 203.0.113.7
      ectwo addresses show web instance_id
    """
    target.show(view, names or [], raw=raw)
