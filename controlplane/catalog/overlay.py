"""Models and deployments that were made through the service, in one file of the state folder."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from controlplane.catalog.document.node import At, Plain, node_of
from controlplane.catalog.entry import write_deployment, write_model
from controlplane.catalog.layer import VERSION, Layer, Origin, read_layer
from controlplane.catalog.load import read_file
from controlplane.catalog.model import Deployment, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What the service keeps, by name."""

    models: Mapping[str, Model] = field(default_factory=lambda: MappingProxyType({}))
    deployments: Mapping[str, Deployment] = field(default_factory=lambda: MappingProxyType({}))


def overlay_of(layer: Layer) -> Overlay:
    """The entries of a layer that has no problems."""
    return Overlay(
        models={placed.name: placed.value for placed in layer.models if placed.value},
        deployments={placed.name: placed.value for placed in layer.deployments if placed.value},
    )


def document(overlay: Overlay) -> dict[str, Plain]:
    """The overlay as a document of the same form as turnout.yaml, entries by name."""
    return {
        "version": int(VERSION),
        "models": [write_model(model) for _, model in sorted(overlay.models.items())],
        "deployments": [write_deployment(deployment) for _, deployment in sorted(overlay.deployments.items())],
    }


def layer_of(overlay: Overlay, source: str) -> Layer:
    """The overlay as a layer, without lines: what the file would give if it were written and read."""
    return read_layer(At(source=source, path="", line=0, node=node_of(document(overlay))), Origin.API)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An overlay as a layer, and its version where several control planes share it, else 0."""

    version: int
    layer: Layer


class OverlayStore(Protocol):
    """Where the overlay is kept."""

    def load(self) -> Layer | None:
        """What was kept last; None if nothing was, or if it has to be waited for: see `newest`. Raises CatalogInvalid."""
        ...

    async def newest(self, since: int) -> Kept | None:
        """What was kept after the version `since`; None if nothing was. Raises StoreUnavailable."""
        ...

    async def save(self, overlay: Overlay, *, since: int) -> int:
        """Keep `overlay` in the place of the version `since`, durably and as a whole; its version.

        What raises kept nothing: OSError, StoreUnavailable, or Failure ETAG_MISMATCH if there is a newer version.
        """
        ...


class OverlayFile:
    """A JSON file that is replaced as a whole, so that a crash leaves the old or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Layer | None:
        """What was kept last; None if there is no file. Raises CatalogInvalid."""
        if not self._path.exists():
            return None
        return read_file(self._path, Origin.API)

    async def newest(self, since: int) -> Kept | None:  # noqa: ARG002 - one control plane has the file to itself
        """See OverlayStore."""
        return None

    async def save(self, overlay: Overlay, *, since: int) -> int:
        """Write beside the file, sync, and put it in the file's place. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as file:
            # JSON is YAML, so that the reader of turnout.yaml reads this too and names the line that is wrong.
            json.dump(document(overlay), file, ensure_ascii=False, indent=2)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._path)
        _sync_folder(self._path.parent)
        return since


def _sync_folder(folder: Path) -> None:
    """Make the renaming durable too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
