"""Options that several verbs of ``ectwo snapshots`` take."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.expand import QUERY

Orphaned = Annotated[
    bool, typer.Option("--orphaned", help="Made by EC2 for an image that is gone.", rich_help_panel=QUERY)
]
VolumeGone = Annotated[bool, typer.Option("--volume-gone", help="Their volume is gone.", rich_help_panel=QUERY)]
