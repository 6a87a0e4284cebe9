"""The overlay in the table `setting`, for control planes that share a PostgreSQL."""

import json
from typing import cast

from controlplane.catalog.document.parse import parse
from controlplane.catalog.layer import Layer, Origin, read_layer
from controlplane.catalog.overlay import Kept, Overlay, document
from controlplane.store.protocols import Database
from turnout_wire.failure import Failure

_NAME = "overlay"
_NEWER = "SELECT version, body FROM setting WHERE name = ? AND version > ?"
# One statement decides who is first: it gives no row if the version is another one meanwhile.
_REPLACE = (
    "INSERT INTO setting (name, version, body) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE "
    "SET version = setting.version + 1, body = excluded.body WHERE setting.version = ? RETURNING version"
)


class SharedOverlay:
    """See OverlayStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> Layer | None:
        """See OverlayStore: nothing is known without asking the database."""
        return None

    async def newest(self, since: int) -> Kept | None:
        """See OverlayStore."""
        for version, body in await self._database.fetch(_NEWER, _NAME, since):
            root, problems = parse(cast("bytes", body), "the store's overlay")
            return Kept(version=cast("int", version), layer=read_layer(root, Origin.API, problems))
        return None

    async def save(self, overlay: Overlay, *, since: int) -> int:
        """See OverlayStore."""
        body = json.dumps(document(overlay), ensure_ascii=False).encode()
        kept = await self._database.fetch(_REPLACE, _NAME, body, since)
        if not kept:
            message = (
                "another control plane changed the catalog at the same moment: get what is there now and try again"
            )
            raise Failure("ETAG_MISMATCH", message)
        return cast("int", kept[0][0])
