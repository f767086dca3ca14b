"""One call for many things, and what to do when EC2 refuses it because of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from ectwo_cli.aws.calls import BATCH, batches, is_lost, is_throttle
from ectwo_cli.aws.session import code_of

Send: TypeAlias = "Callable[[list[str]], dict[str, Any]]"
"""Makes the call for these IDs and gives EC2's answer."""

Settled: TypeAlias = "tuple[list[str], dict[str, Any] | Exception]"
"""IDs, and EC2's answer for them, or why it refused them."""

# Refusals of the caller and not of a member.
WHOLE = (
    "AuthFailure",
    "Blocked",
    "ExpiredToken",
    "InvalidAction",
    "InvalidClientTokenId",
    "InvalidParameterCombination",
    "MissingAuthenticationToken",
    "OptInRequired",
    "PendingVerification",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "UnknownParameter",
)


def in_batches(ids: Sequence[str], send: Send, *, size: int = BATCH) -> Iterator[Settled]:
    """Send all IDs in batches of at most ``size``. A batch that is refused because of some members is sent again
    without them: EC2 mostly names one; where it does not, halves of it are tried. Every ID comes back once.

    Throttles, lost answers and refusals of the caller are no member's fault: they come back for the whole batch.
    """
    for batch in batches(ids, size):
        yield from _settle(batch, send)


def _settle(batch: list[str], send: Send) -> Iterator[Settled]:
    try:
        answer = send(batch)
    except Exception as error:
        if len(batch) == 1 or not _is_about_members(error):
            yield batch, error
            return
        named = [each for each in batch if each in str(error)]
        if named and len(named) < len(batch):
            yield named, error
            yield from _settle([each for each in batch if each not in named], send)
            return
        half = len(batch) // 2
        yield from _settle(batch[:half], send)
        yield from _settle(batch[half:], send)
    else:
        yield batch, answer


def _is_about_members(error: Exception) -> bool:
    code = code_of(error)
    return code is not None and not code.startswith(WHOLE) and not is_throttle(error) and not is_lost(error)
