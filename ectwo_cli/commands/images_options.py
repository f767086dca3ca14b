"""Options that several verbs of ``ectwo images`` take."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.expand import QUERY

UnusedOnly = Annotated[
    bool, typer.Option("--unused", help="Only those that nothing in their region uses.", rich_help_panel=QUERY)
]
