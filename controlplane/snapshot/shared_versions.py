"""Snapshot versions in the table `snapshot_version`: the same configuration has the same version on every control plane."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from controlplane.audit.leaf import microseconds
from controlplane.snapshot.holder import Version
from controlplane.store.protocols import Database, Statement, StoreUnavailable

_FIND = "SELECT version FROM snapshot_version WHERE digest = ?"
_LAST = "SELECT COALESCE(MAX(version), 0) FROM snapshot_version"
_ADD = "INSERT INTO snapshot_version (version, at_us, digest) VALUES (?, ?, ?)"
_RAISE = "UPDATE snapshot_version SET version = ?, at_us = ? WHERE digest = ?"
_TRIES = 10


class SharedVersions:
    """A VersionStore that knows the version it was told to `allot` last."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._version: Version | None = None

    async def allot(self, digest: bytes) -> None:
        """Find the version of `digest`, or give it the next one; durable when this returns. Raises StoreUnavailable.

        A configuration that was changed back gets a new version too: workers take no version that is lower than theirs.
        """
        for attempt in range(_TRIES):
            found = await self._database.fetch(_FIND, digest)
            if found and not self._falls_to(number := cast("int", found[0][0])):
                self._version = Version(number=number, digest=digest)
                return
            try:
                await self._add(digest, _RAISE if found else _ADD)
            except StoreUnavailable:
                # Another one may have taken the number, or the digest; if the store is away the next look says so.
                if attempt == _TRIES - 1:
                    raise

    def load(self) -> Version | None:
        """See VersionStore."""
        return self._version

    def save(self, version: Version) -> None:
        """See VersionStore. Raises RuntimeError if `version` was not allotted."""
        if version != self._version:
            raise RuntimeError(f"snapshot version {version.number} was not allotted")

    def _falls_to(self, number: int) -> bool:
        return self._version is not None and number < self._version.number

    async def _add(self, digest: bytes, how: str) -> None:
        ((last,),) = await self._database.fetch(_LAST)
        row = (cast("int", last) + 1, microseconds(self._clock()), digest)
        await self._database.write([Statement(sql=how, rows=[row])])
