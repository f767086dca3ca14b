"""``ectwo instances clone``: another one like it, here or in another region."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import typer

from ectwo_cli.aws.session import Client
from ectwo_cli.commands.instances_launch import Until
from ectwo_cli.commands.launch_options import InstanceOptions, MarketOptions, ShapeOptions
from ectwo_cli.errors import EctwoError, UsageError
from ectwo_cli.expand import ACT
from ectwo_cli.options.acting import Consent, Tagging, Waiting
from ectwo_cli.options.targets import Target
from ectwo_cli.options.views import Report
from ectwo_cli.records import dataclass
from ectwo_cli.services.instances import Instance

if TYPE_CHECKING:
    from ectwo_cli.commands.launching import First, Ready
    from ectwo_cli.launch.clone import Original
    from ectwo_cli.launch.facts import Facts
    from ectwo_cli.model import Raw

PRETENDED = "copy of "
"""In front of the ID of a group that is to be copied: what stands for it until then."""


def clone(
    target: Target[Instance],
    options: ShapeOptions,
    tagging: Tagging,
    instance: InstanceOptions,
    market: MarketOptions,
    consent: Consent,
    waiting: Waiting,
    view: Report[Instance],
    until: Until = "running",
    on_demand: Annotated[bool, typer.Option("--on-demand", help="Not as spot, though the original is.")] = False,
    from_image: Annotated[
        bool, typer.Option("--from-image", help="Make an image of its disks first (EC2 reboots it), and launch that.")
    ] = False,
    no_reboot: Annotated[
        bool, typer.Option("--no-reboot", help="With --from-image: leave the original running.")
    ] = False,
    copy_key: Annotated[
        bool, typer.Option("--copy-key", help="In another region: import its public key there.", rich_help_panel=ACT)
    ] = False,
    copy_groups: Annotated[
        bool, typer.Option("--copy-groups", help="In another region: copy its groups there.", rich_help_panel=ACT)
    ] = False,
) -> None:
    """Launch another instance like one that there is.

    \b
      ectwo instances clone web-1 --name web-2
      ectwo instances clone web-1 --count 3 --type t3.large
      ectwo instances clone us-east-1/web-1 --region eu-west-1 --copy-groups --copy-key
      ectwo instances clone db-1 --from-image --no-reboot

    Image, type, key, groups, subnet, profile, user data, tags, and the volumes' sizes and kinds are those of the
    original; its data only with --from-image. To another region (--region) its image is copied first, unless the same
    is there. Options say what is to be otherwise.
    """
    from ectwo_cli.commands import launching
    from ectwo_cli.launch import clone as cloning

    if on_demand and market.spot:
        raise UsageError("--spot and --on-demand exclude each other")
    if no_reboot and not from_image:
        raise UsageError("--no-reboot is for --from-image")
    item = _original(target)
    source = target.client_of(item)
    client = target.accounts[0].client(target.one().region) if target.region else source
    if client.region == source.region and (copy_key or copy_groups):
        raise UsageError("--copy-key and --copy-groups are for another region", hint="say --region, or leave them out")
    if item.state in ("terminated", "shutting-down"):
        raise EctwoError(f"{item.name or item.id} is {item.state}: nothing is left to clone")
    original = cloning.read(source, item)
    wanted = cloning.wanted(original, client.region, type=options.type, fresh=from_image)
    wanted = options.over(wanted, tagging.tags)
    wanted = replace(
        wanted,
        market=market.market or (None if on_demand else wanted.market),
        shutdown=instance.shutdown or wanted.shutdown,
        protect=(instance.protect or wanted.protect) and not (market.spot and not instance.protect),
    )
    job = Job(target, item, original, source, client, waiting, from_image, no_reboot, copy_key, copy_groups)
    for loss in cloning.losses(original, job.image, elsewhere=job.elsewhere, fresh=from_image):
        target.screen.warn(loss)
    ready = launching.prepare(target, client, wanted, ask=False, found=job.image, pretend=job.pretend)
    launching.launch(target, client, ready, consent, waiting, until, view, first=job.first(ready))


def _original(target: Target[Instance]) -> Instance:
    """The instance, wherever it is: --region says where to. Of several of a name, the one there."""
    try:
        return replace(target, region=[], exclude_region=[]).item()
    except UsageError:
        if not target.region:
            raise
        return target.item()


@dataclass(frozen=True)
class Job:
    """A clone, with what has to be made before it can be launched."""

    target: Target[Instance]
    item: Instance
    original: Original
    source: Client
    client: Client
    waiting: Waiting
    from_image: bool
    no_reboot: bool
    copy_key: bool
    copy_groups: bool

    @property
    def elsewhere(self) -> bool:
        """Whether it goes to another region."""
        return self.client.region != self.source.region

    @cached_property
    def image(self) -> Raw | None:
        """The image's element, of the region that it is in now. None when it is gone."""
        filters = [{"Name": "image-id", "Values": [self.original.instance["ImageId"]]}]
        found = self.source.all("DescribeImages", "Images[]", Filters=filters, IncludeDeprecated=True)
        here = next(iter(found), None)
        if self.from_image and here is None:
            # It is made anew: what is known of the instance is what the checks need.
            return self._like_instance
        if here is None or not self.elsewhere or self.from_image:
            return here
        return self._same_there(here) or here

    @property
    def _like_instance(self) -> Raw:
        instance = self.original.instance
        return {
            "ImageId": instance["ImageId"],
            "Architecture": instance.get("Architecture"),
            "VirtualizationType": instance.get("VirtualizationType"),
            "RootDeviceType": instance.get("RootDeviceType"),
            "RootDeviceName": instance.get("RootDeviceName"),
            "Platform": instance.get("Platform"),
        }

    def _same_there(self, here: Raw) -> Raw | None:
        """A public image of the same owner and name, as there is one of in each region."""
        if not here.get("Public") or not here.get("Name"):
            return None
        named = [{"Name": "name", "Values": [here["Name"]]}, {"Name": "state", "Values": ["available"]}]
        found = self.client.all("DescribeImages", "Images[]", Owners=[here["OwnerId"]], Filters=named)
        return next(iter(found), None)

    @cached_property
    def _migrates(self) -> bool:
        """Whether the image has to be copied to where it is launched."""
        if not self.elsewhere:
            return False
        return self.from_image or (self.image or {}).get("ImageId") == self.original.instance["ImageId"]

    def pretend(self, facts: Facts) -> Facts:
        """With the key and groups that will have been copied."""
        key = self.original.instance.get("KeyName")
        if self.copy_key and key and facts.keys is not None:
            facts = replace(facts, keys=[*facts.keys, key])
        if self.copy_groups and facts.groups is not None:
            from ectwo_cli.launch.placement import default_vpc

            vpc = (default_vpc(facts) or {}).get("VpcId")
            there = {each["GroupName"] for each in facts.groups if each.get("VpcId") == vpc}
            coming = [
                {**each, "VpcId": vpc, "GroupId": f"{PRETENDED}{each['GroupId']}"}
                for each in self._groups
                if each["GroupName"] not in there
            ]
            facts = replace(facts, groups=[*facts.groups, *coming])
        return facts

    @cached_property
    def _groups(self) -> list[Raw]:
        ids = [each["GroupId"] for each in self.original.instance.get("SecurityGroups", ())]
        filters = [{"Name": "group-id", "Values": ids}]
        return self.source.all("DescribeSecurityGroups", "SecurityGroups[]", Filters=filters) if ids else []

    def first(self, ready: Ready) -> First | None:
        """What is to be made before the launch; None where there is nothing."""
        from ectwo_cli.commands.launching import First

        steps = list(self._steps(ready))
        return First(steps, lambda: self._make(ready)) if steps else None

    def _steps(self, ready: Ready) -> Iterator[str]:
        if self.from_image:
            reboots = self.item.state == "running" and not self.no_reboot
            yield "make an image of it" + (": EC2 reboots it for that" if reboots else "")
        if self._migrates:
            yield f"copy the image from {self.source.region} to {self.client.region}"
        if self._key_to_copy(ready):
            yield f"import key pair {ready.wanted.key}"
        if groups := self._groups_to_copy(ready):
            yield f"copy the {'group' if len(groups) == 1 else 'groups'} {', '.join(groups)}"

    def _key_to_copy(self, ready: Ready) -> str | None:
        key: str | None = self.original.instance.get("KeyName")
        # Twice among the facts: once pretended, once because it is there.
        there = list(ready.facts.keys or ()).count(str(key)) > 1
        return key if self.copy_key and key and ready.wanted.key == key and not there else None

    def _groups_to_copy(self, ready: Ready) -> list[str]:
        """The names of the groups that are not there yet."""
        from ectwo_cli.launch.placement import groups_meant

        meant = groups_meant(ready.wanted, ready.facts)
        return [str(each["GroupName"]) for each in meant if str(each["GroupId"]).startswith(PRETENDED)]

    def _make(self, ready: Ready) -> Ready:
        from ectwo_cli.commands import launching

        wanted = ready.wanted
        if key := self._key_to_copy(ready):
            self._import(key)
        if names := self._groups_to_copy(ready):
            copied = self._copied(names)
            wanted = replace(wanted, groups=tuple(copied.get(name, name) for name in wanted.groups))
        image = str(self.original.instance["ImageId"])
        if self.from_image:
            image = self._made_image()
        if self._migrates:
            from ectwo_cli.commands.migrate import copy_of_image

            account = self.target.accounts[0]
            image = copy_of_image(self.target, account, image, self.source.region, self.client.region, self.waiting)
        elif not self.from_image and ready.facts.image is not None:
            image = str(ready.facts.image["ImageId"])
        # With what is there now; the warnings have been said.
        quiet = self.target.screen.quiet
        self.target.screen.quiet = True
        try:
            return launching.prepare(self.target, self.client, replace(wanted, image=image), ask=False)
        finally:
            self.target.screen.quiet = quiet

    def _import(self, name: str) -> None:
        from ectwo_cli.services import keypairs

        found = keypairs.named(self.source, name)
        public = keypairs.public_of(found) if found else None
        if public is None:
            raise EctwoError(
                f"{self.source.region} does not tell the public key of key pair {name}",
                hint=f"'ectwo keypairs import {name} FILE.pub --region {self.client.region}' does it",
            )
        keypairs.import_key(self.client, name, public, {})

    def _copied(self, names: Sequence[str]) -> dict[str, str]:
        """The IDs of the copies, by the groups' names."""
        from ectwo_cli.services import group_copies, groups
        from ectwo_cli.services.groups import SecurityGroup

        coming = [
            SecurityGroup.parse(each, self.source.region, self.source.profile)
            for each in self._groups
            if each["GroupName"] in names
        ]
        to = group_copies.Destination(self.client, groups.vpc_named(self.client, None))
        copies = group_copies.plan(to, coming, {each.id: each.name for each in coming}, lambda _: self.source)
        ids: dict[str, str] = {}
        for outcome in group_copies.copy(to, copies, dry_run=False):
            if outcome.failed:
                raise EctwoError(str(outcome.error), code=outcome.code, hint=outcome.hint)
            ids[outcome.item.name] = outcome.item.id
            for left in outcome.details.get("left_out", ()):
                self.target.screen.warn(f"{self.client.region}/{outcome.item.name}: left out {left}")
        return ids

    def _made_image(self) -> str:
        from ectwo_cli.commands.images_making import make_image
        from ectwo_cli.services import image_making as making

        name = making.default_name(self.item, self.target.program.now)
        params = making.request(self.item, name, None, making.tags_for(self.item, {}), reboot=not self.no_reboot)
        image = make_image(self.target, self.source, self.item, params, self.waiting)
        self.target.screen.note(f"made image {image.region}/{image.id}, which stays")
        return image.id
