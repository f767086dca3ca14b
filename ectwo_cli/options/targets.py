"""What a verb acts on: TARGETs, or a query."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic

import typer

from ectwo_cli import complete
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import EctwoError, Partial, UsageError
from ectwo_cli.expand import ACT, QUERY
from ectwo_cli.fanout import Results
from ectwo_cli.model import R, Resource, column_named
from ectwo_cli.options.declared import AllStates, AnyTargets
from ectwo_cli.options.queries import Listing, Search, of_all_states
from ectwo_cli.options.scope import Places, Scope
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.records import dataclass
from ectwo_cli.render.screen import Screen
from ectwo_cli.services import search
from ectwo_cli.services.search import Find

if TYPE_CHECKING:
    from ectwo_cli.outcome import Outcome


@dataclass(frozen=True)
class Targets(Search[R]):
    """What a bulk verb acts on: TARGETs, or the query options, or --all."""

    targets: AnyTargets = field(default_factory=list)
    all_: Annotated[bool, typer.Option("--all", help="Everything in scope, on purpose.", rich_help_panel=QUERY)] = False
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="When a TARGET is not found, do the others.", rich_help_panel=ACT),
    ] = False

    def check(self) -> None:
        """Raises UsageError for a bad condition, when it names nothing, and when a TARGET is malformed."""
        super().check()
        _ = self.refs
        if self.targets and (self.asks or self.all_):
            raise UsageError("name TARGETs or give a query, not both")
        if not self.targets and not self.asks and not self.all_:
            raise UsageError(
                f"which {self.resource.kind.plural}?",
                hint="name TARGETs, give a query such as --tag env=dev, or --all",
            )

    @property
    def asks(self) -> bool:
        """Whether there is a query."""
        return bool(self.conditions or self.filters)

    @cached_property
    def refs(self) -> list[search.Ref]:
        """The TARGETs, those of stdin among them. Raises UsageError."""
        return read_refs(self.screen, self.targets, self.resource)

    def select(self, how: Find[R] = search.find) -> Selection[R]:
        """Find them. Raises NotFound (but for --keep-going), SomeFailed when no region answered."""
        if not self.targets:
            results = self.results(how)
            items = self.query.order(item for page in results for item in page.items)
            results.check_any()
            if not items:
                self.say_why_nothing()
            return Selection(items, results=results, by_query=True, everything=self.all_)
        if not self.refs:
            # An empty list on stdin: nothing matched, so there is nothing to do.
            return Selection([], by_query=True)
        found = search.look_up(self.refs, self.clients, self.resource, self.as_asked(how))
        if found.missing and (not self.keep_going or not found.items):
            found.results.check_any()
            warn_of(found.results, self.screen)
            raise search.missing(found.missing, self.resource)
        for each in found.missing:
            self.screen.error(search.missing([each], self.resource).message)
        return Selection(
            found.items, results=found.results, missing=found.missing, ambiguous=[each.text for each in found.ambiguous]
        )


@dataclass(frozen=True)
class OptionalTargets(Listing[R]):
    """What a listing is about: TARGETs, or the query options; neither means everything in scope."""

    targets: AnyTargets = field(default_factory=list)

    def list_targets_into(self, view: ViewOptions[R], how: Find[R] = search.find) -> None:
        """Search or look up, and show. Raises what :meth:`list_into` does, and NotFound for a TARGET."""
        if not self.targets:
            self.list_into(view, how)
            return
        if self.conditions or self.filters:
            raise UsageError("name TARGETs or give a query, not both")
        from ectwo_cli.render.show import show

        refs = read_refs(self.screen, self.targets, self.resource)
        found = search.look_up(refs, self.clients, self.resource, self.as_asked(how))
        found.results.check_any()
        pages = [search.Page(found.items)]
        show(
            self.screen,
            view.view(profiles=self.several_profiles),
            pages,
            dataclasses.replace(self.query, conditions=()),
        )
        if found.missing:
            raise search.missing(found.missing, self.resource)
        found.results.check()


@dataclass(frozen=True)
class Target(Scope, Generic[R]):
    """The one TARGET of a verb that takes exactly one."""

    resource: type[R] = field(default=Resource)  # type: ignore[assignment]
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="ID or name of the {noun}, alone or as REGION/ID.",
        ),
        complete.TARGETS,
    ] = ""
    all_states: AllStates = False

    @classmethod
    def parameters(cls, resource: type[Resource] | None) -> list[inspect.Parameter]:
        """The options; without --all-states where searches leave nothing out."""
        assert resource is not None
        return [each for each in super().parameters(resource) if resource.kind.hidden or each.name != "all_states"]

    def item(self, how: Find[R] = search.find, clients: Places | None = None) -> R:
        """It. Raises NotFound, UsageError when several bear the name, SomeFailed when no region answered."""
        item, results = self._found(how, clients)
        warn_of(results, self.screen)
        return item

    def _found(self, how: Find[R], clients: Places | None) -> tuple[R, Results[Client, Any]]:
        asked = of_all_states(how) if self.all_states else how
        which, items, results = look_up_one(self, self.target, self.resource, asked, clients)
        if len(items) > 1:
            warn_of(results, self.screen)
            raise search.several(which, items, self.resource)
        return items[0], results

    def show(
        self,
        view: ViewOptions[R],
        names: Sequence[str],
        *,
        raw: bool = False,
        how: Find[R] = search.find,
        clients: Places | None = None,
    ) -> None:
        """Show it: all properties, some of them bare, or EC2's own element. Raises what :meth:`item` does, and
        SomeFailed in the end where a region did not answer, for it might have another of that name.

        ``clients`` gives the places to ask, where they are not the scope.
        """
        from ectwo_cli.render.show import show_json, show_one, show_values

        if raw and names:
            raise UsageError("--raw shows all there is; leave the properties out")
        for name in names:
            column_named(self.resource, name)
        item, results = self._found(how, clients)
        if raw:
            show_json(self.screen, search.raw(self.client_of(item), item))
        elif names:
            show_values(self.screen, item, names)
        else:
            show_one(self.screen, view.view(profiles=self.several_profiles), item)
        results.check()


@dataclass(frozen=True)
class Selection(Generic[R]):
    """What a bulk verb will act on, and how it was named. ``check`` when all is done: it accounts for what failed."""

    items: Sequence[R]
    results: Results[Client, Any] | None = None
    missing: Sequence[search.Ref] = ()
    ambiguous: Sequence[str] = ()
    by_query: bool = False
    everything: bool = False

    def check(self, outcomes: Sequence[Outcome[Any]]) -> None:
        """Raises what the exit code says: some failed (6), or all (1), or a region did not answer (6)."""
        failed = [each for each in outcomes if each.error is not None]
        worked = len(failed) < len(outcomes)
        if self.results is not None and self.results.failures:
            self.results.check()
        if failed or self.missing:
            if worked:
                raise Partial("")
            raise EctwoError("")


def look_up_one(
    scope: Scope, text: str, cls: type[R], how: Find[R] = search.find, clients: Places | None = None
) -> tuple[search.Ref, list[R], Results[Client, Any]]:
    """What one TARGET means: never nothing, several where they bear the name. And how those regions answered of which
    one might hold another of that name; of an ID there is no other.

    Raises NotFound, UsageError for a malformed ID, SomeFailed when no region answered.
    """
    (which,) = read_refs(scope.screen, [text], cls, most=1)
    found = search.look_up([which], clients or scope.clients, cls, how)
    if found.missing:
        found.results.check_any()
        warn_of(found.results, scope.screen)
        raise search.missing([which], cls)
    return which, found.items, Results(iter(())) if which.is_id else found.results


def read_refs(
    screen: Screen, texts: Sequence[str], cls: type[Resource], *, most: int | None = None
) -> list[search.Ref]:
    """The TARGETs, ``-`` replaced by the lines of stdin. Raises UsageError for a malformed one, or too many."""
    refs = list(dict.fromkeys(search.ref(line, cls) for line in read_lines(screen, texts)))
    if most is not None and len(refs) != most:
        raise UsageError(f"exactly one {cls.kind.noun} is needed, not {len(refs)}")
    return refs


def read_lines(screen: Screen, texts: Sequence[str]) -> list[str]:
    """The texts, ``-`` replaced by the lines of stdin that are not empty."""
    lines: list[str] = []
    for text in texts:
        lines += [line.strip() for line in screen.stdin.read().splitlines() if line.strip()] if text == "-" else [text]
    return lines


def warn_of(results: Results[Client, Any], screen: Screen) -> None:
    """Warn of the regions that did not answer."""
    for failure in results.failures:
        from ectwo_cli.aws.explain import explain

        told = explain(failure.error)
        screen.warn(f"{failure.where} did not answer: {told.message}" + (f" ({told.code})" if told.code else ""))
