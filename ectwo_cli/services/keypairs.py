"""Key pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ectwo_cli.aws.calls import dry_run, escaped, is_lost
from ectwo_cli.aws.session import Client, code_of
from ectwo_cli.errors import EctwoError, Failure
from ectwo_cli.fanout import Results, across
from ectwo_cli.keys import prints
from ectwo_cli.keys.public import PublicKey, read_public
from ectwo_cli.model import Raw, Regional, column, resource, tags_of
from ectwo_cli.outcome import Outcome
from ectwo_cli.records import dataclass
from ectwo_cli.services.outcomes import failed
from ectwo_cli.services.search import place_of

TYPES = ("ed25519", "rsa")


# A key pair may well be named key-web, so a TARGET that begins so can be either: both are looked for.
@resource(
    "key pair",
    id_prefix="key-",
    operation="DescribeKeyPairs",
    items="KeyPairs[]",
    page_size=None,
    lookup=("name", "id"),
    created="created_at",
)
class KeyPair(Regional):
    """A key pair. EC2: DescribeKeyPairs."""

    name: str = column("KeyName", filter="key-name", default=True, option="--name", help="its name")
    id: str = column("KeyPairId", filter="key-pair-id", default=True, help="the ID, key-...")
    type: str | None = column("KeyType", default=True, option="--type", values=TYPES, help="the kind of key")
    fingerprint: str | None = column(
        "KeyFingerprint",
        filter="fingerprint",
        default=True,
        option="--fingerprint",
        help="the fingerprint as EC2 tells it",
    )
    created_at: datetime | None = column("CreateTime", default=True, help="when it was created or imported")
    tags: dict[str, str] = column("Tags", read=tags_of, help="its tags")


# Importing


def check_import(client: Client, name: str, public: PublicKey, tags: Mapping[str, str]) -> None:
    """Whether it would be permitted. EC2: ImportKeyPair with DryRun. Raises botocore's ClientError if not."""
    dry_run(client, "ImportKeyPair", **_import_params(name, public, tags))


def check_import_key(client: Client, name: str, public: PublicKey, tags: Mapping[str, str]) -> Outcome[KeyPair]:
    """What :func:`import_key` would do. EC2: ImportKeyPair with DryRun, DescribeKeyPairs. Raises what it raises."""
    found = named(client, name)
    if found is not None:
        if not is_key(found, public):
            raise taken(name)
        return Outcome(KeyPair.parse(found, client.region, client.profile), "unchanged")
    check_import(client, name, public, tags)
    would = {"KeyName": name, "KeyType": public.kind, "Tags": _tag_list(tags)}
    return Outcome(KeyPair.parse(would, client.region, client.profile), "would import")


def import_key(client: Client, name: str, public: PublicKey, tags: Mapping[str, str]) -> Outcome[KeyPair]:
    """Import it: ``imported``, or ``unchanged`` when a key pair of this name, key and tags is there.

    EC2: ImportKeyPair, DescribeKeyPairs. Raises botocore's errors; EctwoError when the name is another key's.
    """
    there = False
    answer: Raw = {}
    try:
        answer = client.call("ImportKeyPair", **_import_params(name, public, tags))
    except Exception as error:
        # A duplicate is also what the SDK's second try is told when the answer to the first was lost.
        there = code_of(error) == DUPLICATE
        if not there and not is_lost(error):
            raise
        found = named(client, name)
        if found is None and not there:
            raise
        if found is None or not is_key(found, public):
            raise taken(name) from error
    else:
        found = named(client, name)
    told = {"KeyType": public.kind, **answer, **(found or {})}
    missing = {key: value for key, value in tags.items() if tags_of(told.get("Tags")).get(key) != value}
    if there and missing:
        client.call("CreateTags", Resources=[told["KeyPairId"]], Tags=_tag_list(missing))
        told["Tags"] = _tag_list({**tags_of(told.get("Tags")), **missing})
        return Outcome(KeyPair.parse(told, client.region, client.profile), "imported")
    return Outcome(KeyPair.parse(told, client.region, client.profile), "unchanged" if there else "imported")


DUPLICATE = "InvalidKeyPair.Duplicate"


def _import_params(name: str, public: PublicKey, tags: Mapping[str, str]) -> dict[str, Any]:
    specification = [{"ResourceType": "key-pair", "Tags": _tag_list(tags)}] if tags else None
    return {"KeyName": name, "PublicKeyMaterial": public.line.encode(), "TagSpecifications": specification}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def named(client: Client, name: str) -> Raw | None:
    """EC2's element of the key pair of this name, its public key with it; None when there is none.

    EC2: DescribeKeyPairs. Raises botocore's errors.
    """
    filters = [{"Name": "key-name", "Values": [escaped(name)]}]
    answer = client.call("DescribeKeyPairs", IncludePublicKey=True, Filters=filters)
    return next(iter(answer["KeyPairs"]), None)


def is_key(data: Raw, public: PublicKey) -> bool:
    """Whether EC2's element is of this public key."""
    return prints.same(prints.of_public(public), data.get("KeyFingerprint"), public_of(data)) is True


def public_of(data: Raw) -> PublicKey | None:
    """The public key in EC2's element; None where it does not tell."""
    text = data.get("PublicKey")
    return read_public(text, where="EC2's answer") if text else None


def taken(name: str, regions: Sequence[str] = ()) -> EctwoError:
    """The error for a name that another key pair has."""
    there = f"already in {', '.join(regions)}" if regions else "there already, with another key"
    return EctwoError(
        f"key pair {name} is {there}",
        code=DUPLICATE,
        hint="choose another name, or delete that one: 'ectwo keypairs delete'",
    )


@dataclass(frozen=True)
class Spread:
    """What became of a key that is to be the same in several regions.

    Where ``failures`` are, it was taken back from the others; ``left`` are those where that failed, too.
    """

    made: list[KeyPair]
    failures: list[Failure]
    left: list[Failure]


def spread(clients: Sequence[Client], name: str, public: PublicKey, tags: Mapping[str, str]) -> Spread:
    """Import a new key in all regions, or in none. EC2: ImportKeyPair; DeleteKeyPair to take it back."""
    results = across(clients, lambda client: [import_key(client, name, public, tags).item], where=place_of)
    made = list(results)
    if not results.failures:
        return Spread(made, [], [])
    # Also where it failed: the answer alone may have been lost.
    back = take_back_all(clients, name, public)
    known_to_have = {(item.profile, item.region) for item in made}
    lost = {id(failure.place) for failure in results.failures if is_lost(failure.error)}
    left = [
        failure
        for failure in back.failures
        if id(failure.place) in lost
        or (getattr(failure.place, "profile", None), getattr(failure.place, "region", "")) in known_to_have
    ]
    return Spread([], results.failures, left)


def take_back_all(clients: Sequence[Client], name: str, public: PublicKey) -> Results[Client, None]:
    """Delete the key pair of this name, if it is this key, in all the regions; done when this returns."""
    back = across(clients, lambda client: take_back(client, name, public), where=place_of)
    for _ in back:
        pass
    return back


def take_back(client: Client, name: str, public: PublicKey) -> Iterator[None]:
    """Delete the key pair of this name, if it is this key. EC2: DescribeKeyPairs, DeleteKeyPair."""
    found = named(client, name)
    if found is not None and is_key(found, public):
        client.call("DeleteKeyPair", KeyName=name)
    yield None


# Deleting


def delete(client: Client, items: Sequence[KeyPair]) -> Iterator[Outcome[KeyPair]]:
    """Delete key pairs; one that is gone is as good. EC2: DeleteKeyPair."""
    yield from _each(items, "deleted", lambda item: client.call("DeleteKeyPair", KeyName=item.name))


def check_delete(client: Client, items: Sequence[KeyPair]) -> Iterator[Outcome[KeyPair]]:
    """What :func:`delete` would do. EC2: DeleteKeyPair with DryRun."""
    yield from _each(items, "would delete", lambda item: dry_run(client, "DeleteKeyPair", KeyName=item.name))


def _each(items: Sequence[KeyPair], action: str, do: Callable[[KeyPair], object]) -> Iterator[Outcome[KeyPair]]:
    for item in items:
        try:
            do(item)
        except Exception as error:
            if code_of(error) != "InvalidKeyPair.NotFound":
                yield failed(item, error)
                continue
        yield Outcome(item, action)
