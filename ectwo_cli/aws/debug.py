"""``--debug``: the AWS requests on stderr, secrets redacted."""

from __future__ import annotations

import logging
import re
from typing import TextIO

SECRETS = (
    # A private key, whole.
    re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?-----END [^-]*PRIVATE KEY-----", re.DOTALL),
    re.compile(r"PuTTY-User-Key-File.*?Private-MAC: \w+", re.DOTALL),
    # Values of what is secret, in JSON, XML, Python, headers, forms and URLs.
    re.compile(
        r"(?i)((?:aws_?)?secret_?access_?key|session_?token|x-amz-security-token|key_?material|password_?data|user_?data"
        r"|public_?key_?material|sso_?token|client_?secret|access_?token|refresh_?token|authorization|x-amz-signature"
        r"|signature)([\"']?\s*(?:[:=>]|%3D)\s*b?[\"']?)[^\"'&<>\s,}]+(?:\s+Credential=[^\"'\n]*)?"
    ),
    re.compile(r"(?<![A-Z0-9])(A[SK]IA[A-Z0-9]{4})[A-Z0-9]{12}(?![A-Z0-9])"),
)


def redacted(text: str) -> str:
    """The text without credentials and private keys."""
    key, putty, named, key_id = SECRETS
    text = key.sub("<private key>", text)
    text = putty.sub("<private key>", text)
    text = named.sub(r"\1\2<redacted>", text)
    return key_id.sub(r"\1<redacted>", text)


class _Redacting(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def to(stream: TextIO) -> None:
    """Show the requests that botocore makes, and its retries."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Redacting("debug: %(name)s: %(message)s"))
    for name in ("botocore.endpoint", "botocore.retries", "botocore.retryhandler", "botocore.parsers", "urllib3"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        logger.propagate = False
