"""Profiles, regions and clients: the only way to AWS.

An :class:`Account` is one profile of the user's; a :class:`Client` is one service of it in one region. Clients are safe
to use from threads; making one is not, so it is done under a lock, when a client is first used.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ectwo_cli.aws.cache import write_cache
from ectwo_cli.errors import UsageError, nearest
from ectwo_cli.model import Raw, pick
from ectwo_cli.records import dataclass

if TYPE_CHECKING:
    from ectwo_cli.aws.fast.parsing import Parsers
    from ectwo_cli.aws.fast.reading import Reading
    from ectwo_cli.aws.fast.trust import Trust

HOME_REGION = "us-east-1"
"""Where the regions are asked for when nothing says where the account is at home."""

COLUMNS = "@columns"
"""Under this key of an answer is what :meth:`Client.columns` gives, when it was read that way."""

REGIONS_LAST = 24 * 3600
"""Seconds for which the list of enabled regions is believed."""

PATIENT, ONCE, BRIEF = "patient", "once", "brief"
"""How a client deals with a failing network: botocore's retries; none; none and a few seconds at most."""


DENIED = ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
"""Codes for what the caller is not permitted to ask."""


@dataclass(frozen=True)
class Route:
    """Where requests go, when not to AWS as the user's own settings say.

    ``ec2_endpoint`` is for EC2 alone, ``endpoint`` for every service. With ``credentials`` (key ID, secret) nothing of
    the user's own configuration is read at all: a sandbox can't reach an account, nor can an account's keys reach it.
    """

    ec2_endpoint: str | None = None
    endpoint: str | None = None
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def isolated(self) -> bool:
        """Whether the user's AWS configuration stays out of it."""
        return self.credentials is not None


@dataclass
class Account:
    """One profile (None: the default one) and where its requests go. ``region`` is the one that the user works in.

    ``known_by`` is what else tells one account from another (the key ID of the environment): the list of regions is
    cached under it.
    """

    profile: str | None
    route: Route = field(default_factory=Route)
    region: str | None = None
    cache_dir: Path | None = None
    known_by: Sequence[str | None] = field(default=(), repr=False)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict, repr=False)
    _readings: dict[tuple[str, str, str, tuple[str, ...]], Reading | None] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def client(self, region: str, service: str = "ec2") -> Client:
        """A client of ``service`` in ``region``; nothing is loaded before it is used."""
        return Client(self, region, service)

    @cached_property
    def home(self) -> str:
        """The region that the user works in, else the first of all."""
        return self.default_region or HOME_REGION

    @cached_property
    def default_region(self) -> str | None:
        """AWS_REGION, AWS_DEFAULT_REGION, or the profile's region; None when nothing says it."""
        if self.region or self.route.isolated:
            return self.region
        found: str | None = self.botocore_session.get_config_variable("region")
        return found

    def regions(self, *, refresh: bool = False) -> Mapping[str, str]:
        """All regions that there are with their opt-in status, from a cache that lasts a day.

        EC2: DescribeRegions. Raises botocore's errors; where only that call is denied, the regions that botocore knows
        are taken for enabled.
        """
        if not refresh and (known := self._cached_regions()) is not None:
            return known
        try:
            answer = self.client(self.home).call("DescribeRegions", AllRegions=True)
        except Exception as error:
            if code_of(error) not in ("UnauthorizedOperation", "AccessDenied"):
                raise
            names = self.botocore_session.get_available_regions("ec2")
            return dict.fromkeys(names, "unknown")
        return self.learn_regions(answer["Regions"])

    def knows(self, region: str) -> bool:
        """Whether there is such a region, as far as can be told without asking EC2."""
        return region in (self._cached_regions() or ()) or region in self.botocore_session.get_available_regions("ec2")

    def learn_regions(self, answer: Sequence[Raw]) -> Mapping[str, str]:
        """Take what DescribeRegions says of all regions for the list that is believed for a day."""
        found = {each["RegionName"]: each.get("OptInStatus", "opt-in-not-required") for each in answer}
        if self._regions_file is not None:
            write_cache(self._regions_file, json.dumps(found))
        return found

    def make(self, region: str, service: str, *, how: str = PATIENT) -> Any:
        """botocore's client; one for each region and service. ``how`` it deals with a failing network."""
        key = (region, service, how)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._new_client(region, service, how)
            return self._clients[key]

    def _new_client(self, region: str, service: str, how: str) -> Any:
        from botocore.config import Config

        session = self.botocore_session
        options: dict[str, Any] = {"user_agent_extra": "ectwo", "tcp_keepalive": True}
        if how != PATIENT:
            options["retries"] = {"mode": "standard", "total_max_attempts": 1}
            if how == BRIEF:
                options |= {"connect_timeout": 2, "read_timeout": 5}
        elif session.get_config_variable("retry_mode") in (None, "legacy"):
            attempts = session.get_config_variable("max_attempts")
            options["retries"] = {"mode": "standard", **({} if attempts else {"total_max_attempts": 5})}
        keys: dict[str, Any] = {}
        if self.route.credentials or not self._proxies:
            # The sandbox is on loopback. Elsewhere botocore would look for proxies again for each region.
            options["proxies"] = {}
        if self.route.credentials:
            keys = dict(zip(("aws_access_key_id", "aws_secret_access_key"), self.route.credentials, strict=True))
        endpoint = self.route.endpoint or (self.route.ec2_endpoint if service == "ec2" else None)
        client = session.create_client(
            service, region_name=region, endpoint_url=endpoint, config=Config(**options), **keys
        )
        self._trust.share_with(client)
        return client

    @cached_property
    def _proxies(self) -> Mapping[str, str]:
        """Those of the environment, or of the system's settings, by the scheme that they are for."""
        from urllib.request import getproxies

        return {scheme: proxy for scheme, proxy in getproxies().items() if scheme != "no"}

    @cached_property
    def botocore_session(self) -> Any:
        """botocore's session: one for the account, since a further one costs as much as the first client."""
        with self._lock:
            import botocore.session

            from ectwo_cli.aws.fast import handlers
            from ectwo_cli.aws.fast.loader import QuickLoader

            handlers.leave_out()
            if self.route.isolated:
                # Without names of variables of the environment, so that AWS_PROFILE and the like mean nothing.
                unheard = (None, None, None, None)
                session = botocore.session.Session(
                    session_vars=dict.fromkeys(("profile", "use_fips_endpoint", "use_dualstack_endpoint"), unheard)
                )
                for name in ("config_file", "credentials_file"):
                    session.set_config_variable(name, os.devnull)
            else:
                session = botocore.session.Session(profile=self.profile)
            session.register_component("data_loader", QuickLoader(session.get_component("data_loader"), self.cache_dir))
            session.register_component("response_parser_factory", self._parsers)
            return session

    @cached_property
    def _trust(self) -> Trust:
        from ectwo_cli.aws.fast.trust import Trust

        return Trust()

    @cached_property
    def _parsers(self) -> Parsers:
        from ectwo_cli.aws.fast.parsing import Parsers

        return Parsers()

    def reading(self, client: Client, operation: str, items: str, paths: Sequence[str]) -> Reading | None:
        """What reads just ``paths`` of the elements at ``items`` in answers of ``operation``; None: botocore alone."""
        key = (client.service, operation, items, tuple(paths))
        with self._lock:
            if key not in self._readings:
                from ectwo_cli.aws.fast import reading

                model = self.make(client.region, client.service).meta.service_model.operation_model(operation)
                self._readings[key] = reading.of(model, items, paths)
            return self._readings[key]

    # The cached list of regions

    @cached_property
    def _regions_file(self) -> Path | None:
        if self.cache_dir is None:
            return None
        import hashlib

        session = self.botocore_session
        # What settles which account it is, without asking for credentials: that may prompt, or take a while.
        about = [
            self.profile,
            self.route.endpoint,
            self.route.ec2_endpoint,
            None if self.route.isolated else session.get_scoped_config(),
            self.known_by,
        ]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:16]
        return self.cache_dir / f"regions-{digest}.json"

    def _cached_regions(self) -> dict[str, str] | None:
        file = self._regions_file
        if file is None:
            return None
        try:
            age = datetime.now(timezone.utc).timestamp() - file.stat().st_mtime
            known = json.loads(file.read_text())
        except (OSError, ValueError):
            return None
        if not 0 <= age < REGIONS_LAST or not isinstance(known, dict) or not known:
            return None
        return {str(name): str(status) for name, status in known.items()}


@dataclass(frozen=True)
class Client:
    """One service in one region of one account. Answers and errors are botocore's."""

    account: Account
    region: str
    service: str = "ec2"
    broken: Exception | None = None
    """Why nothing of the account can be asked: every call raises it. So one account never spoils the others."""

    @property
    def profile(self) -> str | None:
        """The profile it belongs to."""
        return self.account.profile

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call ``operation`` (``StartInstances``) with botocore's retries. Parameters that are None are left out."""
        if self.broken is not None:
            raise self.broken
        return self._send(self.account.make(self.region, self.service), operation, params)

    def call_once(self, operation: str, **params: Any) -> dict[str, Any]:
        """The same without the SDK's retries: for what has no idempotency token, where a lost answer must be looked
        into before it is sent again (CopySnapshot, AllocateAddress)."""
        return self._send(self.account.make(self.region, self.service, how=ONCE), operation, params)

    def call_briefly(self, operation: str, **params: Any) -> dict[str, Any]:
        """The same with a few seconds at most and no retry: for what is nice to know, of a service that may be out of
        reach."""
        return self._send(self.account.make(self.region, self.service, how=BRIEF), operation, params)

    def goes_along_with(self, other: Client) -> bool:
        """Whether both know the same account's things: not when this one asks a server of somebody else's (of a test,
        a private cloud) and ``other`` would ask AWS."""
        return self._at_amazon or not other._at_amazon

    @property
    def _at_amazon(self) -> bool:
        host = urlsplit(self.account.make(self.region, self.service).meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))

    def pages(self, operation: str, items: str, **params: Any) -> Iterator[list[Raw]]:
        """The elements at ``items`` (``Reservations[].Instances[]``) page by page, following NextToken."""
        for found, _ in self.pages_and_more(operation, items, **params):
            yield found

    def pages_and_more(self, operation: str, items: str, **params: Any) -> Iterator[tuple[list[Raw], bool]]:
        """As :meth:`pages`, with whether there is a further page."""
        read = pick(items)
        for answer, more in self._answers(lambda **page: self.call(operation, **params, **page)):
            yield read(answer), more

    def columns(
        self, operation: str, items: str, paths: Sequence[str], **params: Any
    ) -> Iterator[tuple[list[list[Any]], bool]]:
        """For each of ``paths`` the raw values of all elements at ``items``, page by page, with whether there is a
        further page.

        They are what ``model.pick`` reads from the elements that :meth:`pages` gives, in a tenth of the time: nothing
        else of the answer is read.
        """
        picks = [pick(path) for path in paths]
        elements = pick(items)

        def call(**page: Any) -> dict[str, Any]:
            with self.account._parsers.reading(lambda: self.account.reading(self, operation, items, paths)):
                return self.call(operation, **params, **page)

        for answer, more in self._answers(call):
            found = answer.get(COLUMNS)
            yield [[read(each) for each in elements(answer)] for read in picks] if found is None else found, more

    def prepare(self, operation: str, items: str, paths: Sequence[str]) -> None:
        """Make ready what :meth:`columns` reads its answers with; else that takes a while when the first has come."""
        # What is wrong, a call will tell.
        with contextlib.suppress(Exception):
            if self.broken is None:
                self.account.reading(self, operation, items, paths)

    @staticmethod
    def _answers(call: Callable[..., dict[str, Any]]) -> Iterator[tuple[dict[str, Any], bool]]:
        token: str | None = None
        while True:
            answer = call(**({"NextToken": token} if token else {}))
            # An empty token ends it as well as none: both have been seen.
            token = answer.get("NextToken") or None
            yield answer, token is not None
            if token is None:
                return

    def all(self, operation: str, items: str, **params: Any) -> list[Raw]:
        """The elements of all pages."""
        return [each for page in self.pages(operation, items, **params) for each in page]

    def sibling(self, *, service: str | None = None, region: str | None = None) -> Client:
        """Another service or region of the same account."""
        return Client(self.account, region or self.region, service or self.service)

    @staticmethod
    def _send(boto: Any, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in params.items() if value is not None}
        # What the client's methods call. Methods are not made: there are 800, which takes a while for each region.
        answer: dict[str, Any] = boto._make_api_call(operation, given)
        return answer


def code_of(error: BaseException) -> str | None:
    """The code of an AWS error (``InvalidInstanceID.NotFound``); None for any other error."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return None
    code = response.get("Error", {}).get("Code")
    return str(code) if code else None


def profiles(patterns: Sequence[str]) -> list[str]:
    """The configured profiles that the names and globs mean, in order. Raises UsageError for one that means none."""
    import botocore.session

    known = botocore.session.Session().available_profiles
    found: list[str] = []
    for wanted in patterns:
        matching = [name for name in known if fnmatch.fnmatchcase(name, wanted)]
        if not matching:
            hint = nearest(wanted, known) if known else "no profiles are configured; run 'aws configure'"
            raise UsageError(f"unknown profile {wanted!r}", hint=hint)
        found += [name for name in matching if name not in found]
    return found
