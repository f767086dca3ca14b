"""``ectwo instances resize``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ectwo_cli.follow import check_time, follow, outcomes
from ectwo_cli.options.acting import Consent, Waiting
from ectwo_cli.options.targets import Selection, Target
from ectwo_cli.options.views import Report
from ectwo_cli.outcome import Outcome
from ectwo_cli.services import machines
from ectwo_cli.services.instances import Instance
from ectwo_cli.services.machines import Machine
from ectwo_cli.services.waiting import LIMIT, Sight


def resize(
    target: Target[Instance],
    type: Annotated[str, typer.Argument(metavar="TYPE", help="The new instance type.")],
    consent: Consent,
    patience: Waiting,
    view: Report[Instance],
) -> None:
    """Change an instance's type; it is stopped for that.

    \b
      ectwo instances resize web-1 m7i.large
      ectwo instances resize us-east-1/i-0123456789abcdef0 t3.small --yes
      ectwo instances resize web-1 m7i.large --dry-run

    Checks first that the type fits and is offered in its zone. One that ran is started again; when EC2 refuses the
    new type, or has no capacity for it, the old one is put back.
    """
    from ectwo_cli.launch import resize as resizing
    from ectwo_cli.render.plan import show_plan

    item = target.item(machines.find)
    assert isinstance(item, Machine)
    client = target.client_of(item)
    if item.type == type:
        _show(target, view, [Outcome(item, "unchanged")])
        return
    types = resizing.look_up(client, item, type)
    resizing.check(item, type, types)
    consequences = resizing.consequences_of(item, types)
    show_plan(target.screen, f"Resize {item.name or item.id} from {item.type} to {type}:", [(item, consequences)])
    if consent.dry_run:
        resizing.rehearse(client, item, type)
        _show(target, view, [Outcome(item, "would resize")])
        return
    consent.require(f"Resize {item.name or item.id} to {type}?")
    runs = item.state in resizing.RUNS

    def again(late: Sequence[Sight[Any]]) -> str:
        (last,) = late
        if last.item.type == type:
            return target.command("instances start", [item])
        command = target.command("instances resize", [item], type)
        return f"{command} && {target.command('instances start', [item])}" if runs else command

    sights = resizing.carry_out(client, item, type, wait=not patience.no_wait, limit=patience.within(LIMIT))
    ended = follow(target.screen, sights, verb="resizing", again=again)
    done = outcomes(ended)
    _show(target, view, done)
    check_time(ended, verb="resizing", again=again)
    Selection([item]).check(done)


def _show(target: Target[Instance], view: Report[Instance], done: Sequence[Outcome[Any]]) -> None:
    from ectwo_cli.render.show import show_outcomes

    show_outcomes(target.screen, view.view(profiles=target.several_profiles), done)
