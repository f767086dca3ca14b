"""One EC2 request, as its handler sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from ectwo_cli.records import dataclass
from ectwo_cli.sandbox.refusals import Refusal, bad_value, missing, not_found
from ectwo_cli.sandbox.world import Region, Thing

_ID = re.compile(r"^[a-z-]+-(?:[0-9a-f]{8}|[0-9a-f]{17})$")


@dataclass(frozen=True)
class Ask:
    """A request: where it goes, what it asks, and what an injected fault wants to come of it later (``outcome``)."""

    here: Region
    operation: str
    parameters: dict[str, Any]
    query: Mapping[str, str] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default."""
        return self.parameters.get(name, default)

    def need(self, name: str) -> Any:
        """A parameter that must be there."""
        value = self.parameters.get(name)
        if value in (None, "", []):
            raise missing(name)
        return value

    def commit(self) -> None:
        """Everything was checked. A dry run ends here."""
        if self.parameters.get("DryRun"):
            raise dry_run()


Handler = Callable[[Ask], Mapping[str, Any]]


def dry_run() -> Refusal:
    """What a dry run is answered that would have worked."""
    return Refusal("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def check_ids(ids: Iterable[str], prefix: str, noun: str, code: str) -> None:
    """Raises Refusal (``code``) for an ID that no resource of that kind can have."""
    bad = [one for one in ids if not (one.startswith(prefix + "-") and _ID.match(one))]
    if bad:
        raise Refusal(code, f'Invalid id: "{bad[0]}" (expecting "{prefix}-...")')


def pick(
    ask: Ask,
    things: Mapping[str, Thing],
    ids: Iterable[str],
    *,
    prefix: str,
    noun: str,
    family: str,
) -> list[Thing]:
    """The things of those IDs, in that order.

    Raises Refusal (``<family>.Malformed``, ``<family>.NotFound``) as EC2 does for the whole request.
    """
    wanted = list(dict.fromkeys(ids))
    check_ids(wanted, prefix, noun, f"{family}.Malformed")
    seen = {thing.id for thing in ask.here.visible(things[one] for one in wanted if one in things)}
    unknown = [one for one in wanted if one not in seen]
    if unknown:
        raise not_found(noun, f"{family}.NotFound", unknown)
    return [things[one] for one in wanted]


def tags_of(
    specifications: Iterable[Mapping[str, Any]] | None, kinds: Iterable[str]
) -> dict[str, list[dict[str, str]]]:
    """The tags for each kind of a TagSpecifications parameter. Raises Refusal for a kind that the call has not."""
    allowed = set(kinds)
    found: dict[str, list[dict[str, str]]] = {}
    for one in specifications or ():
        kind = str(one.get("ResourceType", ""))
        if kind not in allowed:
            raise bad_value(
                kind, "tagSpecification", f"'{kind}' is not a valid taggable resource type for this operation."
            )
        if kind in found:
            raise Refusal("InvalidParameterValue", f"Duplicate resource type {kind} in TagSpecification.")
        tags = [{"Key": tag.get("Key", ""), "Value": tag.get("Value", "")} for tag in one.get("Tags", ())]
        check_tags(tags)
        found[kind] = tags
    return found


def check_tags(tags: Iterable[Mapping[str, str]], already: Iterable[str] = ()) -> None:
    """Raises Refusal when EC2 would not take these tags on a resource that already has those keys."""
    keys = set()
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key:
            raise Refusal("InvalidParameterValue", "Tag key cannot be empty.")
        if key.lower().startswith("aws:"):
            raise Refusal("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
        if len(key) > 128:
            raise bad_value(key, "tagKey", "Tag key exceeds the maximum length of 128 characters")
        if len(value) > 256:
            raise bad_value(value, "tagValue", "Tag value exceeds the maximum length of 256 characters")
        if key in keys:
            raise Refusal("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        keys.add(key)
    if len({key for key in keys | set(already) if not key.startswith("aws:")}) > 50:
        raise Refusal("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
