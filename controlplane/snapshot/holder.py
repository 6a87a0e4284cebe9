"""The current snapshot: swapped as a whole, under a version that grows over restarts too."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from controlplane.snapshot.model import Catalog, Live, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version and the digest that it stands for."""

    number: int
    digest: bytes


class VersionStore(Protocol):
    """Where the last version is kept."""

    def load(self) -> Version | None:
        """The last version, if there was one."""
        ...

    def save(self, version: Version) -> None:
        """Keep it before it is shown to anybody. Raises OSError."""
        ...


def snapshot_digest(catalog: Catalog, key_set: bytes, callers: bytes, learned: bytes = b"") -> bytes:
    """SHA-256 over the digests of catalog, key set and callers, and of the quality model if one is active; each 32 bytes."""
    return hashlib.sha256(b"turnout.snapshot.v1\0" + catalog.digest + key_set + callers + learned).digest()


class SnapshotHolder:
    """Holds the newest snapshot and tells listeners of a new version. Belongs to one event loop."""

    def __init__(self, versions: VersionStore, clock: Callable[[], datetime]) -> None:
        self._versions = versions
        self._clock = clock
        self._current: Snapshot | None = None
        self._listeners: list[Callable[[Snapshot], None]] = []

    @property
    def current(self) -> Snapshot:
        """The newest snapshot. Raises RuntimeError before the first."""
        if self._current is None:
            raise RuntimeError("no snapshot was published yet")
        return self._current

    def on_publish(self, listener: Callable[[Snapshot], None]) -> None:
        """Call `listener` with every new version, not with changes of `live`."""
        self._listeners.append(listener)

    def publish(self, catalog: Catalog, digest: bytes) -> Snapshot:
        """Make a new version, unless everything is as it was, its number too: another control plane may have raised that."""
        version = self._next(digest)
        known = self._current
        if known is not None and (known.version, known.digest) == (version.number, digest):
            return known
        live = known.live if known else Live()
        self._versions.save(version)
        self._current = Snapshot(
            version=version.number, digest=digest, created_at=self._clock(), catalog=catalog, live=live
        )
        for listener in self._listeners:
            listener(self._current)
        return self._current

    def _next(self, digest: bytes) -> Version:
        last = self._versions.load()
        if last is not None and last.digest == digest:
            return last
        return Version(number=(last.number if last else 0) + 1, digest=digest)

    def refresh(self, live: Live) -> None:
        """Take new health and statistics under the same version."""
        self._current = replace(self.current, live=live)
