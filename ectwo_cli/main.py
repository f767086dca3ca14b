"""The command tree, and the program's only ``try``.

Only the group and the verb that are called are built: building all of them takes longer than most calls to EC2.
"""

from __future__ import annotations

import sys

from ectwo_cli import __version__

# Neither typing nor dataclasses is imported: --version would take three times as long.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import typer

    from ectwo_cli.render.screen import Screen


class Command:
    """A group of verbs: ``module`` holds its ``app``. With ``more`` there is a module beside it, as ``images_verbs``,
    whose ``VERBS`` by name are not needed for those of the app, which are to start quickly."""

    def __init__(self, module: str, help: str, *, more: bool = False) -> None:
        self.module = module
        self.help = help
        self.more = f"{module}_verbs" if more else None


GROUPS = {
    "regions": Command("ectwo_cli.commands.regions", "Regions, and whether they are enabled."),
    "instances": Command("ectwo_cli.commands.instances", "Find, launch, start, stop and change instances.", more=True),
    "images": Command(
        "ectwo_cli.commands.images", "Images (AMIs): find, make, launch, copy, share, clean up.", more=True
    ),
    "snapshots": Command(
        "ectwo_cli.commands.snapshots", "Snapshots of volumes: find, create, copy, delete.", more=True
    ),
    "addresses": Command("ectwo_cli.commands.addresses", "Elastic IP addresses: find, allocate, associate, release."),
    "keypairs": Command("ectwo_cli.commands.keypairs", "Key pairs: find, create, import, delete."),
    "groups": Command("ectwo_cli.commands.groups", "Security groups: find, create, change rules, copy."),
    "spot": Command("ectwo_cli.commands.spot", "Spot prices, history, scores and requests."),
    "tags": Command("ectwo_cli.commands.tags", "Tags on anything: find, set, remove."),
    "sandbox": Command("ectwo_cli.commands.sandbox", "A local EC2 with a fleet, to try everything on."),
}

HELP = """Amazon EC2 in all regions at once.

\b
  ectwo instances find --state running
  ectwo instances find --tag env=dev --json | jq -r '.[].id'
  ectwo instances show web-1 public_ip

Searches ask every region that is enabled for the account; -r narrows. TARGETs are IDs, names, or REGION/ID.
'ectwo GROUP --help' lists the verbs of a group, 'ectwo GROUP VERB --help' its options.
"""

EXIT_CODES = """Exit codes: 0 done; 1 failed; 2 usage; 3 not found; 4 credentials; 6 partly done; 8 still going on;
10 declined; 130 Ctrl-C."""


def run() -> None:
    """The console script."""
    import gc

    # There is next to nothing to collect, and looking for it takes a tenth of the time.
    gc.set_threshold(300_000, 50, 50)
    _leave(main(sys.argv[1:]))


def _leave(code: int) -> None:
    """End the process: at once, since taking apart all that was imported and found takes half as long as a request."""
    import os

    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # Closed, or nobody there any more: the interpreter knows best.
        sys.exit(code)
    os._exit(code)


def main(argv: Sequence[str], screen: Screen | None = None) -> int:
    """Run ``ectwo`` with these arguments; gives the exit code. Never raises, but for defects under ``--debug``."""
    if list(argv) == ["--version"]:
        try:
            print(f"ectwo {__version__}", flush=True)  # noqa: T201 - before anything is imported
            return 0
        except OSError:
            # It is said again below, where errors are told.
            pass
    import os

    if "_ECTWO_COMPLETE" in os.environ:
        from ectwo_cli import shells

        sys.stdout.write(shells.answer(argv, os.environ))
        return 0
    from ectwo_cli.render.screen import Screen

    screen = screen or Screen(sys.stdin, sys.stdout, sys.stderr, os.environ)
    debug = "--debug" in argv[: argv.index("--")] if "--" in argv else "--debug" in argv
    try:
        return _run(_reordered(argv), screen)
    except BaseException as error:
        from ectwo_cli import failure

        if debug and not isinstance(error, SystemExit):
            failure.trace(error, screen)
        return failure.report(error, screen)


def _run(argv: Sequence[str], screen: Screen) -> int:
    from datetime import datetime, timezone

    from ectwo_cli import config
    from ectwo_cli.expand import Program

    program = Program(screen, config.load(screen.environ), datetime.now(timezone.utc))
    if "--debug" in argv:
        from ectwo_cli.aws import debug

        debug.to(screen.stderr)
    code = tree(argv).main(list(argv), prog_name="ectwo", standalone_mode=False, obj=program)
    return code if isinstance(code, int) else 0


def tree(words: Sequence[str]) -> Any:
    """The command tree for a command line, as a Click group: whole in names, built only where the words lead."""
    import typer

    named = [word for word in words if not word.startswith("-")]
    group = named[0] if named else ""
    root = typer.Typer(**_settings(HELP))

    @root.callback(epilog=EXIT_CODES, invoke_without_command=True)
    def options(
        version: bool = typer.Option(False, "--version", help="Show the version."),
        completion: str = typer.Option(
            None, "--completion", metavar="SHELL", help="Print the completion for bash, zsh, fish or powershell."
        ),
    ) -> None:
        if completion:
            from ectwo_cli import shells

            if completion not in shells.SCRIPTS:
                raise typer.BadParameter(f"{completion!r} is none of {', '.join(shells.SCRIPTS)}")
            sys.stdout.write(shells.SCRIPTS[completion][1])
        elif version:
            sys.stdout.write(f"ectwo {__version__}\n")

    for name, command in GROUPS.items():
        if name == group:
            root.add_typer(
                _group(command, named[1] if len(named) > 1 else "", alone=_leads(words, named, 2)), name=name
            )
        elif group not in GROUPS or not _leads(words, named, 1):
            root.add_typer(typer.Typer(**_settings(command.help)), name=name)
    return typer.main.get_command(root)


def verbs(group: str) -> dict[str, Any]:
    """The commands of a group by name: Typer's declarations, not built."""
    return _registered(GROUPS[group])


def _registered(command: Command, verb: str | None = None) -> dict[str, Any]:
    """The verbs of a group; only those of its app when ``verb`` is one of them."""
    import importlib

    app = importlib.import_module(command.module).app

    def found() -> dict[str, Any]:
        return {
            each.name or each.callback.__name__.strip("_").replace("_", "-"): each for each in app.registered_commands
        }

    if command.more is not None and verb not in found():
        more = importlib.import_module(command.more).VERBS
        # The app stays for as long as the process.
        for name in [each for each in more if each not in found()]:
            app.command(name)(more[name])
    return found()


def _leads(words: Sequence[str], named: Sequence[str], depth: int) -> bool:
    """Whether the command line begins with names, so that nothing beside them can be meant, help neither."""
    return len(named) >= depth and list(words[:depth]) == list(named[:depth])


def _group(command: Command, verb: str, *, alone: bool) -> typer.Typer:
    import inspect

    import typer

    from ectwo_cli.expand import expand
    from ectwo_cli.help import HelpCommand

    app = typer.Typer(**_settings(command.help))
    known = _registered(command, verb)
    for name, each in known.items():
        text = inspect.getdoc(each.callback)
        if name == verb:
            settings = each.context_settings or {}
            app.command(
                name, cls=HelpCommand, help=text, context_settings={**settings, **HELP_NAMES}, hidden=each.hidden
            )(expand(each.callback))
        elif not alone or verb not in known:
            app.command(name, help=text, hidden=each.hidden)(_nothing)
    return app


HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def _nothing() -> None:
    """Stands for a verb that was not called."""


def _settings(text: str) -> dict[str, Any]:
    return {
        "help": text,
        "no_args_is_help": True,
        "add_completion": False,
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
        "context_settings": HELP_NAMES,
    }


def _reordered(argv: Sequence[str]) -> list[str]:
    """Options in front of the group go behind the verb: people do write ``ectwo -r us-east-1 instances find``."""
    words = list(argv)
    at = next((index for index, word in enumerate(words) if word in GROUPS), 0)
    front, rest = words[:at], words[at:]
    if not front or not all(word.startswith("-") or index for index, word in enumerate(front)):
        return words
    if "--" in rest:
        end = rest.index("--")
        return [*rest[:end], *front, *rest[end:]]
    return [*rest, *front]
