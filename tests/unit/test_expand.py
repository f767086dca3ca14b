"""Parameters of a command as options, however Python tells their types."""

from __future__ import annotations

import inspect
import typing
from typing import Annotated, Optional

import typer

from ectwo_cli.expand import expand

Words = Annotated[list[str] | None, typer.Option("--with", help="Words.")]


def verb(words: Words = None) -> None:
    """Something."""


def verb_in_python_3_10(words: Optional[Words] = None) -> None:  # noqa: UP045
    """Something. There, a parameter that is None by default is told like this."""


def test_an_option_that_is_none_by_default_stays_an_option() -> None:
    for each in (verb, verb_in_python_3_10):
        hint = inspect.signature(expand(each)).parameters["words"].annotation
        assert typing.get_origin(hint) is Annotated
        assert typing.get_args(hint)[1].help == "Words."
