"""``ectwo spot``."""

from __future__ import annotations

import typer

from ectwo_cli.commands import spot_market

app = typer.Typer()

for command in spot_market.COMMANDS:
    app.command()(command)
