"""Public keys as text: OpenSSH's one line, RFC 4716, and PEM. Pure, and without cryptography."""

from __future__ import annotations

import base64
import binascii
import itertools
import struct

from ectwo_cli.errors import UsageError
from ectwo_cli.records import dataclass

KINDS = {b"ssh-ed25519": "ed25519", b"ssh-rsa": "rsa"}
"""The kinds of key that EC2 takes, by SSH's name for them."""


@dataclass(frozen=True)
class PublicKey:
    """A public key: SSH's ``blob`` of it, and the ``kind`` in EC2's words (``ed25519``, ``rsa``)."""

    kind: str
    blob: bytes

    @property
    def line(self) -> str:
        """As in ``authorized_keys``, without a comment."""
        name = next(name for name, kind in KINDS.items() if kind == self.kind)
        return f"{name.decode()} {base64.b64encode(self.blob).decode()}"


def read_public(text: str, *, where: str) -> PublicKey:
    """The public key in ``text``, the contents of the file ``where``.

    Raises UsageError when it is none, when it is of a kind that EC2 does not take, and when it is a private key.
    """
    if "PRIVATE KEY" in text or text.lstrip().startswith("PuTTY-User-Key-File"):
        raise UsageError(
            f"{where} holds a private key, which is never sent anywhere",
            hint="give the public one: FILE.pub, or what 'ssh-keygen -y -f FILE' prints",
        )
    blob = _blob_of(text)
    if blob is None:
        raise UsageError(f"{where} holds no public key", hint="it is a line like 'ssh-ed25519 AAAA... me@home'")
    return of_blob(blob, where=where)


def of_blob(blob: bytes, *, where: str = "it") -> PublicKey:
    """The public key of SSH's ``blob``. Raises UsageError when it is of a kind that EC2 does not take."""
    try:
        name, rest = take_string(blob)
    except ValueError:
        raise UsageError(f"{where} holds a damaged public key") from None
    if name not in KINDS:
        shown = name.decode("ascii", "replace")
        raise UsageError(f"{where} is a key of kind {shown}, which EC2 does not take", hint="it takes ed25519 and rsa")
    try:
        while rest:
            _, rest = take_string(rest)
    except ValueError:
        raise UsageError(f"{where} holds a damaged public key") from None
    return PublicKey(KINDS[name], blob)


def _blob_of(text: str) -> bytes | None:
    if "---- BEGIN SSH2 PUBLIC KEY ----" in text:
        return _rfc4716(text)
    if "BEGIN PUBLIC KEY" in text or "BEGIN RSA PUBLIC KEY" in text:
        from ectwo_cli.keys.material import blob_of_pem

        return blob_of_pem(text.encode())
    for line in text.splitlines():
        words = line.split()
        if line.lstrip().startswith("#") or len(words) < 2:
            continue
        for name, encoded in itertools.pairwise(words):
            # Options may stand in front, as in authorized_keys.
            if name.startswith(("ssh-", "ecdsa-", "sk-")):
                return _decoded(encoded)
    return None


def _rfc4716(text: str) -> bytes | None:
    inner = text.partition("---- BEGIN SSH2 PUBLIC KEY ----")[2].partition("---- END SSH2 PUBLIC KEY ----")[0]
    body: list[str] = []
    continued = False
    for line in inner.splitlines():
        if not (continued or ":" in line):
            body.append(line.strip())
        continued = (continued or ":" in line) and line.endswith("\\")
    return _decoded("".join(body))


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def take_string(data: bytes) -> tuple[bytes, bytes]:
    """SSH's length-prefixed string at the beginning of ``data``, and what follows. Raises ValueError when cut short."""
    if len(data) < 4:
        raise ValueError("cut short")
    (length,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + length:
        raise ValueError("cut short")
    return data[4 : 4 + length], data[4 + length :]


def put_string(data: bytes) -> bytes:
    """``data`` with its length in front, as SSH and PuTTY write it."""
    return struct.pack(">I", len(data)) + data


def put_number(number: int) -> bytes:
    """A number that is not negative, as SSH's ``mpint``."""
    return put_string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")
