"""Batches, dry runs and polling: how operations on many things are put to AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


THROTTLES = ("RequestLimitExceeded", "Throttling", "EC2ThrottledException", "TooManyRequests", "SlowDown")
TROUBLES = ("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "Unavailable")


def is_throttle(error: BaseException) -> bool:
    """Whether EC2 refused it unread, for there were too many requests: it is safe to send it again."""
    return (code_of(error) or "").startswith(THROTTLES)


def is_lost(error: BaseException) -> bool:
    """Whether no answer came, or one of a server in trouble: EC2 may or may not have acted."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping) and "Error" in response:
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return not is_throttle(error) and (code_of(error) in TROUBLES or status >= 500)
    from botocore.exceptions import HTTPClientError
    from botocore.parsers import ResponseParserError

    return isinstance(error, (HTTPClientError, ResponseParserError))


def is_passing(error: BaseException) -> bool:
    """Whether the same question may well be answered a little later."""
    if is_throttle(error) or is_lost(error):
        return True
    from botocore.exceptions import ConnectionError, SSLError

    # A connection that never came about.
    return isinstance(error, ConnectionError) and not isinstance(error, SSLError)


DENIALS = ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")


def is_denied(error: BaseException) -> bool:
    """Whether the caller lacks a permission."""
    return code_of(error) in DENIALS
