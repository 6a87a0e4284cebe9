"""Compares what was decided with what was executed, and what was billed with what was used."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from google.protobuf.message import DecodeError

from controlplane.audit.model import Document, Kind
from controlplane.audit.source import Batch
from controlplane.catalog.model import ModelName, Price
from controlplane.catalog.restore import DocumentInvalid, catalog_from
from controlplane.outcome.bill import Tokens, cost_nanousd
from controlplane.store.protocols import StoredEntry
from turnout.audit.v1 import record_pb2
from turnout.outcome.v1 import receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.times import moment


class Discrepancy(StrEnum):
    """What does not fit."""

    NEVER_EXECUTED = "never_executed"
    """A decision whose time passed without a receipt."""
    DECISION_UNKNOWN = "decision_unknown"
    """An execution whose decision is not ours, or not known but from the receipt."""
    OFF_PLAN = "off_plan"
    """A call of something that the decision does not name."""
    TOO_MANY_RUNS = "too_many_runs"
    """More runs than the decision allows."""
    BILL_DRIFT = "bill_drift"
    """A cost that is not usage times price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """One discrepancy. `nanousd` is the money that it is about: of a drift, stated less worked out."""

    kind: Discrepancy
    decision_id: str
    ref: str
    tenant: str
    workload: str
    at: datetime
    detail: str
    nanousd: int = 0


@dataclass(slots=True, kw_only=True)
class Reconciled:
    """What was compared. `stated` is what receipts say they cost, `worked_out` what that comes to from usage and prices."""

    decisions: int = 0
    receipts: int = 0
    open: int = 0
    """Decisions that may still be executed."""
    stated_nanousd: int = 0
    worked_out_nanousd: int = 0
    estimated_nanousd: int = 0
    """Of `stated`, what workers say is an estimate; it cannot be worked out."""
    discovered: list[Discovered] = field(default_factory=list)
    unreadable: int = 0
    """Entries whose bodies were erased."""


@dataclass(slots=True, kw_only=True)
class _Decided:
    tenant: str
    workload: str
    issued_at: datetime
    expires_at: datetime
    targets: Mapping[str, str]
    max_runs: int
    catalog_digest: bytes
    runs: int = 0


Documents = Callable[[Collection[bytes]], Awaitable[Mapping[bytes, Document]]]


class Reconciliation:
    """Reads a log from its begin and compares. Raises StoreUnavailable."""

    def __init__(self, documents: Documents, *, now: datetime, since: datetime | None = None) -> None:
        """`since`: only what was decided or executed from then on."""
        self._documents = documents
        self._now = now
        self._since = since
        self._decided: dict[str, _Decided] = {}
        self._erased: set[str] = set()
        self._early: list[tuple[StoredEntry, record_pb2.ReceiptRecord]] = []
        self._catalogs: dict[int, bytes] = {}
        self._prices: dict[bytes, Mapping[ModelName, Price]] = {}
        self.result = Reconciled()

    async def run(self, batches: AsyncIterator[Batch]) -> Reconciled:
        """Everything that does not fit, in order of time."""
        async for batch in batches:
            for entry in batch.entries:
                await self._entry(entry)
        for entry, record in self._early:
            await self._receipt(entry, record, last=True)
        for decision_id, decided in self._decided.items():
            self._unexecuted(decision_id, decided)
        self.result.discovered.sort(key=lambda one: one.at)
        return self.result

    async def _entry(self, entry: StoredEntry) -> None:
        if self._since is not None and entry.at < self._since and entry.kind != Kind.SNAPSHOT:
            return
        if entry.body is None:
            self.result.unreadable += 1
            self._erased.add(entry.decision_id)
            return
        try:
            await self._read(entry, entry.body)
        except DecodeError:
            self.result.unreadable += 1

    async def _read(self, entry: StoredEntry, body: bytes) -> None:
        match entry.kind:
            case Kind.SNAPSHOT:
                said = record_pb2.SnapshotRecord.FromString(body)
                self._catalogs[said.version] = said.catalog_digest
            case Kind.DECISION:
                self._decision(entry, record_pb2.DecisionRecord.FromString(body))
            case Kind.RECEIPT:
                await self._receipt(entry, record_pb2.ReceiptRecord.FromString(body))
            case Kind.STRAY:
                self._stray(entry, record_pb2.ReceiptRecord.FromString(body))

    def _decision(self, entry: StoredEntry, record: record_pb2.DecisionRecord) -> None:
        signed = decision_pb2.RouteDecision.FromString(record.decision.payload)
        decided = self._decided[entry.decision_id] = _Decided(
            tenant=signed.tenant,
            workload=signed.workload,
            issued_at=moment(signed.issued_at, "issued_at"),
            expires_at=moment(signed.expires_at, "expires_at"),
            targets={target.deployment: target.model for target in signed.targets},
            max_runs=signed.limits.max_runs,
            catalog_digest=record.basis.catalog_digest,
        )
        self.result.decisions += 1
        if record.adopted:
            self._discover(Discrepancy.DECISION_UNKNOWN, entry, decided, "it is only known from its receipt")

    async def _receipt(self, entry: StoredEntry, record: record_pb2.ReceiptRecord, *, last: bool = False) -> None:
        decided = self._decided.get(entry.decision_id)
        if decided is None and not last:
            self._early.append((entry, record))  # another replica's decision may have its place after it
            return
        self.result.receipts += 1
        if decided is None:
            if self._since is None and entry.decision_id not in self._erased:
                self._discover(Discrepancy.DECISION_UNKNOWN, entry, None, "no decision of this id is recorded")
            return
        decided.runs += 1
        if decided.runs == decided.max_runs + 1:
            told = f"run {decided.runs}, and the decision allows {decided.max_runs}"
            self._discover(Discrepancy.TOO_MANY_RUNS, entry, decided, told, record.receipt.cost_nanousd)
        self._off_plan(entry, decided, record.receipt)
        await self._bill(entry, decided, record.receipt)

    def _stray(self, entry: StoredEntry, record: record_pb2.ReceiptRecord) -> None:
        self.result.receipts += 1
        decided = self._decided.get(entry.decision_id)
        kind = Discrepancy.OFF_PLAN if decided else Discrepancy.DECISION_UNKNOWN
        told = f"{record.reporter} reported it, and it was not taken: {record.rejected}"
        self._discover(kind, entry, decided, told, record.receipt.cost_nanousd)

    def _off_plan(self, entry: StoredEntry, decided: _Decided, receipt: receipt_pb2.Receipt) -> None:
        for attempt in receipt.attempts:
            if decided.targets.get(attempt.deployment) != attempt.model:
                told = f"attempt {attempt.number} called {attempt.model} at {attempt.deployment}"
                self._discover(Discrepancy.OFF_PLAN, entry, decided, told, attempt.cost_nanousd)

    async def _bill(self, entry: StoredEntry, decided: _Decided, receipt: receipt_pb2.Receipt) -> None:
        self.result.stated_nanousd += receipt.cost_nanousd
        total = sum(attempt.cost_nanousd for attempt in receipt.attempts)
        if total != receipt.cost_nanousd:
            told = f"it states {receipt.cost_nanousd} n$, and its attempts come to {total} n$"
            self._discover(Discrepancy.BILL_DRIFT, entry, decided, told, receipt.cost_nanousd - total)
        prices = await self._prices_of(self._catalogs.get(receipt.snapshot_version, decided.catalog_digest))
        for attempt in receipt.attempts:
            self._attempt(entry, decided, attempt, prices)

    def _attempt(
        self, entry: StoredEntry, decided: _Decided, attempt: receipt_pb2.Attempt, prices: Mapping[ModelName, Price]
    ) -> None:
        price = prices.get(ModelName(attempt.model))
        if attempt.cost_estimated or price is None:
            self.result.estimated_nanousd += attempt.cost_nanousd
            return
        due = cost_nanousd(_tokens(attempt), price) if attempt.cost_nanousd or _finished(attempt) else 0
        self.result.worked_out_nanousd += due
        if due != attempt.cost_nanousd:
            told = f"attempt {attempt.number} states {attempt.cost_nanousd} n$, and its usage comes to {due} n$"
            self._discover(Discrepancy.BILL_DRIFT, entry, decided, told, attempt.cost_nanousd - due)

    async def _prices_of(self, digest: bytes) -> Mapping[ModelName, Price]:
        if digest not in self._prices:
            found = await self._documents([digest]) if digest else {}
            try:
                models = catalog_from(found[digest]).models if digest in found else {}
            except DocumentInvalid:
                models = {}
            self._prices[digest] = {name: model.price for name, model in models.items()}
        return self._prices[digest]

    def _unexecuted(self, decision_id: str, decided: _Decided) -> None:
        if decided.runs:
            return
        if decided.expires_at > self._now:
            self.result.open += 1
            return
        self.result.discovered.append(
            Discovered(
                kind=Discrepancy.NEVER_EXECUTED,
                decision_id=decision_id,
                ref=decision_id,
                tenant=decided.tenant,
                workload=decided.workload,
                at=decided.issued_at,
                detail=f"no receipt came, and it expired at {decided.expires_at:%Y-%m-%d %H:%M:%S} UTC",
            )
        )

    def _discover(
        self, kind: Discrepancy, entry: StoredEntry, decided: _Decided | None, detail: str, nanousd: int = 0
    ) -> None:
        self.result.discovered.append(
            Discovered(
                kind=kind,
                decision_id=entry.decision_id,
                ref=entry.ref,
                tenant=decided.tenant if decided else "",
                workload=decided.workload if decided else "",
                at=entry.at,
                detail=detail,
                nanousd=nanousd,
            )
        )


def _tokens(attempt: receipt_pb2.Attempt) -> Tokens:
    used = attempt.usage
    return Tokens(
        input=used.input_tokens,
        output=used.output_tokens,
        cached=used.cached_input_tokens,
        cache_write=used.cache_write_tokens,
    )


def _finished(attempt: receipt_pb2.Attempt) -> bool:
    """Whether the provider's figures must be billed; what broke off may be free."""
    return attempt.outcome == receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED


def counts(found: Sequence[Discovered]) -> Mapping[Discrepancy, int]:
    """How many of each kind."""
    return {kind: sum(one.kind is kind for one in found) for kind in Discrepancy}
