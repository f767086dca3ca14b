"""``ectwo addresses``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ectwo_cli import errors
from ectwo_cli.expand import ACT, QUERY
from ectwo_cli.options.acting import Consent, DryRun, Tagging, carry_out
from ectwo_cli.options.declared import NameTag, Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Selection, Target, Targets
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import Condition
from ectwo_cli.services import addresses, holders, search
from ectwo_cli.services.addresses import Address
from ectwo_cli.services.instances import Instance

app = typer.Typer()


@app.command()
def find(
    listing: Listing[Address],
    view: ViewOptions[Address],
    unassociated: Annotated[
        bool, typer.Option("--unassociated", help="Only those that lead nowhere.", rich_help_panel=QUERY)
    ] = False,
) -> None:
    """Find Elastic IP addresses in all regions at once.

    \b
      ectwo addresses find
      ectwo addresses find --unassociated
      ectwo addresses find --instance i-0123456789abcdef0
      ectwo addresses find --tag env=dev --columns region,public_ip,tags.owner

    An address that leads nowhere costs money all the same: 'ectwo addresses release' gives it back.
    """
    free = [Condition(lambda item: item.association_id is None)] if unassociated else []
    found = listing.list_into(view, given=listing.also(free))
    if unassociated and found:
        listing.screen.note(
            f"{found} unassociated {'address costs' if found == 1 else 'addresses cost'} money every hour; "
            "'ectwo addresses release' gives them back"
        )


@app.command()
def show(target: Target[Address], view: ViewOptions[Address], names: Properties = None, raw: Raw = False) -> None:
    """Show one address, by its public IP, allocation ID or name.

    \b
      ectwo addresses show 203.0.113.7
      ectwo addresses show web instance_id
    """
    target.show(view, names or [], raw=raw)


@app.command()
def instance(target: Target[Address], view: ViewOptions[Instance], names: Properties = None) -> None:
    """Show the instance that an address leads to.

    \b
      ectwo addresses instance 203.0.113.7
      ectwo addresses instance web name

    Exit code 3 when it leads to none.
    """
    from ectwo_cli.render.show import show_one, show_values

    address = target.item()
    if address.instance_id is None:
        holder = f", but to network interface {address.network_interface_id}" if address.network_interface_id else ""
        raise errors.NotFound(f"address {address.public_ip} leads to no instance{holder}")
    found = search.look_up(
        [search.ref(f"{address.region}/{address.instance_id}", Instance)],
        lambda region: [target.client_of(address)],
        Instance,
    )
    found.results.check()
    if not found.items:
        raise errors.NotFound(f"instance {address.instance_id} is gone, or belongs to another account")
    (item,) = found.items
    if names:
        show_values(target.screen, item, names)
    else:
        show_one(target.screen, view.view(profiles=target.several_profiles), item)


@app.command()
def allocate(
    scope: Scope,
    tagging: Tagging,
    rehearsal: DryRun,
    view: Report[Address],
    name: NameTag = None,
) -> None:
    """Allocate an address.

    \b
      ectwo addresses allocate -r eu-west-1 --name web
      ectwo addresses allocate --tag env=dev -o ids
    """
    from ectwo_cli.render.show import show_outcomes

    client = scope.one()
    tags = {**tagging.tags, **({"Name": name} if name else {})}
    if rehearsal.dry_run:
        addresses.check_allocate(client, tags)
        scope.screen.note(f"would allocate an address in {search.place_of(client)}")
        show_outcomes(scope.screen, view.view(), [])
        return
    made = addresses.allocate(client, tags)
    show_outcomes(scope.screen, view.view(), [Outcome(made, "allocated")])


@app.command()
def associate(
    target: Target[Address],
    to: Annotated[str, typer.Argument(metavar="INSTANCE", help="ID or name of the instance, in the same region.")],
    consent: Consent,
    view: Report[Address],
    allow_reassociation: Annotated[
        bool,
        typer.Option("--allow-reassociation", help="Also away from where it leads now.", rich_help_panel=ACT),
    ] = False,
) -> None:
    """Let an address lead to an instance.

    \b
      ectwo addresses associate 203.0.113.7 web-1
      ectwo addresses associate web us-east-1/i-0123456789abcdef0 --allow-reassociation

    Taking it away from another instance needs --allow-reassociation, or a yes when asked.
    """
    from ectwo_cli.render.show import show_outcomes

    address = target.item()
    machine = addresses.check_place(address, _instances(target, to), to)
    client = target.client_of(address)
    shown = view.view(profiles=target.several_profiles)
    if address.instance_id == machine.id:
        show_outcomes(target.screen, shown, [Outcome(address, "unchanged")])
        return
    holder = addresses.held_elsewhere(address, machine)
    if holder and not allow_reassociation:
        _ask_to_take(target, address, machine, holder, consent)
    if lost := addresses.gives_up(client, machine):
        target.screen.note(lost)
    if consent.dry_run:
        addresses.check_associate(client, address, machine, take=holder is not None)
        show_outcomes(target.screen, shown, [Outcome(address, "would associate")])
        return
    done = addresses.associate(client, address, machine, take=holder is not None)
    show_outcomes(target.screen, shown, [Outcome(done, "associated")])


@app.command()
def disassociate(selected: Targets[Address], consent: Consent, view: Report[Address]) -> None:
    """Take addresses off what they lead to; they stay yours.

    \b
      ectwo addresses disassociate 203.0.113.7
      ectwo addresses disassociate --tag env=dev
    """
    selection = selected.select()
    _plan(selected, "These addresses will lead nowhere:", selection.items)
    if consent.dry_run:
        return carry_out(selected, view, selection, addresses.check_disassociate)
    held = [item for item in selection.items if item.association_id]
    if held:
        _ask(consent, selection, f"Disassociate {_count(held)}?", len(held))
    return carry_out(selected, view, selection, addresses.disassociate)


@app.command()
def release(
    selected: Targets[Address],
    consent: Consent,
    view: Report[Address],
    disassociate: Annotated[
        bool, typer.Option("--disassociate", help="Also those that lead somewhere.", rich_help_panel=ACT)
    ] = False,
) -> None:
    """Give addresses back to Amazon. They can't be had again.

    \b
      ectwo addresses release 203.0.113.7
      ectwo addresses find --unassociated -o ids | ectwo addresses release - --yes
      ectwo addresses release web --disassociate
    """
    selection = selected.select()
    _plan(selected, "These addresses will be given back to Amazon:", selection.items, refuse=not disassociate)
    if consent.dry_run:
        return carry_out(
            selected,
            view,
            selection,
            lambda client, items: addresses.check_release(client, items, disassociate=disassociate),
        )
    going = [item for item in selection.items if disassociate or not item.association_id]
    if going:
        _ask(consent, selection, f"Release {_count(going)}?", len(going))
    return carry_out(
        selected, view, selection, lambda client, items: addresses.release(client, items, disassociate=disassociate)
    )


def _count(items: Sequence[Address]) -> str:
    return f"{len(items)} {'address' if len(items) == 1 else 'addresses'}"


def _ask(consent: Consent, selection: Selection[Address], question: str, count: int) -> None:
    consent.require(question, count=count, everything=selection.everything, ambiguous=selection.ambiguous)


def _instances(target: Target[Address], text: str) -> list[Instance]:
    """The instances that ``text`` names, in the whole scope: one that is elsewhere is to be told about."""
    ref = search.ref(text, Instance)
    found = search.look_up([ref], target.clients, Instance)
    if found.missing:
        if found.results.failures:
            found.results.check()
        raise search.missing([ref], Instance)
    return list(found.items)


def _ask_to_take(target: Target[Address], address: Address, machine: Instance, holder: str, consent: Consent) -> None:
    """Raises EctwoError or Declined unless somebody says yes to taking the address away from ``holder``."""
    name = holders.labels(target.client_of(address), [holder])[holder] if address.instance_id else holder
    if consent.yes or consent.dry_run:
        raise errors.EctwoError(
            f"address {address.public_ip} leads to {name}",
            code="Resource.AlreadyAssociated",
            hint="say --allow-reassociation to take it away from there",
        )
    _plan(target, f"This address will be taken away from {name}:", [address])
    try:
        consent.require(f"Take it away from {name} and let it lead to {machine.name or machine.id}?")
    except errors.Declined as declined:
        if declined.hint is None:
            raise
        raise errors.Declined(declined.message, hint="--allow-reassociation does it without a question") from None


def _plan(scope: Scope, title: str, items: Sequence[Address], *, refuse: bool = False) -> None:
    """What will be hit. ``refuse``: what leads somewhere is left alone."""
    from ectwo_cli.render.plan import show_plan

    rows: list[tuple[Address, list[str]]] = []
    for client, some in scope.by_region(items):
        names = holders.labels(client, [each.instance_id for each in some if each.instance_id])
        for each in some:
            holder = names.get(each.instance_id or "") or each.network_interface_id
            if holder and refuse:
                rows.append((each, [f"leads to {holder}, so it is left alone (--disassociate releases it too)"]))
            else:
                rows.append((each, [f"{holder} can't be reached under it any more"] if holder else []))
    if rows:
        show_plan(scope.screen, title, rows)
