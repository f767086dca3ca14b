"""``ectwo regions``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.options.declared import Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.services import regions
from ectwo_cli.services.regions import Region

app = typer.Typer()


@app.command()
def find(
    search: Listing[Region],
    view: ViewOptions[Region],
    zones: Annotated[bool, typer.Option("--zones", help="With their Availability Zones.")] = False,
) -> None:
    """Find regions; without a query those that are enabled for the account.

    \b
      ectwo regions find
      ectwo regions find -r 'eu-*' --zones
      ectwo regions find --all-states --opt-in-status not-opted-in

    This always asks EC2, and renews the list that all other commands believe for a day.
    """
    how = regions.find_with_zones if zones else regions.find
    columns = ["name", "opt_in_status", "endpoint", "zones"] if zones else None
    search.list_into(view, how, clients=search.homes(), given=search.among_regions("name"), columns=columns)


@app.command()
def show(target: Target[Region], view: ViewOptions[Region], names: Properties = None, raw: Raw = False) -> None:
    """Show one region with its Availability Zones.

    \b
      ectwo regions show eu-west-1
      ectwo regions show eu-west-1 zones
    """
    target.show(view, names or [], raw=raw, how=regions.find_with_zones, clients=lambda region: target.homes())
