"""Which regions and accounts: ``--region``, ``--profile`` and so on."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Annotated, Any, TypeAlias

import typer

from ectwo_cli import complete
from ectwo_cli.aws.session import Account, Client, Route, profiles
from ectwo_cli.config import cache_dir
from ectwo_cli.errors import Failure, SomeFailed, UsageError, nearest
from ectwo_cli.expand import SCOPE, Group
from ectwo_cli.model import R, Resource
from ectwo_cli.query import Pattern, chosen, patterns
from ectwo_cli.records import dataclass
from ectwo_cli.render.screen import Screen

Places: TypeAlias = "Callable[[str | None], Sequence[Client]]"
"""What gives the clients to ask: those of one region, or of the whole scope for None."""


@dataclass(frozen=True)
class Scope(Group):
    """Which regions and accounts."""

    region: Annotated[
        list[str],
        typer.Option(
            "--region",
            "-r",
            metavar="REGION",
            help="Only these regions: names, globs 'us-*', regexes '/^eu-/'; comma lists; repeatable.",
            rich_help_panel=SCOPE,
        ),
        complete.REGIONS,
    ] = field(default_factory=list)
    exclude_region: Annotated[
        list[str],
        typer.Option(
            "--exclude-region",
            metavar="REGION",
            help="Leave these regions out.",
            rich_help_panel=SCOPE,
        ),
        complete.REGIONS,
    ] = field(default_factory=list)
    profile: Annotated[
        list[str],
        typer.Option(
            "--profile",
            "-p",
            metavar="PROFILE",
            help="Profiles of the AWS configuration, globs too; several accounts in one call.",
            rich_help_panel=SCOPE,
        ),
        complete.PROFILES,
    ] = field(default_factory=list)
    endpoint_url: Annotated[
        str | None,
        typer.Option(
            "--endpoint-url", metavar="URL", help="Where EC2 is, instead of AWS's own.", rich_help_panel=SCOPE
        ),
    ] = None
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", help="Use the local sandbox; never AWS.", rich_help_panel=SCOPE),
    ] = False

    @property
    def screen(self) -> Screen:
        """The streams of this run."""
        return self.program.screen

    @property
    def in_sandbox(self) -> bool:
        """Whether everything goes to the sandbox."""
        return self.sandbox or self.program.settings.sandbox

    @cached_property
    def accounts(self) -> list[Account]:
        """The accounts to ask. Raises UsageError for an unknown profile."""
        names: list[str | None] = [None]
        wanted = _split(self.profile)
        if self.in_sandbox:
            if wanted or self.endpoint_url:
                raise UsageError("the sandbox has no profiles and an endpoint of its own", hint="leave --sandbox out")
        elif wanted:
            names = list(profiles(wanted))
        environ = self.program.settings.environ
        return [
            Account(
                name,
                self._route,
                region=self.program.settings.aws_region if not self.in_sandbox else None,
                cache_dir=cache_dir(environ),
                known_by=[
                    environ.get(each)
                    for each in ("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2")
                ],
            )
            for name in names
        ]

    @cached_property
    def _route(self) -> Route:
        if self.in_sandbox:
            from ectwo_cli.sandbox import control

            box = control.ensure()
            variables = box.environment()
            return Route(
                endpoint=box.endpoint,
                credentials=(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]),
            )
        if self.endpoint_url and not self.endpoint_url.startswith(("http://", "https://")):
            raise UsageError(f"bad --endpoint-url {self.endpoint_url!r}", hint="it begins with http:// or https://")
        return Route(ec2_endpoint=self.endpoint_url)

    @property
    def several_profiles(self) -> bool:
        """Whether records have to say which profile they are from."""
        return len(self.accounts) > 1

    @cached_property
    def _clients(self) -> list[Client]:
        found: list[Client] = []
        for account in self.accounts:
            try:
                found += [account.client(region) for region in self.regions_of(account)]
            except UsageError:
                raise
            except Exception as error:
                if len(self.accounts) == 1:
                    raise SomeFailed([Failure("", error, account)], some_worked=False) from error
                # One account that can't be asked is a place that fails, beside the others.
                found.append(dataclasses.replace(account.client(account.home), broken=error))
        return found

    def clients(self, region: str | None = None) -> Sequence[Client]:
        """A client of every region in scope, or of the one region that a TARGET names, in all accounts.

        Raises UsageError for a region that there is not.
        """
        if region is None:
            return self._clients
        for account in self.accounts:
            if not account.knows(region):
                dataclasses.replace(self, region=[region], exclude_region=[]).regions_of(account)
        return [account.client(region) for account in self.accounts]

    def regions_of(self, account: Account) -> list[str]:
        """The enabled regions in scope. Raises UsageError for a name that means none of them."""
        wanted = patterns(self.region or self.program.settings.get("regions") or [])
        refused = patterns(self.exclude_region)
        for attempt in (False, True):
            known = account.regions(refresh=attempt)
            enabled = [name for name, status in sorted(known.items()) if status != "not-opted-in"]
            try:
                for each in (*wanted, *refused):
                    _check_region(each, known, enabled)
            except UsageError:
                # The list may be a day old, and the region new since.
                if attempt or account.cache_dir is None:
                    raise
                continue
            break
        included = [name for name in enabled if chosen(wanted, name)]
        left = [name for name in included if not any(each.found_in(name) for each in refused)]
        if not left:
            raise UsageError("no region is left in scope", hint="see 'ectwo regions find'")
        return left

    def one(self) -> Client:
        """The one region in which something is to be created. Raises UsageError when nothing says which."""
        if len(self.accounts) > 1:
            raise UsageError("this needs exactly one profile")
        (account,) = self.accounts
        if self.region:
            found = self.regions_of(account)
            if len(found) > 1:
                raise UsageError(f"this needs exactly one region, --region means {len(found)}: {', '.join(found)}")
            return account.client(found[0])
        if account.default_region:
            return account.client(account.default_region)
        if not self.screen.can_ask:
            raise UsageError("in which region?", hint="say --region, or set AWS_REGION")
        from ectwo_cli.prompt import Choice, choose

        picked: str = choose(self.screen, "In which region?", [Choice(name, name) for name in self.regions_of(account)])
        return account.client(picked)

    def several(self) -> list[Client]:
        """The regions in which the same is to be created: all that --region means, else as :meth:`one` says."""
        if len(self.accounts) > 1:
            raise UsageError("this needs exactly one profile")
        (account,) = self.accounts
        if not self.region:
            return [self.one()]
        return [account.client(region) for region in self.regions_of(account)]

    def destinations(self, regions: Sequence[str]) -> list[Client]:
        """The regions that something is to go to: names, globs. Raises UsageError for one that means none."""
        elsewhere = dataclasses.replace(self, region=list(regions), exclude_region=[])
        return [account.client(region) for account in self.accounts for region in elsewhere.regions_of(account)]

    def by_region(self, items: Sequence[R]) -> list[tuple[Client, list[R]]]:
        """The resources with the client of where they are, for what is done region by region."""
        places: dict[tuple[str | None, str], tuple[Client, list[R]]] = {}
        for item in items:
            where: tuple[str | None, str] = (item.profile, item.region)  # type: ignore[attr-defined]
            if where not in places:
                places[where] = (self.client_of(item), [])
            places[where][1].append(item)
        return list(places.values())

    def homes(self) -> list[Client]:
        """A client of each account, where it is at home: for what is the same in all regions."""
        return [account.client(account.home) for account in self.accounts]

    def client_of(self, item: Any) -> Client:
        """The client of the region and account that a resource is in."""
        for account in self.accounts:
            if account.profile == item.profile:
                return account.client(item.region)
        raise LookupError(item)

    def command(self, verb: str, items: Iterable[Resource], *options: str) -> str:
        """The command line that does ``verb`` ("instances wait") to the resources, in the same scope, for hints."""
        items = list(items)
        words = ["ectwo", *verb.split(), *(f"{each.region}/{getattr(each, each.kind.id)}" for each in items)]  # type: ignore[attr-defined]
        words += [*options, *(["--sandbox"] if self.sandbox else [])]
        words += ["--endpoint-url", self.endpoint_url] if self.endpoint_url else []
        for profile in sorted({each.profile for each in items if each.profile}):  # type: ignore[attr-defined]
            words += ["-p", profile]
        return shlex.join(words)


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split(",") if part]


def _check_region(each: Pattern, known: Mapping[str, str], enabled: Sequence[str]) -> None:
    if any(each.found_in(name) for name in enabled):
        return
    if any(each.found_in(name) for name in known):
        raise UsageError(
            f"region {each.text} is not enabled for this account",
            hint="enable it in the account's settings; 'ectwo regions find --all-states' lists all",
        )
    raise UsageError(f"no region matches {each.text!r}", hint=nearest(each.text, enabled))
