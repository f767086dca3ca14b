"""Files that can be made again: put there in one step, or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_cache(file: Path, text: str) -> None:
    """Put ``text`` there in one step, or nothing where that can't be done: a cache is a convenience."""
    import tempfile

    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(text)
            os.replace(name, file)
        except OSError:
            os.unlink(name)
