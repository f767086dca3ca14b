"""A migration from Python, in two steps::

    from ectwo_cli.aws.session import Account
    from ectwo_cli.migration.api import migrate, plan_copies
    from ectwo_cli.migration.events import as_json
    from ectwo_cli.migration.wish import Wish

    account = Account(profile=None)
    plan = plan_copies(account, "image", {"us-east-1": ["ami-0123456789abcdef0"]}, ["eu-west-1"], Wish(encrypt=True))
    for event in migrate(account, plan):
        print(as_json(event))

The plan says what will be done about every pair of a source and a destination, and why; nothing has been changed yet.
The last event is the :class:`~ectwo_cli.migration.events.Summary`. Leaving the loop early leaves the copies going on
in EC2: a plan made by the same call takes them up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TypeVar

from ectwo_cli.aws.session import Account
from ectwo_cli.fanout import Workers, across
from ectwo_cli.migration import engine, events, survey
from ectwo_cli.migration.cloud import AccountCloud, Client, Control, RealClock
from ectwo_cli.migration.plan import Plan
from ectwo_cli.migration.wish import Wish

T = TypeVar("T")


def plan_copies(
    account: Account,
    resource: str,
    ids: Mapping[str, Sequence[str]],
    regions: Sequence[str],
    wish: Wish,
    *,
    now: datetime | None = None,
    id: str | None = None,
    missing: Callable[[list[str]], None] = lambda labels: None,
) -> Plan:
    """What is to be done to have the sources in ``regions``: see :func:`ectwo_cli.migration.survey.prepare`.

    ``resource`` is ``image`` or ``snapshot``, ``ids`` are by region. Raises SomeFailed when a region does not answer.
    EC2: DescribeImages, DescribeSnapshots, GetEbsEncryptionByDefault, a DryRun; STS: GetCallerIdentity.
    """
    return survey.prepare(
        everywhere_in(account),
        resource,
        ids,
        regions,
        wish,
        account=survey.read_account(account.client(account.home)),
        now=now or datetime.now(timezone.utc),
        id=id,
        missing=missing,
    )


def migrate(
    account: Account, plan: Plan, options: engine.Options | None = None, control: Control | None = None
) -> Iterator[events.Event]:
    """Carry out ``plan`` and tell what happens: see :func:`ectwo_cli.migration.engine.migrate`.

    ``control.stop("interrupt")`` ends watching, also from a signal handler or another thread.
    """
    workers: Workers[Any] = Workers()
    control = control or Control()
    control.wake = workers.wake
    return engine.migrate(plan, AccountCloud(account, workers), RealClock(), options, control)


def everywhere_in(account: Account) -> survey.Everywhere:
    """Runs work in several regions of the account at once. Raises SomeFailed when one fails."""

    def everywhere(regions: Sequence[str], work: Callable[[Client], T]) -> dict[str, T]:
        clients = [account.client(region) for region in regions]
        results = across(clients, lambda client: [(client.region, work(client))], where=lambda client: client.region)
        found = dict(results)
        results.check()
        return {region: found[region] for region in regions}

    return everywhere
