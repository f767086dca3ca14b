"""``ectwo sandbox``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ectwo_cli.errors import NotFound
from ectwo_cli.expand import Group
from ectwo_cli.records import dataclass
from ectwo_cli.sandbox import control

if TYPE_CHECKING:
    from ectwo_cli.sandbox.control import Sandbox

app = typer.Typer()

Size = Literal["small", "medium", "large", "empty"]
Shell = Literal["sh", "fish", "powershell"]


@dataclass(frozen=True)
class Local(Group):
    """What needs neither regions nor an account."""

    def tell(self, box: Sandbox, what: str) -> None:
        """The endpoint is the result; the rest is for people."""
        self.program.screen.note(f"{what}: {box.seed_size} fleet, process {box.pid}, log {box.log}")
        self.program.screen.write(f"{box.endpoint}\n")


@app.command()
def start(
    local: Local,
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help=f"Where; {control.PORT} or a free one when left out."),
    ] = None,
    seed_size: Annotated[Size, typer.Option("--seed-size", help="How large the fleet is.")] = "medium",
) -> None:
    """Start the sandbox: a local EC2, with a fleet to try everything on.

    \b
      ectwo sandbox start
      ectwo sandbox start --port 5600 --seed-size large
      ectwo instances find --sandbox

    It prints the endpoint. It runs until 'ectwo sandbox stop', listens on 127.0.0.1 only, and needs no AWS account.
    Where it runs already it is left as it is. '--sandbox' at any command starts it too.
    """
    before = control.status()
    box = control.start(port, seed_size)
    local.tell(box, "runs already" if before and before.boot == box.boot else "started")


@app.command()
def stop(local: Local) -> None:
    """Stop the sandbox; what was done in it is gone.

    \b
      ectwo sandbox stop
    """
    box = control.stop()
    local.program.screen.note("the sandbox was not running" if box is None else f"stopped (process {box.pid})")


@app.command()
def status(
    local: Local,
    json: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Show whether the sandbox runs, and where; exit 3 when it does not.

    \b
      ectwo sandbox status
      ectwo sandbox status --json | jq -r .endpoint
    """
    from datetime import datetime, timezone

    box = control.status()
    if box is None:
        raise NotFound("the sandbox is not running", hint="ectwo sandbox start")
    facts = {
        "endpoint": box.endpoint,
        "pid": box.pid,
        "port": box.port,
        "seed_size": box.seed_size,
        "started_at": datetime.fromtimestamp(box.started_at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "log": str(box.log),
    }
    if json:
        from ectwo_cli.render.data import write_json_value

        write_json_value(local.program.screen, facts)
        return
    for name, value in facts.items():
        local.program.screen.write(f"{name}\t{value}\n")


@app.command()
def env(
    local: Local,
    shell: Annotated[Shell, typer.Option("--shell", help="Whose words to use.")] = "sh",
) -> None:
    """Print the variables that send any AWS program to the sandbox.

    \b
      eval "$(ectwo sandbox env)"
      (eval "$(ectwo sandbox env)"; aws ec2 describe-instances)
      ectwo sandbox env --shell fish | source
      ectwo sandbox env --shell powershell | Invoke-Expression

    The credentials are none, and yours are out of reach as long as the variables are set.
    """
    box = control.ensure()
    local.program.screen.write("".join(f"{line}\n" for line in _lines(box, shell)))


def _lines(box: Sandbox, shell: str) -> list[str]:
    variables = box.environment().items()
    if shell == "fish":
        return [*(f"set -e {name}" for name in control.UNSET), *(f"set -gx {k} {shlex.quote(v)}" for k, v in variables)]
    if shell == "powershell":
        gone = [f"Remove-Item Env:{name} -ErrorAction SilentlyContinue" for name in control.UNSET]
        return [*gone, *(f"$Env:{name} = '{value}'" for name, value in variables)]
    return [f"unset {' '.join(control.UNSET)}", *(f"export {name}={shlex.quote(value)}" for name, value in variables)]


@app.command()
def reset(
    local: Local,
    seed_size: Annotated[
        Size | None, typer.Option("--seed-size", help="How large the new fleet is; as large as now when left out.")
    ] = None,
) -> None:
    """Make the fleet anew, as it was when the sandbox started.

    \b
      ectwo sandbox reset
      ectwo sandbox reset --seed-size empty
    """
    local.tell(control.reset(seed_size), "reset")
