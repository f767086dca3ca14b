"""How ``--help`` looks: examples first, then options under the headings of their groups."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

FIRST = ("Options",)


class HelpCommand(TyperCommand):
    """A command whose options are listed under headings (``rich_help_panel``), without the cost of rich."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, the command's own options, then those of the shared groups."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        last: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            entry = param.get_help_record(ctx)
            if entry is None:
                continue
            if param.param_type_name == "argument":
                panels["Arguments"].append(entry)
            elif "--help" in param.opts:
                last.append(entry)
            else:
                panels.setdefault(getattr(param, "rich_help_panel", None) or "Options", []).append(entry)
        panels.setdefault("Output", []).extend(last)
        for title, entries in panels.items():
            if entries:
                with formatter.section(title):
                    formatter.write_dl(entries)
