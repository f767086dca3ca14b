"""``ectwo spot``."""

from __future__ import annotations

import typer

from ectwo_cli.commands import spot_cancel, spot_market, spot_requests

app = typer.Typer()

for verb in (*spot_market.VERBS, *spot_requests.VERBS, spot_cancel.cancel):
    app.command()(verb)
