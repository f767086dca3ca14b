"""What ``ectwo groups`` does with rules: shows, adds and removes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ectwo_cli.aws.session import Client
from ectwo_cli.errors import UsageError
from ectwo_cli.options.acting import Consent
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import ViewOptions
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services import groups, rules, whereami
from ectwo_cli.services.groups import Change, SecurityGroup
from ectwo_cli.services.rules import Rule


@dataclass(frozen=True)
class Wish:
    """Rules as they were typed: ``what`` (``22``, ``sgr-...``), and ``where`` (``--from``)."""

    what: Sequence[str]
    where: Sequence[str]
    egress: bool
    description: str | None = None

    @property
    def words(self) -> list[str]:
        return [word for text in self.what for word in text.split(",") if word]

    @property
    def ids(self) -> list[str]:
        """Those that are IDs of rules."""
        return [word for word in self.words if word.startswith("sgr-")]

    @property
    def ports(self) -> list[rules.Ports]:
        """The others. Raises UsageError."""
        return [rules.parse(word) for word in self.words if not word.startswith("sgr-")]

    @property
    def sources(self) -> list[str]:
        """Where from, with anywhere spelled out."""
        said = [word for text in self.where for word in text.split(",") if word]
        return [each for word in said for each in (rules.ANYWHERE if word == "anywhere" else (word,))]

    def check(self, *, ids: bool) -> None:
        """Raises UsageError, before anything is asked of EC2. ``ids``: whether a rule may be named by its ID."""
        ports = self.ports
        if self.ids and not ids:
            raise UsageError(f"a rule that is to be added has no ID yet: {self.ids[0]}")
        if ports and not self.sources:
            raise UsageError(
                "from where?", hint="say --from CIDR, address, group, prefix list or 'me'; the world is --from anywhere"
            )
        if not ports and self.sources:
            raise UsageError(
                "--from goes with rules such as 22" if not self.ids else "a rule ID says where from itself"
            )
        for source in self.sources:
            rules.block(source)

    def rules(self, scope: Scope, client: Client, vpc_id: str | None) -> list[Rule]:
        """The rules as EC2 will hold them. Raises UsageError, NotFound, EctwoError for ``me``."""
        ports = self.ports
        found: list[str] = []
        for text in self.sources if ports else []:
            if text == "me":
                service = scope.program.settings.get("address_service") or whereami.DEFAULT_SERVICE
                text = whereami.public_address(service)
            found.append(rules.block(text) or groups.source_of(client, text, vpc_id))
        return rules.combined(ports, found, egress=self.egress, description=self.description) if ports else []


def show_with_users(target: Target[SecurityGroup], view: ViewOptions[SecurityGroup]) -> None:
    """``groups show``: with what uses it; on a terminal, rules as people write them."""
    from ectwo_cli.render.show import show_one

    item = target.item()
    client = target.client_of(item)
    # Who chose columns wants these and no more.
    more = {} if view.columns else {"used_by": [user.record for user in groups.users(client, item)]}
    shown = item
    if target.screen.out_is_terminal and view.format in ("table", "wide"):
        names = groups.names(client, [each.group_id for each in item.rules() if each.group_id])
        written = [(each.egress, _written(each, names)) for each in item.rules()]
        shown = dataclasses.replace(
            item,
            ingress=[row for egress, row in written if not egress],
            egress=[row for egress, row in written if egress],
        )
    show_one(target.screen, view.view(profiles=target.several_profiles), shown, more)


def _written(rule: Rule, names: Mapping[str, str]) -> dict[str, Any]:
    name = names.get(rule.group_id or "")
    source = f"{rule.source} ({name})" if name else rule.source
    return {"rule": rule.ports.text, "to" if rule.egress else "from": source, "description": rule.description}


def authorize_rules(
    target: Target[SecurityGroup], consent: Consent, view: ViewOptions[SecurityGroup], wish: Wish
) -> None:
    """``groups authorize``."""
    wish.check(ids=False)
    group = target.item()
    client = target.client_of(group)
    wanted = wish.rules(target, client, group.vpc_id)
    change = groups.check_authorize(client, group.id, wanted)
    if consent.dry_run:
        return _show(target, view, group, change, "would authorize")
    _ask_about_world(target, consent, [group], change.made)
    change = groups.authorize(client, group.id, wanted)
    return _show(target, view, groups.again(client, group.id), change, "authorized")


def revoke_rules(target: Target[SecurityGroup], consent: Consent, view: ViewOptions[SecurityGroup], wish: Wish) -> None:
    """``groups revoke``."""
    from ectwo_cli.render.plan import show_plan

    wish.check(ids=True)
    group = target.item()
    client = target.client_of(group)
    change = groups.plan_revoke(groups.rules_of(client, group.id), wish.rules(target, client, group.vpc_id), wish.ids)
    groups.check_revoke(client, group.id, change.made)
    if change.made:
        rows = [(group, [_sentence(each) for each in change.made])]
        show_plan(target.screen, "These rules will be removed:", rows)
    if consent.dry_run:
        return _show(target, view, group, change, "would revoke")
    if change.made:
        count = len(change.made)
        consent.require(f"Remove {count} {'rule' if count == 1 else 'rules'} of {group.name}?", count=count)
    groups.revoke(client, group.id, change.made)
    return _show(target, view, groups.again(client, group.id), change, "revoked")


def create_with_rules(
    scope: Scope,
    tags: Mapping[str, str],
    consent: Consent,
    view: ViewOptions[SecurityGroup],
    name: str,
    description: str,
    vpc: str | None,
    wish: Wish,
) -> None:
    """``groups create``: with its rules, or not at all."""
    from ectwo_cli.render.show import show_outcomes

    _check_name(name, description)
    wish.check(ids=False)
    client = scope.one()
    vpc_id = groups.vpc_named(client, vpc)
    wanted = wish.rules(scope, client, vpc_id)
    would = SecurityGroup.parse(
        {
            "GroupName": name,
            "GroupId": "",
            "VpcId": vpc_id,
            "Description": description,
            "IpPermissions": [each.permission() for each in wanted],
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        },
        client.region,
        client.profile,
    )
    if consent.dry_run:
        groups.check_create(client, name, description, vpc_id, tags)
        return _show(scope, view, would, Change(wanted, []), "would create")
    _ask_about_world(scope, consent, [would], wanted)
    made = groups.create_with(client, name, description, vpc_id, tags, wanted)
    return show_outcomes(scope.screen, view.view(), [Outcome(made, "created")])


def _check_name(name: str, description: str) -> None:
    if not name or len(name) > 255 or name.startswith("sg-") or name == "default":
        raise UsageError(f"bad security group name {name!r}", hint="up to 255 characters, not default, not sg-...")
    if len(description) > 255:
        raise UsageError("the description is longer than 255 characters")


def _ask_about_world(scope: Scope, consent: Consent, items: Sequence[SecurityGroup], added: Sequence[Rule]) -> None:
    """Ask before what whole machines or their data are behind is opened to the world. Raises Declined."""
    from ectwo_cli.render.plan import show_plan

    exposed = [(each, each.exposes) for each in added if each.exposes]
    if not exposed:
        return
    opened = list(dict.fromkeys(name for _, names in exposed for name in names))
    told = [f"{each.text} opens {_some(names)} to the whole world" for each, names in exposed]
    show_plan(scope.screen, "This opens a way in to everybody:", [(item, told) for item in items])
    consent.require(f"Open {_some(opened)} to the whole world?")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _show(scope: Scope, view: ViewOptions[SecurityGroup], group: SecurityGroup, change: Change, action: str) -> None:
    """The group's record, with the rules that it is about; on a terminal a line for each of these."""
    from ectwo_cli.render.show import show_outcomes

    for each in change.made:
        scope.screen.note(f"{action}: {_sentence(each)}")
    for each in change.unchanged:
        scope.screen.note(f"unchanged: {_sentence(each)}")
    details = [
        {"direction": "egress" if each.egress else "ingress", **each.record, "action": done}
        for done, some in ((action, change.made), ("unchanged", change.unchanged))
        for each in some
    ]
    outcome = Outcome(group, action if change.made else "unchanged", details={"rules": details})
    show_outcomes(scope.screen, view.view(profiles=scope.several_profiles), [outcome])


def _sentence(rule: Rule) -> str:
    about = f" ({rule.description})" if rule.description else ""
    return f"{rule.text}{about}{f' {rule.id}' if rule.id else ''}"
