"""Delete security groups, also such as refer to each other; say what holds the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ectwo_cli.aws.calls import dry_run
from ectwo_cli.aws.session import Client
from ectwo_cli.outcome import Outcome
from ectwo_cli.services import groups, holders
from ectwo_cli.services.groups import SecurityGroup, User
from ectwo_cli.services.outcomes import failed

Held = tuple[SecurityGroup, Sequence[User]]
"""A group and what uses it."""


def refusals(held: Sequence[Held]) -> dict[str, Outcome[SecurityGroup]]:
    """Which groups can't be deleted, by ID, and why. Pure.

    A rule of a group that is deleted as well is in nobody's way.
    """
    refused: dict[str, Outcome[SecurityGroup]] = {
        group.id: Outcome(
            group, None, "it is the default group of its VPC, which goes with the VPC alone", "CannotDelete"
        )
        for group, _ in held
        if group.name == "default"
    }
    while True:
        going = {group.id for group, _ in held} - refused.keys()
        more = {
            group.id: _refusal(group, [user for user in users if not (user.kind == "group" and user.id in going)])
            for group, users in held
            if group.id in going and not all(user.kind == "group" and user.id in going for user in users)
        }
        if not more:
            return refused
        refused |= more


def _refusal(group: SecurityGroup, users: Sequence[User]) -> Outcome[SecurityGroup]:
    by = holders.sentence([user.label for user in users], most=5)
    hint = f"take it off them first; 'ectwo groups show {group.region}/{group.id}' lists them all"
    return Outcome(group, None, f"it is used by {by}", "DependencyViolation", hint)


def delete(
    client: Client, held: Sequence[Held], *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Outcome[SecurityGroup]]:
    """Delete the groups that nothing else holds. EC2: DeleteSecurityGroup; RevokeSecurityGroupIngress, ...Egress where
    groups that are all deleted refer to each other in a circle."""
    refused = refusals(held)
    yield from refused.values()
    left = {group.id: group for group, _ in held if group.id not in refused}
    referring = {group.id: {user.id for user in users if user.kind == "group"} for group, users in held}
    while left:
        group = _next(left, referring)
        try:
            for other in sorted(referring[group.id] & left.keys() - {group.id}):
                named = [each for each in groups.rules_of(client, other) if each.group_id == group.id]
                groups.revoke(client, other, named)
            groups.remove(client, group.id, sleep=sleep)
        except Exception as error:
            yield failed(group, error)
        else:
            yield Outcome(group, "deleted")
        del left[group.id]


def _next(left: Mapping[str, SecurityGroup], referring: Mapping[str, set[str]]) -> SecurityGroup:
    """One that none of the others refers to; any, where they go in a circle."""
    return min(left.values(), key=lambda group: (len(referring[group.id] & left.keys() - {group.id}), group.id))


def check_delete(client: Client, held: Sequence[Held]) -> Iterator[Outcome[SecurityGroup]]:
    """What :func:`delete` would do. EC2: DeleteSecurityGroup with DryRun."""
    refused = refusals(held)
    yield from refused.values()
    for group, _ in held:
        if group.id in refused:
            continue
        try:
            dry_run(client, "DeleteSecurityGroup", GroupId=group.id)
        except Exception as error:
            yield failed(group, error)
        else:
            yield Outcome(group, "would delete")
