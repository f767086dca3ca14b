"""PuTTY's format for private keys, version 3 (PuTTY 0.75 and later), as its manual describes it in appendix C."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re

from ectwo_cli.keys.public import put_number, put_string

# What PuTTYgen takes by default on a machine of today.
MEMORY, PASSES, PARALLELISM = 8192, 21, 1
LINE = 64


def rsa_private(d: int, p: int, q: int) -> bytes:
    """The private part of an RSA key: exponent, primes, and the inverse of q modulo p."""
    return put_number(d) + put_number(p) + put_number(q) + put_number(pow(q, -1, p))


def ed25519_private(seed: bytes) -> bytes:
    """The private part of an ed25519 key: its 32 bytes."""
    return put_string(seed)


def write(algorithm: str, public: bytes, private: bytes, *, comment: str, passphrase: bytes | None) -> bytes:
    """The file. ``public`` is SSH's blob."""
    # The comment has a line to itself.
    comment = re.sub(r"[\r\n]+", " ", comment)
    cipher = "aes256-cbc" if passphrase else "none"
    head = [f"PuTTY-User-Key-File-3: {algorithm}", f"Encryption: {cipher}", f"Comment: {comment}"]
    head += _lines("Public-Lines", public)
    stored, mac_key = private, b""
    if passphrase:
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES256
        from cryptography.hazmat.primitives.ciphers.modes import CBC

        private += hashlib.sha1(private).digest()[: -len(private) % 16]
        salt = os.urandom(16)
        derived = derive(passphrase, salt)
        mac_key = derived[48:80]
        encryptor = Cipher(AES256(derived[:32]), CBC(derived[32:48])).encryptor()
        stored = encryptor.update(private) + encryptor.finalize()
        head += ["Key-Derivation: Argon2id", f"Argon2-Memory: {MEMORY}", f"Argon2-Passes: {PASSES}"]
        head += [f"Argon2-Parallelism: {PARALLELISM}", f"Argon2-Salt: {salt.hex()}"]
    parts = (algorithm.encode(), cipher.encode(), comment.encode(), public, private)
    mac = hmac.new(mac_key, b"".join(map(put_string, parts)), hashlib.sha256).hexdigest()
    lines = [*head, *_lines("Private-Lines", stored), f"Private-MAC: {mac}", ""]
    return "\n".join(lines).encode()


def derive(passphrase: bytes, salt: bytes) -> bytes:
    """80 bytes: the key of the cipher, its first block, the key of the checksum."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(salt=salt, length=80, iterations=PASSES, lanes=PARALLELISM, memory_cost=MEMORY)
    return kdf.derive(passphrase)


def public_of(text: str) -> bytes | None:
    """SSH's blob of the public key in the file, which is there in the clear; None when the file is none of PuTTY's."""
    found = re.search(r"^Public-Lines: (\d+)\r?\n", text, re.MULTILINE)
    if not text.startswith("PuTTY-User-Key-File-") or found is None:
        return None
    lines = text[found.end() :].splitlines()[: int(found.group(1))]
    try:
        return base64.b64decode("".join(lines), validate=True)
    except ValueError:
        return None


def _lines(name: str, data: bytes) -> list[str]:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + LINE] for at in range(0, len(text), LINE)]
    return [f"{name}: {len(lines)}", *lines]
