"""AuditService."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controlplane.access.model import Role
from controlplane.audit.decisions import DecisionIndex
from controlplane.audit.merkle import ProofInvalid
from controlplane.audit.model import Kind
from controlplane.audit.note import NoteKey
from controlplane.audit.proofs import Proofs
from controlplane.audit.source import StoreSource
from controlplane.catalog.page import DEFAULT_SIZE, LARGEST_SIZE
from controlplane.rpc.audit_codec import (
    entry_message,
    explained_message,
    filter_from,
    reconciled_message,
    reservation_message,
    summary_message,
)
from controlplane.rpc.erasing import BodyEraser
from controlplane.rpc.reconcile import Reconciliation
from controlplane.rpc.replay import Replay, ReplayImpossible
from controlplane.store.protocols import Checkpoint, Store, StoredEntry, StoreUnavailable
from turnout.audit.v1 import audit_pb2, record_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call, Principal
from turnout_wire.times import moment

ANSWER_BYTES = 3_000_000
"""What the bodies of a page of entries may take together; a message takes 4 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCommands:
    """What the service reads from. `keys` are the log's verifier keys, its own first."""

    store: Store
    decisions: DecisionIndex
    erase: BodyEraser
    keys: Sequence[NoteKey]
    clock: Callable[[], datetime]


class AuditServicer:
    """Reads the audit log."""

    def __init__(self, commands: AuditCommands) -> None:
        self._commands = commands
        self._store = commands.store
        self._tree = commands.store.tree
        self._proofs = Proofs(commands.store.tree)
        self._replay = Replay(commands.store.entries.documents)

    async def GetDecision(self, request: audit_pb2.GetDecisionRequest, call: Call) -> audit_pb2.GetDecisionResponse:
        """One decision with everything about it."""
        with _reachable():
            entries = await self._store.entries.of_decision(request.decision_id)
            decided = next((entry for entry in entries if entry.kind == Kind.DECISION), None)
            record, signed = _opened(decided, request.decision_id, call.principal)
            response = audit_pb2.GetDecisionResponse(record=record, decision=signed)
            await self._explain(response, record, request.why_not)
            _tell(response, entries)
            held = await self._store.ledger.reservations([request.decision_id])
            if request.decision_id in held:
                response.reservation.CopyFrom(reservation_message(held[request.decision_id]))
            newest = await self._tree.newest()
            if decided is not None and decided.index is not None and newest and decided.index < newest.size:
                response.inclusion.CopyFrom(await self._inclusion(decided, newest))
        return response

    async def ListDecisions(
        self, request: audit_pb2.ListDecisionsRequest, call: Call
    ) -> audit_pb2.ListDecisionsResponse:
        """A page of decisions, newest first."""
        wanted = filter_from(request.filter)
        if Role.OPERATOR not in call.principal.roles:
            if wanted.tenant not in ("", call.principal.tenant):
                return audit_pb2.ListDecisionsResponse()
            wanted = replace(wanted, tenant=call.principal.tenant)
        with _reachable():
            page = await self._commands.decisions.find(wanted, request.page_size, request.page_token)
        return audit_pb2.ListDecisionsResponse(
            decisions=map(summary_message, page.entries), next_page_token=page.next_page_token
        )

    async def GetCheckpoint(
        self, request: audit_pb2.GetCheckpointRequest, call: Call
    ) -> audit_pb2.GetCheckpointResponse:
        """The newest checkpoint, or that of a size."""
        with _reachable():
            found = await self._checkpoint(request.tree_size, "tree_size")
        response = audit_pb2.GetCheckpointResponse(
            checkpoint=found.note,
            tree_size=found.size,
            root=found.root,
            verifier_keys=[str(key) for key in self._commands.keys],
        )
        response.signed_at.FromDatetime(found.at)
        return response

    async def GetInclusionProof(
        self, request: audit_pb2.GetInclusionProofRequest, call: Call
    ) -> audit_pb2.GetInclusionProofResponse:
        """That an entry is in the log."""
        with _reachable():
            checkpoint = await self._checkpoint(request.tree_size, "tree_size")
            found = await self._store.entries.in_order(request.leaf_index, 1)
            if not found or found[0].index != request.leaf_index or request.leaf_index >= checkpoint.size:
                raise Failure(
                    "NOT_FOUND",
                    f"leaf_index: the log of {checkpoint.size} leaves has no leaf {request.leaf_index}",
                    field="leaf_index",
                )
            return audit_pb2.GetInclusionProofResponse(inclusion=await self._inclusion(found[0], checkpoint))

    async def GetConsistencyProof(
        self, request: audit_pb2.GetConsistencyProofRequest, call: Call
    ) -> audit_pb2.GetConsistencyProofResponse:
        """That a log begins with a smaller one."""
        with _reachable():
            checkpoint = await self._checkpoint(request.second_size, "second_size")
            if request.first_size > checkpoint.size:
                raise Failure(
                    "INVALID_FIELD",
                    f"first_size: {request.first_size} is more than {checkpoint.size}; a checkpoint of that size that the log signed "
                    "means that it was rolled back",
                    field="first_size",
                )
            path = await self._proofs.consistency(request.first_size, checkpoint.size)
        return audit_pb2.GetConsistencyProofResponse(path=path, checkpoint=checkpoint.note, second_size=checkpoint.size)

    async def ListEntries(self, request: audit_pb2.ListEntriesRequest, call: Call) -> audit_pb2.ListEntriesResponse:
        """A page of the log."""
        size = min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE)
        with _reachable():
            found = await self._store.entries.in_order(request.first_index, size + 1)
        response = audit_pb2.ListEntriesResponse()
        room = ANSWER_BYTES
        for entry in found:
            room -= len(entry.body or b"")
            if len(response.entries) == size or (room < 0 and response.entries):
                response.next_index = entry.index or 0
                break
            response.entries.append(entry_message(entry))
        return response

    async def Reconcile(self, request: audit_pb2.ReconcileRequest, call: Call) -> audit_pb2.ReconcileResponse:
        """Decisions against executions."""
        source = StoreSource(self._store)
        since = moment(request.since, "since") if request.HasField("since") else None
        with _reachable():
            newest = await source.newest()
            reading = Reconciliation(source.documents, now=self._commands.clock(), since=since)
            found = await reading.run(source.entries(newest.size if newest else 0))
        return reconciled_message(found, min(request.limit or DEFAULT_SIZE, LARGEST_SIZE))

    async def EraseBodies(self, request: audit_pb2.EraseBodiesRequest, call: Call) -> audit_pb2.EraseBodiesResponse:
        """Remove bodies for good."""
        before = moment(request.before, "before") if request.HasField("before") else None
        if not request.decision_ids and before is None:
            raise Failure("INVALID_FIELD", "decision_ids, before: name decisions, or a time", field="decision_ids")
        if before is not None and before > self._commands.clock():
            raise Failure("INVALID_FIELD", "before: it is in the future", field="before")
        with _reachable():
            done = await self._commands.erase.requested(
                list(request.decision_ids), before, by=call.principal.name, reason=request.reason
            )
        return audit_pb2.EraseBodiesResponse(erased=done.count, ref=done.ref)

    async def _explain(
        self, response: audit_pb2.GetDecisionResponse, record: record_pb2.DecisionRecord, models: Sequence[str]
    ) -> None:
        try:
            again = await self._replay.decision(record, explained=True)
        except ReplayImpossible as impossible:
            response.not_explained = str(impossible)
        else:
            response.explained.CopyFrom(explained_message(again, models))

    async def _checkpoint(self, size: int, field: str) -> Checkpoint:
        found = await (self._tree.checkpoint(size) if size else self._tree.newest())
        if found is None:
            told = (
                f"there is no checkpoint of {size} leaves; ask without a size for the newest"
                if size
                else "there is none yet"
            )
            raise Failure("NOT_FOUND", f"{field}: {told}", field=field)
        return found

    async def _inclusion(self, entry: StoredEntry, checkpoint: Checkpoint) -> audit_pb2.InclusionProof:
        index = entry.index or 0
        return audit_pb2.InclusionProof(
            leaf_index=index,
            leaf=entry.leaf,
            tree_size=checkpoint.size,
            path=await self._proofs.inclusion(index, checkpoint.size),
            checkpoint=checkpoint.note,
        )


@contextmanager
def _reachable() -> Iterator[None]:
    """Failures of the store as callers see them."""
    try:
        yield
    except StoreUnavailable as unavailable:
        raise Failure(
            "STORE_UNAVAILABLE", f"the audit log cannot be read now: {unavailable}", retry_after=timedelta(seconds=1)
        ) from unavailable
    except ProofInvalid as broken:
        raise Failure(
            "INTERNAL", f"the log cannot prove this, `turnout audit verify` tells what is wrong: {broken}"
        ) from broken


def _opened(
    entry: StoredEntry | None, decision_id: str, principal: Principal
) -> tuple[record_pb2.DecisionRecord, decision_pb2.RouteDecision]:
    """The record and what was signed, if the caller may see it. Raises Failure NOT_FOUND, RECORD_ERASED."""
    unknown = Failure("NOT_FOUND", f"no decision {decision_id} is recorded", field="decision_id")
    operator = Role.OPERATOR in principal.roles
    if entry is None or (entry.body is None and not operator):
        raise unknown  # whose an erased one was cannot be told any more
    if entry.body is None:
        raise Failure(
            "RECORD_ERASED",
            f"the record of {decision_id} was erased; its leaf {entry.index} still proves that there was one",
            field="decision_id",
        )
    record = record_pb2.DecisionRecord.FromString(entry.body)
    signed = decision_pb2.RouteDecision.FromString(record.decision.payload)
    if not operator and signed.tenant != principal.tenant:
        raise unknown
    return record, signed


def _tell(response: audit_pb2.GetDecisionResponse, entries: Sequence[StoredEntry]) -> None:
    """What came after the decision."""
    for entry in entries:
        if entry.body is None:
            continue
        if entry.kind in (Kind.RECEIPT, Kind.STRAY):
            receipt = record_pb2.ReceiptRecord.FromString(entry.body)
            response.receipts.append(receipt)
            response.cost_nanousd += receipt.receipt.cost_nanousd if entry.kind == Kind.RECEIPT else 0
        elif entry.kind == Kind.FEEDBACK:
            response.feedback.append(record_pb2.FeedbackRecord.FromString(entry.body))
