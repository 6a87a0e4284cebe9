"""The quality models of an installation in the store, and the one that decisions use here."""

import asyncio
import logging
from collections.abc import Callable
from hashlib import sha256
from typing import cast

from controlplane.learned.model import Kept, Shelf
from controlplane.learned.shelf_document import from_json, to_json
from controlplane.learning.artefact import ArtefactInvalid, decode
from controlplane.learning.fitness import unfit
from controlplane.learning.model import Learned
from controlplane.store.protocols import Database, Statement
from turnout_wire.failure import Failure

_log = logging.getLogger(__name__)

_NAME = "quality_models"
_ARTEFACT = "quality_model/"
_NEWER = "SELECT version, body FROM setting WHERE name = ? AND version > ?"
_CONTENT = "SELECT body FROM setting WHERE name = ?"
# One statement decides who is first: nothing is written if the version is another one meanwhile.
_REPLACE = (
    "INSERT INTO setting (name, version, body) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE "
    "SET version = setting.version + 1, body = excluded.body WHERE setting.version = ?"
)
_KEEP = "INSERT INTO setting (name, version, body) VALUES (?, 1, ?) ON CONFLICT (name) DO NOTHING"
_DROP = "DELETE FROM setting WHERE name = ?"
_TRIES = 10


class QualityBook:
    """What the store has, as this process last saw it. Belongs to one event loop; `refresh` it before it is asked."""

    def __init__(self, database: Database, encoder: Callable[[], str]) -> None:
        """`encoder` names what makes embeddings here."""
        self._database = database
        self._encoder = encoder
        self._version = 0
        self._changing = asyncio.Lock()
        self._taken = b""
        self.shelf = Shelf()
        """What is kept, and which of it was activated last."""
        self.learned: Learned | None = None
        """The one that was activated, ready; None if there is none, or if it cannot be used here."""

    async def refresh(self) -> bool:
        """Take what others changed; whether there was something. Raises StoreUnavailable, or ValueError for a damaged document."""
        for version, body in await self._database.fetch(_NEWER, _NAME, self._version):
            try:
                shelf = from_json(cast("bytes", body))
            except (ValueError, KeyError, TypeError) as error:
                told = f"the store's list of quality models cannot be read ({error!r}); restore a copy of the store"
                raise ValueError(told) from error
            if shelf.active != self._taken:
                self.learned = await self._taken_up(shelf.active)
            self.shelf, self._taken, self._version = shelf, shelf.active, cast("int", version)
            return True
        return False

    async def _taken_up(self, digest: bytes) -> Learned | None:
        """The model, if it can be used; one that cannot leaves the catalog's scores in force, so that decisions go on."""
        if not digest:
            return None
        learned, problem = await self._read(digest)
        if problem:
            _log.error(
                "the quality model cannot be used, the catalog's scores hold: %s",
                problem,
                extra={"digest": digest.hex()},
            )
            return None
        return learned

    async def _read(self, digest: bytes) -> tuple[Learned | None, str]:
        rows = await self._database.fetch(_CONTENT, _ARTEFACT + digest.hex())
        if not rows:
            return None, "its bytes are not in the store: import it again"
        content = cast("bytes", rows[0][0])
        if sha256(content).digest() != digest:
            return None, "its bytes in the store were altered: import it again"
        try:
            learned = decode(content)
        except ArtefactInvalid as error:
            return None, str(error)
        return learned, unfit(learned, self._encoder())

    async def problem(self, digest: bytes) -> str:
        """Why that model cannot be used here; empty if it can. Raises StoreUnavailable."""
        return (await self._read(digest))[1]

    async def keep(self, model: Kept, content: bytes) -> None:
        """Keep an artefact; durable when this returns. Raises StoreUnavailable, or Failure ETAG_MISMATCH as `change` does."""
        await self._database.write(
            [
                Statement(sql=_DROP, rows=[(_ARTEFACT + model.digest.hex(),)]),
                Statement(sql=_KEEP, rows=[(_ARTEFACT + model.digest.hex(), content)]),
            ]
        )
        before = self.shelf.kept
        await self.change(lambda shelf: shelf.imported(model))
        gone = {one.digest for one in before} - {one.digest for one in self.shelf.kept}
        if gone:
            await self._database.write([Statement(sql=_DROP, rows=[(_ARTEFACT + digest.hex(),) for digest in gone])])

    async def change(self, work: Callable[[Shelf], Shelf]) -> Shelf:
        """Keep what `work` makes of the shelf; durable when this returns. `work` is done again if others were faster.

        Raises what `work` raises, StoreUnavailable, or Failure ETAG_MISMATCH if others were faster again and again.
        """
        async with self._changing:
            for _ in range(_TRIES):
                await self.refresh()
                shelf = work(self.shelf)
                if shelf == self.shelf:
                    return shelf
                await self._database.write([Statement(sql=_REPLACE, rows=[(_NAME, to_json(shelf), self._version)])])
                await self.refresh()
                if self.shelf == shelf:
                    return shelf
        told = "other control planes changed quality models at the same moment, again and again; try again"
        raise Failure("ETAG_MISMATCH", told)
