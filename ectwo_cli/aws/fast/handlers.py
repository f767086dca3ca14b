"""botocore's own handlers of events: those of services that are never asked are left out.

Half of all are S3's and the like, and every client, one for each region, gets a copy of them.
"""

from __future__ import annotations

from botocore import handlers

NEVER_ASKED = (
    "cloudsearchdomain",
    "cloudwatch",
    "cognito-identity",
    "docdb",
    "glacier",
    "neptune",
    "polly",
    "rds",
    "s3",
)


def leave_out() -> None:
    """For all sessions that are made from now on."""
    known = getattr(handlers, "BUILTIN_HANDLERS", None)
    if isinstance(known, list):
        known[:] = [each for each in known if not _named_in(each[0])]


def _named_in(event: str) -> bool:
    # "before-call.s3.PutObject"
    return event.split(".")[1:2] in [[name] for name in NEVER_ASKED]
