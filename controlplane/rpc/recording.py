"""Entries of the audit log, made of what happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.access.model import ApiKey
from controlplane.audit.documents import Referred
from controlplane.audit.leaf import microseconds
from controlplane.audit.model import Entry, Kind
from controlplane.decision.model import Request
from controlplane.insight.drift import Drift
from controlplane.insight.pins import Repinned
from controlplane.learned.model import Change
from controlplane.routing.books import Place
from controlplane.routing.model import Ask, Basis, SignedDecision
from controlplane.rpc.api_key_codec import api_key_record
from controlplane.rpc.drift_codec import drift_acknowledgement_record, drift_reference_record
from controlplane.rpc.keys import key_set_message
from controlplane.rpc.quality_models import quality_model_record
from controlplane.rpc.record_codec import adopted_record, decision_record, refusal_record
from controlplane.signing.model import KeyRing
from controlplane.snapshot.model import Snapshot
from turnout.audit.v1 import record_pb2
from turnout.outcome.v1 import receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.envelope import signatures_of
from turnout_wire.failure import Failure
from turnout_wire.times import moment, put_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryMaker:
    """Makes entries. `salt` gives 16 random bytes, `new_id` a UUIDv7."""

    clock: Callable[[], datetime]
    salt: Callable[[], bytes]
    new_id: Callable[[datetime], str]

    def decision(self, signed: SignedDecision, ask: Ask, request: Request, basis: Basis, owner: str) -> Entry:
        """See Recorder."""
        body = decision_record(signed, ask, request, basis, owner)
        return self._entry(Kind.DECISION, signed.decision_id, body, decision_id=signed.decision_id, at=basis.decided_at)

    def refusal(self, failure: Failure, ask: Ask, request: Request | None, basis: Basis | None, place: Place) -> Entry:
        """See Recorder."""
        now = basis.decided_at if basis is not None else self.clock()
        where = (place.workload, place.owner, place.policy)
        body = refusal_record(failure.reason, failure.message, ask, request, basis, where)
        return self._entry(Kind.REFUSAL, self.new_id(now), body, at=now)

    def signed(self, body: bytes) -> SignedDecision:
        """See Recorder."""
        envelope = record_pb2.DecisionRecord.FromString(body).decision
        decision = decision_pb2.RouteDecision.FromString(envelope.payload)
        return SignedDecision(
            decision_id=decision.decision_id,
            snapshot_version=decision.snapshot_version,
            expires_at=moment(decision.expires_at, "expires_at"),
            payload=envelope.payload,
            signature=signatures_of(envelope)[0],
        )

    def receipt(self, receipt: receipt_pb2.Receipt, reporter: str) -> Entry:
        """The entry of a receipt; its decision is recorded apart."""
        record = record_pb2.ReceiptRecord(receipt=receipt, reporter=reporter)
        record.receipt.ClearField("decision")
        now = self.clock()
        put_moment(record.taken_at, now)
        return self._entry(
            Kind.RECEIPT, receipt.receipt_id, record.SerializeToString(), decision_id=receipt.decision_id, at=now
        )

    def stray(self, receipt: receipt_pb2.Receipt, reporter: str, reason: str) -> Entry:
        """The entry of a receipt that fits no decision of ours; it keeps what came with it."""
        record = record_pb2.ReceiptRecord(receipt=receipt, reporter=reporter, rejected=reason)
        now = self.clock()
        put_moment(record.taken_at, now)
        return self._entry(
            Kind.STRAY, receipt.receipt_id, record.SerializeToString(), decision_id=receipt.decision_id, at=now
        )

    def adopted(self, receipt: receipt_pb2.Receipt) -> Entry:
        """The entry of a decision that is only known from this receipt."""
        return self._entry(
            Kind.DECISION, receipt.decision_id, adopted_record(receipt.decision), decision_id=receipt.decision_id
        )

    def snapshot(self, snapshot: Snapshot, referred: Referred, key_set_digest: bytes, callers_digest: bytes) -> Entry:
        """The entry of a version of the configuration."""
        record = record_pb2.SnapshotRecord(
            version=snapshot.version,
            digest=snapshot.digest,
            catalog_digest=referred.catalog_digest,
            key_set_digest=key_set_digest,
            callers_digest=callers_digest,
            learned_digest=referred.learned_digest,
        )
        return self._entry(Kind.SNAPSHOT, str(record.version), record.SerializeToString(deterministic=True))

    def keys(self, ring: KeyRing, digest: bytes) -> Entry:
        """The entry of a key set; `digest` names it."""
        record = record_pb2.KeysRecord(key_set=key_set_message(ring))
        return self._entry(Kind.KEYS, digest.hex(), record.SerializeToString(deterministic=True))

    def api_key(self, key: ApiKey) -> Entry:
        """The entry of the last change of an API key."""
        ref = f"{key.key_id} {key.note.number}"
        return self._entry(Kind.API_KEY, ref, api_key_record(key), at=key.note.at)

    def quality_model(self, change: Change) -> Entry:
        """The entry of another quality model in use."""
        return self._entry(Kind.QUALITY_MODEL, str(change.number), quality_model_record(change), at=change.at)

    def drift_reference(self, change: Repinned) -> Entry:
        """The entry of other days that a workload's drift is told from."""
        ref = f"{change.workload} {microseconds(change.at)}"
        return self._entry(Kind.DRIFT_REFERENCE, ref, drift_reference_record(change), at=change.at)

    def drift_acknowledgement(self, drifts: Sequence[Drift]) -> Entry:
        """The entry of alarms that somebody knows of."""
        at = self.clock()
        return self._entry(Kind.DRIFT_ACKNOWLEDGEMENT, self.new_id(at), drift_acknowledgement_record(drifts), at=at)

    def _entry(self, kind: Kind, ref: str, body: bytes, *, decision_id: str = "", at: datetime | None = None) -> Entry:
        return Entry(kind=kind, ref=ref, decision_id=decision_id, at=at or self.clock(), salt=self.salt(), body=body)
