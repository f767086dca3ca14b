"""Migrations that there are: ``images migrations``, ``--cancel``, ``--undo``; and what ``migrate`` shares with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ectwo_cli.aws.session import Account
from ectwo_cli.commands.migrate_options import Going
from ectwo_cli.errors import EctwoError, NotFound, Partial
from ectwo_cli.options.acting import Consent
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.query import Query

if TYPE_CHECKING:
    from ectwo_cli.migration.found import Marked
    from ectwo_cli.migration.results import CopyRow, Migration
    from ectwo_cli.migration.undo import Removal

T = TypeVar("T")


def list_migrations(scope: Scope, view: ViewOptions[Migration]) -> None:
    """What ``migrations`` does: found in EC2 alone."""
    from ectwo_cli.migration import found
    from ectwo_cli.migration.results import Migration as Kind
    from ectwo_cli.render.show import show
    from ectwo_cli.services.search import Page

    rows = [
        each
        for account in scope.accounts
        for each in found.migrations(marked_copies(scope, account, ("image", "snapshot")), account.profile)
    ]
    shown = view.view(profiles=scope.several_profiles)
    show(scope.screen, shown, [Page(rows)], Query(Kind, sort=("started_at",)))


def take_back(
    scope: Scope, account: Account, going: Going, view: ViewOptions[CopyRow], consent: Consent, resource: str
) -> None:
    """``--cancel`` and ``--undo``. Raises NotFound for an unknown migration, Partial, EctwoError."""
    from ectwo_cli.migration import undo
    from ectwo_cli.migration.api import everywhere_in
    from ectwo_cli.render.plan import show_plan

    id = str(going.cancel or going.undo)
    copies = marked_copies(scope, account, [resource])
    if not any(copy.plan == id for copy in copies):
        raise NotFound(f"no migration {id}", hint="see 'ectwo images migrations'")
    wanted = undo.chosen(copies, id, pending_only=bool(going.cancel))
    if not wanted:
        scope.screen.note(f"nothing of {id} is under way")
        show_rows(scope, view, [])
        return
    by_region: dict[str, list[Marked]] = {}
    for copy in wanted:
        by_region.setdefault(copy.region, []).append(copy)
    removals: list[Removal] = [
        each
        for its in everywhere_in(account)(
            list(by_region), lambda client: undo.look(client, by_region[client.region])
        ).values()
        for each in its
    ]
    if not going.force:
        removals, spared = [each for each in removals if not each.users], [each for each in removals if each.users]
    else:
        spared = []
    verb, noun = ("cancel", "cancelled") if going.cancel else ("remove", "removed")
    freed = sum(each.bytes for each in removals)
    from ectwo_cli.render.migration import size

    title = f"{verb.capitalize()} {len(removals)} of {len(wanted)} copies of {id}, {size(freed)}"
    show_plan(
        scope.screen,
        title,
        [(_row(each, verb), each.consequences) for each in removals],
        ["a rule of the Recycle Bin may keep what is removed here for a while"] if going.undo else [],
    )
    for each in spared:
        scope.screen.error(
            f"in use: {', '.join(each.users)}",
            hint="--force removes it all the same",
            where=f"{each.copy.region}/{each.copy.id}",
        )
    outcomes = [(each, "in use") for each in spared]
    if removals and not consent.dry_run:
        consent.require(f"{verb.capitalize()} {len(removals)}?", count=len(removals))
        outcomes += _remove(scope, account, id, removals)
    show_rows(
        scope,
        view,
        [_row(each, noun if not consent.dry_run else verb, error) for each, error in _ordered(removals, outcomes)],
    )
    failed = [error for _, error in outcomes if error]
    if failed:
        raise Partial("") if len(failed) < len(wanted) else EctwoError("")


def _ordered(removals: Sequence[Removal], outcomes: Sequence[tuple[Removal, str]]) -> list[tuple[Removal, str]]:
    told = {each.copy.id: (each, error) for each, error in outcomes}
    return [told.get(each.copy.id, (each, "")) for each in removals] + [
        pair for pair in outcomes if pair[0] not in removals
    ]


def _remove(scope: Scope, account: Account, id: str, removals: Sequence[Removal]) -> list[tuple[Removal, str]]:
    from ectwo_cli.aws.explain import explain
    from ectwo_cli.fanout import across
    from ectwo_cli.migration import undo

    by_region: dict[str, list[Removal]] = {}
    for each in removals:
        by_region.setdefault(each.copy.region, []).append(each)

    def work(client: Any) -> list[tuple[Removal, str]]:
        done: list[tuple[Removal, str]] = []
        for each in by_region[client.region]:
            try:
                undo.remove(client, each)
                done.append((each, ""))
            except Exception as error:
                done.append((each, explain(error).message))
        undo.leftovers(client, id, [each.copy for each, error in done if not error])
        return done

    clients = [account.client(region) for region in by_region]
    results = across(clients, work, where=lambda client: client.region)
    outcomes = list(results)
    told = {each.copy.id for each, _ in outcomes}
    for failure in results.failures:
        message = explain(failure.error).message
        outcomes += [(each, message) for each in by_region[failure.where] if each.copy.id not in told]
    for each, error in outcomes:
        if error:
            scope.screen.error(error, where=f"{each.copy.region}/{each.copy.id}")
    return outcomes


def _row(removal: Removal, action: str, error: str = "") -> CopyRow:
    from ectwo_cli.migration.results import CopyRow

    copy = removal.copy
    return CopyRow(
        region=copy.region,
        name=str(copy.raw.get("Name") or copy.id),
        id=copy.id,
        state="failed" if error else action,
        source=copy.source,
        action=action,
        bytes=removal.bytes,
        attempts=0,
        encryption="",
        problems=[],
        reason=error or None,
        instance_id=None,
    )


def marked_copies(scope: Scope, account: Account, resources: Sequence[str]) -> list[Marked]:
    from ectwo_cli.fanout import across
    from ectwo_cli.migration import found

    clients = [account.client(region) for region in scope.regions_of(account)]
    results = across(clients, lambda client: found.copies_in(client, resources), where=lambda client: client.region)
    copies = list(results)
    results.check_any()
    for failure in results.failures:
        scope.screen.warn(f"{failure.where} does not answer: {failure.error}")
    return copies


def show_rows(scope: Scope, view: ViewOptions[Any], rows: Sequence[Any]) -> None:
    from ectwo_cli.render.show import show
    from ectwo_cli.services.search import Page

    show(scope.screen, view.view(), [Page(list(rows))], Query(view.resource))
