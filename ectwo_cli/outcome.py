"""What became of one target of a verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Generic

from ectwo_cli.model import R
from ectwo_cli.records import dataclass


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """``action`` says what was done (``started``, ``unchanged``); ``error`` why it was not, with EC2's ``code``.

    ``item`` is as it is afterwards, or as it was last seen. ``details`` are further keys of the record.
    """

    item: R
    action: str | None
    error: str | None = None
    code: str | None = None
    hint: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.error is not None
