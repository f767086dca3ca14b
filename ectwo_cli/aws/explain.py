"""botocore's errors in words that say what to do. Imported only when something failed.

``TABLE`` is all of it: which exit code an EC2 code has, and the hint.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from typing import Any

from ectwo_cli.errors import CredentialsError, EctwoError, NotFound, UsageError
from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class Row:
    """What an error of EC2 means for the user. ``message`` replaces EC2's own where that is no help."""

    error: type[EctwoError] = EctwoError
    hint: str | None = None
    message: str | None = None


LOGIN = "run 'aws configure', or 'aws sso login', or set AWS_PROFILE; 'ectwo --sandbox' needs none"
CLOCK = "check the clock of this machine, and get new credentials (for SSO: 'aws sso login')"
NOT_ENABLED = "enable the region in the account's settings, or leave it out with --exclude-region"
LATER = "EC2 limits requests for each account and region; try again in a minute, or narrow with --region"

# EC2's codes, exact or with a `*` at the end.
TABLE: Mapping[str, Row] = {
    # Credentials
    "AuthFailure": Row(CredentialsError, f"the key is not valid there, or the region is not enabled: {NOT_ENABLED}"),
    "InvalidClientTokenId": Row(CredentialsError, LOGIN, "the access key is not known to AWS"),
    "UnrecognizedClientException": Row(CredentialsError, LOGIN, "the access key is not known to AWS"),
    "InvalidAccessKeyId": Row(CredentialsError, LOGIN, "the access key is not known to AWS"),
    "SignatureDoesNotMatch": Row(CredentialsError, "the secret access key is wrong; run 'aws configure'"),
    "MissingAuthenticationToken": Row(CredentialsError, LOGIN),
    "ExpiredToken": Row(CredentialsError, CLOCK, "the credentials have expired"),
    "ExpiredTokenException": Row(CredentialsError, CLOCK, "the credentials have expired"),
    "RequestExpired": Row(CredentialsError, CLOCK, "the credentials have expired, or this machine's clock is wrong"),
    "InvalidSecurity.RequestHasExpired": Row(CredentialsError, CLOCK, "the credentials have expired"),
    "Blocked": Row(CredentialsError, "AWS has blocked the account: see its messages in the AWS console"),
    "OptInRequired": Row(CredentialsError, f"the account or region is not activated: {NOT_ENABLED}"),
    "PendingVerification": Row(CredentialsError, "AWS is still verifying the account; try again later"),
    # Permission
    "UnauthorizedOperation": Row(hint="ask who administers the account for the permission"),
    "AccessDenied": Row(hint="ask who administers the account for the permission"),
    "AccessDeniedException": Row(hint="ask who administers the account for the permission"),
    # Throttling
    "RequestLimitExceeded": Row(hint=LATER, message="throttled, and every retry was too"),
    "Throttling*": Row(hint=LATER, message="throttled, and every retry was too"),
    "EC2ThrottledException": Row(hint=LATER, message="throttled, and every retry was too"),
    # Naming
    "*.NotFound": Row(NotFound),
    "InvalidGroup.NotFound": Row(NotFound, "see 'ectwo groups find'"),
    "InvalidKeyPair.NotFound": Row(NotFound, "see 'ectwo keypairs find'"),
    "*.Malformed": Row(UsageError),
    "InvalidFilter": Row(UsageError, "see EC2's list of filters for this resource"),
    # Limits and state
    "InstanceLimitExceeded": Row(hint="ask AWS for a higher quota, or use another region"),
    "VcpuLimitExceeded": Row(hint="ask AWS for a higher vCPU quota, or use a smaller type or another region"),
    "Unsupported": Row(hint="that is not to be had with this type, image or zone: try another --type or --zone"),
    "InsufficientFreeAddressesInSubnet": Row(hint="take another --subnet, or launch fewer"),
    "MaxSpotInstanceCountExceeded": Row(hint="ask AWS for a higher spot quota, or launch fewer"),
    "SpotMaxPriceTooLow": Row(hint="raise --max-price, or leave it out: then the on-demand price is the most"),
    "InvalidAMIName.Duplicate": Row(hint="choose another --name, or deregister the image that has it"),
    "InsufficientInstanceCapacity": Row(hint="EC2 has none of that type there now: try another zone, type, or later"),
    "AddressLimitExceeded": Row(
        hint="release one ('ectwo addresses find --unassociated') or ask AWS for a higher quota"
    ),
    "IncorrectInstanceState": Row(hint="see its state with 'ectwo instances show'"),
    "OperationNotPermitted": Row(),
    "DependencyViolation": Row(hint="something still uses it: see its 'show'"),
    "ServiceUnavailable": Row(hint="EC2 has a problem; try again in a minute"),
    "InternalError": Row(hint="EC2 has a problem; try again in a minute"),
    "Unavailable": Row(hint="EC2 has a problem; try again in a minute"),
}

ENCODED = re.compile(r"\s*Encoded authorization failure message:\s*(\S+)")


def explain(
    error: BaseException, *, decode: Callable[[str], str | None] | None = None, profile: str | None = None
) -> EctwoError:
    """What to tell the user. ``decode`` makes an encoded authorization failure readable, or gives None.

    ``profile`` is the one that was used, where the user named one.

    Errors that are no error of AWS, the network or ours are returned as an internal error.
    """
    if isinstance(error, EctwoError):
        return error
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return _of_response(response, decode)
    return _of_class(error, profile)


def row_of(code: str) -> Row:
    """The table's row for an EC2 code."""
    if code in TABLE:
        return TABLE[code]
    for wanted, row in TABLE.items():
        if (wanted.endswith("*") and code.startswith(wanted[:-1])) or (
            wanted.startswith("*") and code.endswith(wanted[1:])
        ):
            return row
    return Row()


def _of_response(response: Mapping[str, Any], decode: Callable[[str], str | None] | None) -> EctwoError:
    details = response.get("Error", {})
    code = str(details.get("Code") or "Unknown")
    row = row_of(code)
    message = details.get("Message") or row.message or "EC2 gave no reason"
    if encoded := ENCODED.search(message):
        readable = decode(encoded.group(1)) if decode else None
        message = ENCODED.sub("", message)
        if readable:
            message = f"{message} {readable}"
    elif row.message:
        message = row.message
    return row.error(message.strip(), code=code, hint=row.hint)


def _of_class(error: BaseException, profile: str | None) -> EctwoError:
    import botocore.exceptions as aws
    from botocore.parsers import ResponseParserError

    text = str(error)
    login = f"aws sso login --profile {profile}" if profile else "aws sso login"
    if isinstance(error, aws.ProfileNotFound):
        return UsageError(text, hint="see 'aws configure list-profiles'")
    if isinstance(error, (aws.UnauthorizedSSOTokenError, aws.SSOTokenLoadError, aws.TokenRetrievalError)):
        return CredentialsError(f"the SSO login is missing or has expired ({text})", hint=f"run '{login}'")
    if isinstance(error, (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)):
        return CredentialsError(text or "no credentials", hint=LOGIN)
    if isinstance(error, aws.NoAuthTokenError):
        return CredentialsError(text, hint=LOGIN)
    if isinstance(error, aws.SSLError):
        return EctwoError(text, hint="set AWS_CA_BUNDLE to the certificates of your proxy or endpoint")
    if isinstance(error, (aws.ProxyConnectionError,)):
        return EctwoError(text, hint="check HTTPS_PROXY and NO_PROXY")
    if isinstance(error, (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.HTTPClientError)):
        return EctwoError(text, hint="check the network, the region's name and --endpoint-url")
    if isinstance(error, ResponseParserError):
        return EctwoError("the endpoint's answer is not EC2's", hint="check --endpoint-url and AWS_ENDPOINT_URL_EC2")
    if isinstance(error, (aws.ParamValidationError, aws.InvalidRegionError)):
        return UsageError(text)
    if isinstance(error, (aws.ConfigParseError, aws.InvalidConfigError, aws.ConfigNotFound)):
        return UsageError(text, hint="mend the AWS configuration file")
    if isinstance(error, aws.BotoCoreError):
        return EctwoError(text)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return EctwoError("the result can't be written: the disk is full")
    return EctwoError(
        f"{type(error).__name__}: {text}", hint="this is a defect of ectwo; --debug shows where it happened"
    )
