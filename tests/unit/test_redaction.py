"""No secret reaches a log or a traceback."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ectwo_cli.aws.debug import redacted

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "text",
    [
        f"aws_secret_access_key = {SECRET}",
        f"'aws_secret_access_key': '{SECRET}'",
        f'{{"SecretAccessKey": "{SECRET}"}}',
        f"<secretAccessKey>{SECRET}</secretAccessKey>",
        f"<sessionToken>{SECRET}</sessionToken>",
        f"X-Amz-Security-Token={SECRET}&Action=DescribeInstances",
        f"'X-Amz-Security-Token': b'{SECRET}'",
        f"'KeyMaterial': '{SECRET}'",
        f"<keyMaterial>{SECRET}</keyMaterial>",
        f"UserData={SECRET}",
        f"'UserData': '{SECRET}'",
        f"'Authorization': b'AWS4-HMAC-SHA256 Credential=AKIAX/20261122/us-east-1/ec2, Signature={SECRET}'",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\\n{SECRET}\\n-----END RSA PRIVATE KEY-----",
        f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n{SECRET}\nPrivate-MAC: 0a1b",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    assert SECRET not in redacted(text)


def test_a_key_id_is_shortened_and_the_rest_stays() -> None:
    assert redacted("key AKIAIOSFODNN7EXAMPLE in us-east-1") == "key AKIAIOSF<redacted> in us-east-1"


@given(st.from_regex(r"[A-Za-z0-9/+]{40}", fullmatch=True))
def test_any_secret_key_is_redacted(secret: str) -> None:
    assert secret not in redacted(f"'secret_access_key': '{secret}', 'x': 1")
