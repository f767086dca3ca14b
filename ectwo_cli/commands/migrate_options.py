"""The options of ``images migrate`` and ``snapshots migrate``."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ectwo_cli import complete
from ectwo_cli.errors import UsageError
from ectwo_cli.expand import ACT, Group, Program
from ectwo_cli.model import R, Resource
from ectwo_cli.options.queries import Search
from ectwo_cli.options.targets import Targets
from ectwo_cli.query import duration
from ectwo_cli.records import dataclass

if TYPE_CHECKING:
    from ectwo_cli.migration.wish import Wish

COPY = "The copies"
ID = re.compile(r"[ms][0-9a-f]{9}")


@dataclass(frozen=True)
class Sources(Targets[R]):
    """What is copied: TARGETs or a query. ``--name`` and ``--tag`` are for the copies, so the query has others."""

    @classmethod
    def parameters(cls, resource: type[Resource] | None) -> list[inspect.Parameter]:
        """Those of every bulk verb, two of them under another name."""
        renamed = {"tag": ("source_tag", "--source-tag"), "name_of": ("source_name", "--source-name")}
        made = []
        for each in Targets.parameters(resource):
            if each.name in renamed:
                name, option = renamed[each.name]
                plain, info = each.annotation.__origin__, each.annotation.__metadata__[0]
                info = copy.copy(info)
                # Where Typer keeps the first name of an annotated option.
                info.default = option
                each = each.replace(name=name, annotation=Annotated[plain, info])
            made.append(each)
        return made

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group. With --resume, --cancel or --undo there is nothing to be found first."""
        given = {**values, "tag": values["source_tag"], "name_of": values["source_name"]}
        if values["resume"] or values["cancel"] or values["undo"]:
            bare = Search.build(program, {**given, "targets": []}, resource)
            if bare.conditions or bare.filters or given["all_"]:
                raise UsageError("a migration is taken up, cancelled or undone as a whole; leave the query out")
            return bare
        if values["tag"] and not any(values[name] for name in ("targets", "where", "source_tag", "source_name")):
            raise UsageError(
                "which are to be copied? --tag is a tag for the copies",
                hint="--source-tag KEY=VALUE finds what to copy by its tags, --source-name by its name",
            )
        return Targets.build(program, given, resource)


@dataclass(frozen=True)
class Copying(Group):
    """Where to, and how the copies should be."""

    to: Annotated[
        list[str],
        typer.Option(
            "--to",
            metavar="REGION",
            help="Where to: names, globs 'eu-*', regexes; comma lists; repeatable.",
            rich_help_panel=COPY,
        ),
        complete.REGIONS,
    ] = field(default_factory=list)
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="TEMPLATE",
            help="Their name; {name} {id} {region} {to} are the source's and the destination. Default: {name}.",
            rich_help_panel=COPY,
        ),
    ] = None
    tag: Annotated[
        list[str],
        typer.Option("--tag", metavar="KEY=VALUE", help="A tag for them; repeatable.", rich_help_panel=COPY),
    ] = field(default_factory=list)
    no_tags: Annotated[
        bool, typer.Option("--no-tags", help="Do not take over the tags of the source.", rich_help_panel=COPY)
    ] = False
    encrypt: Annotated[
        bool,
        typer.Option("--encrypt", help="Encrypt them; by default with the region's EBS key.", rich_help_panel=COPY),
    ] = False
    kms_key: Annotated[
        list[str],
        typer.Option(
            "--kms-key",
            metavar="[REGION=]KEY",
            help="Encrypt with this key: an ID, alias/NAME or ARN; for all or one region; repeatable.",
            rich_help_panel=COPY,
        ),
    ] = field(default_factory=list)
    with_permissions: Annotated[
        bool,
        typer.Option("--with-permissions", help="Take over who may use the source.", rich_help_panel=COPY),
    ] = False
    share: Annotated[
        list[str],
        typer.Option(
            "--share", metavar="ACCOUNT|ARN", help="Share them with an account or organization.", rich_help_panel=COPY
        ),
    ] = field(default_factory=list)
    no_dates: Annotated[
        bool,
        typer.Option(
            "--no-dates", help="Do not take over deprecation and deregistration protection.", rich_help_panel=COPY
        ),
    ] = False
    completion_duration: Annotated[
        str | None,
        typer.Option(
            "--completion-duration",
            metavar="TIME",
            help="A time-based copy, at a surcharge: 15m to 48h in steps of 15m.",
            rich_help_panel=COPY,
        ),
    ] = None
    on_conflict: Annotated[
        str,
        typer.Option(
            "--on-conflict",
            metavar="WHAT",
            help="When the name is taken, or a copy is there that differs: fail, skip, rename or copy-anyway.",
            rich_help_panel=COPY,
        ),
    ] = "fail"
    no_adopt: Annotated[
        bool,
        typer.Option("--no-adopt", help="Take no notice of copies that ectwo did not make.", rich_help_panel=COPY),
    ] = False

    def wish(self, regions: Sequence[str], launch: str | None) -> Wish:
        """What is asked for. Raises UsageError."""
        from ectwo_cli.migration.desired import grantee
        from ectwo_cli.migration.wish import Wish

        asked = self.completion_duration
        seconds = duration(asked, what="--completion-duration").total_seconds() if asked else None
        for who in self.share:
            grantee(who)
        return Wish(
            name=self.name,
            encrypt=self.encrypt,
            kms_keys=tuple(_kms_key(text, regions) for text in self.kms_key),
            tags=tuple(sorted(dict(_tag(text) for text in self.tag).items())),
            carry_tags=not self.no_tags,
            permissions=self.with_permissions,
            share=tuple(sorted(set(self.share))),
            dates=not self.no_dates,
            duration=None if seconds is None else -(-int(seconds) // 60),
            on_conflict=self.on_conflict,
            adopt=not self.no_adopt,
            launch=launch,
        )


@dataclass(frozen=True)
class Going(Group):
    """How to go about it, and what to do with a migration that there is."""

    max_parallel: Annotated[
        int | None,
        typer.Option(
            "--max-parallel",
            metavar="N",
            min=1,
            help="At most N copies at a time in each destination; 50 unless EC2 allows less.",
            rich_help_panel=ACT,
        ),
    ] = None
    order: Annotated[
        str,
        typer.Option("--order", metavar="ORDER", help="smallest, largest or given first.", rich_help_panel=ACT),
    ] = "smallest"
    interval: Annotated[
        str,
        typer.Option("--interval", metavar="TIME", help="The shortest time between two looks.", rich_help_panel=ACT),
    ] = "5s"
    verify: Annotated[
        str,
        typer.Option(
            "--verify",
            metavar="HOW",
            help="deep also reads permissions and UEFI data back, a call each.",
            rich_help_panel=ACT,
        ),
    ] = "normal"
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Take up the migration whose ID is given, or the unfinished one.", rich_help_panel=ACT
        ),
    ] = False
    cancel: Annotated[
        str | None,
        typer.Option("--cancel", metavar="ID", help="Stop what of a migration is under way.", rich_help_panel=ACT),
    ] = None
    undo: Annotated[
        str | None,
        typer.Option("--undo", metavar="ID", help="Remove all copies that a migration made.", rich_help_panel=ACT),
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="With --undo: also copies that are in use.", rich_help_panel=ACT)
    ] = False
    targets: Sequence[str] = ()

    @classmethod
    def build(cls, program: Program, values: Mapping[str, Any], resource: type[Resource] | None) -> Any:
        """The group. Raises UsageError for what contradicts itself."""
        built = super().build(program, values, resource)
        if sum(map(bool, (built.resume, built.cancel, built.undo))) > 1:
            raise UsageError("--resume, --cancel and --undo exclude each other")
        for name, known in (("order", ("smallest", "largest", "given")), ("verify", ("normal", "deep"))):
            if getattr(built, name) not in known:
                raise UsageError(f"--{name} {getattr(built, name)}", hint=f"one of {', '.join(known)}")
        if built.force and not built.undo:
            raise UsageError("--force is for --undo")
        named = list(values.get("targets") or ())
        if (built.cancel or built.undo) and named:
            raise UsageError("--cancel and --undo take the ID of a migration and no TARGET")
        if built.resume and len(named) > 1:
            raise UsageError("--resume takes one migration")
        for id in (built.cancel, built.undo, *(named if built.resume else ())):
            if id is not None and not ID.fullmatch(id):
                raise UsageError(f"{id!r} is no migration", hint="see 'ectwo images migrations'")
        return dataclasses.replace(built, targets=named)


# Reading options


def _tag(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise UsageError(f"--tag {text!r}: a tag for the copies is KEY=VALUE")
    if key.lower().startswith("aws:") or key.startswith("ectwo:"):
        raise UsageError(f"--tag {text!r}: keys that begin with aws: or ectwo: are reserved")
    return key, value


def _kms_key(text: str, regions: Sequence[str]) -> tuple[str, str]:
    region, sign, key = text.partition("=")
    if not sign or not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d+", region):
        return "", text
    if region not in regions:
        raise UsageError(
            f"--kms-key {text}: {region} is not among the destinations", hint=f"they are {', '.join(regions)}"
        )
    return region, key
