"""The verbs of ``ectwo spot`` that only look: prices, history, cheapest, score."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from ectwo_cli.errors import NotFound, UsageError, nearest
from ectwo_cli.expand import QUERY
from ectwo_cli.model import columns
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.query import Condition, Query, duration, moment, option_condition, patterns
from ectwo_cli.services import search, spot_history, spot_needs, spot_offers, spot_prices, spot_scores
from ectwo_cli.services.pricing import OnDemand
from ectwo_cli.services.spot_history import SpotHistory
from ectwo_cli.services.spot_needs import Need
from ectwo_cli.services.spot_offers import SpotOffer
from ectwo_cli.services.spot_prices import PRODUCTS, SpotPrice
from ectwo_cli.services.spot_scores import SpotScore

Types = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TYPE]...", help="Instance types; globs too: 'm6*.large'.", show_default=False),
]
System = Annotated[
    str,
    typer.Option("--os", metavar="OS", help=f"{', '.join(PRODUCTS)}.", rich_help_panel=QUERY),
]
Vcpus = Annotated[
    str | None,
    typer.Option("--vcpus", metavar="N", help="How many: 4, 4-8, 16+ (at least).", rich_help_panel=QUERY),
]
Memory = Annotated[
    str | None,
    typer.Option("--memory", metavar="GIB", help="How much memory in GiB: 16, 16-32, 64+.", rich_help_panel=QUERY),
]
Architectures = Annotated[
    list[str] | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help=f"{' or '.join(spot_needs.ARCHITECTURES)}. Default: both.",
        rich_help_panel=QUERY,
        show_default=False,
    ),
]
Most = Annotated[
    float | None,
    typer.Option("--max", metavar="USD", help="Only what costs no more an hour.", rich_help_panel=QUERY),
]
FOR_PEOPLE = ("region", "zone", "type", "platform", "price", "saving", "timestamp")
"""Columns of prices on a terminal: EC2's, and the saving."""


# Prices


def prices(listing: Listing[SpotPrice], view: ViewOptions[SpotPrice], types: Types = None, most: Most = None) -> None:
    """Spot prices now, cheapest first.

    \b
      ectwo spot prices m6i.large
      ectwo spot prices 'm6*.large' --os windows -r 'eu-*' --max 0.05
      ectwo spot prices --type c7g.xlarge,c7a.xlarge --limit 5
      ectwo spot prices m6i.large --where 'saving > 65' --columns zone,price,on_demand,saving

    In US dollars an hour, for Linux unless --os says otherwise (linux, windows, rhel, suse). 'saving' is how much less
    that is than on demand, in percent, where the Pricing API lets it be known; those prices are kept for a week.
    """
    more: list[Condition] = []
    if types:
        if listing.properties.get("type_of"):
            raise UsageError("name types as arguments or with --type, not both")
        more.append(option_condition(columns(SpotPrice)["type"], types, SpotPrice))
    if not listing.properties.get("os_of"):
        more += default_platform(listing.query, "linux")
    if most is not None:
        more.append(spot_prices.at_most(most))
    show_prices(listing, view, listing.also(more))


def default_platform(query: Query[SpotPrice], platform: str) -> list[Condition]:
    """The condition on the platform, where the query has none."""
    asked = any(each.asks_for == "platform" for each in query.conditions)
    return [] if asked else [spot_prices.of_platform(platform)]


def show_prices(
    listing: Listing[SpotPrice],
    view: ViewOptions[SpotPrice],
    query: Query[SpotPrice],
    *,
    how: search.Find[SpotPrice] | None = None,
    places: Sequence[Any] | None = None,
) -> None:
    """Find what the query asks for, and show it. Raises NotFound for --one and --fail-empty, SomeFailed."""
    from ectwo_cli.render.show import show
    from ectwo_cli.render.view import names

    _without_ids(view)
    if not query.sort and view.format != "jsonl":
        query = replace(query, sort=("price",))
    for_people = _of_profiles(listing, FOR_PEOPLE) if listing.screen.out_is_terminal else None
    shown = view.view(profiles=listing.several_profiles, columns=for_people)
    clients = listing.clients() if places is None else places
    about = {each.about for each in query.conditions} | {name.removeprefix("-") for name in query.sort}
    wanted = not {*names(shown), *about}.isdisjoint(spot_prices.DERIVED)
    on_demand = OnDemand(clients[0]) if wanted else None

    results = search.everywhere(clients, query, how or partial(spot_prices.current, now=listing.program.now))
    pages = spot_prices.listed(results.unless_all_fail(), query, on_demand)
    count = show(listing.screen, shown, pages, query)
    _say_what_is_unknown(listing, on_demand)
    listing.settle(count, results)


def _say_what_is_unknown(scope: Scope, on_demand: OnDemand | None) -> None:
    if on_demand is None:
        return
    if on_demand.trouble is not None:
        from ectwo_cli.aws.explain import explain

        scope.screen.note(f"on-demand prices are not known: {explain(on_demand.trouble).message}")
    elif on_demand.left_out:
        scope.screen.note(
            f"on-demand prices of {on_demand.left_out} more types were not looked up; name types, or --limit"
        )


def _of_profiles(scope: Scope, columns: Sequence[str]) -> list[str]:
    return [*(["profile"] if scope.several_profiles else []), *columns]


def _without_ids(view: ViewOptions[Any]) -> None:
    if view.format == "ids":
        raise UsageError(f"{view.resource.kind.plural} have no IDs, so there is no -o ids")


# History


def history(
    types: Annotated[
        list[str], typer.Argument(metavar="TYPE...", help="Instance types; globs too.", show_default=False)
    ],
    scope: Scope,
    view: ViewOptions[SpotHistory],
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="7d, 12h, or 2026-01-31.", rich_help_panel=QUERY)
    ] = "7d",
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="The same. Default: now.", rich_help_panel=QUERY),
    ] = None,
    systems: Annotated[
        list[str] | None,
        typer.Option(
            "--os",
            metavar="OS",
            help=f"{', '.join(PRODUCTS)}; repeatable. Default: linux.",
            rich_help_panel=QUERY,
            show_default=False,
        ),
    ] = None,
    zones: Annotated[
        list[str] | None,
        typer.Option(
            "--zone", metavar="ZONE", help="Only these zones; globs too.", rich_help_panel=QUERY, show_default=False
        ),
    ] = None,
) -> None:
    """How spot prices went: a plot, least, mean, most, last.

    \b
      ectwo spot history m6i.large -r us-east-1
      ectwo spot history m6i.large m7i.large --since 30d --zone us-east-1a
      ectwo spot history 'c7g.*' --since 2026-01-01 --until 2026-01-31 --json

    A line for each zone, all lines of a plot on one scale; times are UTC. 'mean' is weighted by how long each price
    lasted. EC2 remembers 90 days.
    """
    from ectwo_cli.fanout import across
    from ectwo_cli.render.show import show

    _without_ids(view)
    now = scope.program.now
    end = _time(until, now) if until else now
    begin = _time(since, now)
    if begin >= end:
        raise UsageError(f"--since {since} is not before --until {until or 'now'}")
    if (now - begin).days > spot_history.LONGEST:
        scope.screen.note(f"EC2 remembers {spot_history.LONGEST} days")
    plotted = view.format == "table" and scope.screen.out_is_terminal
    span = spot_history.Span(
        types=patterns(types),
        platforms=_systems(systems),
        zones=patterns(zones or []),
        since=begin,
        until=end,
        pieces=_pieces(scope) if plotted else 0,
    )
    clients = scope.clients()
    results = across(clients, lambda client: spot_history.history(client, span), where=search.place_of)
    query = Query(SpotHistory, sort=() if view.format == "jsonl" else ("type", "platform"))
    told = results.unless_all_fail()
    if plotted:
        all_told = list(told)
        _plot(scope, span, all_told)
        told = iter(all_told)
    shown = view.view(profiles=scope.several_profiles)
    count = show(scope.screen, shown, (search.Page([each.history]) for each in told), query)
    results.check()
    if count == 0:
        raise NotFound(
            f"no spot prices of {', '.join(types)} in {_counted(clients)}",
            hint="'ectwo spot prices' lists what there is; --os is another platform",
        )


def _pieces(scope: Scope) -> int:
    from ectwo_cli.render.plot import pieces

    return pieces(scope.screen)


def _plot(scope: Scope, span: spot_history.Span, told: Sequence[spot_history.Told]) -> None:
    from ectwo_cli.render.plot import Line, Plot, show_plot

    about: dict[tuple[str, str], list[spot_history.Told]] = {}
    for each in sorted(told, key=lambda each: (each.history.region, each.history.zone, each.history.profile or "")):
        about.setdefault((each.history.type, each.history.platform), []).append(each)
    for (type, platform), some in sorted(about.items()):
        lines = [Line(_label(scope, each.history), each.parts, each.history.last) for each in some]
        show_plot(scope.screen, Plot(f"{type} {platform}, USD an hour", lines, span.since, span.until))


def _label(scope: Scope, item: SpotHistory) -> str:
    return f"{item.profile} {item.zone}" if scope.several_profiles else item.zone


def _time(text: str, now: datetime) -> datetime:
    """``7d`` (so long ago) or a time. Raises UsageError."""
    if re.fullmatch(r"[\d.]+[smhdw]", text.strip()):
        return now - duration(text)
    return moment(text, now)


def _systems(said: Sequence[str] | None) -> list[str]:
    systems = [part for each in said or ["linux"] for part in each.split(",") if part]
    for each in systems:
        _system(each)
    return list(dict.fromkeys(systems))


def _system(name: str) -> str:
    if name not in PRODUCTS:
        raise UsageError(f"unknown --os {name!r}", hint=nearest(name, PRODUCTS))
    return name


def _counted(clients: Sequence[Any]) -> str:
    return str(search.place_of(clients[0])) if len(clients) == 1 else f"{len(clients)} regions"


# Cheapest


def cheapest(
    scope: Scope,
    view: ViewOptions[SpotOffer],
    vcpus: Vcpus = None,
    memory: Memory = None,
    architectures: Architectures = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", metavar="TYPE", help="Only these types; globs too.", rich_help_panel=QUERY, show_default=False
        ),
    ] = None,
    system: System = "linux",
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, help="How many instances.", rich_help_panel=QUERY)
    ] = 1,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="Rank by the price of an instance, of a vcpu, or of a GiB of memory.",
            rich_help_panel=QUERY,
        ),
    ] = "instance",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N.", rich_help_panel=QUERY)] = 10,
    score: Annotated[
        bool, typer.Option("--score/--no-score", help="Ask for placement scores.", rich_help_panel=QUERY)
    ] = True,
) -> None:
    """The cheapest types, zones and regions for a need.

    \b
      ectwo spot cheapest --vcpus 4 --memory 16 --arch arm64
      ectwo spot cheapest --vcpus 4-8 --memory 16+ --count 3 -r 'us-*'
      ectwo spot cheapest --vcpus 16+ --by vcpu --columns zone,type,price_per_vcpu
      ectwo spot cheapest --vcpus 2 --memory 4 --os windows --json

    4 is just 4, 4-8 from 4 to 8, 16+ at least 16. 'score' says how likely it is to get --count of these types together
    in that zone now, from 1 to 10, where you may ask for it (ec2:GetSpotPlacementScores).
    """
    from ectwo_cli.fanout import across
    from ectwo_cli.render.show import show

    _without_ids(view)
    need = _need(vcpus, memory, architectures, types)
    if by not in spot_offers.RANKS:
        raise UsageError(f"unknown --by {by!r}", hint=nearest(by, spot_offers.RANKS))
    request = spot_offers.Request(need, _system(system), count)
    clients = scope.clients()
    results = across(
        clients,
        lambda client: spot_offers.offers(client, request, now=scope.program.now),
        where=search.place_of,
    )
    query: Query[SpotOffer] = Query(SpotOffer, sort=(spot_offers.RANKS[by], "price"), limit=limit)
    items = query.order(item for page in results.unless_all_fail() for item in page.items)
    on_demand = OnDemand(clients[0])
    on_demand.learn((item.type, item.platform, item.region) for item in items)
    items = [spot_offers.compared(item, on_demand.price(item.type, item.platform, item.region)) for item in items]
    if score and items:
        items = _scored(scope, items, count)
    show(scope.screen, view.view(profiles=scope.several_profiles), [search.Page(items)], query)
    results.check()
    if not items:
        raise NotFound(f"no type in {_counted(clients)} has all of that as spot", hint="widen --vcpus and --memory")


def _need(
    vcpus: str | None, memory: str | None, architectures: Sequence[str] | None, types: Sequence[str] | None
) -> Need:
    if not vcpus and not memory and not types:
        raise UsageError("what is needed?", hint="say --vcpus 4, --memory 16+, --arch arm64")
    chosen = [part for each in architectures or () for part in each.split(",") if part]
    for each in chosen:
        if each not in spot_needs.ARCHITECTURES:
            raise UsageError(f"unknown --arch {each!r}", hint=nearest(each, spot_needs.ARCHITECTURES))
    return Need(
        spot_needs.read_range(vcpus, what="--vcpus") if vcpus else spot_needs.Range(),
        spot_needs.read_range(memory, what="--memory") if memory else spot_needs.Range(),
        tuple(dict.fromkeys(chosen)) or spot_needs.ARCHITECTURES,
        patterns(types or []),
    )


def _scored(scope: Scope, items: list[SpotOffer], count: int) -> list[SpotOffer]:
    """With scores, where they can be had: each account's own."""
    from ectwo_cli.aws.explain import explain

    found: list[SpotOffer] = []
    for profile in dict.fromkeys(item.profile for item in items):
        some = [item for item in items if item.profile == profile]
        try:
            found += spot_offers.scored(scope.client_of(some[0]), some, count)
        except Exception as error:
            scope.screen.note(f"placement scores are not known: {explain(error).message}")
            found += some
    return found


# Scores


def score(
    scope: Scope,
    view: ViewOptions[SpotScore],
    types: Types = None,
    capacity: Annotated[
        int,
        typer.Option("--count", "--capacity", metavar="N", min=1, help="How many instances.", rich_help_panel=QUERY),
    ] = 1,
    zones: Annotated[
        bool,
        typer.Option("--zones", help="Of zones: all instances in one. Default: of regions.", rich_help_panel=QUERY),
    ] = False,
    vcpus: Vcpus = None,
    memory: Memory = None,
    architectures: Architectures = None,
) -> None:
    """How likely a spot request is to succeed, by region or zone.

    \b
      ectwo spot score m6i.large m6a.large m7i.large --count 20
      ectwo spot score 'c7*.xlarge' --count 50 --zones -r us-east-1,us-west-2
      ectwo spot score --vcpus 4-8 --memory 16+ --arch x86_64 --count 10

    EC2 scores the request as a whole, with any of the types, now: 10 is highly likely to succeed, though never sure,
    and 1 not likely at all. More types make it likelier; with fewer than three the score is low whatever they are.
    Of more than ten regions or zones EC2 may name the ten best alone.
    """
    from ectwo_cli.render.show import show

    _without_ids(view)
    if types and (vcpus or memory or architectures):
        raise UsageError("name types or say what is needed (--vcpus, --memory, --arch), not both")
    need = None if types else _need(vcpus, memory, architectures, None)
    clients = scope.clients()
    found: list[SpotScore] = []
    for account in scope.accounts:
        here = [client for client in clients if client.account is account]
        home = next((client for client in here if client.region == account.home), here[0])
        wish = spot_scores.Wish(capacity, _named(home, types or []), need)
        found += spot_scores.scores(home, wish, [client.region for client in here], zones=zones)
        if need is None and len(wish.types) < spot_scores.FEW:
            scope.screen.note(
                f"with fewer than {spot_scores.FEW} types EC2 scores low, whatever they are: name more of them"
            )
    of_regions = _of_profiles(scope, ("region", "score", "meaning"))
    shown = view.view(profiles=scope.several_profiles, columns=None if zones else of_regions)
    query: Query[SpotScore] = Query(SpotScore, sort=("-score",))
    if not show(scope.screen, shown, [search.Page(found)], query):
        raise NotFound("EC2 has no score for any of these regions")


def _named(client: Any, types: Sequence[str]) -> list[str]:
    """The types, globs looked up. Raises NotFound for those that mean none, botocore's errors."""
    wanted = patterns(types)
    if all(each.form == "literal" and not each.negative for each in wanted):
        return list(dict.fromkeys(each.text for each in wanted))
    found = spot_needs.types_named(client, wanted)
    if not found:
        raise NotFound(f"no instance type {', '.join(types)} in {client.region}")
    return found


VERBS: Sequence[Callable[..., None]] = (prices, history, cheapest, score)
