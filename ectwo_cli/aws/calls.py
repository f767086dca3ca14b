"""Batches, dry runs and polling: how operations on many things are put to AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from ectwo_cli.aws.session import Client, code_of

T = TypeVar("T")

BATCH = 50
"""IDs in one call that changes things: few enough for one refused member to be found quickly."""


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def dry_run(client: Client, operation: str, **params: Any) -> None:
    """Ask EC2 whether ``operation`` would be permitted; nothing is done. Raises botocore's ClientError if not."""
    try:
        client.call(operation, DryRun=True, **params)
    except Exception as error:
        if code_of(error) != "DryRunOperation":
            raise


def escaped(value: str) -> str:
    """``value`` for an EC2 filter, whose wildcards it then does not have."""
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
