"""Whether a file holds the key that EC2 tells the fingerprint of.

EC2 has three ways to make a fingerprint: SHA-1 of the private key (PKCS#8, DER) for RSA keys that it made, MD5 of the
public key (DER) for RSA keys that were imported, and SHA-256 of SSH's blob, in base64, for ed25519.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from ectwo_cli.errors import UsageError
from ectwo_cli.keys import ppk
from ectwo_cli.keys.public import PublicKey, of_blob, read_public, take_string
from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class FileKey:
    """The key of a file: its ``public`` half where it can be read, and every ``fingerprint`` that EC2 may have for it.

    ``whole``: these are all of them. The one that is made of an RSA key's private half is not known without it.
    """

    public: PublicKey | None
    fingerprints: frozenset[str]
    whole: bool


def read(data: bytes, *, where: str, passphrase: Callable[[], bytes | None]) -> FileKey:
    """The key in a private or public key file. ``passphrase`` is asked when nothing can be read without.

    Raises UsageError when the file holds none.
    """
    text = data.decode("utf-8", "replace")
    if (blob := ppk.public_of(text)) is not None:
        return of_public(of_blob(blob, where=where))
    if "PRIVATE KEY" not in text:
        return of_public(read_public(text, where=where))
    return _of_private(data, where, passphrase)


def same(key: FileKey, fingerprint: str | None, public: PublicKey | None) -> bool | None:
    """Whether it is the key that EC2 has this ``fingerprint`` and, where it tells it, this ``public`` key of.

    None when what is known is not enough to tell.
    """
    if key.public is not None and public is not None:
        return key.public == public
    if fingerprint is None:
        return None
    if plain(fingerprint) in key.fingerprints:
        return True
    return False if key.whole or len(fingerprint) != SHA1_LENGTH else None


SHA1_LENGTH = 59
"""Twenty bytes in hexadecimal, with colons."""


def plain(fingerprint: str) -> str:
    """A fingerprint without what some programs put around it: ``SHA256:`` in front, ``=`` at the end."""
    return fingerprint.removeprefix("SHA256:").removeprefix("MD5:").rstrip("=")


def _of_private(data: bytes, where: str, passphrase: Callable[[], bytes | None]) -> FileKey:
    from ectwo_cli.keys.material import PassphraseNeeded, read_private

    try:
        key = read_private(data, None)
    except PassphraseNeeded:
        public = _openssh_public(data)
        if public is not None and public.kind == "ed25519":
            # The fingerprint is of the public half, which is in the clear.
            return of_public(public)
        given = passphrase()
        try:
            key = read_private(data, given) if given else None
        except PassphraseNeeded:
            raise UsageError(f"that is not the passphrase of {where}") from None
        if key is None:
            return of_public(public) if public else FileKey(None, frozenset(), whole=False)
    if key is None:
        raise UsageError(f"{where} holds no key that EC2 knows", hint="it knows ed25519 and rsa")
    found = of_public(key.public)
    if key.public.kind == "ed25519":
        return found
    made = _colons(hashlib.sha1(key.pkcs8).hexdigest())
    return FileKey(found.public, found.fingerprints | {made}, whole=True)


def of_public(public: PublicKey) -> FileKey:
    """What EC2 may call the fingerprint of an imported key."""
    if public.kind == "ed25519":
        digest = base64.b64encode(hashlib.sha256(public.blob).digest()).decode()
        return FileKey(public, frozenset({plain(digest)}), whole=True)
    from ectwo_cli.keys.material import spki

    # EC2's own choice, and no secret depends on it.
    digest = hashlib.md5(spki(public), usedforsecurity=False).hexdigest()
    return FileKey(public, frozenset({_colons(digest)}), whole=False)


def _openssh_public(data: bytes) -> PublicKey | None:
    """The public half in OpenSSH's format, which is in the clear also when the private one is encrypted."""
    if b"BEGIN OPENSSH PRIVATE KEY" not in data:
        return None
    body = data.partition(b"-----BEGIN OPENSSH PRIVATE KEY-----")[2].partition(b"-----END")[0]
    try:
        whole = base64.b64decode(b"".join(body.split()))
        rest = whole.removeprefix(b"openssh-key-v1\0")
        for _ in ("cipher", "kdf", "options"):
            _, rest = take_string(rest)
        # The number of keys, always one.
        blob, _ = take_string(rest[4:])
        return of_blob(blob)
    except (ValueError, UsageError):
        return None


def _colons(digest: str) -> str:
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
