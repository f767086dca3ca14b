"""How results are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic

import typer

from ectwo_cli import complete
from ectwo_cli.errors import UsageError
from ectwo_cli.expand import OUTPUT, Group
from ectwo_cli.model import R, Resource
from ectwo_cli.records import dataclass
from ectwo_cli.render.view import FORMATS

if TYPE_CHECKING:
    from ectwo_cli.render.view import View


@dataclass(frozen=True)
class ViewOptions(Group, Generic[R]):
    """How results are shown."""

    resource: type[R] = field(default=Resource)  # type: ignore[assignment]
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FORMAT",
            help="table, wide, json, jsonl, yaml, csv, tsv or ids.",
            rich_help_panel=OUTPUT,
        ),
        complete.Offer("values", FORMATS),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="The same as -o json.", rich_help_panel=OUTPUT)] = False
    columns: Annotated[
        list[str],
        typer.Option(
            "--columns",
            metavar="A,B,tags.C",
            help="These properties, in this order.",
            rich_help_panel=OUTPUT,
        ),
        complete.PROPERTIES,
    ] = field(default_factory=list)
    no_header: Annotated[bool, typer.Option("--no-header", help="No line of column names.", rich_help_panel=OUTPUT)] = (
        False
    )
    jmespath: Annotated[
        str | None,
        typer.Option(
            "--query",
            metavar="JMESPATH",
            help="What to take of the records, for json and yaml.",
            rich_help_panel=OUTPUT,
        ),
    ] = None

    own: ClassVar[tuple[str, ...]] = ()
    """Keys that its records have beside the properties."""

    def check(self) -> None:
        """Raises UsageError for an unknown format or column, and for a bad JMESPath."""
        self.view()

    @property
    def format(self) -> str:
        """The format: option, variable, config file, or table."""
        if self.json and self.output not in (None, "json"):
            raise UsageError(f"--json and -o {self.output} exclude each other")
        return "json" if self.json else self.output or self.program.settings.get("output") or "table"

    def view(
        self, *, profiles: bool = False, extra: Sequence[str] = (), columns: Sequence[str] | None = None
    ) -> View[R]:
        """What the renderer is told. ``extra`` are keys beside the properties (``action``, ``error``).

        ``columns`` are the table's where the user chose none.
        """
        from ectwo_cli.render.view import view

        default = self._configured() or (columns if self.format == "table" else None)
        return view(
            self.resource,
            format=self.format,
            columns=self.columns or default,
            header=not self.no_header,
            query=self.jmespath,
            profiles=profiles,
            extra=extra or self.own,
        )

    def _configured(self) -> list[str] | None:
        """The user's columns shape tables for people; what scripts read never changes with a config file."""
        if self.format != "table" or not self.program.screen.out_is_terminal:
            return None
        return self.program.settings.columns(self.resource.kind.plural)


@dataclass(frozen=True)
class Report(ViewOptions[R]):
    """How it is shown what became of targets: ``action`` and ``error`` are columns as well."""

    own: ClassVar[tuple[str, ...]] = ("action", "error")
