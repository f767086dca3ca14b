"""What an error of EC2 means for a migration, in one table.

An error is not translated into words for the user here (``aws.explain`` does that, at the edge); this only says what
the engine is to do about it. Errors are recognised by their shape (``error.response["Error"]``), so that nothing here
imports botocore.
"""

from __future__ import annotations

import re
from enum import Enum

from ectwo_cli.records import dataclass


class Reaction(str, Enum):
    """What to do next."""

    RETRY = "retry"  # try again after a while: throttled, server or network trouble
    CAPACITY = "capacity"  # no free slot: back into the queue, not counted as an attempt
    VISIBILITY = "visibility"  # EC2 does not see its own new resource yet, or it is still pending
    EXISTS = "exists"  # somebody made it already: look for it
    FATAL = "fatal"  # this pair (or this step of it) can't be done
    REGION = "region"  # nothing can be done in this region
    CREDENTIALS = "credentials"  # nothing can be done anywhere until somebody logs in; copies go on


@dataclass(frozen=True)
class Verdict:
    """The meaning of one error.

    ``sure`` is false when the request may have been carried out although no answer came. ``throttled`` asks for a
    lower rate. ``fix`` says what a person can do, where that is known.
    """

    reaction: Reaction
    code: str
    message: str
    fix: str | None = None
    sure: bool = True
    throttled: bool = False
    limit: int | None = None


_STORAGE = (
    "the owner has to share every snapshot of the image with this account (createVolumePermission), "
    "and the KMS key where one is used"
)
_KMS_GRANTS = "kms:DescribeKey, kms:CreateGrant, kms:GenerateDataKey*, kms:ReEncrypt* and kms:Decrypt"
_THROTTLES = re.compile(r"Throttl|RequestLimitExceeded|TooManyRequests|BandwidthLimitExceeded", re.IGNORECASE)
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidSecurity.RequestHasExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
}
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
    "LoginRefreshRequired",
}
SERVER = {"InternalError", "InternalFailure", "InternalServerError", "Unavailable", "ServiceUnavailable"}
_PENDING_LIMITS = {"PendingSnapshotLimitExceeded", "ConcurrentSnapshotLimitExceeded", "ConcurrentCopyLimitExceeded"}
_REGION_OFF = {"InvalidRegion", "SnapshotCopyUnsupported.InterRegion", "AuthFailure", "OptInRequired", "Blocked"}
_COPIES = {"CopyImage", "CopySnapshot"}


def is_cloud_error(error: BaseException) -> bool:
    """Whether botocore raised it; anything else is a mistake of ours and must not be swallowed."""
    return any(
        kind.__module__.startswith("botocore") or kind.__module__.startswith("urllib3") for kind in type(error).__mro__
    )


def read(error: BaseException) -> tuple[str, str, int]:
    """``(code, message, HTTP status)``; without an answer the status is 0 and the code the name of the exception."""
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict) or "Error" not in answer:
        return type(error).__name__, str(error), 0
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return str(answer["Error"].get("Code") or "Unknown"), str(answer["Error"].get("Message") or ""), int(status)


def classify(operation: str, error: BaseException) -> Verdict:
    """What ``error``, the answer to ``operation``, means."""
    code, message, status = read(error)
    if status == 0:
        if code in _NO_CREDENTIALS:
            return Verdict(Reaction.CREDENTIALS, code, message)
        return Verdict(Reaction.RETRY, code, message, sure=False)
    return by_code(operation, code, message, status)


def by_code(operation: str, code: str, message: str, status: int = 400) -> Verdict:
    """The table; see the module."""
    low = message.lower()

    def verdict(reaction: Reaction, fix: str | None = None, **more: object) -> Verdict:
        return Verdict(reaction, code, message, fix, **more)  # type: ignore[arg-type]

    if _THROTTLES.search(code):
        return verdict(Reaction.RETRY, throttled=True)
    if code in _EXPIRED:
        return verdict(Reaction.CREDENTIALS, "log in again; the copies go on meanwhile")
    if code == "ResourceLimitExceeded":
        if operation not in _COPIES:
            return verdict(Reaction.FATAL, "ask AWS for a higher quota of public images")
        if re.search(r"in progress|concurrent|simultaneous|pending|limit is \d+ for|destination", low):
            found = re.search(r"limit (?:is|of) (\d+)", low)
            return verdict(Reaction.CAPACITY, limit=int(found[1]) if found else None)
        return verdict(Reaction.REGION, "delete images or snapshots there, or ask AWS for a higher quota")
    if code in _PENDING_LIMITS:
        return verdict(Reaction.CAPACITY)
    if code in {"SnapshotLimitExceeded", "AMIQuotaExceeded", "AmiQuotaExceeded"}:
        return verdict(Reaction.REGION, "delete images or snapshots there, or ask AWS for a higher quota")
    if code == "RequestThroughputLimitExceeded" or (operation in _COPIES and "throughput" in low and "limit" in low):
        return verdict(Reaction.CAPACITY, "without --completion-duration the copy needs no share of that quota")
    if code in {"InvalidAMIID.NotFound", "InvalidSnapshot.NotFound", "InvalidSnapshotID.NotFound"}:
        if operation in _COPIES:
            return verdict(Reaction.FATAL, "the source is gone, or not shared with this account any more")
        return verdict(Reaction.VISIBILITY)
    if code == "InvalidAMIID.Unavailable":
        return verdict(Reaction.FATAL if operation in _COPIES else Reaction.VISIBILITY)
    if code in {"InvalidAMIName.Duplicate", "IdempotentParameterMismatch"}:
        return verdict(Reaction.EXISTS)
    if code in {"ConcurrentTagAccess", "IncorrectState.Concurrent"}:
        return verdict(Reaction.RETRY)
    if code in {"IncorrectState", "InvalidState", "IncorrectSnapshotState"} and operation == "CopySnapshot":
        return verdict(Reaction.FATAL, "a snapshot has to be completed and in the standard tier")
    if code == "InvalidRequest" and "storage of this ami" in low:
        return verdict(Reaction.FATAL, _STORAGE)
    if key_trouble(f"{code} {message}") and operation in _COPIES:
        return verdict(Reaction.FATAL, f"the caller needs {_KMS_GRANTS} on the key in the destination region")
    if code == "UnauthorizedOperation":
        if operation in _COPIES and "createtags" in low:
            return verdict(Reaction.REGION, "allow ec2:CreateTags for this call: ectwo finds its copies by their tags")
        reaction = Reaction.REGION if operation in _COPIES else Reaction.FATAL
        return verdict(reaction, f"allow ec2:{operation} there, on the source and on the new resources")
    if code in _REGION_OFF and operation in _COPIES | {"DescribeImages", "DescribeSnapshots"}:
        return verdict(Reaction.REGION, "enable the region for this account, or leave it out of --to")
    if code == "TagPolicyViolation":
        return verdict(Reaction.FATAL, "give the tag that the policy wants with --tag KEY=VALUE")
    if code == "OperationNotPermitted":
        return verdict(
            Reaction.FATAL, "block public access or a deregistration protection (24 hours of cool-down) is in the way"
        )
    if code in SERVER or status >= 500:
        return verdict(Reaction.RETRY, sure=False)
    return verdict(Reaction.FATAL)


def key_trouble(text: str) -> bool:
    """Whether a failed snapshot's ``StateMessage`` (or an error) is about its KMS key."""
    return bool(
        re.search(
            r"key id is not accessible|given key|kms|customerkeyhasbeenrevoked|customer master key", text, re.IGNORECASE
        )
    )


def key_fix(key: str | None) -> str:
    """What to do about a key that EC2 could not use."""
    return f"allow the caller {_KMS_GRANTS} on {key or 'the keys of source and copy'}, and see that it is enabled"
