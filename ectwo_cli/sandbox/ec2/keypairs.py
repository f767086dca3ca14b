"""Key pairs: made here or imported, with the fingerprints that EC2 gives each kind."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from ectwo_cli.sandbox.asking import Ask, Handler, tags_of
from ectwo_cli.sandbox.filters import Table, page, select
from ectwo_cli.sandbox.refusals import Refusal, bad_value
from ectwo_cli.sandbox.world import Region, Thing

_FILTERS: Table = {"fingerprint": "KeyFingerprint", "key-name": "KeyName", "key-pair-id": "KeyPairId"}


def describe_key_pairs(ask: Ask) -> dict[str, Any]:
    """DescribeKeyPairs; it has no pages."""
    here = ask.here
    things = list(here.key_pairs.values())
    for parameter, key in (("KeyNames", "KeyName"), ("KeyPairIds", "KeyPairId")):
        wanted = ask.get(parameter)
        if wanted:
            known = {one.data[key] for one in things}
            unknown = [one for one in wanted if one not in known]
            if unknown:
                what = "key pair" if key == "KeyName" else "key pair ID"
                raise Refusal("InvalidKeyPair.NotFound", f"The {what} '{unknown[0]}' does not exist")
            things = [one for one in things if one.data[key] in wanted]
    rows = [here.with_tags(one) for one in things]
    if ask.get("IncludePublicKey"):
        rows = [{**row, "PublicKey": one.extra["public"]} for row, one in zip(rows, things, strict=True)]
    chosen, _ = page(select(rows, ask.get("Filters"), _FILTERS), {})
    return {"KeyPairs": chosen}


def _check_name(here: Region, name: str) -> None:
    if len(name) > 255 or not name.isascii():
        raise bad_value(name, "keyName", "It is limited to 255 ASCII characters.")
    if name in here.key_pairs:
        raise Refusal("InvalidKeyPair.Duplicate", f"The keypair '{name}' already exists")


def make(here: Region, name: str, kind: str, fingerprint: str, public: str) -> Thing:
    """A new key pair."""
    data: dict[str, Any] = {
        "KeyPairId": here.new_id("key"),
        "KeyName": name,
        "KeyType": kind,
        "KeyFingerprint": fingerprint,
        "CreateTime": here.moment(),
    }
    thing = Thing(data["KeyPairId"], data, here.now(), {"public": public})
    here.key_pairs[name] = thing
    return thing


def create_key_pair(ask: Ask) -> dict[str, Any]:
    """CreateKeyPair: the private key is in this answer and nowhere else."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    here = ask.here
    name = ask.need("KeyName")
    _check_name(here, name)
    kind, shape = ask.get("KeyType", "rsa"), ask.get("KeyFormat", "pem")
    if kind not in ("rsa", "ed25519"):
        raise bad_value(kind, "keyType")
    if shape not in ("pem", "ppk"):
        raise bad_value(shape, "keyFormat")
    tags = tags_of(ask.get("TagSpecifications"), ("key-pair",)).get("key-pair", [])
    ask.commit()
    private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    if kind == "rsa":
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        der = private.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
        fingerprint = _colons(hashlib.sha1(der).digest())
        material = private.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption()
        ).decode()
    else:
        private = ed25519.Ed25519PrivateKey.generate()
        material = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()
    public = private.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    if kind == "ed25519":
        fingerprint = _openssh(public)
    if shape == "ppk":
        material = _ppk(private, public, name)
    thing = make(here, name, kind, fingerprint, f"{public} {name}\n")
    here.tag(thing.id, tags)
    return {
        "KeyFingerprint": fingerprint,
        "KeyMaterial": material.strip("\n"),
        "KeyName": name,
        "KeyPairId": thing.id,
        "Tags": tags,
    }


def import_key_pair(ask: Ask) -> dict[str, Any]:
    """ImportKeyPair: RSA or ED25519, in OpenSSH's form."""
    here = ask.here
    name = ask.need("KeyName")
    _check_name(here, name)
    material = ask.need("PublicKeyMaterial")
    text = (material if isinstance(material, bytes) else str(material).encode()).decode(errors="replace").strip()
    kind, fingerprint = identify(text)
    tags = tags_of(ask.get("TagSpecifications"), ("key-pair",)).get("key-pair", [])
    ask.commit()
    thing = make(here, name, kind, fingerprint, text + "\n")
    here.tag(thing.id, tags)
    return {"KeyFingerprint": fingerprint, "KeyName": name, "KeyPairId": thing.id, "Tags": tags}


def identify(public: str) -> tuple[str, str]:
    """The type and fingerprint of an imported public key. Raises Refusal for what EC2 does not take."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    try:
        key = form.load_ssh_public_key(public.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Refusal("InvalidKey.Format", "Key is not in valid OpenSSH public key format") from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", _openssh(public)
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refusal("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
    if key.key_size not in (1024, 2048, 4096):
        raise Refusal("InvalidKeyPair.Format", "Key length must be 1024, 2048 or 4096 bits")
    der = key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return "rsa", _colons(hashlib.md5(der).digest())


def _colons(digest: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in digest)


def _openssh(public: str) -> str:
    """The SHA-256 fingerprint that ssh-keygen shows, with base64's padding and without its prefix."""
    return base64.b64encode(hashlib.sha256(base64.b64decode(public.split()[1])).digest()).decode()


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _number(value: int) -> bytes:
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _ppk(private: Any, public: str, comment: str) -> str:
    """PuTTY's form of a private key, version 2, without a passphrase."""
    from cryptography.hazmat.primitives import serialization as form

    algorithm, blob, *_ = public.split()
    if algorithm == "ssh-rsa":
        numbers = private.private_numbers()
        secret = b"".join(_number(value) for value in (numbers.d, numbers.p, numbers.q, numbers.iqmp))
    else:
        raw = private.private_bytes(form.Encoding.Raw, form.PrivateFormat.Raw, form.NoEncryption())
        # PuTTY keeps the secret as a number in little-endian order.
        secret = _number(int.from_bytes(raw, "big"))
    known = base64.b64decode(blob)
    signed = b"".join(_string(part) for part in (algorithm.encode(), b"none", comment.encode(), known, secret))
    seal = hmac.new(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), signed, hashlib.sha1).hexdigest()
    lines = [f"PuTTY-User-Key-File-2: {algorithm}", "Encryption: none", f"Comment: {comment}"]
    for title, data in (("Public", known), ("Private", secret)):
        text = base64.b64encode(data).decode()
        wrapped = [text[start : start + 64] for start in range(0, len(text), 64)]
        lines += [f"{title}-Lines: {len(wrapped)}", *wrapped]
    return "\n".join([*lines, f"Private-MAC: {seal}"])


def delete_key_pair(ask: Ask) -> dict[str, Any]:
    """DeleteKeyPair: of one that is not there too."""
    here = ask.here
    name, key_id = ask.get("KeyName"), ask.get("KeyPairId")
    if not name and not key_id:
        raise Refusal("MissingParameter", "The request must contain the parameter KeyName or KeyPairId")
    found = [one for one in here.key_pairs.values() if one.id == key_id or one.data["KeyName"] == name]
    ask.commit()
    for one in found:
        del here.key_pairs[one.data["KeyName"]]
        here.tags.pop(one.id, None)
    return {"Return": True, **({"KeyPairId": found[0].id} if found else {})}


HANDLERS: dict[str, Handler] = {
    "DescribeKeyPairs": describe_key_pairs,
    "CreateKeyPair": create_key_pair,
    "ImportKeyPair": import_key_pair,
    "DeleteKeyPair": delete_key_pair,
}
