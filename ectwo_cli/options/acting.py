"""What verbs that change something have in common: consent, rehearsal, waiting, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import Declined, Interrupted, UsageError
from ectwo_cli.expand import ACT, Group
from ectwo_cli.fanout import across
from ectwo_cli.model import R, Resource
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Selection
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.query import duration
from ectwo_cli.records import dataclass
from ectwo_cli.services import search

if TYPE_CHECKING:
    from ectwo_cli.outcome import Outcome


Became = TypeVar("Became", bound=Resource)
"""What a resource is afterwards, where that is of another kind than before."""

MANY = 10
"""So many at once that the count has to be typed."""


@dataclass(frozen=True)
class DryRun(Group):
    """Whether it is only tried: for what changes something, but needs no question."""

    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", "-n", help="Check everything, show what would be done, change nothing.", rich_help_panel=ACT
        ),
    ] = False


@dataclass(frozen=True)
class Consent(DryRun):
    """Whether it may be done."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", rich_help_panel=ACT)] = False

    def require(
        self, question: str, *, count: int = 1, everything: bool = False, ambiguous: Sequence[str] = ()
    ) -> None:
        """Ask, unless --yes. The plan has been shown. Raises Declined, or UsageError for --yes with a name that several
        bear. MANY or more, or everything: the count has to be typed."""
        from ectwo_cli import prompt

        if self.yes:
            if ambiguous:
                raise UsageError(
                    f"several are named {', '.join(map(repr, ambiguous))}, and --yes can't mean all of them",
                    hint="name them by ID, or use a query such as --name",
                )
            return
        screen = self.program.screen
        if not screen.can_ask:
            raise Declined("not done: this needs a yes, and there is no terminal to ask on", hint="say --yes")
        asked = (
            prompt.confirm_count(screen, question, count)
            if count >= MANY or everything
            else prompt.confirm(screen, question)
        )
        if not asked:
            raise Declined("not done")


@dataclass(frozen=True)
class Patience(Group):
    """How long to wait for the final state."""

    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="TIME", help="Stop waiting after 90s, 20m, 2h.", rich_help_panel=ACT),
    ] = None

    def check(self) -> None:
        """Raises UsageError for a bad duration."""
        _ = self.limit

    @property
    def limit(self) -> timedelta | None:
        """How long to wait at most; None when nothing was said."""
        return duration(self.timeout, what="--timeout") if self.timeout is not None else None

    def within(self, default: timedelta | None) -> timedelta | None:
        """How long to wait at most; ``default`` when nothing was said, None for ever."""
        return default if self.timeout is None else self.limit


@dataclass(frozen=True)
class Waiting(Patience):
    """Whether and how long to wait for the final state."""

    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return at once.", rich_help_panel=ACT)] = False


@dataclass(frozen=True)
class Tagging(Group):
    """Tags for what is created."""

    tag: Annotated[
        list[str],
        typer.Option("--tag", metavar="KEY=VALUE", help="A tag for it; repeatable.", rich_help_panel=ACT),
    ] = field(default_factory=list)

    def check(self) -> None:
        """Raises UsageError for a tag that can't be."""
        _ = self.tags

    @cached_property
    def tags(self) -> dict[str, str]:
        """The tags by key. Raises UsageError for one without a key, or twice with different values."""
        found: dict[str, str] = {}
        for text in self.tag:
            key, _, value = text.partition("=")
            if not key or key.startswith("aws:"):
                raise UsageError(f"bad --tag {text!r}", hint="write KEY=VALUE; keys don't begin with aws:")
            if found.setdefault(key, value) != value:
                raise UsageError(f"--tag {key} is given twice, as {found[key]!r} and {value!r}")
        return found


def carry_out(
    scope: Scope,
    view: ViewOptions[Became],
    selection: Selection[R],
    work: Callable[[Client, list[R]], Iterator[Outcome[Became]]],
) -> None:
    """Do it in all their regions at once, and show what became of each. Raises what the exit code says."""
    from ectwo_cli.render.show import show_outcomes

    if not selection.items:
        scope.screen.note(f"no {view.resource.kind.plural} matched")
    places = scope.by_region(selection.items)
    results = across(places, lambda place: work(*place), where=lambda place: search.place_of(place[0]))
    outcomes: list[Outcome[Became]] = []
    try:
        for outcome in results:
            outcomes.append(outcome)  # noqa: PERF402 - what is there at a Ctrl-C counts
    except KeyboardInterrupt:
        show_outcomes(scope.screen, view.view(profiles=scope.several_profiles), outcomes)
        raise Interrupted(
            f"interrupted: of {len(selection.items)}, {len(outcomes)} are known to be done",
            hint="the same command again takes it up",
        ) from None
    show_outcomes(scope.screen, view.view(profiles=scope.several_profiles), outcomes)
    results.check()
    selection.check(outcomes)
