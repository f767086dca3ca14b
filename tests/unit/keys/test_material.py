"""Keys are made, written and read so that OpenSSH, PuTTY and EC2 agree about them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ectwo_cli.errors import UsageError
from ectwo_cli.keys import ppk, prints
from ectwo_cli.keys.material import PassphraseNeeded, PrivateKey, generate, read_private
from ectwo_cli.keys.public import PublicKey, put_number, read_public, take_string

SEED = bytes(range(32))
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
FINGERPRINT = "lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg"
PASSPHRASE = "corréct horse".encode()


@pytest.fixture(scope="module")
def fixed() -> PrivateKey:
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(SEED))


@pytest.fixture(scope="module", params=["ed25519", "rsa"])
def key(request: pytest.FixtureRequest) -> PrivateKey:
    return generate(request.param)


def never() -> bytes | None:
    raise AssertionError("asked for a passphrase")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def saved(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_ssh_keygen_reads_it(key: PrivateKey, passphrase: bytes | None, tmp_path: Path) -> None:
    path = saved(tmp_path, "key.pem", key.pem(passphrase))
    done = subprocess.run(
        [program("ssh-keygen"), "-y", "-P", (passphrase or b"").decode(), "-f", path], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.split()[:2] == key.public.line.split()


def test_ssh_keygen_wants_the_passphrase(key: PrivateKey, tmp_path: Path) -> None:
    path = saved(tmp_path, "key.pem", key.pem(PASSPHRASE))
    done = subprocess.run([program("ssh-keygen"), "-y", "-P", "wrong", "-f", path], capture_output=True, text=True)
    assert done.returncode != 0
    assert "incorrect passphrase" in done.stderr


def test_a_plain_rsa_key_is_written_as_ec2_gives_it() -> None:
    assert generate("rsa").pem(None).startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")


def test_putty_file_to_the_letter(fixed: PrivateKey) -> None:
    # What puttygen 0.78 makes of this key.
    assert (
        fixed.ppk(None, comment="a key").decode()
        == """\
PuTTY-User-Key-File-3: ssh-ed25519
Encryption: none
Comment: a key
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQS
VTG4
Private-Lines: 1
AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
Private-MAC: 9a8f881124b115fe62d66022433a99ffbd835bdd28079d70f64a221f90704e53
"""
    )


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_puttygen_reads_it(key: PrivateKey, passphrase: bytes | None, tmp_path: Path) -> None:
    path = saved(tmp_path, "key.ppk", key.ppk(passphrase, comment="a\nkey"))
    word = saved(tmp_path, "word", passphrase or b"")
    done = subprocess.run(
        [program("puttygen"), path, "--old-passphrase", word, "-O", "public-openssh"], capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.strip() == f"{key.public.line} a key"


def test_a_comment_has_its_own_line_in_a_putty_file(fixed: PrivateKey) -> None:
    text = fixed.ppk(None, comment="a\r\nPrivate-Lines: 9").decode()
    assert "Comment: a Private-Lines: 9\n" in text


@pytest.mark.parametrize(
    ("number", "written"), [(0, "00000000"), (1, "0000000101"), (127, "000000017f"), (128, "000000020080")]
)
def test_numbers_of_ssh(number: int, written: str) -> None:
    assert put_number(number).hex() == written


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0\0\0\5abc"])
def test_a_cut_string_is_noticed(data: bytes) -> None:
    with pytest.raises(ValueError, match="cut short"):
        take_string(data)


def test_a_key_does_not_show_itself(key: PrivateKey) -> None:
    assert repr(key) == "PrivateKey()"


# Fingerprints


def test_the_fingerprint_of_ed25519_is_that_of_ssh_keygen(fixed: PrivateKey, tmp_path: Path) -> None:
    found = prints.read(fixed.pem(None), where="f", passphrase=never)
    assert found == prints.FileKey(fixed.public, frozenset({FINGERPRINT}), whole=True)
    path = saved(tmp_path, "key.pem", fixed.pem(None))
    done = subprocess.run([program("ssh-keygen"), "-lf", path], capture_output=True, text=True)
    assert done.stdout.split()[1] == f"SHA256:{FINGERPRINT}"


def test_the_fingerprints_of_rsa_are_those_of_openssl(tmp_path: Path) -> None:
    key = generate("rsa")
    path = saved(tmp_path, "key.pem", key.pem(None))
    openssl = program("openssl")
    made = subprocess.check_output([openssl, "pkcs8", "-in", path, "-nocrypt", "-topk8", "-outform", "DER"])
    imported = subprocess.check_output(
        [openssl, "rsa", "-in", path, "-pubout", "-outform", "DER"], stderr=subprocess.DEVNULL
    )
    found = prints.read(path.read_bytes(), where="f", passphrase=never)
    assert found.fingerprints == {
        hashlib.sha1(made).digest().hex(":"),
        hashlib.md5(imported).digest().hex(":"),
    }


FORMS = {
    "pem": lambda key: key.pem(None),
    "pem with a passphrase": lambda key: key.pem(PASSPHRASE),
    "ppk": lambda key: key.ppk(None, comment=""),
    "ppk with a passphrase": lambda key: key.ppk(PASSPHRASE, comment=""),
    "public": lambda key: f"{key.public.line} me@home\n".encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_that_key(key: PrivateKey, form: str) -> None:
    found = prints.read(FORMS[form](key), where="f", passphrase=lambda: PASSPHRASE)
    assert found.public == key.public
    (imported,) = prints.of_public(key.public).fingerprints
    assert prints.same(found, imported, None) is True
    assert prints.same(found, "junk", key.public) is True
    assert prints.same(found, imported, generate("ed25519").public) is False


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_not_another_one(key: PrivateKey, form: str) -> None:
    other = generate(key.public.kind)
    found = prints.read(FORMS[form](other), where="f", passphrase=lambda: PASSPHRASE)
    (imported,) = prints.of_public(key.public).fingerprints
    assert prints.same(found, imported, None) is False


def test_a_public_key_alone_does_not_tell_about_the_fingerprint_of_the_private_one() -> None:
    key = generate("rsa")
    made = hashlib.sha1(key.pkcs8).digest().hex(":")
    assert prints.same(prints.read(key.pem(None), where="f", passphrase=never), made, None) is True
    assert prints.same(prints.read(key.public.line.encode(), where="f", passphrase=never), made, None) is None


def test_ec2_pads_and_others_name_the_digest(fixed: PrivateKey) -> None:
    found = prints.of_public(fixed.public)
    assert prints.same(found, f"{FINGERPRINT}=", None) is True
    assert prints.same(found, f"SHA256:{FINGERPRINT}", None) is True


def test_no_passphrase_is_asked_for_what_is_in_the_clear(fixed: PrivateKey) -> None:
    assert prints.read(fixed.pem(PASSPHRASE), where="f", passphrase=never).public == fixed.public


def test_without_a_passphrase_an_encrypted_rsa_key_tells_its_public_half() -> None:
    key = generate("rsa")
    found = prints.read(key.pem(PASSPHRASE), where="f", passphrase=lambda: None)
    assert (found.public, found.whole) == (key.public, False)


def test_the_wrong_passphrase_is_told(key: PrivateKey) -> None:
    with pytest.raises(PassphraseNeeded):
        read_private(key.pem(PASSPHRASE), b"wrong")
    assert read_private(key.pem(None), b"one too many") is not None


# Public keys


def test_the_public_key_of_a_line_with_options() -> None:
    text = f'# mine\nno-pty,command="x" {PUBLIC} me\n'
    assert read_public(text, where="f").line == PUBLIC


def test_the_public_key_of_rfc_4716(fixed: PrivateKey) -> None:
    encoded = PUBLIC.split()[1]
    text = (
        '---- BEGIN SSH2 PUBLIC KEY ----\nComment: "a key \\\nof mine"\n'
        f"{encoded[:40]}\n{encoded[40:]}\n---- END SSH2 PUBLIC KEY ----\n"
    )
    assert read_public(text, where="f") == fixed.public


def test_the_public_key_of_pem() -> None:
    from cryptography.hazmat.primitives import serialization

    key = generate("rsa")
    loaded = serialization.load_ssh_public_key(key.public.line.encode())
    pem = loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert read_public(pem.decode(), where="f") == key.public


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f holds no public key"),
        ("hello world", "f holds no public key"),
        ("ssh-ed25519 AAAA!", "f holds no public key"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "f holds a damaged public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "f holds no public key"),
        (
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=",
            "f is a key of kind ecdsa-sha2-nistp256, which EC2 does not take",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "f holds a private key, which is never sent anywhere"),
        ("PuTTY-User-Key-File-3: ssh-rsa", "f holds a private key, which is never sent anywhere"),
    ],
)
def test_what_is_no_public_key(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_public(text, where="f")
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "junk"])
def test_what_is_no_key_at_all(text: str) -> None:
    with pytest.raises(UsageError):
        prints.read(text.encode(), where="f", passphrase=never)


def test_a_public_key_of_putty() -> None:
    assert ppk.public_of("junk") is None
    assert ppk.public_of("PuTTY-User-Key-File-3: ssh-rsa\nPublic-Lines: 1\n!!\n") is None


def test_public_keys_compare_by_value(fixed: PrivateKey) -> None:
    assert PublicKey("ed25519", fixed.public.blob) == read_public(PUBLIC, where="f")
