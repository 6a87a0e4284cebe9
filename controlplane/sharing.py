"""Keeps a control plane in step with others on the same store: configuration, keys, and what workers report."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from controlplane.access.key_book import KeyBook
from controlplane.catalog.document.problem import CatalogInvalid
from controlplane.catalog.store import CatalogStore
from controlplane.learned.book import QualityBook
from controlplane.outcome.shared_views import SharedViews
from controlplane.signing.file_store import FileKeyStore
from controlplane.signing.folder import KeyFolderError
from controlplane.snapshot.shared_versions import SharedVersions
from controlplane.store.protocols import Store, StoreUnavailable

_log = logging.getLogger(__name__)
CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is kept in step. `digest` is that of the configuration that holds here, `publish` makes a snapshot of it."""

    store: Store
    catalog: CatalogStore
    keys: FileKeyStore
    book: KeyBook
    quality: QualityBook
    versions: SharedVersions
    views: SharedViews
    digest: Callable[[], bytes]
    publish: Callable[[], None]


class Sharing:
    """Belongs to one event loop; `begin` first, then `run` there."""

    def __init__(self, shared: Shared) -> None:
        self.views = shared.views
        self._shared = shared
        self._publishing = asyncio.Lock()
        self._trouble = ""

    async def begin(self) -> None:
        """Publish what all have. Raises StoreUnavailable, or CatalogInvalid if that does not fit the file here."""
        await self._shared.catalog.refresh()
        await self.renew()

    async def run(self) -> None:
        """Follow the others until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self.views.run())

    async def renew(self) -> None:
        """Publish what holds here, under the version that all give it. Raises StoreUnavailable."""
        async with self._publishing:
            allotted = None
            while allotted != (digest := self._shared.digest()):
                await self._shared.versions.allot(digest)
                allotted = digest
            self._shared.publish()

    async def spread(self) -> None:
        """Publish a change that was just kept, and tell the others; they look every second if they cannot be told."""
        try:
            await self.renew()
            await self._shared.store.notify(CONFIGURATION)
        except StoreUnavailable as error:
            _log.warning("a change is kept and will be published when the store is there", extra={"cause": str(error)})

    async def _follow(self) -> None:
        while True:
            await self._shared.store.changed(CONFIGURATION)
            await self.look()

    async def look(self) -> None:
        """Take what others changed, and publish it. What cannot be taken leaves all as it is, and is logged once."""
        try:
            self._shared.keys.reload()
            await self._shared.book.refresh()
            await self._shared.quality.refresh()
            await self._shared.catalog.refresh()
            await self.renew()
        except (StoreUnavailable, CatalogInvalid, KeyFolderError, OSError, ValueError) as error:
            if self._trouble != str(error):
                _log.error("what other control planes changed cannot be taken", extra={"cause": str(error)})
            self._trouble = str(error)
        else:
            self._trouble = ""
