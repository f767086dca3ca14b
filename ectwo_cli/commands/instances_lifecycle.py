"""The verbs of ``ectwo instances`` that change what state instances are in, or wait for one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ectwo_cli.errors import NotFound, UsageError
from ectwo_cli.expand import ACT
from ectwo_cli.fanout import across
from ectwo_cli.follow import check_time, follow, outcomes
from ectwo_cli.model import R, columns
from ectwo_cli.options.acting import Consent, Patience, Waiting
from ectwo_cli.options.declared import Properties
from ectwo_cli.options.targets import Selection, Target, Targets
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import Query, option_condition
from ectwo_cli.render.screen import Screen
from ectwo_cli.services import consequences, goals, lifecycle, machines, search, waiting
from ectwo_cli.services.addresses import Address
from ectwo_cli.services.images import Image
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.lifecycle import Never, Order, Send, Wait
from ectwo_cli.services.machines import NOTHING, Machine
from ectwo_cli.services.waiting import LIMIT, Sight, key_of


def start(selected: Targets[Instance], consent: Consent, patience: Waiting, view: Report[Instance]) -> None:
    """Start instances, and wait until they run.

    \b
      ectwo instances start web-1 us-east-1/i-0123456789abcdef0
      ectwo instances start --tag env=dev
      ectwo instances find --state stopped --tag env=dev -o ids | ectwo instances start -

    One that is stopping is waited for and then started; one that runs is left alone. On a terminal --all asks.
    """
    _act(lifecycle.start(), selected, consent, patience, view)


def stop(
    selected: Targets[Instance],
    consent: Consent,
    patience: Waiting,
    view: Report[Instance],
    force: Annotated[
        bool, typer.Option("--force", help="Do not wait for the system to shut down.", rich_help_panel=ACT)
    ] = False,
    hibernate: Annotated[
        bool, typer.Option("--hibernate", help="Save the memory, to go on from there.", rich_help_panel=ACT)
    ] = False,
) -> None:
    """Stop instances, and wait until they have stopped.

    \b
      ectwo instances stop web-1
      ectwo instances stop --tag env=dev --state running
      ectwo instances find --older-than 30d -o ids | ectwo instances stop - --yes

    A pending one is waited for and then stopped. Shows first what it brings about, and asks.
    """
    if force and hibernate:
        raise UsageError("--force and --hibernate exclude each other")
    _act(lifecycle.stop(force=force, hibernate=hibernate), selected, consent, patience, view)


def reboot(
    selected: Targets[Instance],
    consent: Consent,
    patience: Waiting,
    view: Report[Instance],
    hard: Annotated[
        bool, typer.Option("--hard", help="Stop them, then start them: on other hardware.", rich_help_panel=ACT)
    ] = False,
) -> None:
    """Reboot instances.

    \b
      ectwo instances reboot web-1
      ectwo instances reboot web-1 --hard
      ectwo instances reboot --tag env=dev --yes

    EC2 tells nothing about the end of a reboot: 'ectwo instances wait web-1 --until ok' waits for the checks.
    """
    if hard and patience.no_wait:
        raise UsageError("--hard has to wait between stop and start", hint="leave --no-wait out")
    _act(lifecycle.reboot(hard=hard), selected, consent, patience, view)


def terminate(
    selected: Targets[Instance],
    consent: Consent,
    patience: Waiting,
    view: Report[Instance],
    unprotect: Annotated[
        bool,
        typer.Option("--unprotect", help="Also those with termination protection.", rich_help_panel=ACT),
    ] = False,
) -> None:
    """Terminate instances: they are gone for good.

    \b
      ectwo instances terminate web-1
      ectwo instances terminate --tag env=dev --older-than 30d
      ectwo instances terminate us-east-1/i-0123456789abcdef0 --yes --no-wait

    Protected ones are named and left alone. Shows first which volumes go and which stay, and asks.
    """
    _act(lifecycle.terminate(unprotect=unprotect), selected, consent, patience, view)


def protect(
    selected: Targets[Instance],
    consent: Consent,
    view: Report[Instance],
    off: Annotated[bool, typer.Option("--off", help="Switch it off.", rich_help_panel=ACT)] = False,
) -> None:
    """Switch termination protection on, or off.

    \b
      ectwo instances protect web-1 db-1
      ectwo instances protect --tag env=prod
      ectwo instances protect web-1 --off

    EC2 then refuses to terminate them, whoever asks, until it is switched off. On a terminal --all asks.
    """
    selection = selected.select()
    if not consent.dry_run and _may_ask_for_all(selection, consent):
        count = len(selection.items)
        consent.require(f"{'Unprotect' if off else 'Protect'} {_plural(count)}?", count=count, everything=True)
    results = across(
        selected.by_region(selection.items),
        lambda place: lifecycle.protect(place[0], place[1], on=not off, check=consent.dry_run),
        where=lambda place: search.place_of(place[0]),
    )
    done = list(results)
    _show(selected, view, done)
    results.check()
    selection.check(done)


def wait(
    selected: Targets[Instance],
    patience: Patience,
    view: Report[Instance],
    until: Annotated[
        str, typer.Option("--until", metavar="STATE", help="running, stopped, terminated or ok.", rich_help_panel=ACT)
    ] = "running",
) -> None:
    """Wait until instances are in a state.

    \b
      ectwo instances wait web-1
      ectwo instances wait web-1 --until ok --timeout 10m && ssh web-1
      ectwo instances wait --tag env=dev --until stopped -q

    ok: they run and their status checks have passed. Fails at once for one that can't get there any more; exit
    code 8 when the time ran out.
    """
    if until not in goals.UNTIL:
        raise UsageError(f"unknown state --until {until!r}", hint=f"one of {', '.join(goals.UNTIL)}")
    selection = selected.select()
    sights = waiting.wait(
        selected.by_region(selection.items),
        goals.until(until),
        look=goals.checks() if until == "ok" else None,
        limit=patience.within(LIMIT),
    )
    words, still = f"waiting for {until}", f"not {until} yet:"

    def again(late: Sequence[Sight[Any]]) -> str:
        return selected.command("instances wait", [sight.item for sight in late], "--until", until)

    ended = follow(selected.screen, sights, verb=words, again=again, still=still)
    done = [
        dataclasses.replace(each, action="reached" if sight.ok else None)
        for each, sight in zip(outcomes(ended), ended, strict=True)
    ]
    _show(selected, view, done)
    check_time(ended, verb=words, again=again, still=still)
    selection.check(done)


def console(target: Target[Instance], view: ViewOptions[Instance]) -> None:
    """Print what an instance wrote to its console.

    \b
      ectwo instances console web-1
      ectwo instances console web-1 --json | jq -r .console

    The latest text where the type gives that, else what EC2 keeps of the last start. Nothing in the first minutes.
    """
    from ectwo_cli.render.show import show_one, show_text

    item = target.item()
    text, at = lifecycle.console(target.client_of(item), item.id)
    if view.format not in ("table", "wide"):
        shown = view.view(profiles=target.several_profiles)
        show_one(target.screen, shown, item, {"console": text, "console_at": at})
        return
    if not text:
        target.screen.note(f"nothing was written to the console of {item.name or item.id} yet")
    show_text(target.screen, text)


def image(target: Target[Instance], view: ViewOptions[Image], names: Properties = None) -> None:
    """Show the image that an instance was launched from.

    \b
      ectwo instances image web-1
      ectwo instances image web-1 name

    Exit code 3 when it is gone, or not shared with you any more.
    """
    item = target.item()
    ids = [item.image_id] if item.image_id else []
    found = [
        each for page in search.find(target.client_of(item), search.by_ids(Image, ids)) for each in page.items if ids
    ]
    if not found:
        raise NotFound(f"image {item.image_id} of {item.name or item.id} is gone, or not shared with you any more")
    _show_one(target, view, found[0], names)


def address(target: Target[Instance], view: ViewOptions[Address], names: Properties = None) -> None:
    """Show the Elastic IP address of an instance.

    \b
      ectwo instances address web-1
      ectwo instances address web-1 public_ip

    Exit code 3 when it has none; 'ectwo instances show web-1 public_ip' also tells one of Amazon's own.
    """
    item = target.item()
    of_it = option_condition(columns(Address)["instance_id"], [item.id], Address)
    query = Query(Address, [of_it])
    found = query.order(each for page in search.find(target.client_of(item), query) for each in page.items)
    if not found:
        other = f"; its public address {item.public_ip} is one of Amazon's" if item.public_ip else ""
        raise NotFound(f"{item.name or item.id} has no Elastic IP address{other}")
    # The first is the one that others see.
    found.sort(key=lambda each: each.public_ip != item.public_ip)
    _show_one(target, view, found[0], names)


# What they share


def _act(
    order: Order, selected: Targets[Instance], consent: Consent, patience: Waiting, view: Report[Instance]
) -> None:
    selection = selected.select(machines.find)
    found = [item for item in selection.items if isinstance(item, Machine)]
    places = selected.by_region(found)
    wait = not patience.no_wait
    asks = order.verb != "start" or _may_ask_for_all(selection, consent)
    # They are for somebody who reads the plan; EC2 refuses what is protected in any case.
    told = consent.dry_run or (asks and not consent.yes and selected.screen.can_ask)
    facts = machines.learn(places, attribute=order.guard) if told and order.verb != "start" else {}
    hit = _plan(order, selected.screen, found, facts, wait=wait, shown=consent.dry_run or asks)
    if consent.dry_run:
        results = lifecycle.rehearse(places, order, facts, wait=wait)
        rehearsed = list(results)
        _show(selected, view, rehearsed)
        results.check()
        selection.check(rehearsed)
        return
    if asks and hit:
        question = f"{order.verb.capitalize()} {_plural(hit)}?"
        consent.require(question, count=hit, everything=selection.everything, ambiguous=selection.ambiguous)

    def again(late: Sequence[Sight[Any]]) -> str:
        return _again(order, selected, late)

    sights = lifecycle.carry_out(places, order, facts=facts, wait=wait, limit=patience.within(LIMIT))
    ended = follow(selected.screen, sights, verb=order.doing, again=again)
    done = outcomes(ended)
    _show(selected, view, done)
    check_time(ended, verb=order.doing, again=again)
    selection.check(done)


def _again(order: Order, selected: Targets[Instance], late: Sequence[Sight[Any]]) -> str:
    """The command that takes up again what nobody waits for any more."""
    items = [sight.item for sight in late]
    if len(order.legs) > 1:
        return selected.command("instances start", items)
    if order.verb == "start" or not all(sight.sent for sight in late):
        return selected.command(f"instances {order.verb}", items)
    return selected.command("instances wait", items, "--until", order.legs[0].goal)


def _plan(
    order: Order,
    screen: Screen,
    items: Sequence[Machine],
    facts: dict[tuple[str | None, str, str], machines.Facts],
    *,
    wait: bool,
    shown: bool,
) -> int:
    """Show what will be hit, with its consequences, and what is left alone; how many will be hit."""
    from ectwo_cli.render.plan import show_plan

    rows, notes = [], []
    for item in items:
        known = facts.get(key_of(item), NOTHING)
        first = lifecycle.foresee(order, item, known, wait=wait)
        if isinstance(first, Send) or (isinstance(first, Wait) and item.state in order.legs[0].before):
            rows.append((item, consequences.of(order, item, known)))
        elif isinstance(first, Never):
            notes.append(f"{item.name or item.id} is left alone: {first.reason}")
    if rows and shown:
        show_plan(screen, f"{order.verb.capitalize()} {_plural(len(rows))}:", rows, notes)
    return len(rows)


def _may_ask_for_all(selection: Selection[Instance], consent: Consent) -> bool:
    """Starting and protecting lose nothing: they ask only about everything at once, and only if somebody is there."""
    return bool(selection.everything and selection.items) and not consent.yes and consent.program.screen.can_ask


def _show(selected: Targets[Instance], view: Report[Instance], done: Sequence[Outcome[Any]]) -> None:
    from ectwo_cli.render.show import show_outcomes

    if not done:
        selected.screen.note("no instances matched")
    show_outcomes(selected.screen, view.view(profiles=selected.several_profiles), done)


def _show_one(target: Target[Instance], view: ViewOptions[R], item: R, names: Properties) -> None:
    from ectwo_cli.render.show import show_one, show_values

    if names:
        show_values(target.screen, item, names)
    else:
        show_one(target.screen, view.view(profiles=target.several_profiles), item)


def _plural(count: int) -> str:
    return f"{count} instance{'s' if count != 1 else ''}"
