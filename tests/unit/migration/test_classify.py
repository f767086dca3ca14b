"""One test a row of the table of errors."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from ectwo_cli.migration.classify import Reaction, by_code, classify, is_cloud_error, key_trouble

TOO_MANY = "Too many snapshot copies in progress. The limit is 20 for this destination region."


@pytest.mark.parametrize(
    ("operation", "code", "message", "reaction"),
    [
        ("CopyImage", "RequestLimitExceeded", "Request limit exceeded.", Reaction.RETRY),
        ("CopyImage", "EC2ThrottledException", "", Reaction.RETRY),
        ("DescribeImages", "Throttling", "", Reaction.RETRY),
        ("CopySnapshot", "ResourceLimitExceeded", TOO_MANY, Reaction.CAPACITY),
        ("CopyImage", "ResourceLimitExceeded", "Too many AMI copies in progress.", Reaction.CAPACITY),
        ("CopyImage", "ResourceLimitExceeded", "You have reached your quota of AMIs.", Reaction.REGION),
        ("ModifyImageAttribute", "ResourceLimitExceeded", "quota of public images", Reaction.FATAL),
        ("CopySnapshot", "SnapshotLimitExceeded", "", Reaction.REGION),
        ("CopySnapshot", "PendingSnapshotLimitExceeded", "", Reaction.CAPACITY),
        ("CopySnapshot", "ConcurrentSnapshotLimitExceeded", "", Reaction.CAPACITY),
        ("CopyImage", "LimitExceeded", "The throughput limit of time-based copies is used up", Reaction.CAPACITY),
        ("CreateTags", "InvalidAMIID.NotFound", "", Reaction.VISIBILITY),
        ("ModifySnapshotAttribute", "InvalidSnapshot.NotFound", "", Reaction.VISIBILITY),
        ("CopyImage", "InvalidAMIID.NotFound", "", Reaction.FATAL),
        ("CopySnapshot", "InvalidSnapshot.NotFound", "", Reaction.FATAL),
        ("ModifyImageAttribute", "InvalidAMIID.Unavailable", "currently pending", Reaction.VISIBILITY),
        ("CopyImage", "InvalidAMIName.Duplicate", "", Reaction.EXISTS),
        ("CopyImage", "InvalidAMIName.Malformed", "", Reaction.FATAL),
        ("CopyImage", "IdempotentParameterMismatch", "", Reaction.EXISTS),
        ("CopySnapshot", "IncorrectState", "archived", Reaction.FATAL),
        ("CopyImage", "InvalidRequest", "You do not have permission to access the storage of this ami", Reaction.FATAL),
        ("CopyImage", "InvalidRequest", "Images with Marketplace codes can't be copied", Reaction.FATAL),
        ("CopyImage", "InvalidParameterCombination", "KmsKeyId without Encrypted", Reaction.FATAL),
        ("CopyImage", "InvalidKMSKey.InvalidState", "The KMS key is not enabled", Reaction.FATAL),
        ("CopyImage", "InvalidRegion", "", Reaction.REGION),
        ("CopySnapshot", "SnapshotCopyUnsupported.InterRegion", "", Reaction.REGION),
        ("CopyImage", "AuthFailure", "", Reaction.REGION),
        ("CopyImage", "OptInRequired", "", Reaction.REGION),
        ("CopyImage", "UnauthorizedOperation", "You are not authorized", Reaction.REGION),
        ("ModifyImageAttribute", "UnauthorizedOperation", "You are not authorized", Reaction.FATAL),
        ("CopyImage", "TagPolicyViolation", "", Reaction.FATAL),
        ("CreateTags", "TagLimitExceeded", "", Reaction.FATAL),
        ("CreateTags", "ConcurrentTagAccess", "", Reaction.RETRY),
        ("ModifyImageAttribute", "OperationNotPermitted", "", Reaction.FATAL),
        ("CopyImage", "ExpiredToken", "", Reaction.CREDENTIALS),
        ("DescribeSnapshots", "RequestExpired", "", Reaction.CREDENTIALS),
        ("CopyImage", "InternalError", "", Reaction.RETRY),
        ("CopyImage", "Unavailable", "", Reaction.RETRY),
        ("CopyImage", "ServiceUnavailable", "", Reaction.RETRY),
    ],
)
def test_the_table(operation: str, code: str, message: str, reaction: Reaction) -> None:
    assert by_code(operation, code, message).reaction is reaction


def test_what_else_a_verdict_tells() -> None:
    assert by_code("CopyImage", "RequestLimitExceeded", "").throttled
    assert by_code("CopySnapshot", "ResourceLimitExceeded", TOO_MANY).limit == 20
    assert not by_code("CopySnapshot", "InternalError", "").sure
    tags = by_code("CopyImage", "UnauthorizedOperation", "not authorized to perform: ec2:CreateTags")
    assert tags.fix == "allow ec2:CreateTags for this call: ectwo finds its copies by their tags"


def test_without_an_answer_it_may_have_been_done() -> None:
    verdict = classify("CopySnapshot", EndpointConnectionError(endpoint_url="https://ec2.test"))
    assert (verdict.reaction, verdict.sure) == (Reaction.RETRY, False)
    assert classify("CopyImage", NoCredentialsError()).reaction is Reaction.CREDENTIALS


def test_an_unknown_error_of_the_server_is_retried_and_one_of_the_request_is_not() -> None:
    for status, reaction in ((500, Reaction.RETRY), (400, Reaction.FATAL)):
        error = ClientError({"Error": {"Code": "New"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "CopyImage")
        assert classify("CopyImage", error).reaction is reaction


def test_our_own_mistakes_are_no_errors_of_the_cloud() -> None:
    assert not is_cloud_error(KeyError("x"))
    assert is_cloud_error(NoCredentialsError())


def test_trouble_with_keys_is_known_by_its_message() -> None:
    assert key_trouble("Given key ID is not accessible. You must have DescribeKey permissions on the default CMK.")
    assert key_trouble("CustomerKeyHasBeenRevoked")
    assert not key_trouble("Copy image failed with an internal error.")
