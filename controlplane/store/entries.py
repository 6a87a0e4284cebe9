"""What was recorded, on any database."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from controlplane.audit.model import Document
from controlplane.store import rows
from controlplane.store.protocols import Database, Statement, StoredEntry

_ENTRY = f"SELECT {rows.STORED} FROM entry e LEFT JOIN leaf l ON l.seq = e.seq"
# The index of decision ids is of those that are not empty, and is taken only where that is said.
_OF_DECISION = f"{_ENTRY} WHERE e.decision_id = ? AND e.decision_id != '' ORDER BY e.seq"
_ONE = f"{_ENTRY} WHERE e.kind = ? AND e.ref = ?"
_IN_ORDER = f"SELECT {rows.STORED} FROM leaf l JOIN entry e ON e.seq = l.seq WHERE l.idx >= ? ORDER BY l.idx LIMIT ?"
_WITH_BODY = "SELECT COUNT(*) FROM entry WHERE body IS NOT NULL AND seq IN ({})"
_ERASE = "UPDATE entry SET salt = NULL, body = NULL WHERE seq = ?"


class SqlEntries:
    """See Entries. `purge` removes what the database keeps of erased bodies for a while, where it does."""

    def __init__(self, database: Database, purge: Callable[[], Awaitable[None]] | None = None) -> None:
        self._database = database
        self._purge = purge

    async def of_decision(self, decision_id: str) -> Sequence[StoredEntry]:
        """See Entries."""
        return [rows.stored_entry(row) for row in await self._database.fetch(_OF_DECISION, decision_id)]

    async def get(self, kind: str, ref: str) -> StoredEntry | None:
        """See Entries."""
        found = await self._database.fetch(_ONE, kind, ref)
        return rows.stored_entry(found[0]) if found else None

    async def in_order(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """See Entries."""
        return [rows.stored_entry(row) for row in await self._database.fetch(_IN_ORDER, start, limit)]

    async def documents(self, digests: Collection[bytes]) -> Mapping[bytes, Document]:
        """See Entries."""
        found = []
        for part in rows.chunks(digests):
            sql = f"SELECT digest, kind, body FROM document WHERE digest IN ({rows.marks(len(part))})"
            found += await self._database.fetch(sql, *part)
        return {document.digest: document for document in map(rows.document, found)}

    async def erase(self, seqs: Collection[int]) -> int:
        """See Entries."""
        bodies = 0
        for part in rows.chunks(seqs):
            ((count,),) = await self._database.fetch(_WITH_BODY.format(rows.marks(len(part))), *part)
            bodies += int(count or 0)
        await self._database.write([Statement(sql=_ERASE, rows=[(seq,) for seq in seqs])])
        if self._purge is not None:
            await self._purge()
        return bodies
