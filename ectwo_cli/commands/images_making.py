"""``images create``, ``instances create-image``, ``images launch``, ``images find --alias``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.commands.instances_launch import Until
from ectwo_cli.commands.launch_options import InstanceOptions, LaunchOptions, MarketOptions
from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.expand import ACT
from ectwo_cli.options.acting import Consent, Tagging, Waiting
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.records import dataclass
from ectwo_cli.services.images import Image
from ectwo_cli.services.instances import Instance

if TYPE_CHECKING:
    from ectwo_cli.services.image_making import ImageInTheMaking
    from ectwo_cli.services.waiting import Sight


@dataclass(frozen=True)
class ImageWaiting(Waiting):
    """As for all that is waited for, with a word for the default too."""

    no_wait: Annotated[
        bool,
        typer.Option("--no-wait/--wait", help="Return at once, or wait until it is available.", rich_help_panel=ACT),
    ] = False


def create(
    target: Target[Instance],
    tagging: Tagging,
    consent: Consent,
    waiting: ImageWaiting,
    view: Report[Image],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name; default: the instance's and the time.")
    ] = None,
    description: Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is.")] = None,
    no_reboot: Annotated[
        bool,
        typer.Option("--no-reboot", help="Do not reboot the instance; its file systems may be caught half-written."),
    ] = False,
) -> None:
    """Make an image of an instance.

    \b
      ectwo images create web-1
      ectwo instances create-image web-1 --name web-2026-11 --no-reboot
      ectwo images create us-east-1/i-0123456789abcdef0 --tag release=7 --no-wait -o ids

    EC2 reboots a running instance for it, unless --no-reboot. The image and its snapshots get the instance's tags.
    """
    from ectwo_cli.aws.calls import dry_run
    from ectwo_cli.follow import check_time, outcomes
    from ectwo_cli.outcome import Outcome
    from ectwo_cli.render.plan import show_plan
    from ectwo_cli.render.show import label, show_outcomes
    from ectwo_cli.services import image_making as making
    from ectwo_cli.services import image_names

    if name is not None:
        image_names.check(name)
    item = target.item()
    screen, client = target.screen, target.client_of(item)
    wanted = name or making.default_name(item, target.program.now)
    if item.state not in ("running", "stopped", "stopping"):
        raise EctwoError(f"{label(item)} is {item.state}: an image is made of one that runs or has stopped")
    reboots = item.state == "running" and not no_reboot
    params = making.request(item, wanted, description, making.tags_for(item, tagging.tags), reboot=not no_reboot)
    shown = view.view(profiles=target.several_profiles)
    asks = reboots and screen.can_ask and not consent.yes
    if consent.dry_run or asks:
        consequence = "EC2 reboots it" if reboots else "it is not rebooted"
        show_plan(screen, f"Make image {wanted} of:", [(item, [consequence])], asking=asks)
    elif reboots:
        screen.note(f"EC2 reboots {label(item)} to make the image; --no-reboot leaves it running")
    if consent.dry_run:
        dry_run(client, "CreateImage", **params)
        show_outcomes(screen, shown, list[Outcome[Image]]())
        return
    if asks:
        consent.require("Reboot it and make the image?")
    if waiting.no_wait:
        show_outcomes(screen, shown, [Outcome[Image](making.create(client, item, params), "created")])
        return
    ended = _followed(target, client, making.create(client, item, params), waiting)
    ends = outcomes([replace(sight, action="created") for sight in ended])
    done = [Outcome[Image](each.item, each.action, each.error, each.code, each.hint) for each in ends]
    show_outcomes(screen, shown, done)
    check_time(ended, verb="making", again=lambda late: _again(target, late))
    if any(each.failed for each in done):
        raise EctwoError("")


def make_image(
    scope: Scope, client: Client, item: Instance, params: Mapping[str, Any], waiting: Waiting
) -> ImageInTheMaking:
    """The image once it is available, for what goes on with it. Raises EctwoError, StillGoing."""
    from ectwo_cli.follow import check_time
    from ectwo_cli.services import image_making as making

    ended = _followed(scope, client, making.create(client, item, params), waiting)
    check_time(ended, verb="making", again=lambda late: _again(scope, late))
    (sight,) = ended
    if not sight.ok:
        raise EctwoError(f"image {sight.item.id} failed: {sight.reason}", code=sight.code, hint=sight.hint)
    return sight.item


def _followed(scope: Scope, client: Client, image: ImageInTheMaking, waiting: Waiting) -> list[Sight[ImageInTheMaking]]:
    from ectwo_cli.follow import follow
    from ectwo_cli.render.bars import bar
    from ectwo_cli.services import image_making as making
    from ectwo_cli.services import waiting as engine

    goal = replace(making.AVAILABLE, detail=lambda image: bar(image.progress) if image.state == "pending" else "")
    sights = engine.wait(
        [(client, [image])], goal, look=making.look_at, limit=waiting.limit or engine.LIMIT, pace=engine.SLOW
    )
    return follow(scope.screen, sights, verb="making", again=lambda late: _again(scope, late))


def _again(scope: Scope, late: Sequence[Sight[Any]]) -> str:
    return scope.command("images show", [each.item for each in late], "state")


def launch(
    target: Target[Image],
    options: LaunchOptions,
    tagging: Tagging,
    instance: InstanceOptions,
    market: MarketOptions,
    consent: Consent,
    waiting: Waiting,
    view: Report[Instance],
    until: Until = "running",
) -> None:
    """Launch instances of an image, in its region.

    \b
      ectwo images launch web-2026-11 --type t3.small --key me --group web
      ectwo images launch us-east-1/ami-0123456789abcdef0 --count 3 --spot
      ectwo images launch web-2026-11 -r eu-west-1 --dry-run

    The same as 'instances launch --image', but the image is looked for in all regions.
    """
    from ectwo_cli.commands import launching
    from ectwo_cli.services import search

    item = target.item()
    client = target.client_of(item)
    found = search.raw(client, item)
    wanted = options.wanted(item.id, client.region, tagging.tags)
    wanted = replace(
        wanted, market=market.market, shutdown=instance.shutdown or wanted.shutdown, protect=instance.protect
    )
    ready = launching.prepare(target, client, wanted, ask=not consent.yes, found=found)
    launching.launch(target, client, ready, consent, waiting, until, view)


def list_aliases(listing: Listing[Image], view: ViewOptions[Image], *, others: bool) -> None:
    """What the aliases stand for in each region: ``images find --alias``."""
    from ectwo_cli.launch import aliases

    if others:
        raise UsageError("--alias lists what the public aliases stand for: --owner and --unused don't go with it")
    columns = ["region", "alias", "name", "id", "architecture", "platform", "created_at"]
    listing.list_into(view, aliases.find, columns=columns)
