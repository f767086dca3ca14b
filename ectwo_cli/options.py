"""Options that commands share, each declared once, in groups that know what to do with them."""

from __future__ import annotations

import dataclasses
import inspect
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar

import typer

from ectwo_cli import complete
from ectwo_cli.aws.session import Account, Client, Route, profiles
from ectwo_cli.config import cache_dir
from ectwo_cli.errors import (
    Declined,
    EctwoError,
    Failure,
    Interrupted,
    NotFound,
    Partial,
    SomeFailed,
    UsageError,
    nearest,
)
from ectwo_cli.expand import ACT, OUTPUT, QUERY, SCOPE, Group, Program, parameter
from ectwo_cli.fanout import Results, across
from ectwo_cli.model import Column, R, Resource, column_named, columns
from ectwo_cli.query import (
    Condition,
    Filter,
    Pattern,
    Query,
    age_condition,
    check_sort,
    chosen,
    duration,
    option_condition,
    patterns,
    raw_filter,
    tag_condition,
    where_condition,
)
from ectwo_cli.records import dataclass
from ectwo_cli.render.screen import Screen
from ectwo_cli.render.view import FORMATS
from ectwo_cli.services import search
from ectwo_cli.services.search import Find, Page

if TYPE_CHECKING:
    from ectwo_cli.outcome import Outcome
    from ectwo_cli.render.view import View


Became = TypeVar("Became", bound=Resource)
"""What a resource is afterwards, where that is of another kind than before."""

Places: TypeAlias = "Callable[[str | None], Sequence[Client]]"
"""What gives the clients to ask: those of one region, or of the whole scope for None."""

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


@dataclass(frozen=True)
class Scope(Group):
    """Which regions and accounts."""

    region: Annotated[
        list[str],
        typer.Option(
            "--region",
            "-r",
            metavar="REGION",
            help="Only these regions: names, globs 'us-*', regexes '/^eu-/'; comma lists; repeatable.",
            rich_help_panel=SCOPE,
        ),
        complete.REGIONS,
    ] = field(default_factory=list)
    exclude_region: Annotated[
        list[str],
        typer.Option(
            "--exclude-region",
            metavar="REGION",
            help="Leave these regions out.",
            rich_help_panel=SCOPE,
        ),
        complete.REGIONS,
    ] = field(default_factory=list)
    profile: Annotated[
        list[str],
        typer.Option(
            "--profile",
            "-p",
            metavar="PROFILE",
            help="Profiles of the AWS configuration, globs too; several accounts in one call.",
            rich_help_panel=SCOPE,
        ),
        complete.PROFILES,
    ] = field(default_factory=list)
    endpoint_url: Annotated[
        str | None,
        typer.Option(
            "--endpoint-url", metavar="URL", help="Where EC2 is, instead of AWS's own.", rich_help_panel=SCOPE
        ),
    ] = None
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Use the local sandbox; never AWS.", rich_help_panel=SCOPE),
    ] = False

    @property
    def screen(self) -> Screen:
        """The streams of this run."""
        return self.program.screen

    @property
    def in_sandbox(self) -> bool:
        """Whether everything goes to the sandbox."""
        return self.sandbox or self.program.settings.sandbox

    @cached_property
    def accounts(self) -> list[Account]:
        """The accounts to ask. Raises UsageError for an unknown profile."""
        names: list[str | None] = [None]
        wanted = _split(self.profile)
        if self.in_sandbox:
            if wanted or self.endpoint_url:
                raise UsageError("the sandbox has no profiles and an endpoint of its own", hint="leave --sandbox out")
        elif wanted:
            names = list(profiles(wanted))
        environ = self.program.settings.environ
        return [
            Account(
                name,
                self._route,
                region=self.program.settings.aws_region if not self.in_sandbox else None,
                cache_dir=cache_dir(environ),
                known_by=[
                    environ.get(each)
                    for each in ("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2")
                ],
            )
            for name in names
        ]

    @cached_property
    def _route(self) -> Route:
        if self.in_sandbox:
            from ectwo_cli.sandbox import control

            box = control.ensure()
            variables = box.environment()
            return Route(
                endpoint=box.endpoint,
                credentials=(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]),
            )
        if self.endpoint_url and not self.endpoint_url.startswith(("http://", "https://")):
            raise UsageError(f"bad --endpoint-url {self.endpoint_url!r}", hint="it begins with http:// or https://")
        return Route(ec2_endpoint=self.endpoint_url)

    @property
    def several_profiles(self) -> bool:
        """Whether records have to say which profile they are from."""
        return len(self.accounts) > 1

    @cached_property
    def _clients(self) -> list[Client]:
        found: list[Client] = []
        for account in self.accounts:
            try:
                found += [account.client(region) for region in self.regions_of(account)]
            except UsageError:
                raise
            except Exception as error:
                if len(self.accounts) == 1:
                    raise SomeFailed([Failure("", error, account)], some_worked=False) from error
                # One account that can't be asked is a place that fails, beside the others.
                found.append(dataclasses.replace(account.client(account.home), broken=error))
        return found

    def clients(self, region: str | None = None) -> Sequence[Client]:
        """A client of every region in scope, or of the one region that a TARGET names, in all accounts.

        Raises UsageError for a region that there is not.
        """
        if region is None:
            return self._clients
        for account in self.accounts:
            if not account.knows(region):
                dataclasses.replace(self, region=[region], exclude_region=[]).regions_of(account)
        return [account.client(region) for account in self.accounts]

    def regions_of(self, account: Account) -> list[str]:
        """The enabled regions in scope. Raises UsageError for a name that means none of them."""
        wanted = patterns(self.region or self.program.settings.get("regions") or [])
        refused = patterns(self.exclude_region)
        for attempt in (False, True):
            known = account.regions(refresh=attempt)
            enabled = [name for name, status in sorted(known.items()) if status != "not-opted-in"]
            try:
                for each in (*wanted, *refused):
                    _check_region(each, known, enabled)
            except UsageError:
                # The list may be a day old, and the region new since.
                if attempt or account.cache_dir is None:
                    raise
                continue
            break
        included = [name for name in enabled if chosen(wanted, name)]
        left = [name for name in included if not any(each.found_in(name) for each in refused)]
        if not left:
            raise UsageError("no region is left in scope", hint="see 'ectwo regions find'")
        return left

    def one(self) -> Client:
        """The one region in which something is to be created. Raises UsageError when nothing says which."""
        if len(self.accounts) > 1:
            raise UsageError("this needs exactly one profile")
        (account,) = self.accounts
        if self.region:
            found = self.regions_of(account)
            if len(found) > 1:
                raise UsageError(f"this needs exactly one region, --region means {len(found)}: {', '.join(found)}")
            return account.client(found[0])
        if account.default_region:
            return account.client(account.default_region)
        if not self.screen.can_ask:
            raise UsageError("in which region?", hint="say --region, or set AWS_REGION")
        from ectwo_cli.prompt import Choice, choose

        picked: str = choose(self.screen, "In which region?", [Choice(name, name) for name in self.regions_of(account)])
        return account.client(picked)

    def several(self) -> list[Client]:
        """The regions in which the same is to be created: all that --region means, else as :meth:`one` says."""
        if len(self.accounts) > 1:
            raise UsageError("this needs exactly one profile")
        (account,) = self.accounts
        if not self.region:
            return [self.one()]
        return [account.client(region) for region in self.regions_of(account)]

    def destinations(self, regions: Sequence[str]) -> list[Client]:
        """The regions that something is to go to: names, globs. Raises UsageError for one that means none."""
        elsewhere = dataclasses.replace(self, region=list(regions), exclude_region=[])
        return [account.client(region) for account in self.accounts for region in elsewhere.regions_of(account)]

    def by_region(self, items: Sequence[R]) -> list[tuple[Client, list[R]]]:
        """The resources with the client of where they are, for what is done region by region."""
        places: dict[tuple[str | None, str], tuple[Client, list[R]]] = {}
        for item in items:
            where: tuple[str | None, str] = (item.profile, item.region)  # type: ignore[attr-defined]
            if where not in places:
                places[where] = (self.client_of(item), [])
            places[where][1].append(item)
        return list(places.values())

    def homes(self) -> list[Client]:
        """A client of each account, where it is at home: for what is the same in all regions."""
        return [account.client(account.home) for account in self.accounts]

    def client_of(self, item: Any) -> Client:
        """The client of the region and account that a resource is in."""
        for account in self.accounts:
            if account.profile == item.profile:
                return account.client(item.region)
        raise LookupError(item)

    def command(self, verb: str, items: Iterable[Resource], *options: str) -> str:
        """The command line that does ``verb`` ("instances wait") to the resources, in the same scope, for hints."""
        items = list(items)
        words = ["ectwo", *verb.split(), *(f"{each.region}/{getattr(each, each.kind.id)}" for each in items)]  # type: ignore[attr-defined]
        words += [*options, *(["--sandbox"] if self.sandbox else [])]
        words += ["--endpoint-url", self.endpoint_url] if self.endpoint_url else []
        for profile in sorted({each.profile for each in items if each.profile}):  # type: ignore[attr-defined]
            words += ["-p", profile]
        return shlex.join(words)


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
        built = super().build(program, filled, resource)
        # Conditions are read now, so that a bad one stops the command before anything is sent.
        _ = built.conditions, built.filters
        return built

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
        """Name the values that nothing can have. No error: EC2 may well know more of them one day."""
        for col, values in self._given:
            for each in patterns(values):
                if col.values and each.form == "literal" and each.text and each.text not in col.values:
                    self.screen.note(f"{col.option}: there is no {each.text!r}; {nearest(each.text, col.values)}")

    def as_asked(self, how: Find[R]) -> Find[R]:
        """``how`` for TARGETs: with --all-states, names find what searches leave out too."""
        return _of_all_states(how) if self.all_states else how


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

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group, its order checked."""
        built = super().build(program, values, resource)
        _ = built.query
        return built

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
        if shown == 0:
            self.say_why_nothing()
        results.check()
        if shown == 0 and (self.one_ or self.fail_empty):
            raise NotFound(f"no {self.resource.kind.noun} matched")
        return shown

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


@dataclass(frozen=True)
class Targets(Search[R]):
    """What a bulk verb acts on: TARGETs, or the query options, or --all."""

    targets: AnyTargets = field(default_factory=list)
    all_: Annotated[bool, typer.Option("--all", help="Everything in scope, on purpose.", rich_help_panel=QUERY)] = False
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="When a TARGET is not found, do the others.", rich_help_panel=ACT),
    ] = False

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group. Raises UsageError when it names nothing, or a TARGET is malformed."""
        built = super().build(program, values, resource)
        _ = built.refs
        if built.targets and (built.asks or built.all_):
            raise UsageError("name TARGETs or give a query, not both")
        if not built.targets and not built.asks and not built.all_:
            raise UsageError(
                f"which {built.resource.kind.plural}?",
                hint="name TARGETs, give a query such as --tag env=dev, or --all",
            )
        return built

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
            if not results.worked:
                results.check()
            if not items:
                self.say_why_nothing()
            return Selection(items, results=results, by_query=True, everything=self.all_)
        if not self.refs:
            # An empty list on stdin: nothing matched, so there is nothing to do.
            return Selection([], by_query=True)
        found = search.look_up(self.refs, self.clients, self.resource, self.as_asked(how))
        if found.missing and (not self.keep_going or not found.items):
            if found.results.failures and not found.results.worked:
                found.results.check()
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
        if not found.results.worked:
            found.results.check()
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
        """It, and how the regions answered of which one might hold another of the name: of an ID that is none."""
        (which,) = read_refs(self.screen, [self.target], self.resource, most=1)
        asked = _of_all_states(how) if self.all_states else how
        found = search.look_up([which], clients or self.clients, self.resource, asked)
        if found.missing:
            if found.results.failures and not found.results.worked:
                found.results.check()
            warn_of(found.results, self.screen)
            raise search.missing([which], self.resource)
        items = found.items
        if len(items) > 1:
            warn_of(found.results, self.screen)
            raise search.several(which, items, self.resource)
        return items[0], Results(iter(())) if which.is_id else found.results

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

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group. Raises UsageError for an unknown format or column, and for a bad JMESPath."""
        built = super().build(program, values, resource)
        built.view()
        return built

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
        bear. Ten or more, or everything: the count has to be typed."""
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
            if count >= 10 or everything
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

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group. Raises UsageError for a bad duration."""
        built = super().build(program, values, resource)
        _ = built.limit
        return built

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

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group. Raises UsageError for a tag that can't be."""
        built = super().build(program, values, resource)
        _ = built.tags
        return built

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
    from ectwo_cli.fanout import across
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


def _of_all_states(how: Find[R]) -> Find[R]:
    return lambda client, query: how(client, dataclasses.replace(query, everything=True))


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


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split(",") if part]


def warn_of(results: Results[Client, Any], screen: Screen) -> None:
    """Warn of the regions that did not answer."""
    for failure in results.failures:
        from ectwo_cli.aws.explain import explain

        told = explain(failure.error)
        screen.warn(f"{failure.where} did not answer: {told.message}" + (f" ({told.code})" if told.code else ""))


def _check_region(each: Pattern, known: Mapping[str, str], enabled: Sequence[str]) -> None:
    if any(each.found_in(name) for name in enabled):
        return
    if any(each.found_in(name) for name in known):
        raise UsageError(
            f"region {each.text} is not enabled for this account",
            hint="enable it in the account's settings; 'ectwo regions find --all-states' lists all",
        )
    raise UsageError(f"no region matches {each.text!r}", hint=nearest(each.text, enabled))
