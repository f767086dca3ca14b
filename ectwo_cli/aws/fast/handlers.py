"""botocore's own handlers of events, and its old names of services in events: what is of no use here is left out.

Most of the handlers are for documentation, or S3's and the like, and every client, one for each region, gets a copy of
them. Every event of every client is looked through for all the old names.
"""

from __future__ import annotations

from botocore import handlers, hooks

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

OLD_NAMES = ("api.pricing", "autoscaling")
"""Those of services that are asked."""


def leave_out() -> None:
    """For all sessions that are made from now on."""
    names = getattr(hooks, "EVENT_ALIASES", None)
    if isinstance(names, dict):
        for each in names.keys() - {*OLD_NAMES}:
            del names[each]
    known = getattr(handlers, "BUILTIN_HANDLERS", None)
    if isinstance(known, list):
        known[:] = [each for each in known if not _useless(each[0])]


def _useless(event: str) -> bool:
    # "before-call.s3.PutObject"; "docs.*.ec2.RunInstances.complete-section" is for who reads the help of a client.
    kind, _, rest = event.partition(".")
    return kind == "docs" or rest.partition(".")[0] in NEVER_ASKED
