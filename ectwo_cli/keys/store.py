"""Files of private keys: of mode 600, whole or not at all, never over something that is there."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from ectwo_cli.errors import EctwoError
from ectwo_cli.records import dataclass

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def default_file(key_dir: Path, region: str, name: str, format: str = "pem") -> Path:
    """Where the key pair ``name`` of ``region`` is kept: ``KEY_DIR/REGION/NAME.pem``.

    EC2 takes names that are no names of files; what is in the way is written like in a URL.
    """
    safe = re.sub(r"[/%\x00-\x1f\x7f]", lambda found: quote(found.group(), safe=""), name)
    if safe.startswith("."):
        safe = "%2E" + safe[1:]
    return key_dir / region / f"{safe}.{format}"


@dataclass(frozen=True)
class Saved:
    """A file that was written; ``identity`` tells it from another one of that name."""

    path: Path
    identity: tuple[int, int]

    def remove(self) -> None:
        """Remove it, unless it has become another file meanwhile. Raises OSError."""
        found = os.lstat(self.path)
        if (found.st_dev, found.st_ino) == self.identity:
            os.unlink(self.path)


def check_free(path: Path) -> None:
    """Raises EctwoError when something is there already, be it a link that leads nowhere."""
    if os.path.lexists(path):
        raise EctwoError(
            f"{path} is there already", hint="keys are never overwritten: move it away, or say --save PATH"
        )


def check_likely(path: Path) -> None:
    """As :func:`check_writable`, without touching anything: for a dry run. Raises EctwoError."""
    check_free(path)
    there = path.parent
    while not there.exists():
        there = there.parent
    with _told(path):
        _check_folder(there)
        if not os.access(there, os.W_OK | os.X_OK):
            raise EctwoError(f"the private key can't be written to {path}: {there} is not writable")


def check_writable(path: Path, *, own: Path | None = None) -> None:
    """Make the folders and try whether a private file can be written there; nothing of it stays but the folders.

    ``own`` is the folder that is for keys alone: it and those in it are made 700 when they are not. Raises EctwoError.
    """
    check_free(path)
    with _told(path):
        _make_folders(path.parent, own)
        _check_folder(path.parent)
        name = _write_beside(path, b"\0" * 16384)
        os.unlink(name)


def save(path: Path, content: bytes) -> Saved:
    """Write ``content`` to ``path``; the folder is there. On the disk when this returns. Raises EctwoError.

    It is written under another name first, and then linked: a reader never sees half of it, and neither a file nor a
    link that appears there meanwhile is touched.
    """
    check_free(path)
    with _told(path):
        beside = _write_beside(path, content)
        try:
            try:
                os.link(beside, path, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS):
                    raise
                # A file system without links: the name itself is taken exclusively then.
                _write_new(path, content)
            found = os.lstat(path)
        finally:
            os.unlink(beside)
        _sync_folder(path.parent)
    return Saved(path, (found.st_dev, found.st_ino))


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """An OSError as what it means for the user. Of the content it says nothing."""
    try:
        yield
    except FileExistsError:
        check_free(path)
        raise EctwoError(f"{path} can't be written: something is in the way") from None
    except OSError as error:
        raise EctwoError(
            f"the private key can't be written to {path}: {error.strerror or error}",
            hint="say --save PATH, or set key_dir in the configuration",
        ) from None


def _make_folders(folder: Path, own: Path | None) -> None:
    missing = []
    there = folder
    while not there.exists():
        missing.append(there)
        there = there.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(each, FOLDER_MODE)
        # What the umask took away.
        os.chmod(each, FOLDER_MODE)
    if own is None:
        return
    for each in (folder, *folder.parents):
        if each == own or own in each.parents:
            found = each.stat()
            if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != FOLDER_MODE:
                os.chmod(each, FOLDER_MODE)


def _check_folder(folder: Path) -> None:
    """Raises EctwoError for a folder in which somebody else could put another file in the key's place."""
    found = folder.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise EctwoError(f"{folder} is no folder")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX:
        raise EctwoError(f"others may write to {folder}", hint=f"chmod go-w {folder}, or say --save PATH")


def _write_beside(path: Path, content: bytes) -> Path:
    name = path.with_name(f".ectwo-{secrets.token_hex(8)}")
    _write_new(name, content)
    return name


def _write_new(path: Path, content: bytes) -> None:
    """Write a new file, whole and synced to the disk, or none."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            os.fchmod(handle, FILE_MODE)
            if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
                raise EctwoError(
                    f"{path.parent} is on a file system that can't keep a file private", hint="say --save PATH"
                )
            left = memoryview(content)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except BaseException:
        os.unlink(path)
        raise


def _sync_folder(folder: Path) -> None:
    # Not every file system lets a folder be synced; the file itself is.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
