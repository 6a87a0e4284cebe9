"""Reads from the audit log which answers were judged, and what was known of their requests when they were decided."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from controlplane.audit.leaf import microseconds
from controlplane.audit.model import Kind
from controlplane.audit.source import Source
from controlplane.catalog.restore import catalog_from
from controlplane.classification.model import Classification
from controlplane.decision.model import Operation, Request
from controlplane.insight.facts import FeedbackFact, RunFact
from controlplane.learning.training.lengths import Answer
from controlplane.learning.training.log import LeftOut, Place, Sayings, Verdict, stands_for
from controlplane.rpc.enums import COMPLEXITIES, TASK_TYPES
from controlplane.rpc.record_codec import recorded
from controlplane.rpc.record_facts import told_by
from controlplane.snapshot.model import Catalog
from controlplane.store.protocols import StoredEntry
from turnout.audit.v1 import record_pb2
from turnout.routing.v1 import decision_pb2
from turnout_features.model import Features
from turnout_wire.failure import Failure

Tell = Callable[[str, float], None]
"""Hears what is done, and the share that is."""

Longer = Callable[[Features, Classification], int]
"""Tells of a request how many times its answers double beyond what is usual for such work, in millionths."""

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An answer and what is known of it. `score` is None where only the receipt tells that it was of no use."""

    at_us: int
    workload: str
    features: Features
    classification: Classification
    model: str
    score: float | None
    stands_for: float


class JudgedAnswers:
    """Reads a log twice: what came of decisions first, then the decisions themselves.

    `catalog` is the newest one of the log after the first, None if it has none; `left_out`, `decisions` and `fine`, the answers
    that did not fail, are counted on the way, and how long the latter are is in `answers`.
    """

    def __init__(self, source: Source, tell: Tell, since: datetime | None = None) -> None:
        """`since`: only what was decided from then on."""
        self._source = source
        self._tell = tell
        self._since = since
        self._sayings = Sayings()
        self._catalog_digest = b""
        self.catalog: Catalog | None = None
        self.decisions = 0
        self.left_out: Counter[LeftOut] = Counter()
        self.fine: Counter[Place] = Counter()
        self.answers: list[Answer] = []

    async def open(self) -> None:
        """Hear what came of decisions. Raises DocumentInvalid, ExportInvalid, OSError, StoreUnavailable."""
        async for entry in self._entries("what came of decisions"):
            try:
                self._hear(entry)
            except DecodeError:
                self.left_out[LeftOut.UNREADABLE] += 1
        found = await self._source.documents([self._catalog_digest])
        if self._catalog_digest in found:
            self.catalog = catalog_from(found[self._catalog_digest])

    async def judged(self, longer: Longer | None = None) -> AsyncIterator[Judged]:
        """The answers that something can be learned of, in the order of the log. Raises ExportInvalid, OSError, StoreUnavailable."""
        async for entry in self._entries("decisions"):
            if entry.kind != Kind.DECISION or (self._since is not None and entry.at < self._since):
                continue
            self.decisions += 1
            try:
                found = self._judged(entry, longer)
            except (DecodeError, Failure, ValueError, KeyError):
                found = LeftOut.UNREADABLE
            if isinstance(found, Judged):
                yield found
            elif found is not None:
                self.left_out[found] += 1

    async def _entries(self, what: str) -> AsyncIterator[StoredEntry]:
        newest = await self._source.newest()
        size, read = newest.size if newest else 0, 0
        async for batch in self._source.entries(size):
            for entry in batch.entries:
                yield entry
            read += len(batch.entries)
            self._tell(what, read / size)

    def _hear(self, entry: StoredEntry) -> None:
        match entry.kind:
            case Kind.SNAPSHOT if entry.body is not None:
                self._catalog_digest = record_pb2.SnapshotRecord.FromString(entry.body).catalog_digest
            case Kind.RECEIPT | Kind.FEEDBACK:
                if entry.body is None:
                    self.left_out[LeftOut.ERASED] += 1
                elif isinstance(fact := told_by(entry).fact, RunFact | FeedbackFact):
                    self._sayings.hear(fact)

    def _measure(
        self,
        record: record_pb2.DecisionRecord,
        signed: decision_pb2.RouteDecision,
        verdict: Verdict,
        longer: Longer | None,
    ) -> None:
        """Note how long the answer is, where it has text and what was asked is recorded."""
        asked, found = record.asked, signed.classification
        if verdict.tokens and asked.HasField("features") and found.task_type in TASK_TYPES:
            self.answers.append(
                Answer(
                    task=TASK_TYPES[found.task_type],
                    complexity=COMPLEXITIES[found.complexity],
                    last_user_tokens=asked.features.last_user_tokens,
                    model=verdict.model,
                    tokens=verdict.tokens,
                    longer=_longer(record, signed, longer),
                )
            )

    def _judged(self, entry: StoredEntry, longer: Longer | None) -> Judged | LeftOut | None:
        if entry.body is None:
            return LeftOut.ERASED
        verdict = self._sayings.verdict(entry.decision_id)
        if not isinstance(verdict, Verdict):
            return verdict
        record = record_pb2.DecisionRecord.FromString(entry.body)
        signed = decision_pb2.RouteDecision.FromString(record.decision.payload)
        if not verdict.failed:
            self.fine[signed.workload, verdict.model] += 1
            self._measure(record, signed, verdict, longer)
            if verdict.score is None:
                return None
        if not record.HasField("asked"):
            return LeftOut.ADOPTED
        request = _request(record, signed)
        if request.operation is Operation.EMBED:
            return LeftOut.VECTORS
        return Judged(
            at_us=microseconds(entry.at),
            workload=signed.workload,
            features=request.features,
            classification=request.classification,
            model=verdict.model,
            score=verdict.score,
            stands_for=stands_for(_chance(signed, verdict.model)),
        )


def _request(record: record_pb2.DecisionRecord, signed: decision_pb2.RouteDecision) -> Request:
    return recorded(record.asked, record.basis, tenant=signed.tenant, key=signed.presenter).request


def _longer(record: record_pb2.DecisionRecord, signed: decision_pb2.RouteDecision, longer: Longer | None) -> int:
    """What `longer` tells of the request of a record, 0 without it."""
    if longer is None:
        return 0
    request = _request(record, signed)
    return longer(request.features, request.classification)


def _chance(signed: decision_pb2.RouteDecision, model: str) -> float:
    """The chance that `model` had to be asked first, 1 where none was drawn.

    Only where models were drawn by weight is the propensity about models: elsewhere it is about deployments of one. And it is about
    the first of the plan: which fallback answers is up to providers.
    """
    drawn = signed.reason.code == decision_pb2.REASON_CODE_WEIGHTED
    first = signed.targets[0].model.lower() == model if signed.targets else False
    return signed.propensity_ppm / MILLION if drawn and first else 1.0
