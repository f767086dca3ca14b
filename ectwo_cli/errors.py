"""What can go wrong, and the exit code of each.

::

    EctwoError            1   failed: AWS refused, the network failed, a resource ended in a failed state
    ├── UsageError        2   nothing was sent
    ├── NotFound          3   what was named, or required to exist, was not found
    ├── CredentialsError  4   missing, expired, refused everywhere, SSO login needed
    ├── Partial           6   partly done: the rest is done and printed
    ├── SomeFailed        6   some places failed; the code of the errors themselves when all did
    ├── StillGoing        8   --timeout ran out; AWS goes on
    ├── Declined         10   a No at the prompt, or no terminal to ask on
    ├── Interrupted     130   Ctrl-C
    └── Terminated      143   SIGTERM
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from ectwo_cli.records import dataclass


class EctwoError(Exception):
    """A failure that the user is told about: ``error: MESSAGE``, then ``hint: HINT``.

    ``code`` is EC2's own code where there is one (``UnauthorizedOperation``).
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class UsageError(EctwoError):
    """The command line, a variable or the config file asks for something that can't be meant."""

    exit_code = 2


class NotFound(EctwoError):
    """What was named, or required to exist, does not."""

    exit_code = 3


class CredentialsError(EctwoError):
    """No usable credentials."""

    exit_code = 4


class Partial(EctwoError):
    """At least one thing worked; some targets failed. With an empty message they have been reported already."""

    exit_code = 6


@dataclass(frozen=True)
class Failure:
    """That something failed in one place: ``where`` is a region, ``PROFILE/REGION`` or a target."""

    where: str
    error: BaseException
    place: object = None


class SomeFailed(EctwoError):
    """Some regions or accounts failed (6), or all of them: then their own exit code, where they agree on one."""

    exit_code = 6

    def __init__(self, failures: Sequence[Failure], *, some_worked: bool) -> None:
        super().__init__(f"{len(failures)} failed")
        self.failures = failures
        self.some_worked = some_worked


class StillGoing(EctwoError):
    """``--timeout`` ran out while AWS goes on."""

    exit_code = 8


class Declined(EctwoError):
    """The user said no, or could not be asked."""

    exit_code = 10


class Interrupted(EctwoError):
    """Ctrl-C; the message names what was started and how to take it up again."""

    exit_code = 130


class Terminated(EctwoError):
    """SIGTERM; otherwise as Ctrl-C."""

    exit_code = 143


def nearest(word: str, good: Iterable[str], *, most: int = 40) -> str:
    """The hint for an unknown ``word``: the nearest good ones, else all of them."""
    import difflib

    choices: Sequence[str] = sorted(set(good))
    close = difflib.get_close_matches(word, choices, n=3, cutoff=0.6)
    if close:
        likeness = [difflib.SequenceMatcher(None, each, word).ratio() for each in close]
        best = [each for each, like in zip(close, likeness, strict=True) if like > likeness[0] - 0.05]
        return f"did you mean {' or '.join(best)}?"
    if len(choices) <= most:
        return f"known: {', '.join(choices)}"
    return f"known: {', '.join(choices[:most])}, and {len(choices) - most} more"
