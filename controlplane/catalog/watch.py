"""Takes changes of the file without a restart: looks at it twice a second, and whenever it is told to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from controlplane.catalog.stamp import Stamp, stamp_of
from controlplane.catalog.store import CatalogStore, Status

_log = logging.getLogger(__name__)

INTERVAL_S = 0.5


class CatalogWatch:
    """Reloads the store when its file changed.

    A change counts once it stays the same from one look to the next: a file that is still being written, or absent
    between two steps of an editor, is not read. So a change holds within two intervals.
    """

    def __init__(
        self,
        store: CatalogStore,
        *,
        interval_s: float = INTERVAL_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._sleep = sleep
        self._seen = store.stamp

    async def run(self) -> None:
        """Look for changes until cancelled; returns at once if the store has no file."""
        while self._store.path is not None:
            await self._sleep(self._interval_s)
            try:
                self.look()
            except OSError:
                # A listener could not keep the new state (a full disk): the watch must outlive that.
                _log.exception(
                    "the catalog was taken and could not be passed on", extra={"path": str(self._store.path)}
                )

    def look(self) -> None:
        """Look once, and reload if the file changed and stays as it is."""
        now = self._stamp()
        settled, self._seen = now == self._seen, now
        if settled and now != self._store.stamp:
            self.reload()

    def reload(self) -> Status:
        """Reload whatever the file looks like, as on SIGHUP, and log what came of it."""
        before = self._store.current.digest
        status = self._store.reload()
        for problem in status.problems:
            _log.error("the catalog is refused, the one before holds: %s", problem, extra=_extra(self._store, status))
        if not status.problems:
            word = "unchanged" if self._store.current.digest == before else "taken"
            _log.info("the catalog is %s", word, extra=_extra(self._store, status))
        return status

    def _stamp(self) -> Stamp | None:
        return None if self._store.path is None else stamp_of(self._store.path)


def _extra(store: CatalogStore, status: Status) -> dict[str, object]:
    return {
        "path": str(store.path),
        "catalog_digest": store.current.digest.hex(),
        "failing_since": status.failing_since.isoformat() if status.failing_since else None,
    }
