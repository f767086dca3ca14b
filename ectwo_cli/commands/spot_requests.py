"""The verbs of ``ectwo spot`` about requests: request, find, show; ``spot_cancel`` has the last one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.commands.launch_options import IMAGE_HELP, MARKET, Interruption, LaunchOptions, check_price
from ectwo_cli.errors import Declined, EctwoError, Partial, UsageError
from ectwo_cli.expand import Group
from ectwo_cli.model import Raw as RawData
from ectwo_cli.options.acting import Consent, Tagging, Waiting
from ectwo_cli.options.declared import Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import duration, moment
from ectwo_cli.records import dataclass
from ectwo_cli.services import spot_requests
from ectwo_cli.services.spot_requests import SpotRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ectwo_cli.launch.wanted import Market
    from ectwo_cli.services.machines import Machine
    from ectwo_cli.services.waiting import Sight


def find(listing: Listing[SpotRequest], view: ViewOptions[SpotRequest]) -> None:
    """Find spot requests in all regions; not those that are over.

    \b
      ectwo spot find
      ectwo spot find --state open --columns region,id,instance_type,status,meaning
      ectwo spot find --state cancelled,closed
      ectwo spot find --instance i-0123456789abcdef0 -o ids

    'instances launch --spot' makes such requests, too. Cancelled and closed ones, which EC2 forgets after a while, are
    left out unless asked for.
    """
    listing.list_into(view)


def show(
    target: Target[SpotRequest], view: ViewOptions[SpotRequest], names: Properties = None, raw: Raw = False
) -> None:
    """Show one spot request, by its ID or its instance's.

    \b
      ectwo spot show sir-0abc1def
      ectwo spot show i-0123456789abcdef0 meaning
      ectwo spot show us-east-1/sir-0abc1def --raw | jq .LaunchSpecification
    """
    target.show(view, names or [], raw=raw)


# Requesting


@dataclass(frozen=True)
class Terms(Group):
    """How spot instances are requested."""

    price: Annotated[
        str | None,
        typer.Option(
            "--price",
            "--max-price",
            metavar="USD",
            help="At most so much an hour. Default: the on-demand price, which AWS advises.",
            rich_help_panel=MARKET,
        ),
    ] = None
    persistent: Annotated[
        bool,
        typer.Option("--persistent", help="Start another when the instance is gone.", rich_help_panel=MARKET),
    ] = False
    interruption: Annotated[
        Interruption | None,
        typer.Option(
            "--interruption",
            help="What EC2 does when it wants the instance back; default terminate. The others need --persistent.",
            rich_help_panel=MARKET,
        ),
    ] = None
    valid_until: Annotated[
        str | None,
        typer.Option(
            "--valid-until",
            metavar="TIME",
            help="When the request ends if it is not fulfilled: 6h, or 2026-01-31T12:00Z.",
            rich_help_panel=MARKET,
        ),
    ] = None

    def check(self) -> None:
        """Raises UsageError for what can't be meant."""
        super().check()
        if self.price is not None:
            check_price(self.price, "--price")
        if self.interruption in ("stop", "hibernate") and not self.persistent:
            raise UsageError(
                f"--interruption {self.interruption} is for persistent requests alone", hint="add --persistent"
            )
        if self.ends is not None and self.ends <= self.program.now:
            raise UsageError(f"--valid-until {self.valid_until} is over already")

    @property
    def ends(self) -> datetime | None:
        """When it ends. Raises UsageError."""
        text = self.valid_until
        if text is None:
            return None
        if re.fullmatch(r"[\d.]+[smhdw]", text.strip()):
            return self.program.now + duration(text)
        return moment(text, self.program.now)

    @property
    def market(self) -> Market:
        """The same as the launch knows it."""
        from ectwo_cli.launch.wanted import Market

        return Market(max_price=self.price, interruption=self.interruption or "terminate", repeated=self.persistent)


def request(
    scope: Scope,
    options: LaunchOptions,
    terms: Terms,
    tagging: Tagging,
    consent: Consent,
    waiting: Waiting,
    view: Report[SpotRequest],
    image: Annotated[str | None, typer.Option("--image", metavar="IMAGE", help=IMAGE_HELP)] = None,
) -> None:
    """Request spot instances, and wait until they are there.

    \b
      ectwo spot request --image al2023 --type m6i.large --key me --group web
      ectwo spot request --image web-2026-11 --type c7g.large --count 3 --valid-until 6h
      ectwo spot request --image al2023 --type m6i.large --persistent --interruption stop --price 0.05
      ectwo spot request --image al2023 --type m6i.large --no-wait -o ids

    The request stays open until EC2 has room, also when this command has gone (after 20 minutes, or --timeout), and a
    persistent one opens again whenever its instance is gone. To have an instance now, or to be told at once that there
    is no room, 'ectwo instances launch --spot' is better: it also requires IMDSv2, and tags instances and volumes in
    the same call, where this can tag them only once they are there (so not with --no-wait).
    """
    from ectwo_cli.commands import launching

    default = image or scope.program.settings.launch("").get("image")
    client = launching.client_for(scope, default)
    wanted = options.wanted(image, client.region, tagging.tags)
    make_request(scope, client, replace(wanted, market=terms.market), terms, consent, waiting, view)


def make_request(
    scope: Scope,
    client: Client,
    wanted: Any,
    terms: Terms,
    consent: Consent,
    waiting: Waiting,
    view: Report[SpotRequest],
    *,
    found: RawData | None = None,
) -> None:
    """Check everything, show it, ask, request, wait. ``found`` is the image where it is known already."""
    import uuid

    from ectwo_cli import prompt
    from ectwo_cli.aws.calls import dry_run
    from ectwo_cli.commands import launching
    from ectwo_cli.launch import spot
    from ectwo_cli.launch.preflight import all_tags
    from ectwo_cli.launch.summary import price_words
    from ectwo_cli.render.show import show_outcomes

    screen = scope.screen
    ready = launching.prepare(scope, client, wanted, ask=not consent.yes, found=found)
    costs = launching.costs_of(scope, client, ready.wanted, ready.facts)
    launching.report(scope, spot.check_price(terms.price, costs.spot, costs.on_demand))
    params = spot.request_spot_instances(ready.wanted, ready.facts, terms.ends)
    count = ready.wanted.count
    what = "a spot instance" if count == 1 else f"{count} spot instances"
    asks = screen.can_ask and not consent.yes
    if consent.dry_run or asks:
        prices = price_words(costs.on_demand, [each.price for each in costs.spot], ready.wanted)
        launching.summary(scope, client, ready, title=f"Request {what}", prices=prices)
    shown = view.view(profiles=scope.several_profiles)
    if consent.dry_run:
        dry_run(client, "RequestSpotInstances", **params)
        screen.note("EC2 would permit it; nothing was requested")
        show_outcomes(screen, shown, [])
        return
    if asks and not prompt.confirm(screen, f"Request {what}?"):
        raise Declined("not done")
    answer = client.call("RequestSpotInstances", ClientToken=str(uuid.uuid4()), **params)
    made = [SpotRequest.parse(each, client.region, client.profile) for each in answer["SpotInstanceRequests"]]
    if waiting.no_wait:
        show_outcomes(screen, shown, [Outcome(item, "requested") for item in made])
        return
    _await(scope, client, made, all_tags(ready.wanted, ready.facts.image), waiting, shown)


def _await(
    scope: Scope,
    client: Client,
    made: Sequence[SpotRequest],
    tags: Mapping[str, str],
    waiting: Waiting,
    shown: Any,
) -> None:
    from ectwo_cli.follow import check_time, follow, outcomes
    from ectwo_cli.render.show import show_outcomes
    from ectwo_cli.services import waiting as engine

    def again(late: Sequence[Sight[Any]]) -> str:
        items = [sight.item for sight in late]
        if len(items) == 1:
            return scope.command("spot show", items)
        return scope.command("spot find", [], "-r", client.region, "--state", "open,active")

    sights = engine.wait([(client, made)], spot_requests.FULFILLED, limit=waiting.within(engine.LIMIT))
    ended = follow(scope.screen, sights, verb="looking for room for", again=again)
    done = outcomes([replace(sight, action="fulfilled" if sight.ok else "requested") for sight in ended])
    machines: list[Machine] = []
    try:
        machines = spot_requests.instances_of(client, [each.item for each in done if each.item.state == "active"])
        spot_requests.tag_instances(client, machines, tags)
    except Exception as error:
        from ectwo_cli.aws.explain import explain

        scope.screen.warn(f"the instances could not be tagged: {explain(error).message}")
    show_outcomes(scope.screen, shown, done)
    for each in done:
        if each.item.state == "active" and each.item.status != "fulfilled":
            scope.screen.warn(f"{each.item.id} is {each.item.status}: {each.item.meaning}")
    if machines:
        what = f"instance {machines[0].id} starts" if len(machines) == 1 else f"{len(machines)} instances start"
        scope.screen.note(f"{what}: {scope.command('instances wait', machines)}")
    check_time(ended, verb="looking for room for", again=again)
    _check(done)


def _check(done: Sequence[Outcome[Any]]) -> None:
    bad = [each for each in done if each.failed]
    if bad:
        raise EctwoError("") if len(bad) == len(done) else Partial("")


VERBS: Sequence[Callable[..., None]] = (request, find, show)
