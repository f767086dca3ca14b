"""EC2 answers made up from botocore's own model: any members, in any combination, with any text."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
from hypothesis import strategies as st

from ectwo_cli import services
from ectwo_cli.model import Resource

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=12), max_size=6)
"""Texts beside ``USUAL``. What XML can't say is left out, and the private use area, of which the separators are."""

USUAL = ["", " ", "\n\t ", "web-1", "running", "a&b <c> ]]> \"d\" 'e'", "\r\n", "+", "é–✓", "\uf8ff", "0"]

SERVICE = botocore.session.Session().get_service_model("ec2")


def resources() -> list[type[Resource]]:
    """Every resource that a service declares."""
    found: dict[str, type[Resource]] = {}
    for module in pkgutil.walk_packages(services.__path__, services.__name__ + "."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Resource) and hasattr(value, "kind"):
                found[f"{value.__module__}.{value.__name__}"] = value
    return list(found.values())


def answer(operation: str, seed: int, texts: Sequence[str], most: int = 3) -> bytes:
    """An answer of ``operation``; lists have up to ``most`` elements."""
    maker = _Maker(random.Random(seed), [*USUAL, *texts], most)
    inner = maker.members(SERVICE.operation_model(operation).output_shape, 0)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    root = f"{operation}Response"
    space = ' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
    return f"{head}<{root}{space}>{maker.gap()}<requestId>r-1</requestId>{inner}</{root}>".encode()


class _Maker:
    def __init__(self, chance: random.Random, texts: Sequence[str], most: int) -> None:
        self.chance = chance
        self.texts = texts
        self.most = most
        self.indented = chance.random() < 0.5

    def gap(self) -> str:
        return "\n    " if self.indented else ""

    def members(self, shape: Any, depth: int) -> str:
        names = [name for name in shape.members if self.chance.random() < (0.8 if depth < 3 else 0.5)]
        self.chance.shuffle(names)
        return "".join(self.tagged(shape.members[name], name, depth) for name in names) + self.gap()

    def tagged(self, shape: Any, name: str, depth: int) -> str:
        tag = shape.serialization.get("name") or name
        inner = self.value(shape, depth)
        return f"{self.gap()}<{tag}>{inner}</{tag}>" if inner or self.chance.random() < 0.5 else f"{self.gap()}<{tag}/>"

    def value(self, shape: Any, depth: int) -> str:
        kind = shape.type_name
        if kind == "structure":
            return self.members(shape, depth + 1) if depth < 12 else ""
        if kind == "list":
            count = self.chance.randint(0, self.most) if depth < 12 else 0
            return "".join(self.tagged(shape.member, "item", depth + 1) for _ in range(count)) + self.gap()
        if kind == "timestamp":
            day = f"20{self.chance.randint(10, 40)}-0{self.chance.randint(1, 9)}-1{self.chance.randint(0, 9)}"
            return self.chance.choice(
                [f"{day}T08:15:30.123Z", f"{day}T23:59:59Z", f"{day}T00:00:00+02:00", "1700000000"]
            )
        if kind == "boolean":
            return self.chance.choice(["true", "false"])
        if kind in ("integer", "long"):
            return str(self.chance.randint(-5, 2**40))
        if kind in ("float", "double"):
            return str(self.chance.random() * 100)
        if kind == "blob":
            return "aGVsbG8="
        assert kind == "string", kind
        text = self.chance.choice(self.texts)
        if self.chance.random() < 0.05:
            return "".join(f"&#{ord(char)};" for char in text)
        return escape(text, {"\r": "&#13;"})
