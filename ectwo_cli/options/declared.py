"""Single options and arguments that several commands have."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from ectwo_cli import complete
from ectwo_cli.expand import ACT, OUTPUT, QUERY

Properties: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PROPERTY]...",
        help="Print these properties alone, one a line.",
        show_default=False,
    ),
    complete.PROPERTIES,
]
AnyTargets: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="[TARGET]...",
        show_default=False,
        help="IDs or names of {plural}, each alone or as REGION/ID; - reads them from stdin, one a line.",
    ),
    complete.TARGETS,
]
Owners: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--owner",
        metavar="OWNER",
        help="Whose: self (the default), amazon, an account's ID, or all; repeatable.",
        rich_help_panel=QUERY,
    ),
]
NameTag: TypeAlias = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="The Name tag.", rich_help_panel=ACT)
]
AllStates: TypeAlias = Annotated[
    bool, typer.Option("--all-states", help="Also what a search leaves out: {hidden}.", rich_help_panel=QUERY)
]
Raw: TypeAlias = Annotated[
    bool, typer.Option("--raw", help="EC2's own element for it, untouched, as JSON.", rich_help_panel=OUTPUT)
]
