"""The verbs of ``ectwo images`` that do something."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.commands import images_cleanup, images_making, images_sharing, images_spot
from ectwo_cli.commands import migrate as migrating
from ectwo_cli.commands.images_cleanup import Unwanted, Wanted
from ectwo_cli.commands.migrate_back import list_migrations
from ectwo_cli.commands.migrate_options import Copying, Going, Sources
from ectwo_cli.expand import ACT
from ectwo_cli.migration.results import CopyRow, Migration
from ectwo_cli.options.acting import Consent, DryRun, Waiting, carry_out
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Targets
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.services import recycle
from ectwo_cli.services.images import Image
from ectwo_cli.services.recycle import RecycledImage

With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="WHOM",
        help="An account, the ARN of an organization or of a unit of it, or public; repeatable.",
        rich_help_panel=ACT,
    ),
]


def deregister(
    selected: Unwanted[Image],
    consent: Consent,
    view: Report[Image],
    keep_snapshots: Annotated[
        bool, typer.Option("--keep-snapshots", help="Leave their snapshots where they are.", rich_help_panel=ACT)
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also those that are in use.", rich_help_panel=ACT)] = False,
    unprotect: Annotated[
        bool, typer.Option("--unprotect", help="End deregistration protection first.", rich_help_panel=ACT)
    ] = False,
) -> None:
    """Deregister images, and delete the snapshots that nothing else needs.

    \b
      ectwo images deregister web-2024-01
      ectwo images deregister --unused --older-than 180d --dry-run
      ectwo images deregister --unused --tag app --keep-newest 3 --group-by tags.app
      ectwo images deregister us-east-1/ami-0123456789abcdef0 --keep-snapshots --yes

    Images that instances, launch templates or Auto Scaling groups use are refused, unless --force. A snapshot that
    another image uses stays. What a rule of the Recycle Bin keeps can be restored: 'ectwo images restore'.
    """
    images_cleanup.deregister(selected, consent, view, Wanted(keep_snapshots, force, unprotect))


def restore(selected: Targets[RecycledImage], rehearsal: DryRun, view: Report[Image]) -> None:
    """Bring deregistered images back from the Recycle Bin.

    \b
      ectwo images restore ami-0123456789abcdef0
      ectwo images restore --newer-than 2h
      ectwo images restore --all --dry-run

    Those of their snapshots that are in the bin come back with them. The bin has what a retention rule keeps;
    '--all --dry-run' lists it.
    """
    work = recycle.check_images if rehearsal.dry_run else recycle.restore_images
    carry_out(selected, view, selected.select(), work)


def share(selected: Targets[Image], consent: Consent, view: Report[Image], whom: With = None) -> None:
    """Share images with accounts, organizations, or everybody.

    \b
      ectwo images share us-east-1/web-2026-11 --with 123456789012 --with 210987654321
      ectwo images share --tag app=web --with arn:aws:organizations::123456789012:organization/o-a1b2c3d4e5
      ectwo images share ami-0123456789abcdef0 --with public

    Accounts get the snapshots too, so that they can copy the image; EC2 does not share snapshots with organizations.
    A public image keeps its snapshots private. What EC2 would refuse (a default key, a block) is refused at once.
    """
    images_sharing.share(selected, whom or [], consent, view)


def unshare(selected: Targets[Image], rehearsal: DryRun, view: Report[Image], whom: With = None) -> None:
    """Take back what was shared, the snapshots' permissions too.

    \b
      ectwo images unshare us-east-1/web-2026-11 --with 210987654321
      ectwo images unshare --public true --with public

    What runs in the other accounts goes on, and copies that they made stay theirs. A snapshot stays shared with those
    who may still launch another image that is made of it.
    """
    images_sharing.unshare(selected, whom or [], view, rehearse=rehearsal.dry_run)


def migrate(
    sources: Sources[Image],
    copying: Copying,
    going: Going,
    view: ViewOptions[CopyRow],
    consent: Consent,
    waiting: Waiting,
    launch: Annotated[
        str | None,
        typer.Option("--launch", metavar="TYPE", help="Start one instance of this type of each copy."),
    ] = None,
) -> None:
    """Copy images to other regions, with live progress.

    \b
      ectwo images migrate web-2026-11 --to us-west-2 --to 'eu-*'
      ectwo images migrate --source-tag app=web -r us-east-1 --to eu-west-1 --dry-run
      ectwo images migrate ami-0123456789abcdef0 --to eu-west-1 --name '{name}-{to}' --kms-key alias/images
      ectwo images migrate --resume
      ectwo images migrate --undo m0123456789

    What is there already is skipped, what is under way (by whomever) is joined: run it again at any time, on any
    machine. -r says where to look for the sources.
    """
    migrating.migrate(sources, copying, going, view, consent, waiting, resource="image", launch=launch)


def migrations(scope: Scope, view: ViewOptions[Migration]) -> None:
    """List migrations, under way or done, as EC2 knows them.

    \b
      ectwo images migrations
      ectwo images migrations --json | jq -r '.[] | select(.state != "done") | .id'
    """
    list_migrations(scope, view)


VERBS = {
    "deregister": deregister,
    "restore": restore,
    "share": share,
    "unshare": unshare,
    "migrate": migrate,
    "migrations": migrations,
    "create": images_making.create,
    "launch": images_making.launch,
    "spot-prices": images_spot.prices,
    "spot-request": images_spot.request,
}
