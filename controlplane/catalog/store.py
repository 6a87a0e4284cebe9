"""The catalog that holds now: the file and the overlay together, changed only as a whole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controlplane.catalog.document.problem import CatalogInvalid, Problem
from controlplane.catalog.layer import Layer, Origin, Placed
from controlplane.catalog.load import Assembled, assemble, layers_of, packaged, read_file
from controlplane.catalog.overlay import Overlay, OverlayStore, layer_of, overlay_of
from controlplane.catalog.stamp import Stamp, stamp_of
from controlplane.snapshot.model import Catalog
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure

Listener = Callable[[Catalog], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the file stands: when it was last taken, and what is wrong with it since when, if it is refused now."""

    taken_at: datetime
    failing_since: datetime | None = None
    problems: tuple[Problem, ...] = ()


class CatalogStore:
    """Holds the catalog and tells listeners of a new one. Belongs to one event loop."""

    def __init__(self, path: Path | None, overlays: OverlayStore, clock: Callable[[], datetime]) -> None:
        """Read everything once. `path` is the operator's file; without one the packaged default catalog holds.

        Raises CatalogInvalid with every problem.
        """
        self._path = path
        self._overlays = overlays
        self._clock = clock
        self._packaged = packaged()
        self._listeners: list[Listener] = []
        self._changing = asyncio.Lock()
        self._version = 0
        self._stamp: Stamp | None = None
        self._file = self._read()
        kept = overlays.load()
        self._assembled = assemble(layers_of(self._packaged, self._file, kept))
        self._overlay = overlay_of(kept) if kept else Overlay()
        self._status = Status(taken_at=clock())

    @property
    def current(self) -> Catalog:
        """The catalog that holds."""
        return self._assembled.catalog

    @property
    def overlay(self) -> Overlay:
        """The part of it that the service keeps."""
        return self._overlay

    @property
    def status(self) -> Status:
        """How the file stands."""
        return self._status

    @property
    def path(self) -> Path | None:
        """The operator's file."""
        return self._path

    @property
    def stamp(self) -> Stamp | None:
        """The state of that file just before it was read last, whether it was taken or refused."""
        return self._stamp

    def on_change(self, listener: Listener) -> None:
        """Call `listener` with every new catalog, after it holds."""
        self._listeners.append(listener)

    def model_place(self, name: str) -> str:
        """Where a model is written, for people."""
        return _place(self._assembled.merged.models.get(name))

    def deployment_place(self, name: str) -> str:
        """Where a deployment is written, for people."""
        return _place(self._assembled.merged.deployments.get(name))

    def reload(self) -> Status:
        """Read the file again and take it if it is valid; else the catalog stays and the status says why."""
        try:
            file = self._read()
            assembled = assemble(self._layers(file, self._overlay))
        except CatalogInvalid as invalid:
            since = self._status.failing_since or self._clock()
            self._status = Status(taken_at=self._status.taken_at, failing_since=since, problems=invalid.problems)
            return self._status
        self._file = file
        self._status = Status(taken_at=self._clock())
        self._take(assembled)
        return self._status

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Change the overlay inside, alone in this process and from what any control plane kept last.

        Raises Failure STORE_UNAVAILABLE if it cannot be known.
        """
        async with self._changing:
            try:
                await self._adopt()
            except StoreUnavailable as error:
                raise _not_kept(str(error), "STORE_UNAVAILABLE") from error
            yield

    async def refresh(self) -> None:
        """Take what another control plane kept. Raises StoreUnavailable, or CatalogInvalid if it does not fit the file here."""
        async with self._changing:
            await self._adopt()

    async def change(self, overlay: Overlay, *, validate_only: bool = False) -> None:
        """Keep `overlay` instead of the one before, if the catalog is valid with it as a whole. To be called inside `turn`.

        Raises CatalogInvalid, or Failure INTERNAL, STORE_UNAVAILABLE or ETAG_MISMATCH if it cannot be kept; then nothing
        changed.
        """
        file = self._file
        assembled = assemble(self._layers(file, overlay))
        if validate_only:
            return
        try:
            self._version = await self._overlays.save(overlay, since=self._version)
        except StoreUnavailable as error:
            raise _not_kept(str(error), "STORE_UNAVAILABLE") from error
        except OSError as error:
            raise _not_kept(error.strerror or str(error), "INTERNAL") from error
        self._overlay = overlay
        # The file may have been read again while the overlay was being kept.
        self._take(assembled if self._file is file else assemble(self._layers(self._file, overlay)))

    async def _adopt(self) -> None:
        newest = await self._overlays.newest(self._version)
        if newest is not None:
            assembled = assemble(layers_of(self._packaged, self._file, newest.layer))
            self._overlay, self._version = overlay_of(newest.layer), newest.version
            self._take(assembled)

    def _read(self) -> Layer | None:
        if self._path is None:
            return None
        # Before the content: a change between the two is seen as one later, and read again.
        self._stamp = stamp_of(self._path)
        return read_file(self._path, Origin.FILE)

    def _layers(self, file: Layer | None, overlay: Overlay) -> list[Layer]:
        return layers_of(self._packaged, file, layer_of(overlay, "api"))

    def _take(self, assembled: Assembled) -> None:
        changed = assembled.catalog.digest != self._assembled.catalog.digest
        self._assembled = assembled
        if changed:
            for listener in self._listeners:
                listener(assembled.catalog)


def _not_kept(reason: str, word: str) -> Failure:
    if word == "INTERNAL":
        return Failure(
            word, f"the change cannot be kept ({reason}), nothing changed: make room in the state folder and try again"
        )
    return Failure(word, f"the change cannot be kept ({reason}), nothing changed: try again when the store is there")


def _place(placed: Placed[object] | None) -> str:
    if placed is None:
        return ""
    return f"{placed.at.source}:{placed.at.line}" if placed.at.line else placed.at.source
