"""The options of a search: of ``find``, and of the verbs that act on what is found."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Generic

import typer

from ectwo_cli import complete
from ectwo_cli.aws.session import Client
from ectwo_cli.errors import NotFound, nearest
from ectwo_cli.expand import QUERY, Program, parameter
from ectwo_cli.fanout import Results, across
from ectwo_cli.model import Column, R, Resource, columns
from ectwo_cli.options.declared import AllStates
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.query import (
    Condition,
    Filter,
    Query,
    age_condition,
    check_sort,
    chosen,
    option_condition,
    patterns,
    raw_filter,
    tag_condition,
    where_condition,
)
from ectwo_cli.records import dataclass
from ectwo_cli.services import search
from ectwo_cli.services.search import Find, Page


@dataclass(frozen=True)
class Search(Scope, Generic[R]):
    """A query over a scope: the options of ``find``."""

    resource: type[R] = field(default=Resource)  # type: ignore[assignment]
    tag: Annotated[
        list[str],
        typer.Option(
            "--tag",
            metavar="KEY[=VALUE]",
            help="Has the tag, with that value; '!KEY' for absent, 'KEY=!VALUE'; repeatable, all must hold.",
            rich_help_panel=QUERY,
        ),
    ] = field(default_factory=list)
    where: Annotated[
        list[str],
        typer.Option(
            "--where",
            metavar="'PROPERTY OP VALUE'",
            help="OP is = != ~ !~ < <= > >=; as in 'launched_at < now-30d', 'tags.team = web*'; all must hold.",
            rich_help_panel=QUERY,
        ),
        complete.PROPERTIES,
    ] = field(default_factory=list)
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Created before: 12h, 30d.", rich_help_panel=QUERY),
    ] = None
    newer_than: Annotated[
        str | None,
        typer.Option("--newer-than", metavar="AGE", help="Created since.", rich_help_panel=QUERY),
    ] = None
    filter: Annotated[
        list[str],
        typer.Option(
            "--filter", metavar="NAME=VALUE[,VALUE]", help="A filter of EC2's own, as it is.", rich_help_panel=QUERY
        ),
    ] = field(default_factory=list)
    all_states: AllStates = False
    properties: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parameters(cls, resource: type[Resource] | None) -> list[inspect.Parameter]:
        """Scope, an option for each property that declares one, and the common conditions."""
        assert resource is not None
        kind = resource.kind
        left_out = {
            name
            for name, absent in {
                "tag": "tags" not in columns(resource),
                "older_than": kind.created is None,
                "newer_than": kind.created is None,
                "all_states": not kind.hidden,
            }.items()
            if absent
        }
        general = [each for each in super().parameters(resource) if each.name not in left_out]
        at = next(index for index, each in enumerate(general) if each.name in ("tag", "where"))
        return [*general[:at], *_property_parameters(resource), *general[at:]]

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group; options of properties come in ``properties``."""
        filled = {"tag": [], "older_than": None, "newer_than": None, "all_states": False, **values}
        return super().build(program, filled, resource)

    def check(self) -> None:
        """Raises UsageError for a bad condition."""
        _ = self.conditions, self.filters

    @cached_property
    def conditions(self) -> list[Condition]:
        """What must hold, as said by options. Raises UsageError."""
        cls, now = self.resource, self.program.now
        return [
            *(option_condition(col, values, cls) for col, values in self._given),
            *(tag_condition(each) for each in self.tag),
            *(where_condition(each, cls, now) for each in self.where),
            *([age_condition(cls, self.older_than, older=True, now=now)] if self.older_than else []),
            *([age_condition(cls, self.newer_than, older=False, now=now)] if self.newer_than else []),
        ]

    @property
    def _given(self) -> Iterator[tuple[Column, list[str]]]:
        """The properties whose options were given, with the values."""
        by_option = {_field_of(col.option): col for col in columns(self.resource).values() if col.option}
        return ((by_option[name], values) for name, values in self.properties.items() if values)

    @cached_property
    def filters(self) -> list[Filter]:
        """The user's own EC2 filters."""
        return [raw_filter(each) for each in self.filter]

    @cached_property
    def query(self) -> Query[R]:
        """The query. Raises UsageError."""
        return Query(self.resource, self.conditions, self.filters, everything=self.all_states)

    def results(self, how: Find[R] = search.find) -> Results[Client, Page[R]]:
        """What matches in all regions in scope, pages as they come."""
        return search.everywhere(self.clients(), self.query, how)

    def say_why_nothing(self) -> None:
        """Name the values asked for that nothing can have. No error: EC2 may well know more of them one day."""
        for col, values in self._given:
            asked = [each.text for each in patterns(values) if each.form == "literal" and not each.negative]
            for text in dict.fromkeys(asked) if col.values else ():
                if text and text not in col.values:
                    self.screen.note(f"{col.option}: there is no {text!r}; {nearest(text, col.values)}")

    def as_asked(self, how: Find[R]) -> Find[R]:
        """``how`` for TARGETs: with --all-states, names find what searches leave out too."""
        return of_all_states(how) if self.all_states else how


@dataclass(frozen=True)
class Listing(Search[R]):
    """A query whose results are listed: with order and limits."""

    one_: Annotated[
        bool, typer.Option("--one", help="The first match only; exit 3 if there is none.", rich_help_panel=QUERY)
    ] = False
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=0, help="At most N.", rich_help_panel=QUERY)
    ] = None
    sort: Annotated[
        list[str],
        typer.Option(
            "--sort",
            metavar="[-]PROPERTY",
            help="Order; - for descending; repeatable. Default: region, name, id.",
            rich_help_panel=QUERY,
        ),
        complete.PROPERTIES,
    ] = field(default_factory=list)
    fail_empty: Annotated[
        bool, typer.Option("--fail-empty", help="Exit 3 when nothing matches.", rich_help_panel=QUERY)
    ] = False

    def check(self) -> None:
        """Raises UsageError for a bad condition, and for an order by what is no property."""
        super().check()
        _ = self.query

    @cached_property
    def query(self) -> Query[R]:
        """The query, with its order and limits. Raises UsageError."""
        return dataclasses.replace(
            super().query,
            sort=check_sort(self.resource, self.sort),
            limit=self.limit,
            one=self.one_,
            fail_empty=self.fail_empty,
        )

    def list_into(
        self,
        view: ViewOptions[R],
        how: Find[R] = search.find,
        *,
        given: Query[R] | None = None,
        clients: Sequence[Client] | None = None,
        columns: Sequence[str] | None = None,
    ) -> int:
        """Search and show: what every ``find`` does; how many matched. Raises NotFound for --one and --fail-empty,
        SomeFailed.

        ``given`` is the query where it is not just that of the options, ``clients`` are the places where they are not
        the whole scope, ``columns`` the default ones of the table where they are not the declared ones.
        """
        from ectwo_cli.render.show import show

        asked = given or self.query
        results = search.everywhere(self.clients() if clients is None else clients, asked, how)
        pages = self._remembered(results.unless_all_fail())
        shown = show(self.screen, view.view(profiles=self.several_profiles, columns=columns), pages, asked)
        self.settle(shown, results)
        return shown

    def settle(self, shown: int, results: Results[Client, Any]) -> None:
        """The end of a search that showed so many: raises NotFound for --one and --fail-empty, SomeFailed."""
        if not shown and self.limit != 0:
            self.say_why_nothing()
        results.check()
        if not shown and (self.one_ or self.fail_empty):
            raise NotFound(f"no {self.resource.kind.noun} matched")

    def _remembered(self, pages: Iterable[Page[R]]) -> Iterable[Page[R]]:
        """The pages; names and IDs on them are kept for the shell's TAB, when somebody sits at a terminal."""
        if not self.screen.err_is_terminal:
            return pages
        return complete.remember(
            pages,
            self.resource,
            self.program.settings.environ,
            sandbox=self.in_sandbox,
            profiles=self.profile,
        )

    def among_regions(self, name: str) -> Query[R]:
        """The query for resources that are regions: --region and --exclude-region are conditions on ``name``."""
        wanted, refused = patterns(self.region), patterns(self.exclude_region)
        here = Condition(
            lambda item: (
                chosen(wanted, getattr(item, name)) and not any(each.found_in(getattr(item, name)) for each in refused)
            )
        )
        return self.also([here])

    def also(self, conditions: Sequence[Condition]) -> Query[R]:
        """The query with more conditions: those of a verb's own options."""
        return dataclasses.replace(self.query, conditions=[*self.query.conditions, *conditions])

    def watch(self, view: ViewOptions[R], interval: timedelta, how: Find[R] = search.find) -> None:
        """Show what is found again and again, until Ctrl-C; a region that fails is named once and asked again.

        Raises SomeFailed when none answers at the first look.
        """
        import time

        from ectwo_cli.render import live

        failed: set[str] = set()
        known: dict[object, list[R]] = {}

        def look(client: Client) -> Iterator[tuple[object, list[R]]]:
            found = [item for page in how(client, self.query) for item in page.items]
            yield (client.profile, client.region), found

        def looks() -> Iterator[list[R]]:
            while True:
                results = across(self.clients(), look, where=search.place_of)
                known.update(results)
                if not known:
                    results.check()
                for failure in results.failures:
                    # Its instances stay as they were last seen.
                    if failure.where not in failed:
                        self.screen.warn(f"{failure.where} does not answer: {failure.error}")
                failed.clear()
                failed.update(failure.where for failure in results.failures)
                yield self.query.order(item for items in known.values() for item in items)
                time.sleep(interval.total_seconds())

        live.watch(self.screen, view.view(profiles=self.several_profiles), looks(), self.query)


def of_all_states(how: Find[R]) -> Find[R]:
    """``how``, finding what searches leave out too."""
    return lambda client, query: how(client, dataclasses.replace(query, everything=True))


def _property_parameters(resource: type[Resource]) -> list[inspect.Parameter]:
    return [
        parameter(
            _field_of(col.option),
            Annotated[
                list[str],
                typer.Option(
                    col.option,
                    metavar=col.option.strip("-").upper(),
                    help=col.help[:1].upper() + col.help[1:] + (f": {', '.join(col.values)}." if col.values else "."),
                    rich_help_panel=QUERY,
                ),
                complete.Offer("values", col.values),
            ],
            None,
        )
        for col in columns(resource).values()
        if col.option
    ]


def _field_of(option: str | None) -> str:
    """``--type`` is the parameter ``type_of``: names of groups' own options must not be hit."""
    return (option or "").strip("-").replace("-", "_") + "_of"
