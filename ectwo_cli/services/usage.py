"""Who uses images: instances, launch templates, launch configurations and Auto Scaling groups of a region."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from ectwo_cli.aws.calls import is_denied, is_passing, is_throttle
from ectwo_cli.aws.session import Client
from ectwo_cli.model import Raw, name_of
from ectwo_cli.query import MOST_FILTER_VALUES
from ectwo_cli.records import dataclass

LIVING = ("pending", "running", "stopping", "stopped")
"""States of instances that still need their image, at least for another one like them."""

INSTANCE, TEMPLATE, CONFIGURATION, GROUP = (
    "instance",
    "launch template",
    "launch configuration",
    "Auto Scaling group",
)


@dataclass(frozen=True)
class Use:
    """Something that uses an image. ``kind`` is one of the four above; the rest is known of instances alone."""

    kind: str
    id: str
    name: str | None = None
    state: str | None = None
    zone: str | None = None

    def __str__(self) -> str:
        more = ", ".join(part for part in (self.name, self.state) if part)
        return f"{self.id} ({more})" if more else self.id


@dataclass(frozen=True)
class Unknown:
    """That nothing is known of a kind of use, and the error that is why."""

    what: str
    error: Exception


@dataclass
class Uses:
    """What uses which image of a region, by the image's ID; ``unknown`` is what could not be looked at."""

    unknown: list[Unknown] = field(default_factory=list)
    _of: dict[str, dict[Use, None]] = field(default_factory=dict)

    def of(self, image: str) -> list[Use]:
        """What uses the image."""
        return list(self._of.get(image, ()))

    def add(self, image: str | None, use: Use) -> None:
        """Note that it uses the image, where there is one, once."""
        if image:
            self._of.setdefault(image, {})[use] = None


def uses(client: Client, images: Collection[str] | None = None) -> Uses:
    """What uses the images with these IDs, or (None) any image of the region.

    What the caller may not look at is among ``unknown``, as is Auto Scaling when it does not answer; other errors of
    EC2's are raised. EC2: DescribeInstances, DescribeLaunchTemplateVersions (the latest and the default one of each
    template, and the ones that Auto Scaling groups name). Auto Scaling: DescribeAutoScalingGroups,
    DescribeLaunchConfigurations. The number of calls depends on how much there is, not on the number of images.
    """
    found = Uses()
    try:
        for use, image in _instances(client, images):
            found.add(image, use)
    except Exception as error:
        _note(found, f"{INSTANCE}s", error)
    templates: dict[tuple[str, str], str] = {}
    try:
        templates = _templates(client, Versions=["$Latest", "$Default"])
    except Exception as error:
        _note(found, f"{TEMPLATE}s", error)
    _add_templates(found, templates)
    try:
        _add_groups(found, client, templates)
    except Exception as error:
        found.unknown.append(Unknown(f"{GROUP}s", error))
    return found


def _note(found: Uses, what: str, error: Exception) -> None:
    if not is_denied(error):
        raise error
    found.unknown.append(Unknown(what, error))


def _instances(client: Client, images: Collection[str] | None) -> Iterator[tuple[Use, str]]:
    filters: list[Mapping[str, Any]] = [{"Name": "instance-state-name", "Values": list(LIVING)}]
    if images is not None and len(images) <= MOST_FILTER_VALUES:
        filters.append({"Name": "image-id", "Values": sorted(images)})
    for page in client.pages("DescribeInstances", "Reservations[].Instances[]", Filters=filters, MaxResults=1000):
        for data in page:
            image = data.get("ImageId")
            if not image or (images is not None and image not in images):
                continue
            state = data.get("State", {}).get("Name")
            zone = data.get("Placement", {}).get("AvailabilityZone")
            yield Use(INSTANCE, data["InstanceId"], name_of(data.get("Tags")), state, zone), image


def _templates(client: Client, **which: Any) -> dict[tuple[str, str], str]:
    """The image of each version of launch templates, by template (its ID as well as its name) and version.

    A version is its number; ``$Default`` and ``$Latest`` stand for those that are it. An image that a template names
    by a parameter of Systems Manager is asked for with that resolved, where that works.
    """
    try:
        return _versions(client, **which, ResolveAlias=True)
    except Exception as error:
        if is_passing(error):
            raise
        # To resolve them takes a permission more, and one parameter that is gone fails it all.
        return _versions(client, **which)


def _versions(client: Client, **which: Any) -> dict[tuple[str, str], str]:
    made: dict[tuple[str, str], str] = {}
    latest: dict[str, int] = {}
    operation, items = "DescribeLaunchTemplateVersions", "LaunchTemplateVersions[]"
    for page in client.pages(operation, items, **which, MaxResults=200):
        for data in page:
            image = data.get("LaunchTemplateData", {}).get("ImageId") or ""
            number = int(data["VersionNumber"])
            # A group that follows the default or the latest one says so instead of a number.
            names = [str(number)]
            if data.get("DefaultVersion"):
                names.append("$Default")
            if number >= latest.get(data["LaunchTemplateId"], 0):
                latest[data["LaunchTemplateId"]] = number
                names.append("$Latest")
            for name in names:
                for template in (data["LaunchTemplateId"], data.get("LaunchTemplateName") or ""):
                    made[template, name] = image
    return made


def _add_templates(found: Uses, templates: Mapping[tuple[str, str], str]) -> None:
    for (template, _), image in templates.items():
        # Each is in it by its ID too.
        if not template.startswith("lt-"):
            found.add(image, Use(TEMPLATE, template))


def _add_groups(found: Uses, client: Client, templates: Mapping[tuple[str, str], str]) -> None:
    scaling = client.sibling(service="autoscaling")
    users: dict[str, list[str]] = {}
    for group in _listed(scaling, "DescribeAutoScalingGroups", "AutoScalingGroups"):
        name = group["AutoScalingGroupName"]
        if configuration := group.get("LaunchConfigurationName"):
            users.setdefault(configuration, []).append(name)
        for template in _templates_of(group):
            found.add(_image_of(client, template, templates), Use(GROUP, name))
    for data in _listed(scaling, "DescribeLaunchConfigurations", "LaunchConfigurations"):
        name = data["LaunchConfigurationName"]
        found.add(data.get("ImageId"), Use(CONFIGURATION, name))
        for group_name in users.get(name, ()):
            found.add(data.get("ImageId"), Use(GROUP, group_name))


def _listed(client: Client, operation: str, member: str) -> Iterator[Raw]:
    """Everything that one of Auto Scaling's operations lists.

    The first call is made without retries: with an endpoint that is for EC2 alone, Auto Scaling is still AWS's own,
    which may well be out of reach, and nobody should wait for that.
    """
    try:
        answer = client.call_once(operation, MaxRecords=100)
    except Exception as error:
        if not is_throttle(error):
            raise
        answer = client.call(operation, MaxRecords=100)
    while True:
        yield from answer[member]
        if not (token := answer.get("NextToken")):
            return
        answer = client.call(operation, MaxRecords=100, NextToken=token)


def _templates_of(group: Raw) -> Iterator[Raw]:
    """The launch templates that an Auto Scaling group names, with the version of each."""
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    overrides: Sequence[Raw] = mixed.get("Overrides", ())
    for holder in (group.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")):
        if holder:
            yield holder
    for override in overrides:
        if override.get("LaunchTemplateSpecification"):
            yield override["LaunchTemplateSpecification"]


def _image_of(client: Client, template: Raw, known: Mapping[tuple[str, str], str]) -> str | None:
    """The image of the version of a template that a group names; an older one is asked for."""
    id, name = template.get("LaunchTemplateId"), template.get("LaunchTemplateName")
    version = template.get("Version") or "$Default"
    if (found := known.get((id or name or "", version))) is not None:
        return found
    which = {"LaunchTemplateId": id} if id else {"LaunchTemplateName": name}
    asked = _templates(client, **which, Versions=[version])
    return next(iter(asked.values()), None)


def told(unknown: Mapping[str, Sequence[Unknown]]) -> list[str]:
    """What to tell the user of what could not be looked at, by region: a line for each kind and reason."""
    from ectwo_cli.aws.explain import explain

    places: dict[tuple[str, str], list[str]] = {}
    for where, some in sorted(unknown.items()):
        for each in some:
            why = "not permitted" if is_denied(each.error) else explain(each.error).message.replace(where, "REGION")
            places.setdefault((each.what, why), []).append(where)
    return [
        f"{what} could not be looked at in {', '.join(wheres[:3])}"
        + (f" and {len(wheres) - 3} more" if len(wheres) > 3 else "")
        + f": {why}"
        for (what, why), wheres in places.items()
    ]
