"""``ectwo groups copy`` and ``delete``: what concerns several groups that refer to each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import Interrupted, Partial, UsageError
from ectwo_cli.fanout import across
from ectwo_cli.options.acting import Consent, DryRun, carry_out
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Targets
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.outcome import Outcome
from ectwo_cli.services import group_copies, group_deletion, groups, holders, search
from ectwo_cli.services.group_copies import Destination
from ectwo_cli.services.group_deletion import Held
from ectwo_cli.services.groups import SecurityGroup


def copy_groups(
    selected: Targets[SecurityGroup],
    rehearsal: DryRun,
    view: ViewOptions[SecurityGroup],
    regions: Sequence[str],
    vpc: str | None,
    template: str,
) -> None:
    """``groups copy``. Raises Partial when rules were left out."""
    from ectwo_cli.render.show import show_outcomes

    if not regions and vpc is None:
        raise UsageError("copy where to?", hint="say --to REGION or --to-vpc VPC")
    selection = selected.select()
    if selection.ambiguous:
        raise UsageError(
            f"several are named {', '.join(map(repr, selection.ambiguous))}", hint="name them by ID: REGION/sg-..."
        )
    names = group_copies.new_names(selection.items, template)
    clients = _clients(selected, selection.items, regions)

    def work(client: Client) -> Iterator[Outcome[SecurityGroup]]:
        to = Destination(client, groups.vpc_named(client, vpc))
        copies = group_copies.plan(to, selection.items, names, selected.client_of)
        yield from group_copies.copy(to, copies, dry_run=rehearsal.dry_run)

    results = across(clients, work, where=search.place_of)
    try:
        outcomes = list(results)
    except KeyboardInterrupt:
        where = ",".join(client.region for client in clients)
        raise Interrupted(
            f"interrupted: copies may be there without their rules in {where}",
            hint=f"see them with 'ectwo groups find -r {where} --name {','.join(names.values())}', and delete them",
        ) from None
    show_outcomes(selected.screen, view.view(profiles=selected.several_profiles), outcomes)
    left_out = [(each, text) for each in outcomes for text in each.details.get("left_out", ())]
    for each, text in left_out:
        selected.screen.warn(f"{each.item.region}/{each.item.name}: left out {text}")
    results.check()
    selection.check(outcomes)
    if left_out:
        raise Partial(f"{len(left_out)} {'rule was' if len(left_out) == 1 else 'rules were'} left out")


def _clients(selected: Scope, items: Sequence[SecurityGroup], regions: Sequence[str]) -> list[Client]:
    """Where to: the regions, in the one account that the groups are of; their own region when none is named.

    Raises UsageError.
    """
    homes = {(item.profile, item.region): selected.client_of(item) for item in items}
    if len({profile for profile, _ in homes}) > 1:
        raise UsageError("the groups are of several accounts", hint="say --profile")
    if not regions:
        if len(homes) > 1:
            raise UsageError("the groups are in several regions", hint="say --to REGION")
        return list(homes.values())
    return [client for client in selected.destinations(regions) if client.profile in {item.profile for item in items}]


def delete_groups(selected: Targets[SecurityGroup], consent: Consent, view: ViewOptions[SecurityGroup]) -> None:
    """``groups delete``."""
    selection = selected.select()
    places = selected.by_region(selection.items)

    def look(place: tuple[Client, list[SecurityGroup]]) -> Iterator[tuple[Client, list[Held]]]:
        client, items = place
        yield client, [(item, groups.users(client, item)) for item in items]

    looked = across(places, look, where=lambda place: search.place_of(place[0]))
    held = list(looked)
    looked.check()
    refused = {key: each for _, some in held for key, each in group_deletion.refusals(some).items()}
    going = [item for item in selection.items if item.id not in refused]
    _show_plan(selected, [each for _, some in held for each in some], refused.keys())
    if going and not consent.dry_run:
        count = len(going)
        consent.require(
            f"Delete {count} security {'group' if count == 1 else 'groups'}?",
            count=count,
            everything=selection.everything,
            ambiguous=selection.ambiguous,
        )
    do = group_deletion.check_delete if consent.dry_run else group_deletion.delete
    known = {(client.profile, client.region): some for client, some in held}
    carry_out(selected, view, selection, lambda client, items: do(client, known[client.profile, client.region]))


def _show_plan(scope: Scope, held: Sequence[Held], refused: Collection[str]) -> None:
    from ectwo_cli.render.plan import show_plan

    rows = []
    for group, users in held:
        used = f"used by {holders.sentence([user.label for user in users], most=5)}" if users else ""
        if group.id in refused:
            rows.append((group, [f"{used or 'the default group'}, so it is left alone"]))
        else:
            rows.append((group, [used] if used else []))
    if rows:
        show_plan(scope.screen, "These security groups will be deleted:", rows)
