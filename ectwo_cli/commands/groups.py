"""``ectwo groups``."""

from __future__ import annotations

from typing import Annotated

import typer

from ectwo_cli.expand import ACT, QUERY
from ectwo_cli.model import R
from ectwo_cli.options.acting import Consent, DryRun, Tagging
from ectwo_cli.options.declared import Properties, Raw
from ectwo_cli.options.queries import Listing
from ectwo_cli.options.scope import Scope
from ectwo_cli.options.targets import Target, Targets
from ectwo_cli.options.views import Report, ViewOptions
from ectwo_cli.query import Condition
from ectwo_cli.records import dataclass
from ectwo_cli.services import groups
from ectwo_cli.services.groups import SecurityGroup

app = typer.Typer()


@dataclass(frozen=True)
class Changed(Report[R]):
    """How a group is shown whose rules were changed: these are a column as well."""

    own = (*Report.own, "rules")


@dataclass(frozen=True)
class Copied(Report[R]):
    """How a copy of a group is shown: what it is a copy of, and the rules that are missing, are columns as well."""

    own = (*Report.own, "source", "left_out")


RULES_HELP = "22, 8000-8100, 443/tcp, 53/udp, tcp, udp, icmp or all."
FROM_HELP = "A CIDR block, address, group, prefix list, 'me', or 'anywhere'; repeatable, comma lists."
From = Annotated[list[str] | None, typer.Option("--from", "--to", metavar="WHERE", help=FROM_HELP, rich_help_panel=ACT)]
Egress = Annotated[bool, typer.Option("--egress", help="A rule for what goes out.", rich_help_panel=ACT)]


@app.command()
def find(
    search: Listing[SecurityGroup],
    view: ViewOptions[SecurityGroup],
    open_to_world: Annotated[
        bool, typer.Option("--open-to-world", help="Lets in anybody.", rich_help_panel=QUERY)
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", min=0, max=65535, help="Lets in what goes to this port.", rich_help_panel=QUERY
        ),
    ] = None,
    unused: Annotated[
        bool, typer.Option("--unused", help="On no network interface and in no other group.", rich_help_panel=QUERY)
    ] = False,
) -> None:
    """Find security groups in all regions at once.

    \b
      ectwo groups find --name 'web*' --vpc vpc-0123456789abcdef0
      ectwo groups find --open-to-world --port 22
      ectwo groups find --unused -o ids | ectwo groups delete -
      ectwo groups find --where 'ingress.source = 10.*'

    --open-to-world with --port: one rule does both. --unused leaves default groups out, which can't be deleted;
    a group that only a launch template names counts as unused.
    """
    wanted = [Condition(lambda item: groups.opens(item, port, world=open_to_world))]
    given = search.also(wanted if open_to_world or port is not None else [])
    if unused:
        search.list_into(view, groups.find_unused, given=given)
    else:
        search.list_into(view, given=given)


@app.command()
def show(
    target: Target[SecurityGroup], view: ViewOptions[SecurityGroup], names: Properties = None, raw: Raw = False
) -> None:
    """Show one security group, its rules, and what uses it.

    \b
      ectwo groups show web
      ectwo groups show us-east-1/web id
      ectwo groups show web --json | jq '.used_by[] | select(.kind == "instance") | .id'
    """
    from ectwo_cli.commands.groups_rules import show_with_users

    if raw or names:
        return target.show(view, names or [], raw=raw)
    return show_with_users(target, view)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    scope: Scope,
    tagging: Tagging,
    consent: Consent,
    view: Report[SecurityGroup],
    description: Annotated[
        str | None,
        typer.Option(
            "--description", metavar="TEXT", help="What it is for; the name if left out.", rich_help_panel=ACT
        ),
    ] = None,
    vpc: Annotated[
        str | None,
        typer.Option("--vpc", metavar="VPC", help="ID or name; the default one if left out.", rich_help_panel=ACT),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="RULE", help=f"Let this in: {RULES_HELP}", rich_help_panel=ACT),
    ] = None,
    source: From = None,
) -> None:
    """Create a security group.

    \b
      ectwo groups create web -r us-east-1 --allow 80,443 --from anywhere
      ectwo groups create db --vpc prod --description 'MySQL' --allow 3306 --from web
      ectwo groups create lab --allow 22 --from me

    It lets everything out, as EC2 makes it; 'ectwo groups revoke NAME all --from anywhere --egress' stops that.
    """
    from ectwo_cli.commands.groups_rules import Wish, create_with_rules

    wish = Wish(allow or [], source or [], egress=False)
    create_with_rules(scope, tagging.tags, consent, view, name, description or name, vpc, wish)


@app.command()
def authorize(
    target: Target[SecurityGroup],
    rules: Annotated[list[str], typer.Argument(metavar="RULE...", help=RULES_HELP)],
    consent: Consent,
    view: Changed[SecurityGroup],
    source: From = None,
    egress: Egress = False,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What the rule is for.", rich_help_panel=ACT)
    ] = None,
) -> None:
    """Let something in (or out).

    \b
      ectwo groups authorize web 80 443 --from anywhere
      ectwo groups authorize web 22 --from me --description 'from home'
      ectwo groups authorize db 3306 --from web
      ectwo groups authorize web 443 --egress --to 10.0.0.0/8

    Rules that are there already are left as they are. SSH, RDP and databases are opened to the world after a question.
    'me' is asked of https://checkip.amazonaws.com, or of ECTWO_ADDRESS_SERVICE.
    """
    from ectwo_cli.commands.groups_rules import Wish, authorize_rules

    authorize_rules(target, consent, view, Wish(rules, source or [], egress, description))


@app.command()
def revoke(
    target: Target[SecurityGroup],
    rules: Annotated[list[str], typer.Argument(metavar="RULE...", help=f"{RULES_HELP} Or rule IDs, sgr-...")],
    consent: Consent,
    view: Changed[SecurityGroup],
    source: From = None,
    egress: Egress = False,
) -> None:
    """Stop letting something in (or out).

    \b
      ectwo groups revoke web 22 --from me
      ectwo groups revoke web 80 443 --from anywhere
      ectwo groups revoke web sgr-0123456789abcdef0

    A rule is removed as it was added: 22 does not touch 20-25. Rules that are gone are as good.
    """
    from ectwo_cli.commands.groups_rules import Wish, revoke_rules

    revoke_rules(target, consent, view, Wish(rules, source or [], egress))


@app.command()
def copy(
    selected: Targets[SecurityGroup],
    rehearsal: DryRun,
    view: Copied[SecurityGroup],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="REGION", help="Where to: names, globs; repeatable.", rich_help_panel=ACT),
    ] = None,
    to_vpc: Annotated[
        str | None,
        typer.Option("--to-vpc", metavar="VPC", help="ID or name; the default one if left out.", rich_help_panel=ACT),
    ] = None,
    name: Annotated[
        str,
        typer.Option("--new-name", metavar="TEMPLATE", help="With {{name}}, {{id}}, {{region}}.", rich_help_panel=ACT),
    ] = "{name}",
) -> None:
    """Copy security groups to other regions or VPCs.

    \b
      ectwo groups copy us-east-1/web us-east-1/db --to eu-west-1
      ectwo groups copy web --to 'eu-*' -n
      ectwo groups copy web --to-vpc staging --new-name '{name}-staging'

    Groups that are copied together refer to each other's copies. Rules that refer to anything else that is not there
    are left out, told about, and make the exit code 6. Nothing is copied where another group has the name.
    """
    from ectwo_cli.commands.groups_copies import copy_groups

    copy_groups(selected, rehearsal, view, to or [], to_vpc, name)


@app.command()
def delete(selected: Targets[SecurityGroup], consent: Consent, view: Report[SecurityGroup]) -> None:
    """Delete security groups that nothing uses.

    \b
      ectwo groups delete us-east-1/web
      ectwo groups find --unused -o ids | ectwo groups delete - --yes

    What holds a group is named. Groups that refer to each other go together.
    """
    from ectwo_cli.commands.groups_copies import delete_groups

    delete_groups(selected, consent, view)
