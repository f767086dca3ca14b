"""``ectwo instances ssh``: one instance, or a command on many."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import EctwoError, NotFound, Partial, UsageError
from ectwo_cli.expand import QUERY, Group
from ectwo_cli.model import R
from ectwo_cli.options.queries import Search
from ectwo_cli.options.targets import look_up_one, read_refs, warn_of
from ectwo_cli.records import dataclass
from ectwo_cli.services import search
from ectwo_cli.services.instances import Instance

if TYPE_CHECKING:
    from ectwo_cli.model import Raw
    from ectwo_cli.ssh.connect import End, Line
    from ectwo_cli.ssh.login import Login, Way

SSH = "Logging in"
AT_ONCE = 10


@dataclass(frozen=True)
class Hosts(Search[R]):
    """Where to log in, and the command: TARGET [COMMAND], or a query and a COMMAND."""

    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[TARGET] [-- COMMAND...]",
            show_default=False,
            help="The {noun} (- for many, from stdin), and what to run there; with a query, only what to run.",
        ),
    ] = field(default_factory=list)
    all_: Annotated[bool, typer.Option("--all", help="Everything in scope, on purpose.", rich_help_panel=QUERY)] = False

    @property
    def by_query(self) -> bool:
        """Whether a query says where."""
        return bool(self.conditions or self.filters or self.all_)

    @cached_property
    def remote(self) -> list[str]:
        """What to run; nothing for a shell. Raises UsageError where there has to be something."""
        command = self.words if self.by_query else self.words[1:]
        if not self.by_query and not self.words:
            raise UsageError("which instance?", hint="name a TARGET, or give a query and a COMMAND")
        if not command and (self.by_query or self.words[0] == "-"):
            raise UsageError("what is to be run on them?", hint="give a COMMAND: ... -- uptime")
        return command

    def named(self) -> Instance | None:
        """The one instance that the TARGET means: of several of a name the running one. None where many are meant."""
        if self.by_query or self.words[0] == "-":
            return None
        which, items, results = look_up_one(self, self.words[0], Instance)
        warn_of(results, self.screen)
        running = [item for item in items if item.state == "running"]
        candidates = running or items
        if len(candidates) > 1:
            raise search.several(which, candidates, Instance)
        return candidates[0]

    def matching(self) -> list[Instance]:
        """The instances of the query, or of stdin. Raises NotFound for a TARGET, SomeFailed."""
        if self.by_query:
            results = self.results()
            items: list[Any] = self.query.order(item for page in results for item in page.items)
            if not results.worked or (results.failures and not items):
                results.check()
            warn_of(results, self.screen)
            if not items:
                self.say_why_nothing()
            return items
        found = search.look_up(read_refs(self.screen, ["-"], Instance), self.clients, Instance)
        if found.missing:
            raise search.missing(found.missing, Instance)
        return found.items


@dataclass(frozen=True)
class SshOptions(Group):
    """As whom, with which key, by which way."""

    user: Annotated[
        str | None,
        typer.Option(
            "--user", "-l", metavar="USER", help="Log in as; default: what its image's system has.", rich_help_panel=SSH
        ),
    ] = None
    identity: Annotated[
        str | None,
        typer.Option("--identity", "-i", metavar="FILE", help="The private key.", rich_help_panel=SSH),
    ] = None
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=1, max=65535, help="Default 22.", rich_help_panel=SSH),
    ] = None
    via: Annotated[
        str | None,
        typer.Option(
            "--via", metavar="[USER@]HOST", help="Through this host, to the private address.", rich_help_panel=SSH
        ),
    ] = None
    private: Annotated[
        bool, typer.Option("--private", help="To the private address: from within the network.", rich_help_panel=SSH)
    ] = False
    ssh_option: Annotated[
        list[str],
        typer.Option(
            "--ssh-option", metavar="NAME=VALUE", help="An option of ssh's own; repeatable.", rich_help_panel=SSH
        ),
    ] = field(default_factory=list)
    max_parallel: Annotated[
        int,
        typer.Option("--max-parallel", metavar="N", min=1, help="So many at once.", rich_help_panel=SSH),
    ] = AT_ONCE
    print_: Annotated[
        bool, typer.Option("--print", help="Print the ssh command instead of running it.", rich_help_panel=SSH)
    ] = False

    @cached_property
    def way(self) -> Way:
        """How to reach the hosts. Raises UsageError."""
        from ectwo_cli.ssh.login import Way

        way = Way(
            user=self.user,
            identity=Path(self.identity).expanduser() if self.identity else None,
            port=self.port,
            via=self.via,
            private=self.private,
            options=tuple(self.ssh_option),
        )
        way.check()
        return way


def ssh(hosts: Hosts[Instance], options: SshOptions) -> None:
    """Log in to an instance, or run a command on many.

    \b
      ectwo instances ssh web-1
      ectwo instances ssh web-1 -- sudo systemctl status nginx
      ectwo instances ssh db-1 --via ec2-user@bastion.example.com
      ectwo instances ssh --tag env=dev --state running -- uptime
      ectwo instances find --tag role=web -o ids | ectwo instances ssh - -- df -h /

    The user is that of the image's system: ec2-user, ubuntu, admin (Debian), centos, rocky, fedora, ... The key is
    where 'keypairs create' saved it, or one in ~/.ssh that was imported; without one, EC2 Instance Connect gets a
    throw-away key. The exit code is the remote command's; on many, 6 when some failed.
    """
    command, way = hosts.remote, options.way
    item = hosts.named()
    if item is not None:
        _one(hosts, item, command, way, show=options.print_)
    else:
        _many(hosts, hosts.matching(), command, way, options)


def _one(scope: Hosts[Instance], item: Instance, command: Sequence[str], way: Way, *, show: bool) -> None:
    from ectwo_cli.ssh import connect, users, why
    from ectwo_cli.ssh.login import command_line

    client = scope.client_of(item)
    known = {} if way.user else users.images_behind(client, [item.image_id] if item.image_id else [])
    with contextlib.ExitStack() as stack:
        login = _login(scope, client, item, way, known, stack, throw_away=not show)
        arguments = command_line(login, way, command)
        if show:
            scope.screen.write(shlex.join(arguments) + "\n")
            return
        scope.screen.stderr.flush()
        code = connect.run(arguments)
    if code == connect.FAILED:
        scope.screen.hint(why.hint(client, login, way))
    raise typer.Exit(code)


def _login(
    scope: Hosts[Instance],
    client: Client,
    item: Instance,
    way: Way,
    known: dict[str, Raw],
    stack: contextlib.ExitStack,
    *,
    throw_away: bool,
) -> Login:
    """As whom and with which key; a throw-away key lives as long as ``stack``. Raises EctwoError."""
    from ectwo_cli.ssh import instance_connect, users
    from ectwo_cli.ssh.login import Login, host_of, key_like, saved_key

    host = host_of(item, way, again=scope.command("instances VERB", [item]))
    user = way.user or users.user_of(item.image_id, known) or users.USUAL
    settings = scope.program.settings
    key = way.identity or saved_key(settings.key_dir, item)
    if key is None and item.key_name is not None:
        key = key_like(_public_key(client, item.key_name), Path("~/.ssh").expanduser())
    if key is None and throw_away:
        file, public = stack.enter_context(instance_connect.throw_away_key())
        try:
            instance_connect.push(client, item, user, public)
        except Exception as error:
            _check_own_keys(scope, item, error)
            return Login(item, host, user, None)
        return Login(item, host, user, file, thrown_away=True)
    return Login(item, host, user, key)


def _public_key(client: Client, name: str) -> Any:
    from ectwo_cli.services import keypairs

    try:
        found = keypairs.named(client, name)
    except Exception:
        # The key may be found without; and who may not list key pairs may well log in.
        return None
    return keypairs.public_of(found) if found else None


def _check_own_keys(scope: Hosts[Instance], item: Instance, error: Exception) -> None:
    """No key is known: ssh may have its own, an agent's or a usual one, unless surely not. Raises NotFound then."""
    from ectwo_cli.aws.explain import explain
    from ectwo_cli.keys import store

    settings = scope.program.settings
    name = item.key_name
    looked = f"{store.default_file(settings.key_dir, item.region, name)} is not there" if name else "it has no key pair"
    told = explain(error)
    folder = Path("~/.ssh").expanduser()
    if settings.environ.get("SSH_AUTH_SOCK") or any(folder.glob("id_*")):
        scope.screen.note(f"{looked}, and no throw-away key was taken ({told.message}): ssh tries its own keys")
        return
    raise NotFound(
        f"no key for {item.name or item.id}: {looked}, and EC2 Instance Connect took no throw-away key: {told.message}",
        hint=f"say -i FILE with the private key of key pair {name}" if name else "say -i FILE",
    )


# Many


def _many(
    scope: Hosts[Instance], items: Sequence[Instance], command: Sequence[str], way: Way, options: SshOptions
) -> None:
    from ectwo_cli.fanout import across
    from ectwo_cli.render.show import label
    from ectwo_cli.ssh import users
    from ectwo_cli.ssh.connect import FAILED, End, Running
    from ectwo_cli.ssh.login import command_line

    screen = scope.screen
    if not items:
        screen.note("no instances matched")
        return
    names = _names(items)
    known: dict[str, Raw] = {}
    if way.user is None:
        places = scope.by_region(items)
        images = across(
            places,
            lambda place: [users.images_behind(place[0], [each.image_id for each in place[1] if each.image_id])],
            where=lambda place: search.place_of(place[0]),
        )
        for found in images:
            known |= found
    running = Running()

    def work(item: Instance) -> Iterator[tuple[Instance, Line | End | str]]:
        client = scope.client_of(item)
        with contextlib.ExitStack() as stack:
            login = _login(scope, client, item, way, known, stack, throw_away=not options.print_)
            arguments = command_line(login, way, command, batch=True)
            if options.print_:
                yield item, shlex.join(arguments)
                return
            for seen in running.lines(arguments):
                yield item, seen

    results = across(items, work, where=label, most=options.max_parallel)
    codes: dict[str, int] = {}
    try:
        for item, seen in results:
            if isinstance(seen, str):
                screen.write(seen + "\n")
            elif isinstance(seen, End):
                codes[item.id] = seen.code
                if seen.code:
                    what = "ssh did not get in" if seen.code == FAILED else f"exit code {seen.code}"
                    screen.error(what, where=label(item))
            elif seen.error:
                screen.say(f"{screen.paint(names[item.id], '36')}: {seen.text}")
            else:
                screen.write(f"{_paint(screen, names[item.id])}: {seen.text}\n")
                screen.flush()
    finally:
        running.stop()
    _account(screen, results.failures, [code for code in codes.values() if code], len(items))


def _account(screen: Any, failures: Sequence[Any], codes: Sequence[int], count: int) -> None:
    """Report what did not come to its command. Raises what the exit code says."""
    from ectwo_cli.aws.explain import explain

    for failure in failures:
        told = explain(failure.error)
        screen.error(told.message, code=told.code, hint=told.hint, where=failure.where)
    failed = len(failures) + len(codes)
    if failed == count:
        raise EctwoError("")
    if failed:
        raise Partial("")


def _names(items: Sequence[Instance]) -> dict[str, str]:
    """How each is called in front of its lines: by its name where no other bears it, else by ID."""
    from ectwo_cli.render.text import escaped

    names = [item.name for item in items]
    return {
        item.id: escaped(item.name) if item.name and names.count(item.name) == 1 else f"{item.region}/{item.id}"
        for item in items
    }


def _paint(screen: Any, name: str) -> str:
    return f"\x1b[36m{name}\x1b[0m" if screen.color_out else name
