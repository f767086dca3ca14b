"""The three streams and what they can do. Made once, in main, and passed in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime, timezone
from functools import cached_property
from typing import TextIO

from ectwo_cli.records import dataclass
from ectwo_cli.render.text import escaped

BROKEN_PIPE = 141
"""128 + SIGPIPE: what a shell reports of any program whose reader has gone."""


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass
class Screen:
    """stdout for the result alone; stderr for everything else. Each is checked for a terminal by itself.

    ``clock`` is what ages ("3d ago") are counted from.
    """

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    # Credentials may be in it.
    environ: Mapping[str, str] = field(repr=False)
    quiet: bool = False
    no_color: bool = False
    clock: Callable[[], datetime] = _now
    # While a live display owns the terminal, lines for stderr are handed to it, to be printed above.
    above: Callable[[str], None] | None = field(default=None, init=False, repr=False)

    @cached_property
    def out_is_terminal(self) -> bool:
        return _is_terminal(self.stdout)

    @cached_property
    def err_is_terminal(self) -> bool:
        return _is_terminal(self.stderr)

    @cached_property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer: questions are written to stderr and read from stdin."""
        return self.err_is_terminal and _is_terminal(self.stdin)

    @property
    def is_dumb(self) -> bool:
        """Whether the terminal can't move its cursor."""
        return self.environ.get("TERM") == "dumb"

    @property
    def color_out(self) -> bool:
        return self._color(self.out_is_terminal)

    @property
    def color_err(self) -> bool:
        return self._color(self.err_is_terminal)

    @property
    def width(self) -> int:
        """Columns of the terminal: ``COLUMNS``, else what the terminal says, else 80."""
        return self._size()[0]

    @property
    def height(self) -> int:
        """Lines of the terminal: ``LINES``, else what the terminal says, else 24."""
        return self._size()[1]

    def write(self, text: str) -> None:
        """To stdout. The result, and nothing else. Ends the program quietly when the reader has gone."""
        try:
            _write(self.stdout, text)
        except BrokenPipeError:
            self._reader_gone()

    def flush(self) -> None:
        """Hand over what has been written so far."""
        try:
            self.stdout.flush()
        except BrokenPipeError:
            self._reader_gone()

    def note(self, text: str) -> None:
        """A hint or a piece of information, on stderr. Not with ``--quiet``."""
        if not self.quiet:
            self.say(escaped(text))

    def warn(self, text: str) -> None:
        """``warning: TEXT`` on stderr. Not with ``--quiet``."""
        if not self.quiet:
            self.say(f"{self.paint('warning:', '1;33')} {escaped(text)}")

    def error(
        self, message: str, *, code: str | None = None, hint: str | None = None, where: str | None = None
    ) -> None:
        """``error: [WHERE:] WHAT [(Code)]`` on stderr, then ``hint: WHAT TO DO`` when there is one."""
        what = f"{where}: {message}" if where else message
        if code and code not in what:
            what = f"{what} ({code})"
        self.say(f"{self.paint('error:', '1;31')} {escaped(what)}")
        if hint:
            self.hint(hint)

    def hint(self, text: str) -> None:
        """``hint: TEXT`` on stderr; part of an error, so also with ``--quiet``."""
        self.say(f"{self.paint('hint:', '1;36')} {escaped(text)}")

    def say(self, line: str) -> None:
        """A finished line to stderr, with the colors it has. Its data must be escaped already."""
        if self.above is not None:
            self.above(line)
            return
        # When nobody reads what is said, the result may still be wanted.
        with contextlib.suppress(BrokenPipeError):
            _write(self.stderr, line + "\n")
            self.stderr.flush()

    def paint(self, text: str, sgr: str) -> str:
        """``text`` in color (SGR parameters) where stderr takes it."""
        return f"\x1b[{sgr}m{text}\x1b[0m" if self.color_err else text

    def _color(self, is_terminal: bool) -> bool:
        if self.no_color or self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR", "0") not in ("", "0"):
            return True
        return is_terminal and not self.is_dumb

    def _size(self) -> tuple[int, int]:
        columns, lines = 80, 24
        for stream in (self.stdout, self.stderr, self.stdin):
            if _is_terminal(stream):
                try:
                    found = os.get_terminal_size(stream.fileno())
                except (OSError, ValueError, AttributeError):
                    continue
                # A serial line or a bare pty knows no size and says 0.
                columns, lines = found.columns or columns, found.lines or lines
                break
        return _positive(self.environ.get("COLUMNS")) or columns, _positive(self.environ.get("LINES")) or lines

    def _reader_gone(self) -> None:
        # Else the interpreter, on its way out, tries once more to write what is left, and complains.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stdout.fileno())
        raise SystemExit(BROKEN_PIPE)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        # Closed.
        return False


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) > 0 else None


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        # A locale that can't say it gets it written out.
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
