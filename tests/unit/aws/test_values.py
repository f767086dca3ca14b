"""The values that properties are said to have are all that botocore's model knows of."""

from __future__ import annotations

from typing import Any

import pytest

from ectwo_cli.model import Column, Resource, columns
from tests.unit.aws.shapes import SERVICE, resources


def shape_at(shape: Any, path: str) -> Any:
    """The shape of what a path leads to; None where the model has no such thing."""
    for part in path.split("."):
        if part.removesuffix("[]") not in shape.members:
            return None
        shape = shape.members[part.removesuffix("[]")]
        if part.endswith("[]"):
            shape = shape.member
    return shape


def known(cls: type[Resource], col: Column) -> list[str]:
    """The values that botocore's model lists, as the property has them."""
    if len(col.paths) != 1:
        return []
    output = SERVICE.operation_model(cls.kind.operation).output_shape
    shape = shape_at(output, f"{cls.kind.items}.{col.paths[0]}")
    return [col.read(value) if col.read else value for value in getattr(shape, "enum", None) or ()]


LISTED = [
    (cls, col)
    for cls in resources()
    if cls.kind.operation in SERVICE.operation_names
    for col in columns(cls).values()
    if col.values and known(cls, col)
]


@pytest.mark.parametrize(("cls", "col"), LISTED, ids=lambda each: getattr(each, "name", None) or each.__name__)
def test_values_are_complete(cls: type[Resource], col: Column) -> None:
    assert {*known(cls, col)} <= {*col.values}


def test_some_are_compared() -> None:
    assert {"state", "lifecycle", "architecture"} <= {col.name for _, col in LISTED}
