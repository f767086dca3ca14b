"""``ectwo groups``."""

from __future__ import annotations

import typer

from ectwo_cli.options import Listing, Properties, Raw, Target, ViewOptions
from ectwo_cli.services.groups import SecurityGroup

app = typer.Typer()


@app.command()
def find(search: Listing[SecurityGroup], view: ViewOptions[SecurityGroup]) -> None:
    """Find security groups in all regions at once.

    \b
      ectwo groups find
      ectwo groups find --name 'web*' --vpc vpc-0123456789abcdef0
      ectwo groups find --where 'ingress.source = 0.0.0.0/0'
    """
    search.list_into(view)


@app.command()
def show(
    target: Target[SecurityGroup], view: ViewOptions[SecurityGroup], names: Properties = None, raw: Raw = False
) -> None:
    """Show one security group with its rules.

    \b
      ectwo groups show web
      ectwo groups show us-east-1/web ingress
    """
    target.show(view, names or [], raw=raw)
