"""``ectwo images deregister``: what it would hit, the question, what became of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.commands.images_options import UnusedOnly
from ectwo_cli.errors import EctwoError, Interrupted, UsageError
from ectwo_cli.expand import QUERY
from ectwo_cli.fanout import across
from ectwo_cli.model import R
from ectwo_cli.options.acting import Consent
from ectwo_cli.options.targets import Selection, Targets
from ectwo_cli.options.views import Report
from ectwo_cli.outcome import Outcome
from ectwo_cli.query import default_key
from ectwo_cli.records import dataclass
from ectwo_cli.services import cleanup, search, usage
from ectwo_cli.services.cleanup import Done, Examined, Removal
from ectwo_cli.services.images import Image
from ectwo_cli.services.usage import INSTANCE, Unknown


@dataclass(frozen=True)
class Unwanted(Targets[R]):
    """The images that are to go: TARGETs or a query, less the newest ones."""

    unused: UnusedOnly = False
    keep_newest: Annotated[
        int | None,
        typer.Option(
            "--keep-newest",
            metavar="N",
            min=1,
            help="Leave the N newest of each region alone, counted among all of the query, whatever their age.",
            rich_help_panel=QUERY,
        ),
    ] = None
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="PROPERTY",
            help="The N newest for each value of this, such as tags.app.",
            rich_help_panel=QUERY,
        ),
    ] = None

    def check(self) -> None:
        """Raises UsageError for --group-by without --keep-newest, and by what is no property."""
        super().check()
        if self.group_by is not None:
            if self.keep_newest is None:
                raise UsageError("--group-by goes with --keep-newest")
            cleanup.check_group(self.group_by)

    @property
    def asks(self) -> bool:
        """Whether there is a query."""
        return super().asks or self.unused

    def without_age(self) -> Unwanted[R]:
        """The same, of any age."""
        return dataclasses.replace(self, older_than=None, newer_than=None)


@dataclass(frozen=True)
class Wanted:
    """How it is to be done."""

    keep_snapshots: bool
    force: bool
    unprotect: bool


def deregister(selected: Unwanted[Image], consent: Consent, view: Report[Image], wanted: Wanted) -> None:
    """See ``images.deregister``."""
    selection = _select(selected)
    places, check_regions = _examine(selected, selection, wanted)
    refused = [
        told
        for _, examined in places
        for removal in examined.removals
        if (told := cleanup.refusal(removal, force=wanted.force, unprotect=wanted.unprotect))
    ]
    going = [(client, *_going(examined, refused, wanted)) for client, examined in places]
    removals = sorted((each for _, some, _ in going for each in some), key=lambda each: default_key(each.image))
    for line in usage.told({search.place_of(client): examined.unknown for client, examined in places}):
        selected.screen.warn(line)
    if removals:
        _show_plan(selected, removals, refused)
        if not consent.dry_run:
            images = "1 image" if len(removals) == 1 else f"{len(removals)} images"
            consent.require(
                f"Deregister {images}?",
                count=len(removals),
                everything=selection.everything,
                ambiguous=selection.ambiguous,
            )

    def work(place: tuple[Client, list[Removal], Mapping[str, Sequence[str]]]) -> Any:
        client, some, by_snapshot = place
        if consent.dry_run:
            return cleanup.check(client, some, unprotect=wanted.unprotect)
        return cleanup.deregister(client, some, by_snapshot, unprotect=wanted.unprotect)

    done: list[Done] = []
    results = across([place for place in going if place[1]], work, where=lambda place: search.place_of(place[0]))
    try:
        done.extend(results)
    except KeyboardInterrupt:
        worked = [each.outcome.item for each in done if not each.outcome.failed]
        if not worked:
            raise
        left = [removal.image for removal in removals if removal.image not in worked]
        raise Interrupted(
            f"interrupted; deregistered: {', '.join(f'{item.region}/{item.id}' for item in worked)}",
            hint=f"go on with: {selected.command('images deregister', left)}",
        ) from None
    _show(selected, view, [*refused, *(each.outcome for each in done)], done, removals)
    check_regions()
    results.check()
    selection.check([*refused, *(each.outcome for each in done)])


def _select(selected: Unwanted[Image]) -> Selection[Image]:
    """The images named or found, without the newest ones that are to be kept."""
    keep = selected.keep_newest
    if keep is None:
        return selected.select()
    # A young image counts as one of the newest, also where only old ones are asked for.
    whole = selected.without_age().select() if not selected.targets else selected.select()
    kept = cleanup.newest(whole.items, keep, selected.group_by)
    found = [item for item in whole.items if selected.targets or selected.query.matches(item)]
    return dataclasses.replace(
        whole, items=[item for item in found if (item.profile, item.region, item.id) not in kept]
    )


def _examine(
    selected: Unwanted[Image], selection: Selection[Image], wanted: Wanted
) -> tuple[list[tuple[Client, Examined]], Callable[[], None]]:
    """What is known of the images, with --unused without those that are used; and what raises for a region that failed.

    Nothing is done in such a region, and the others go on. Raises SomeFailed when all failed, EctwoError.
    """

    def work(place: tuple[Client, list[Image]]) -> list[tuple[Client, Examined]]:
        return [(place[0], cleanup.examine(*place))]

    results = across(selected.by_region(selection.items), work, where=lambda place: search.place_of(place[0]))
    places = list(results)
    if not places:
        results.check()
    if not selected.unused:
        return places, results.check
    blind = [search.place_of(client) for client, examined in places if _sees_no_instances(examined.unknown)]
    if blind and not wanted.force:
        raise EctwoError(
            f"whether images are unused can't be told in {', '.join(blind)}: looking at instances is not permitted",
            hint="--force takes those for unused that nothing else uses",
        )
    unused = [
        (client, dataclasses.replace(examined, removals=[each for each in examined.removals if not each.uses]))
        for client, examined in places
    ]
    return unused, results.check


def _sees_no_instances(unknown: Sequence[Unknown]) -> bool:
    return any(each.what == f"{INSTANCE}s" for each in unknown)


def _going(
    examined: Examined, refused: Sequence[Outcome[Image]], wanted: Wanted
) -> tuple[list[Removal], Mapping[str, Sequence[str]]]:
    stay = [each.item for each in refused]
    going = [removal for removal in examined.removals if removal.image not in stay]
    if wanted.keep_snapshots:
        return going, {}
    return cleanup.with_snapshots(going, examined.by_snapshot), examined.by_snapshot


def _show_plan(selected: Unwanted[Image], removals: Sequence[Removal], refused: Sequence[Outcome[Image]]) -> None:
    from ectwo_cli.render.plan import show_plan

    notes = []
    snapshots = {snapshot for removal in removals for snapshot in removal.deleted}
    if snapshots:
        count = "1 snapshot is" if len(snapshots) == 1 else f"{len(snapshots)} snapshots are"
        notes.append(f"{count} deleted, which frees up to {cleanup.freed(removals)} GiB")
    if refused:
        notes.append(f"{len(refused)} more in use or protected: left alone")
    rows = [(removal.image, _consequences(removal)) for removal in removals]
    show_plan(selected.screen, "These images will be deregistered:", rows, notes)


def _consequences(removal: Removal) -> list[str]:
    told = [f"in use by {cleanup.sentence(removal.uses)}"] if removal.uses else []
    return [*told, *(f"{each} stays: in use by {', '.join(users)}" for each, users in removal.kept.items())]


def _show(
    selected: Unwanted[Image],
    view: Report[Image],
    outcomes: Sequence[Outcome[Image]],
    done: Sequence[Done],
    removals: Sequence[Removal],
) -> None:
    from ectwo_cli.render.show import show_outcomes

    if not outcomes:
        selected.screen.note("no images matched")
    show_outcomes(selected.screen, view.view(profiles=selected.several_profiles), outcomes)
    gone = {snapshot for each in done for snapshot in each.deleted}
    if gone:
        of = [dataclasses.replace(each, deleted=[one for one in each.deleted if one in gone]) for each in removals]
        count = "1 snapshot" if len(gone) == 1 else f"{len(gone)} snapshots"
        selected.screen.note(f"{count} deleted, which frees up to {cleanup.freed(of)} GiB")
    for snapshot, reason in sorted({pair for each in done for pair in each.kept.items()}):
        selected.screen.note(f"{snapshot} stays: {reason}")
