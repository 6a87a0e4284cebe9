"""Removes bodies of entries for good, after writing down that, why, and for whom."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.audit.model import Entry, Kind
from controlplane.journal.model import Append
from controlplane.journal.submit import Submit
from controlplane.routing.deciding import LIFE
from controlplane.store.protocols import Statement, Store, StoredEntry
from turnout.audit.v1 import record_pb2

ERASABLE = (Kind.DECISION, Kind.REFUSAL, Kind.RECEIPT, Kind.STRAY, Kind.EXPIRY, Kind.FEEDBACK, Kind.ALERT)
"""Kinds whose bodies tell of requests. Those of configurations, keys and erasures stay."""
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many bodies were removed, and the entry that says so."""

    count: int
    ref: str


class BodyEraser:
    """The entry comes first: if the process ends in between, asking again removes the rest. Raises StoreUnavailable."""

    def __init__(
        self,
        store: Store,
        submit: Submit,
        clock: Callable[[], datetime],
        salt: Callable[[], bytes],
        new_id: Callable[[datetime], str],
    ) -> None:
        self._store = store
        self._submit = submit
        self._clock = clock
        self._salt = salt
        self._new_id = new_id

    async def requested(self, decision_ids: Sequence[str], before: datetime | None, *, by: str, reason: str) -> Erased:
        """Everything about some decisions, and everything erasable before a time."""
        entries = [entry for decision_id in decision_ids for entry in await self._about(decision_id)]
        record = record_pb2.ErasureRecord(
            entries=[f"{entry.kind} {entry.ref}" for entry in entries], requested_by=by, reason=reason
        )
        ref = await self._say(record, before)
        await self._forget(decision_ids, before)
        count = await self._store.entries.erase([entry.seq for entry in entries])
        if before is not None:
            count += await self._erase_before(before)
        return Erased(count=count, ref=ref)

    async def aged(self, seqs: Collection[int]) -> int:
        """Entries that are not kept any longer: of their kinds everything up to the youngest of them counts as erased."""
        if not seqs:
            return 0
        marks = ", ".join("?" for _ in seqs)
        sql = f"SELECT kind, MAX(at_us) FROM entry WHERE seq IN ({marks}) GROUP BY kind"  # noqa: S608 - only marks
        rows = await self._store.database.fetch(sql, *seqs)
        youngest = max(int(at or 0) for _, at in rows) if rows else 0
        record = record_pb2.ErasureRecord(requested_by="turnout", reason="retention")
        await self._say(record, from_microseconds(youngest + 1), sorted(str(kind) for kind, _ in rows))
        return await self._store.entries.erase(seqs)

    async def _forget(self, decision_ids: Sequence[str], before: datetime | None) -> None:
        """Requests do not get a decision again that cannot be read any more."""
        statements = [Statement(sql="DELETE FROM request WHERE decision_id = ?", rows=[(one,) for one in decision_ids])]
        if before is not None:
            over = microseconds(before + LIFE)
            statements.append(Statement(sql="DELETE FROM request WHERE expires_us < ?", rows=[(over,)]))
        await self._store.database.write([statement for statement in statements if statement.rows])

    async def _about(self, decision_id: str) -> list[StoredEntry]:
        found = await self._store.entries.of_decision(decision_id)
        return [entry for entry in found if entry.kind in ERASABLE and entry.body is not None]

    async def _say(
        self, record: record_pb2.ErasureRecord, before: datetime | None, kinds: Sequence[str] = ERASABLE
    ) -> str:
        now = self._clock()
        if before is not None:
            record.before.FromDatetime(before)
            record.kinds.extend(str(kind) for kind in kinds)
        ref = self._new_id(now)
        entry = Entry(
            kind=Kind.ERASURE, ref=ref, decision_id="", at=now, salt=self._salt(), body=record.SerializeToString()
        )
        await self._submit(Append(entry=entry))
        return ref

    async def _erase_before(self, before: datetime) -> int:
        kinds = ", ".join(f"'{kind.value}'" for kind in ERASABLE)
        sql = (
            f"SELECT seq FROM entry WHERE seq > ? AND at_us < ? AND body IS NOT NULL AND kind IN ({kinds}) "  # noqa: S608
            "ORDER BY seq LIMIT ?"
        )
        count, after = 0, 0
        while rows := await self._store.database.fetch(sql, after, microseconds(before), BATCH):
            seqs = [int(seq or 0) for (seq,) in rows]
            count += await self._store.entries.erase(seqs)
            after = seqs[-1]
        return count
