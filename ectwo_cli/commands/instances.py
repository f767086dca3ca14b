"""``ectwo instances``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.options.declared import Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.targets import OptionalTargets, Target
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.query import duration
from ectwo_cli.services import instances
from ectwo_cli.services.instances import Instance, InstanceStatus

app = typer.Typer()


@app.command()
def find(search: Listing[Instance], view: ViewOptions[Instance]) -> None:
    """Find instances in all regions at once.

    \b
      ectwo instances find --state running
      ectwo instances find --tag env=dev --type 't3.*' -r 'us-*'
      ectwo instances find --where 'launched_at < now-30d' --columns region,name,id,tags.owner
      ectwo instances find --state stopped -o ids | ectwo instances start -

    Values are literals, globs, /regexes/, and any of these after a '!' for "not"; repeated or comma-separated values
    mean any of them. Different options must all hold. Terminated instances are left out unless asked for.
    """
    search.list_into(view)


@app.command()
def show(target: Target[Instance], view: ViewOptions[Instance], names: Properties = None, raw: Raw = False) -> None:
    """Show one instance, or some of its properties.

    \b
      ectwo instances show web-1
      ectwo instances show us-east-1/i-0123456789abcdef0 public_ip
      ssh ec2-user@$(ectwo instances show web-1 public_ip)
      ectwo instances show web-1 --raw | jq .NetworkInterfaces
    """
    target.show(view, names or [], raw=raw)


@app.command()
def status(search: OptionalTargets[InstanceStatus], view: ViewOptions[InstanceStatus]) -> None:
    """Show status checks and scheduled events of instances.

    \b
      ectwo instances status
      ectwo instances status web-1
      ectwo instances status --instance-status '!ok' --state running
      ectwo instances status --where 'events.code = *' --json
    """
    search.list_targets_into(view, instances.find_status)


@app.command()
def watch(
    search: Listing[Instance],
    view: ViewOptions[Instance],
    interval: Annotated[str, typer.Option("--interval", metavar="TIME", help="Between two looks.")] = "5s",
) -> None:
    """Watch what a query finds: a live table that marks what changes.

    \b
      ectwo instances watch --tag env=dev
      ectwo instances watch --state pending,stopping --interval 2s

    Ctrl-C ends it. Into a pipe, it prints a line for each change.
    """
    search.watch(view, duration(interval, what="--interval"))
