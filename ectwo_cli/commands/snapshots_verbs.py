"""The verbs of ``ectwo snapshots`` that do something."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.commands import migrate as migrating
from ectwo_cli.commands import snapshots_making
from ectwo_cli.commands.migrate_options import Copying, Going, Sources
from ectwo_cli.commands.snapshots_making import Losing, Making
from ectwo_cli.expand import ACT
from ectwo_cli.migration.results import CopyRow
from ectwo_cli.options.acting import Consent, DryRun, Tagging, Waiting
from ectwo_cli.options.declared import NameTag
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target, Targets
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.services import registering
from ectwo_cli.services.images import Image
from ectwo_cli.services.recycle import RecycledSnapshot
from ectwo_cli.services.snapshots import Snapshot
from ectwo_cli.services.snapshotting import Wish

Description = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="The description.", rich_help_panel=ACT)
]


def create(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            show_default=False,
            help="Volumes or instances, by ID or name, each alone or as REGION/ID; - reads them from stdin.",
        ),
    ],
    scope: Scope,
    tagging: Tagging,
    rehearsal: DryRun,
    waiting: Waiting,
    view: Report[Snapshot],
    name: NameTag = None,
    description: Description = None,
    copy_tags: Annotated[
        bool, typer.Option("--copy-tags", help="With the tags of the volumes, too.", rich_help_panel=ACT)
    ] = False,
    exclude_boot: Annotated[
        bool, typer.Option("--exclude-boot", help="Leave out the root volumes of instances.", rich_help_panel=ACT)
    ] = False,
) -> None:
    """Create snapshots of volumes, or of instances at one moment.

    \b
      ectwo snapshots create vol-0123456789abcdef0 --description 'before the upgrade'
      ectwo snapshots create db-1 --tag backup=daily --copy-tags
      ectwo instances find --tag backup -o ids | ectwo snapshots create - --no-wait

    The snapshots of one instance are of one moment, as after a power failure. Waits until they are complete.
    """
    tags = {**({"Name": name} if name else {}), **tagging.tags}
    wish = Wish(description, tags, copy_tags, exclude_boot)
    snapshots_making.create(scope, Making(targets, wish, rehearsal.dry_run), waiting, view)


def register(
    target: Target[Snapshot],
    tagging: Tagging,
    rehearsal: DryRun,
    waiting: Waiting,
    view: Report[Image],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The image's name.", rich_help_panel=ACT)],
    description: Description = None,
    architecture: Annotated[
        str | None,
        typer.Option("--architecture", metavar="ARCH", help="x86_64, arm64, i386, …_mac.", rich_help_panel=ACT),
    ] = None,
    virtualization: Annotated[
        str | None, typer.Option("--virtualization", metavar="TYPE", help="hvm or paravirtual.", rich_help_panel=ACT)
    ] = None,
    boot_mode: Annotated[
        str | None,
        typer.Option("--boot-mode", metavar="MODE", help="legacy-bios, uefi, uefi-preferred.", rich_help_panel=ACT),
    ] = None,
    ena: Annotated[
        bool | None,
        typer.Option("--ena/--no-ena", help="Whether it can do enhanced networking.", rich_help_panel=ACT),
    ] = None,
    root_device: Annotated[
        str | None, typer.Option("--root-device", metavar="DEVICE", help="Such as /dev/xvda.", rich_help_panel=ACT)
    ] = None,
    volume_type: Annotated[
        str | None, typer.Option("--volume-type", metavar="TYPE", help="Such as gp3.", rich_help_panel=ACT)
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="DEVICE=SNAPSHOT",
            help="A further volume; repeatable.",
            rich_help_panel=ACT,
        ),
    ] = None,
) -> None:
    """Register an image made of the snapshot of a root volume.

    \b
      ectwo snapshots register snap-0123456789abcdef0 --name web-restored
      ectwo snapshots register nightly --name db --architecture arm64 --data /dev/sdf=snap-0fedcba9876543210

    What is not said is taken from the image that the snapshot belonged to, or the instance that it is of.
    """
    wish = registering.Wish(
        name,
        description,
        architecture,
        virtualization,
        boot_mode,
        ena,
        root_device,
        volume_type,
        registering.data_volumes(data or []),
        tagging.tags,
    )
    snapshots_making.register(target, wish, waiting, view, rehearse=rehearsal.dry_run)


def restore(selected: Targets[RecycledSnapshot], rehearsal: DryRun, waiting: Waiting, view: Report[Snapshot]) -> None:
    """Bring deleted snapshots back from the Recycle Bin.

    \b
      ectwo snapshots restore snap-0123456789abcdef0
      ectwo snapshots restore --newer-than 2h --volume vol-0123456789abcdef0
      ectwo snapshots restore --all --dry-run

    The bin has what a retention rule keeps; '--all --dry-run' lists it. They have no names there.
    """
    snapshots_making.restore(selected, rehearsal.dry_run, waiting, view)


def delete(
    selected: Losing[Snapshot],
    consent: Consent,
    view: Report[Snapshot],
) -> None:
    """Delete snapshots. Those that an image is made of are refused.

    \b
      ectwo snapshots delete snap-0123456789abcdef0
      ectwo snapshots delete --orphaned --older-than 90d --dry-run
      ectwo snapshots delete --volume-gone --tag '!keep' -r us-east-1

    What a rule of the Recycle Bin keeps can be restored: 'ectwo snapshots restore'.
    """
    snapshots_making.delete(selected, consent, view)


def migrate(
    sources: Sources[Snapshot],
    copying: Copying,
    going: Going,
    view: ViewOptions[CopyRow],
    consent: Consent,
    waiting: Waiting,
) -> None:
    """Copy snapshots to other regions, with live progress.

    \b
      ectwo snapshots migrate snap-0123456789abcdef0 --to us-west-2
      ectwo snapshots migrate --source-tag backup=daily --newer-than 1d --to 'eu-*' --yes
      ectwo snapshots migrate --resume

    What is there already is skipped, what is under way is joined: run it again at any time. -r says where to look for
    the sources.
    """
    migrating.migrate(sources, copying, going, view, consent, waiting, resource="snapshot")


VERBS = {"create": create, "register": register, "restore": restore, "delete": delete, "migrate": migrate}
