"""botocore's loader of models, that reads EC2's in pieces."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

from ectwo_cli.aws.fast.pieces import Json, Model, Pieces, endpoints

SERVICE = "ec2"
FORM = 1
"""To be raised when pieces are cut differently, so that those of before are left alone."""


class QuickLoader(Loader):
    """As ``standard``, in whose folders it looks, but quicker for EC2. ``cache_dir`` keeps the pieces, if any."""

    def __init__(self, standard: Any, cache_dir: Path | None) -> None:
        super().__init__(extra_search_paths=list(standard.search_paths), include_default_search_paths=False)
        self._cache_dir = cache_dir
        self._models: dict[str, Json] = {}
        self._endpoints: tuple[Json, str] | None = None
        self._sources: dict[str, Path | None] = {}

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        if service_name != SERVICE:
            return super().load_service_model(service_name, type_name, api_version)
        # The standard loader first lists the folders of all services there are.
        version = api_version or self.determine_latest_version(service_name, type_name)
        name = os.path.join(service_name, version, type_name)
        if self._source(f"{name}.sdk-extras") is not None:
            return super().load_service_model(service_name, type_name, api_version)
        if type_name != "service-2":
            return self.load_data(name)
        if name not in self._models:
            self._models[name] = self._model(name)
        return self._models[name]

    def _model(self, name: str) -> Json:
        pieces = self._pieces(name)
        try:
            return Model(pieces).description()
        except LookupError:
            return pieces.whole()

    def load_data_with_path(self, name: str) -> Any:
        if name != "endpoints" or (source := self._source(name)) is None:
            return super().load_data_with_path(name)
        if self._endpoints is None:
            # The path is without the suffix, as everywhere in botocore.
            self._endpoints = endpoints(self._pieces(name), SERVICE), str(source.parent / name)
        return self._endpoints

    def _pieces(self, name: str) -> Pieces:
        read = super().load_data_with_path
        return Pieces(self._folder(name), lambda: read(name)[0])

    def _folder(self, name: str) -> Path | None:
        source = self._source(name)
        if self._cache_dir is None or source is None:
            return None
        state = source.stat()
        about = repr((FORM, botocore.__version__, str(source), state.st_size, state.st_mtime_ns))
        digest = hashlib.sha256(about.encode()).hexdigest()[:16]
        return self._cache_dir / "botocore" / f"{botocore.__version__}-{name.partition(os.sep)[0]}-{digest}"

    def _source(self, name: str) -> Path | None:
        """The file that botocore reads ``name`` from."""
        if name not in self._sources:
            files = (Path(folder, name + suffix) for folder in self.search_paths for suffix in (".json", ".json.gz"))
            self._sources[name] = next((file for file in files if file.is_file()), None)
        return self._sources[name]
