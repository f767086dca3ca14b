"""Files of private keys: private, whole or not there, never over anything, and nothing else left behind."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ectwo_cli.errors import EctwoError
from ectwo_cli.keys import store

CONTENT = b"-----BEGIN PRIVATE KEY-----\nsecret\n"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(params=[0o022, 0o000, 0o777], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("any_umask")
def test_file_and_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    own = tmp_path / "keys"
    path = own / "us-east-1" / "deploy.pem"
    store.check_writable(path, own=own)
    assert listing(tmp_path) == ["keys", "keys/us-east-1"]
    saved = store.save(path, CONTENT)
    assert listing(tmp_path) == ["keys", "keys/us-east-1", "keys/us-east-1/deploy.pem"]
    assert [mode(own), mode(path.parent), mode(path)] == [0o700, 0o700, 0o600]
    assert path.read_bytes() == CONTENT
    assert path.stat().st_nlink == 1
    saved.remove()
    assert not path.exists()


def test_folders_for_keys_alone_are_closed_to_others(tmp_path: Path) -> None:
    own = tmp_path / "keys"
    (own / "us-east-1").mkdir(parents=True)
    for folder in (tmp_path, own, own / "us-east-1"):
        folder.chmod(0o755)
    store.check_writable(own / "us-east-1" / "a.pem", own=own)
    assert [mode(tmp_path), mode(own), mode(own / "us-east-1")] == [0o755, 0o700, 0o700]


def test_folders_of_the_user_are_left_as_they_are(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    store.check_writable(tmp_path / "a.pem")
    assert mode(tmp_path) == 0o755
    assert listing(tmp_path) == []


@pytest.mark.parametrize("check", [store.check_writable, store.check_likely])
def test_a_folder_that_others_may_write_to_is_refused(check: object, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(EctwoError) as caught:
        check(tmp_path / "a.pem")  # type: ignore[operator]
    assert caught.value.message == f"others may write to {tmp_path}"
    assert listing(tmp_path) == []
    tmp_path.chmod(0o1777)
    check(tmp_path / "a.pem")  # type: ignore[operator]


@pytest.mark.parametrize("there", ["file", "dangling link", "folder"])
@pytest.mark.parametrize("act", ["check_free", "check_likely", "check_writable", "save"])
def test_nothing_is_ever_overwritten(there: str, act: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    if there == "file":
        path.write_text("precious")
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "elsewhere")
    before = path.lstat()
    with pytest.raises(EctwoError) as caught:
        store.save(path, CONTENT) if act == "save" else getattr(store, act)(path)
    assert caught.value.message == f"{path} is there already"
    assert path.lstat() == before
    assert listing(tmp_path) == ["a.pem"]


@pytest.mark.parametrize("there", ["file", "dangling link"])
def test_what_appears_at_the_last_moment_is_not_overwritten(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pem"
    link = os.link

    def late(*arguments: object, **named: object) -> None:
        if there == "file":
            path.write_text("precious")
        else:
            path.symlink_to(tmp_path / "elsewhere")
        link(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(EctwoError) as caught:
        store.save(path, CONTENT)
    assert caught.value.message == f"{path} is there already"
    assert listing(tmp_path) == ["a.pem"]
    assert path.is_symlink() or path.read_text() == "precious"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    taken = 0

    def full(handle: int, data: memoryview) -> int:
        nonlocal taken
        if taken >= 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken += 5
        return write(handle, data[:5])

    monkeypatch.setattr(os, "write", full)
    path = tmp_path / "a.pem"
    for act in (lambda: store.check_writable(path), lambda: store.save(path, CONTENT)):
        taken = 0
        with pytest.raises(EctwoError) as caught:
            act()
        assert caught.value.message == f"the private key can't be written to {path}: No space left on device"
        assert listing(tmp_path) == []


def test_short_writes_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:3]))
    store.save(tmp_path / "a.pem", CONTENT)
    assert (tmp_path / "a.pem").read_bytes() == CONTENT


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "a.pem"
    store.save(path, CONTENT)
    assert (listing(tmp_path), mode(path), path.read_bytes()) == (["a.pem"], 0o600, CONTENT)


def test_a_file_system_that_knows_no_modes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fchmod", lambda handle, mode: os.chmod(handle, 0o777))
    with pytest.raises(EctwoError) as caught:
        store.check_writable(tmp_path / "a.pem")
    assert caught.value.message == f"{tmp_path} is on a file system that can't keep a file private"
    assert listing(tmp_path) == []


def test_another_file_of_that_name_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    saved = store.save(path, CONTENT)
    other = tmp_path / "b"
    other.write_text("precious")
    other.rename(path)
    saved.remove()
    assert path.read_text() == "precious"


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(EctwoError) as caught:
        store.check_writable(tmp_path / "keys" / "a.pem")
    assert caught.value.message == f"{tmp_path}/keys is no folder"


def test_the_error_does_not_hold_the_key(tmp_path: Path) -> None:
    with pytest.raises(EctwoError) as caught:
        store.save(tmp_path / "nowhere" / "a.pem", CONTENT)
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.hint}"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("deploy", "deploy.pem"),
        ("my key", "my key.pem"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.pem"),
        ("..", "%2E..pem"),
        (".hidden", "%2Ehidden.pem"),
        ("50%", "50%25.pem"),
        ("a\nb", "a%0Ab.pem"),
    ],
)
def test_the_name_of_a_key_pair_stays_in_its_folder(name: str, file: str) -> None:
    assert store.default_file(Path("/k"), "us-east-1", name) == Path("/k/us-east-1") / file
