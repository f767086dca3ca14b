"""Private keys: made here, written in the formats that SSH programs read. cryptography lives here and nowhere else.

Imported only by who makes or reads a private key: it takes 100 ms.
"""

from __future__ import annotations

import base64
from dataclasses import field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from ectwo_cli.keys import ppk
from ectwo_cli.keys.public import PublicKey, of_blob, take_string
from ectwo_cli.records import dataclass

RSA_BITS = 2048
"""What EC2 itself makes; it takes 1024, 2048 and 4096."""


@dataclass(frozen=True)
class PrivateKey:
    """A private key. It does not show itself: not in a log, not in a traceback."""

    _key: Any = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        line = self._key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return of_blob(base64.b64decode(line.split()[1]))

    def pem(self, passphrase: bytes | None) -> bytes:
        """The format that EC2 gives it in: PKCS#1 for RSA, OpenSSH's for ed25519; OpenSSH's when it is encrypted,
        since PKCS#1 derives its key from the passphrase by a single MD5."""
        traditional = isinstance(self._key, RSAPrivateKey) and not passphrase
        written: bytes = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.OpenSSH,
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption(),
        )
        return written

    def ppk(self, passphrase: bytes | None, *, comment: str) -> bytes:
        """PuTTY's format, version 3."""
        if isinstance(self._key, RSAPrivateKey):
            numbers = self._key.private_numbers()
            private = ppk.rsa_private(numbers.d, numbers.p, numbers.q)
        else:
            seed = self._key.private_bytes(
                serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
            )
            private = ppk.ed25519_private(seed)
        public = self.public.blob
        algorithm = take_string(public)[0].decode()
        return ppk.write(algorithm, public, private, comment=comment, passphrase=passphrase)

    @property
    def pkcs8(self) -> bytes:
        """DER, whose SHA-1 is what EC2 calls the fingerprint of an RSA key that it made."""
        written: bytes = self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return written


def generate(kind: str) -> PrivateKey:
    """A new key of kind ``ed25519`` or ``rsa``, from the system's own randomness."""
    if kind == "ed25519":
        return PrivateKey(Ed25519PrivateKey.generate())
    return PrivateKey(generate_private_key(65537, RSA_BITS))


class PassphraseNeeded(Exception):
    """The private key is encrypted, and no passphrase was given, or the wrong one."""


def read_private(data: bytes, passphrase: bytes | None) -> PrivateKey | None:
    """The private key in a PEM file; None when it is none of a kind that EC2 knows. Raises PassphraseNeeded."""
    load = serialization.load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else serialization.load_pem_private_key
    try:
        key = load(data, passphrase)
    except TypeError as error:
        if passphrase is not None:
            # A passphrase for what is not encrypted.
            return read_private(data, None)
        raise PassphraseNeeded from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if passphrase is not None:
            raise PassphraseNeeded from error
        return None
    return PrivateKey(key) if isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)) else None


def blob_of_pem(data: bytes) -> bytes | None:
    """SSH's blob of a public key in PEM; None when it is none."""
    try:
        key = serialization.load_pem_public_key(data)
        line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return base64.b64decode(line.split()[1])


def spki(public: PublicKey) -> bytes:
    """DER of the public key, whose MD5 is what EC2 calls the fingerprint of an imported RSA key."""
    key = serialization.load_ssh_public_key(public.line.encode())
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
