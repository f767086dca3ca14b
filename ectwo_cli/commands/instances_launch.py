"""The verbs of ``ectwo instances`` that launch."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import typer

from ectwo_cli.commands.launch_options import IMAGE_HELP, InstanceOptions, LaunchOptions, MarketOptions
from ectwo_cli.options.acting import Consent, Tagging, Waiting
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.views import Report
from ectwo_cli.services.instances import Instance

Until = Annotated[
    Literal["running", "ok"],
    typer.Option("--until", help="Wait until it runs, or until its status checks pass.", show_default=True),
]


def launch(
    scope: Scope,
    options: LaunchOptions,
    tagging: Tagging,
    instance: InstanceOptions,
    market: MarketOptions,
    consent: Consent,
    waiting: Waiting,
    view: Report[Instance],
    image: Annotated[str | None, typer.Option("--image", metavar="IMAGE", help=IMAGE_HELP)] = None,
    until: Until = "running",
) -> None:
    """Launch instances.

    \b
      ectwo instances launch --image al2023 --key me --group web --name web-1
      ectwo instances launch --image us-east-1/web-2026-11 --type t3.small --count 3
      ectwo instances launch --image ubuntu-24.04-arm64 --spot --until ok -r eu-west-1
      ectwo instances launch --image 'amazon/al2023-ami-2023*-x86_64' --user-data setup.sh --dry-run

    Everything is checked before anything is launched: that type, image, key, groups and network exist and fit, and that
    one can log in. On a terminal, what was left out is asked for; --yes takes the defaults instead.
    IMDSv2 is required, volumes are encrypted, the root volume is gp3, and the image's tags are inherited.
    """
    from ectwo_cli.commands import launching

    default = image or scope.program.settings.launch("").get("image")
    client = launching.client_for(scope, default)
    wanted = options.wanted(image, client.region, tagging.tags)
    wanted = replace(
        wanted,
        market=market.market,
        shutdown=instance.shutdown or wanted.shutdown,
        protect=instance.protect,
    )
    ready = launching.prepare(scope, client, wanted, ask=not consent.yes)
    launching.launch(scope, client, ready, consent, waiting, until, view)
