"""Large JSON documents in pieces that are cached: what is needed of botocore's model of EC2, cut out on first use.

The model is 3.7 MB, of which one operation needs a few dozen KB. Pieces are cut from the *installed* model and kept for
the very file that they were cut from, so there is nothing to go out of date, and what is in no piece is looked for in
the whole. A piece that is missing, broken or can't be kept costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ectwo_cli.aws.cache import write_cache

Json = dict[str, Any]

KEPT = 30 * 86400
"""Seconds after which pieces of another botocore are thrown away."""


class Pieces:
    """Pieces of one document, kept in ``folder`` (None: nowhere). ``whole`` reads all of it; it is called once at most.

    Safe to use from threads.
    """

    def __init__(self, folder: Path | None, whole: Callable[[], Json]) -> None:
        self._folder = folder
        self._read_whole = whole
        self._whole: Json | None = None
        self._read: dict[str, Json] = {}
        self._lock = threading.RLock()

    def whole(self) -> Json:
        """The document."""
        with self._lock:
            if self._whole is None:
                self._whole = self._read_whole()
            return self._whole

    def get(self, name: str, cut: Callable[[Json], Json]) -> Json:
        """The piece ``name``, which ``cut`` makes of the document. What ``cut`` raises is passed on."""
        with self._lock:
            if name not in self._read:
                self._read[name] = self._kept(name) or self._cut(name, cut)
            return self._read[name]

    def _cut(self, name: str, cut: Callable[[Json], Json]) -> Json:
        piece = cut(self.whole())
        if self._folder is not None:
            text = json.dumps(piece, separators=(",", ":"))
            if not self._folder.exists():
                _throw_away_old(self._folder)
            write_cache(self._folder / f"{name}.json", f"{zlib.crc32(text.encode()):08x}\n{text}")
        return piece

    def _kept(self, name: str) -> Json | None:
        if self._folder is None:
            return None
        try:
            check, _, text = (self._folder / f"{name}.json").read_bytes().partition(b"\n")
            if int(check, 16) != zlib.crc32(text):
                return None
            piece = json.loads(text)
        except (OSError, ValueError):
            return None
        return piece if isinstance(piece, dict) else None


def _throw_away_old(folder: Path) -> None:
    # Two botocores may well take turns (virtual environments), so their pieces stay for a while.
    with contextlib.suppress(OSError):
        for other in folder.parent.iterdir():
            if other.stat().st_mtime < time.time() - KEPT:
                shutil.rmtree(other, ignore_errors=True)


class Partial(Mapping[str, Any]):
    """A mapping of which ``some`` is at hand; what else is asked for is looked up in ``whole()``."""

    def __init__(self, some: Mapping[str, Any], whole: Callable[[], Mapping[str, Any]]) -> None:
        self._some = some
        self._whole = whole

    def __getitem__(self, key: str) -> Any:
        try:
            return self._some[key]
        except KeyError:
            return self._whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())


# A service's model, operation by operation


class Model:
    """A service's model for botocore's ``ServiceModel``, whose operations and shapes come when they are asked for."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._shapes: dict[str, Any] = {}

    def description(self) -> Json:
        """The model. Its operations, gone through, are those that were asked for so far: listing all 800 of them is
        what botocore does for each client, to make methods that nobody calls."""
        pieces = self._pieces
        about = pieces.get("service", _about)
        return {
            **about,
            "operations": _Operations(self),
            "shapes": _Shapes(self._shapes, lambda: pieces.whole()["shapes"]),
        }

    def operation(self, name: str) -> Json:
        """One operation; its shapes are at hand then. Raises KeyError."""
        piece = self._pieces.get(name, lambda whole: _operation(whole, name))
        self._shapes.update(piece["shapes"])
        operation: Json = piece["operation"]
        return operation


class _Operations(dict[str, Any]):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, name: str) -> Json:
        return self._model.operation(name)


class _Shapes(Partial):
    """Gone through (botocore looks for errors that have a shape of their own; ``_about`` has made sure that there are
    none), it is those at hand."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._some))

    def __len__(self) -> int:
        return len(self._some)


def can_be_cut(whole: Json) -> bool:
    """Whether nothing of the model needs a look at all operations or shapes: EC2's is so, and may cease to be."""
    discovery = any("endpointdiscovery" in each or "endpointoperation" in each for each in whole["operations"].values())
    return not discovery and not any(shape.get("exception") for shape in whole["shapes"].values())


def _about(whole: Json) -> Json:
    if not can_be_cut(whole):
        raise LookupError("this model needs all its shapes")
    about: Json = _plain({name: value for name, value in whole.items() if name not in ("operations", "shapes")})
    return about


def _operation(whole: Json, name: str) -> Json:
    operation = whole["operations"][name]
    shapes: Json = {}
    todo = list(_refs(operation))
    while todo:
        shape = todo.pop()
        if shape not in shapes:
            shapes[shape] = whole["shapes"][shape]
            todo += _refs(shapes[shape])
    piece: Json = _plain({"operation": operation, "shapes": shapes})
    return piece


def _refs(value: Any) -> Iterator[str]:
    """The names of the shapes that a part of the model mentions."""
    if isinstance(value, dict):
        if isinstance(value.get("shape"), str):
            yield value["shape"]
        for part in value.values():
            yield from _refs(part)
    elif isinstance(value, list):
        for part in value:
            yield from _refs(part)


def _plain(value: Any) -> Any:
    """The same without documentation, which is most of it. A *member* of that name is no text, and stays."""
    if isinstance(value, dict):
        return {
            key: _plain(part) for key, part in value.items() if not (key == "documentation" and isinstance(part, str))
        }
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


# The endpoints of all services


def endpoints(pieces: Pieces, service: str) -> Json:
    """botocore's list of endpoints, of which those of ``service`` are at hand."""

    def cut(whole: Json) -> Json:
        def some(partition: Json) -> Json:
            found = partition["services"].get(service)
            return {**partition, "services": {service: found} if found else {}}

        return {**whole, "partitions": [some(each) for each in whole["partitions"]]}

    piece = pieces.get("endpoints", cut)

    def all_of(at: int) -> Callable[[], Json]:
        def services() -> Json:
            found: Json = pieces.whole()["partitions"][at]["services"]
            return found

        return services

    partitions = [
        {**each, "services": Partial(each["services"], all_of(at))} for at, each in enumerate(piece["partitions"])
    ]
    return {**piece, "partitions": partitions}
