"""Where botocore hands answers over to be read by a :class:`~ectwo_cli.aws.fast.reading.Reading`.

Apart from that, since the first request can be sent before what reads its answer is imported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from botocore.parsers import ResponseParserFactory

if TYPE_CHECKING:
    from ectwo_cli.aws.fast.reading import Reading

Get: TypeAlias = "Callable[[], Reading | None]"


class _Asked(threading.local):
    get: Get | None = None


class Parsers(ResponseParserFactory):
    """botocore's factory of parsers, that can be asked to have the answers of this thread read by a Reading."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = _Asked()

    @contextmanager
    def reading(self, get: Get) -> Iterator[None]:
        """Until the end of this, answers are read by what ``get`` gives, if any, and where it can read them."""
        self._asked.get = get
        try:
            yield
        finally:
            self._asked.get = None

    def create_parser(self, protocol_name: str) -> Any:
        """What botocore calls for each answer."""
        parser = super().create_parser(protocol_name)
        get = self._asked.get
        return parser if get is None else _Parser(parser, get)


class _Parser:
    def __init__(self, standard: Any, get: Get) -> None:
        self.standard = standard
        self.get = get

    def parse(self, response: dict[str, Any], shape: Any) -> Any:
        reading = self.get() if response["status_code"] == 200 else None
        answer = None if reading is None else reading.answer(response)
        return self.standard.parse(response, shape) if answer is None else answer
