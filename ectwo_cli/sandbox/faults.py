"""Faults on request, and the log of what was asked.

A rule says for which requests it is (``operation``, ``region``, ``match``), for which of those (``skip`` the first
ones, then ``times`` of them; None is for ever), and what happens:

``error``     ``{"code": …, "message": …, "status": 400}``: refused before anything is done.
``deny``      true: ``UnauthorizedOperation`` with an encoded message, also for a dry run.
``lose``      true: it is done, and the connection is closed without an answer.
``cut``       true: the connection is closed before anything is done.
``raw``       ``{"status": 503, "body": "…"}``: an answer that is no EC2 document; nothing is done.
``delay``     seconds before the request is looked at.
``after``     seconds between doing it and answering.
``truncate``  true: it is done, and half of the answer is sent.
``outcome``   what comes of it later: ``{"StateMessage": …}`` fails the snapshots that it makes,
              ``{"StateReason": {"Code": …, "Message": …}}`` fails the launch, start or copied image,
              ``{"seconds": 30}`` is how long each of its snapshots takes,
              ``{"status": "capacity-not-available"}`` holds a spot request.

The first matching rule of each kind counts. ``match`` is a text that one of the parameters' values has to contain.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, fields
from fnmatch import fnmatchcase
from typing import Any

from ectwo_cli.records import dataclass


@dataclass
class Rule:
    """See the module's docstring."""

    operation: str = "*"
    region: str = "*"
    service: str = "ec2"
    account: str = "*"
    match: str = ""
    skip: int = 0
    times: int | None = 1
    error: dict[str, Any] | None = None
    deny: bool = False
    lose: bool = False
    cut: bool = False
    raw: dict[str, Any] | None = None
    delay: float = 0.0
    after: float = 0.0
    truncate: bool = False
    outcome: dict[str, Any] | None = None
    id: int = 0
    hits: int = 0

    def wants(self, service: str, operation: str, region: str, account: str, values: Iterable[str]) -> bool:
        """Whether the rule is for such a request."""
        return (
            fnmatchcase(service, self.service)
            and fnmatchcase(operation, self.operation)
            and fnmatchcase(region, self.region)
            and fnmatchcase(account, self.account)
            and (not self.match or any(self.match in value for value in values))
        )

    def due(self) -> bool:
        """Count a request that the rule is for; whether it strikes."""
        self.hits += 1
        return self.hits > self.skip and (self.times is None or self.hits <= self.skip + self.times)


@dataclass
class Strike:
    """What the rules want to happen to one request."""

    error: dict[str, Any] | None = None
    deny: bool = False
    lose: bool = False
    cut: bool = False
    raw: dict[str, Any] | None = None
    delay: float = 0.0
    after: float = 0.0
    truncate: bool = False
    outcome: dict[str, Any] = field(default_factory=dict)


class Faults:
    """The rules in force, and the log."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.calls: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    def add(self, values: Mapping[str, Any]) -> Rule:
        """A new rule. ValueError for an unknown field, or a rule that does nothing."""
        known = {one.name for one in fields(Rule)} - {"id", "hits"}
        unknown = set(values) - known
        if unknown:
            raise ValueError(f"unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        rule = Rule(**values)
        if rule == Rule(**{name: getattr(rule, name) for name in _WHERE}):
            raise ValueError("a rule has to do something")
        rule.id = next(self._ids)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """No rules any more."""
        self.rules.clear()

    def strike(self, service: str, operation: str, region: str, account: str, values: Iterable[str]) -> Strike:
        """What is to happen to a request; every rule that is for it counts it."""
        found = Strike()
        texts = list(values)
        for rule in self.rules:
            if not rule.wants(service, operation, region, account, texts) or not rule.due():
                continue
            for name in ("error", "raw"):
                if getattr(found, name) is None:
                    setattr(found, name, getattr(rule, name))
            for name in ("deny", "lose", "cut", "truncate"):
                setattr(found, name, getattr(found, name) or getattr(rule, name))
            found.delay += rule.delay
            found.after += rule.after
            found.outcome = {**(rule.outcome or {}), **found.outcome}
        return found

    def listed(self) -> list[dict[str, Any]]:
        """The rules as data."""
        return [asdict(rule) for rule in self.rules]

    def log(self, call: dict[str, Any]) -> None:
        """Remember a call."""
        self.calls.append(call)
        # A server that is left running for weeks must not fill the memory.
        if len(self.calls) > 20_000:
            del self.calls[:10_000]

    def counts(self, calls: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """How often each operation was called."""
        return dict(sorted(Counter(str(call["operation"]) for call in calls).items()))


_WHERE = ("operation", "region", "service", "account", "match", "skip", "times")
