"""What EC2 says no with."""

from __future__ import annotations

from collections.abc import Iterable


class Refusal(Exception):
    """An error answer: EC2's ``code``, its ``message`` and the HTTP ``status``."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def missing(parameter: str) -> Refusal:
    """A parameter that EC2 can't do without."""
    return Refusal("MissingParameter", f"The request must contain the parameter {parameter}")


def bad_value(value: object, parameter: str, why: str = "") -> Refusal:
    """A parameter with a value that EC2 does not take."""
    tail = f" {why}" if why else ""
    return Refusal("InvalidParameterValue", f"Value ({value}) for parameter {parameter} is invalid.{tail}")


def not_found(noun: str, code: str, ids: Iterable[str]) -> Refusal:
    """IDs that are well formed, and unknown: ``The instance ID 'i-0…' does not exist``."""
    names = list(ids)
    if len(names) == 1:
        return Refusal(code, f"The {noun} ID '{names[0]}' does not exist")
    return Refusal(code, f"The {noun} IDs '{', '.join(names)}' do not exist")
