"""``spot cancel``: requests, and with ``--terminate`` what they have started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import Partial
from ectwo_cli.expand import ACT
from ectwo_cli.options.acting import Consent, Waiting
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Targets
from ectwo_cli.options.views import Report
from ectwo_cli.outcome import Outcome
from ectwo_cli.services import search, spot_requests
from ectwo_cli.services.spot_requests import SpotRequest

if TYPE_CHECKING:
    from ectwo_cli.services.machines import Machine
    from ectwo_cli.services.waiting import Sight


def cancel(
    selected: Targets[SpotRequest],
    consent: Consent,
    waiting: Waiting,
    view: Report[SpotRequest],
    terminate: Annotated[bool, typer.Option("--terminate", help="Their instances too.", rich_help_panel=ACT)] = False,
) -> None:
    """Cancel spot requests; their instances go on running.

    \b
      ectwo spot cancel sir-0abc1def
      ectwo spot cancel sir-0abc1def --terminate
      ectwo spot cancel --state open
      ectwo spot find --tag env=dev -o ids | ectwo spot cancel - --terminate --yes

    Waits until EC2 has cancelled them, and with --terminate until the instances are gone. The requests are cancelled
    first, else persistent ones would start instances anew.
    """
    from ectwo_cli.fanout import across
    from ectwo_cli.render.show import show_outcomes

    selection = selected.select()
    places = selected.by_region(selection.items)
    hit = _plan(selected, places, terminate)
    shown = view.view(profiles=selected.several_profiles)
    if not selection.items:
        selected.screen.note("no spot requests matched")
    if not consent.dry_run and hit:
        what = "spot request" if hit == 1 else "spot requests"
        also = f", and terminate what {'it has' if hit == 1 else 'they have'} started" if terminate else ""
        consent.require(
            f"Cancel {hit} {what}{also}?",
            count=hit,
            everything=selection.everything,
            ambiguous=selection.ambiguous,
        )
    work: Callable[[Client, Sequence[SpotRequest]], Iterator[Outcome[SpotRequest]]] = (
        spot_requests.check_cancel if consent.dry_run else spot_requests.cancel
    )
    results = across(places, lambda place: work(*place), where=lambda place: search.place_of(place[0]))
    done = list(results)
    late: list[Sight[Any]] = []
    if not consent.dry_run:
        done, late = _cancelled(selected, done, waiting)
    items = [each.item for each in done if not each.failed]
    if terminate:
        gone = (_rehearse if consent.dry_run else _terminate)(selected, items, waiting, late)
    else:
        gone = True
        if not consent.dry_run:
            _say_what_goes_on(selected, items)
    show_outcomes(selected.screen, shown, done)
    results.check()
    _times_up(selected, late)
    selection.check(done)
    if not gone:
        raise Partial("")


def _plan(selected: Targets[SpotRequest], places: Sequence[tuple[Client, list[SpotRequest]]], terminate: bool) -> int:
    """Show what will be hit; how many."""
    from ectwo_cli.render.plan import show_plan
    from ectwo_cli.services import consequences, lifecycle

    rows: list[tuple[SpotRequest, list[str]]] = []
    for client, items in places:
        # What is over may still have an instance that is to be ended.
        going = [item for item in items if terminate or not item.over]
        machines = {each.id: each for each in spot_requests.instances_of(client, going)}
        for item in going:
            machine = machines.get(item.instance_id or "")
            if machine is None and item.over:
                continue
            if machine is None:
                rows.append((item, ["it has no instance"]))
            elif terminate:
                name = _named(machine)
                lost = consequences.of(lifecycle.terminate(), machine)
                rows.append((item, [f"instance {name} is terminated", *lost]))
            else:
                rows.append((item, [_stays(machine)]))
    if rows:
        show_plan(selected.screen, f"Cancel {len(rows)} spot request{'s' if len(rows) > 1 else ''}:", rows)
    return len(rows)


def _stays(machine: Machine) -> str:
    if machine.state == "stopped":
        return f"instance {_named(machine)} stays stopped, and can't be started any more; --terminate ends it too"
    return f"instance {_named(machine)} goes on running and costing money; --terminate ends it too"


def _named(machine: Machine) -> str:
    return f"{machine.name} ({machine.id})" if machine.name else machine.id


def _cancelled(
    selected: Targets[SpotRequest], done: list[Outcome[SpotRequest]], waiting: Waiting
) -> tuple[list[Outcome[SpotRequest]], list[Sight[Any]]]:
    """Wait until EC2 shows them as cancelled, or not any more; and those that it still did not when time ran out."""
    from ectwo_cli.follow import follow, outcomes
    from ectwo_cli.services import waiting as engine

    sent = [each.item for each in done if not each.failed and not each.item.over]
    if waiting.no_wait or not sent:
        return done, []
    sights = engine.wait(selected.by_region(sent), spot_requests.CANCELLED, limit=waiting.within(engine.LIMIT))
    ended = follow(
        selected.screen,
        sights,
        verb="cancelling",
        again=lambda late: selected.command("spot cancel", [sight.item for sight in late]),
    )
    others = [each for each in done if each.failed or each.item.over]
    return [*others, *outcomes([replace(sight, action="cancelled") for sight in ended])], [
        sight for sight in ended if sight.late
    ]


def _left(selected: Scope, items: Sequence[SpotRequest]) -> list[tuple[Client, list[Machine]]]:
    """The instances of the requests that have not ended."""
    places = [(client, spot_requests.instances_of(client, some)) for client, some in selected.by_region(items)]
    return [(client, machines) for client, machines in places if machines]


def _say_what_goes_on(selected: Scope, items: Sequence[SpotRequest]) -> None:
    left = [machine for _, machines in _left(selected, items) for machine in machines]
    for machine in left:
        selected.screen.note(f"instance {_named(machine)} is {machine.state}, and goes on")
    if left:
        what = "it" if len(left) == 1 else "them"
        selected.screen.note(f"to end {what}: {selected.command('instances terminate', left)}")


def _rehearse(selected: Scope, items: Sequence[SpotRequest], waiting: Waiting, late: Sequence[Sight[Any]]) -> bool:
    """Whether the instances could be terminated."""
    from ectwo_cli.services import lifecycle, machines

    places = _left(selected, items)
    order = lifecycle.terminate()
    results = lifecycle.rehearse(places, order, machines.learn(places, attribute=order.guard))
    rehearsed = list(results)
    results.check()
    for each in rehearsed:
        if each.failed:
            selected.screen.error(f"instance {_named(each.item)}: {each.error}", code=each.code, hint=each.hint)
        else:
            selected.screen.note(f"would terminate instance {_named(each.item)}")
    return not any(each.failed for each in rehearsed)


def _terminate(selected: Scope, items: Sequence[SpotRequest], waiting: Waiting, late: list[Sight[Any]]) -> bool:
    """End the instances of cancelled requests; whether that worked. Those that are late are added to ``late``."""
    from ectwo_cli.follow import follow
    from ectwo_cli.services import lifecycle
    from ectwo_cli.services.waiting import LIMIT

    order = lifecycle.terminate()
    wait = not waiting.no_wait
    ended = follow(
        selected.screen,
        lifecycle.carry_out(_left(selected, items), order, wait=wait, limit=waiting.within(LIMIT)),
        verb=order.doing,
        again=lambda some: selected.command("instances wait", [each.item for each in some], "--until", "terminated"),
    )
    bad = [sight for sight in ended if sight.ok is False]
    for sight in bad:
        selected.screen.error(
            f"its request is cancelled, but instance {_named(sight.item)} goes on: {sight.reason}",
            code=sight.code,
            hint=sight.hint,
        )
    gone = [sight for sight in ended if sight.ok]
    if gone:
        names = ", ".join(_named(sight.item) for sight in gone)
        what = "instance" if len(gone) == 1 else "instances"
        selected.screen.note(f"{what} {names} {'terminated' if wait else 'being terminated'}")
    late += [sight for sight in ended if sight.late]
    return not bad


def _times_up(selected: Scope, late: Sequence[Sight[Any]]) -> None:
    from ectwo_cli.follow import check_time

    check_time(
        late,
        verb="ending",
        again=lambda some: "; ".join(
            selected.command(f"{each.item.kind.plural.split()[0]} show", [each.item]) for each in some
        ),
    )
