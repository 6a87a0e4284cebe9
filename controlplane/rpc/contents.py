"""What the bodies of log entries prove: signatures of decisions, decisions that can be made again, and what was erased."""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from controlplane.audit.model import Kind
from controlplane.audit.verify import Findings
from controlplane.rpc.replay import QualityModelMissing, Replay, ReplayImpossible
from controlplane.store.protocols import StoredEntry
from turnout.audit.v1 import record_pb2
from turnout.routing.v1 import decision_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.batch import RememberedRoots, signed_message
from turnout_wire.ed25519 import verify
from turnout_wire.envelope import signatures_of
from turnout_wire.payload_type import PayloadType


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unproven:
    """A decision whose key no entry before it names; one after it may."""

    index: int
    ref: str
    envelope: envelope_pb2.Envelope


class RecordContents:
    """See Contents. Decisions are made again with `replay`, unless it is None."""

    def __init__(self, replay: Replay | None) -> None:
        self._replay = replay
        self._verify = RememberedRoots(verify)
        self._keys: dict[str, bytes] = {}
        self._unproven: list[_Unproven] = []
        self._erased: set[str] = set()
        self._erased_before: dict[str, int] = {}

    async def entry(self, entry: StoredEntry, findings: Findings) -> None:
        """See Contents."""
        try:
            await self._read(entry, entry.body or b"", findings)
        except (DecodeError, UnicodeDecodeError):
            findings.fault(entry.index, f"{entry.kind} {entry.ref}", "its body cannot be read")

    async def _read(self, entry: StoredEntry, body: bytes, findings: Findings) -> None:
        match entry.kind:
            case Kind.DECISION:
                await self._decision(entry, record_pb2.DecisionRecord.FromString(body), findings)
            case Kind.RECEIPT | Kind.STRAY:
                self._receipt(entry, record_pb2.ReceiptRecord.FromString(body), findings)
            case Kind.KEYS:
                for key in record_pb2.KeysRecord.FromString(body).key_set.keys:
                    self._keys[key.key_id] = key.public_key
            case Kind.ERASURE:
                self._erasure(record_pb2.ErasureRecord.FromString(body))

    def _erasure(self, record: record_pb2.ErasureRecord) -> None:
        self._erased.update(record.entries)
        before = record.before.ToMicroseconds() if record.HasField("before") else 0
        for kind in record.kinds:
            self._erased_before[kind] = max(before, self._erased_before.get(kind, 0))

    def finish(self, findings: Findings) -> None:
        """See Contents."""
        for one in self._unproven:
            if one.envelope.signatures[0].key_id in self._keys:
                self._signature(one.index, one.ref, one.envelope, findings)
            else:
                problem = f"no key set in the log has the key {one.envelope.signatures[0].key_id!r} that signed it"
                findings.fault(one.index, f"decision {one.ref}", problem)

    def erased(self, kind: str, ref: str, at_us: int) -> bool:
        """See Contents."""
        return f"{kind} {ref}" in self._erased or at_us < self._erased_before.get(kind, 0)

    async def _decision(self, entry: StoredEntry, record: record_pb2.DecisionRecord, findings: Findings) -> None:
        envelope, index, where = record.decision, entry.index or 0, f"decision {entry.ref}"
        if envelope.payload_type != PayloadType.DECISION or len(envelope.signatures) != 1:
            findings.fault(index, where, "it is not one decision under one signature")
            return
        if decision_pb2.RouteDecision.FromString(envelope.payload).decision_id != entry.decision_id:
            findings.fault(index, where, "the signed decision has another id")
        if envelope.signatures[0].key_id in self._keys:
            self._signature(index, entry.ref, envelope, findings)
        else:
            self._unproven.append(_Unproven(index=index, ref=entry.ref, envelope=envelope))
        if self._replay is not None:
            await self._again(index, where, record, findings)

    def _signature(self, index: int, ref: str, envelope: envelope_pb2.Envelope, findings: Findings) -> None:
        (signature,) = signatures_of(envelope)
        message = signed_message(envelope.payload_type, envelope.payload, signature.inclusion)
        if message is not None and self._verify(self._keys[signature.key_id], message, signature.value):
            findings.signatures += 1
        else:
            findings.fault(index, f"decision {ref}", "its signature does not hold")

    async def _again(self, index: int, where: str, record: record_pb2.DecisionRecord, findings: Findings) -> None:
        if self._replay is None or not record.HasField("basis"):
            findings.not_replayed += 1
            return
        try:
            replayed = await self._replay.decision(record)
        except QualityModelMissing as error:
            findings.not_replayed += 1
            findings.unmade[str(error)] = findings.unmade.get(str(error), 0) + 1
            return
        except ReplayImpossible as error:
            findings.fault(index, where, f"it cannot be made again: {error}")
            return
        findings.replayed += 1
        if replayed.difference:
            findings.fault(index, where, f"made again it is another decision: {replayed.difference}")

    def _receipt(self, entry: StoredEntry, record: record_pb2.ReceiptRecord, findings: Findings) -> None:
        if (record.receipt.receipt_id, record.receipt.decision_id) != (entry.ref, entry.decision_id):
            findings.fault(entry.index, f"{entry.kind} {entry.ref}", "the receipt in it has another id or decision")
