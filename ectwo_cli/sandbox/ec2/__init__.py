"""EC2's operations, one module a family."""

from __future__ import annotations

from functools import cache

from ectwo_cli.sandbox import delegate
from ectwo_cli.sandbox.asking import Handler
from ectwo_cli.sandbox.ec2 import (
    addresses,
    copies,
    delegated,
    groups,
    images,
    instances,
    keypairs,
    network,
    regions,
    snapshots,
    spot,
    tags,
    types,
    volumes,
)

OPERATIONS: dict[str, Handler] = {
    **delegated.HANDLERS,
    **addresses.HANDLERS,
    **copies.HANDLERS,
    **groups.HANDLERS,
    **images.HANDLERS,
    **instances.HANDLERS,
    **keypairs.HANDLERS,
    **network.HANDLERS,
    **regions.HANDLERS,
    **snapshots.HANDLERS,
    **spot.HANDLERS,
    **tags.HANDLERS,
    **types.HANDLERS,
    **volumes.HANDLERS,
}
"""What the sandbox answers itself. Whatever else moto knows goes there."""

_REPLACED = ("Instance", "Image", "Snapshot", "Volume", "Address", "Spot", "Fleet", "SecurityGroup", "KeyPair")
"""Nouns of which moto's own store is empty here: its operations on them would answer nonsense."""


@cache
def handler(operation: str) -> Handler | None:
    """Who answers an operation; None when nobody does."""
    found = OPERATIONS.get(operation)
    if found is None and delegate.knows(operation) and not any(noun in operation for noun in _REPLACED):
        return delegated.plain
    return found
