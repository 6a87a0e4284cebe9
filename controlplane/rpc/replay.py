"""Makes recorded decisions again, from the record alone, and compares them with what was signed, byte for byte."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from controlplane.audit.model import Document
from controlplane.catalog.restore import DocumentInvalid, catalog_from
from controlplane.decision.engine import decide, explain
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.model import Decision
from controlplane.learned.restore import QualityModelForeign, QualityModelInvalid, learned_from
from controlplane.learning.model import Learned
from controlplane.routing.deciding import unreserved
from controlplane.routing.model import Basis, IssuedDecision
from controlplane.rpc.decision_codec import decision_message
from controlplane.rpc.record_codec import Recorded, recorded
from controlplane.snapshot.live_document import live_from
from controlplane.snapshot.model import Catalog, Live, Snapshot
from turnout.audit.v1 import record_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.failure import Failure
from turnout_wire.times import moment

Documents = Callable[[Collection[bytes]], Awaitable[Mapping[bytes, Document]]]
"""What the store has of these digests."""
Found = TypeVar("Found")
KEPT = 64
MODELS_KEPT = 8
"""Quality models that are not read again at once; they are larger."""
"""Catalogs, and live views, that are not read again at once."""


class ReplayImpossible(Exception):
    """A decision cannot be made again; the message says what is missing."""


class QualityModelMissing(ReplayImpossible):
    """The quality model that it was decided with is not kept, or is of another software version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A decision that was made again. `difference` names the first field that is not as it was signed; empty if all are."""

    plan: Decision
    snapshot: Snapshot
    difference: str


class _Memory(Generic[Found]):
    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, Found] = OrderedDict()

    def get(self, digest: bytes) -> Found | None:
        return self._kept.get(digest)

    def keep(self, digest: bytes, found: Found) -> Found:
        self._kept[digest] = found
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found


class Replay:
    """Makes decisions again; remembers the catalogs that it read."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._catalogs: _Memory[Catalog] = _Memory()
        self._lives: _Memory[Live] = _Memory()
        self._models: _Memory[Learned] = _Memory(MODELS_KEPT)
        self._foreign: dict[bytes, str] = {}
        self._together: _Memory[Catalog] = _Memory()
        self._index: SnapshotIndex | None = None
        self._indexed: Snapshot | None = None

    async def decision(self, record: record_pb2.DecisionRecord, *, explained: bool = False) -> Replayed:
        """The decision of `record`, compared with its signed form; `explained`: with every candidate and why not.

        Raises ReplayImpossible, StoreUnavailable.
        """
        if not record.HasField("basis"):
            raise ReplayImpossible("it is only known from its receipt: what was asked is not recorded")
        try:
            signed = decision_pb2.RouteDecision.FromString(record.decision.payload)
            given = recorded(record.asked, record.basis, tenant=signed.tenant, key=signed.presenter)
            plan, snapshot = await self._again(given, explained=explained)
            again = decision_message(_issued(_as_noted(plan, signed), given.basis, signed))
        except (DecodeError, Failure, ValueError, KeyError, OverflowError) as error:
            raise ReplayImpossible(f"the record cannot be read: {error}") from error
        same = again.SerializeToString() == record.decision.payload
        return Replayed(plan=plan, snapshot=snapshot, difference="" if same else difference(signed, again))

    async def refusal(self, record: record_pb2.RefusalRecord) -> tuple[Decision, Snapshot]:
        """What was found when a request was refused, with every candidate. Raises ReplayImpossible, StoreUnavailable."""
        if not record.HasField("basis"):
            raise ReplayImpossible("it was refused before anything was decided")
        try:
            given = recorded(record.asked, record.basis, tenant=record.tenant, key=record.presenter)
            return await self._again(given, explained=True)
        except (Failure, ValueError, KeyError, OverflowError) as error:
            raise ReplayImpossible(f"the record cannot be read: {error}") from error

    async def _again(self, given: Recorded, *, explained: bool) -> tuple[Decision, Snapshot]:
        snapshot = await self._snapshot(given.basis)
        make = explain if explained else decide
        plan = make(
            given.request,
            snapshot,
            now=given.basis.decided_at,
            draw=given.basis.draw,
            balances=given.balances,
            indexed=self._index_of(snapshot),
        )
        return plan, snapshot

    def _index_of(self, snapshot: Snapshot) -> SnapshotIndex:
        last = self._indexed
        if (
            self._index is None
            or last is None
            or last.catalog is not snapshot.catalog
            or last.live is not snapshot.live
        ):
            self._index, self._indexed = index(snapshot, self._index), snapshot
        return self._index

    async def _catalog_with(self, catalog: Catalog, basis: Basis) -> Catalog:
        """`catalog` with the quality model that was in use. Raises QualityModelMissing."""
        digest = basis.learned_digest
        if not digest:
            return catalog
        both = basis.catalog_digest + digest
        known = self._together.get(both)
        return known or self._together.keep(both, replace(catalog, learned=await self._model(digest)))

    async def _model(self, digest: bytes) -> Learned:
        if digest in self._foreign:
            raise QualityModelMissing(self._foreign[digest])
        known = self._models.get(digest)
        if known is not None:
            return known
        found = await self._documents([digest])
        if digest not in found:
            raise QualityModelMissing(f"the quality model {digest.hex()} that it was decided with is not kept")
        try:
            return self._models.keep(digest, learned_from(found[digest]))
        except QualityModelInvalid as error:
            raise ReplayImpossible(str(error)) from error
        except QualityModelForeign as error:
            # Reading it again would take its time and come to the same.
            self._foreign[digest] = str(error)
            raise QualityModelMissing(str(error)) from error

    async def _snapshot(self, basis: Basis) -> Snapshot:
        catalog, live = self._catalogs.get(basis.catalog_digest), self._lives.get(basis.live_digest)
        if catalog is None or live is None:
            found = await self._documents([basis.catalog_digest, basis.live_digest])
            try:
                catalog = catalog or self._catalogs.keep(
                    basis.catalog_digest, catalog_from(_of(found, basis.catalog_digest, "catalog"))
                )
                live = live or self._lives.keep(
                    basis.live_digest, live_from(_of(found, basis.live_digest, "live view"), basis.live_revision)
                )
            except DocumentInvalid as error:
                raise ReplayImpossible(str(error)) from error
        return Snapshot(
            version=basis.snapshot_version,
            digest=basis.snapshot_digest,
            created_at=basis.decided_at,
            catalog=await self._catalog_with(catalog, basis),
            live=live,
        )


def _of(found: Mapping[bytes, Document], digest: bytes, noun: str) -> Document:
    if digest not in found:
        raise ReplayImpossible(f"the {noun} {digest.hex()} that it was decided on is not kept")
    return found[digest]


def _as_noted(plan: Decision, signed: decision_pb2.RouteDecision) -> Decision:
    """As it was given while the store was away, if it was: that is not a matter of deciding."""
    return unreserved(plan) if decision_pb2.NOTICE_UNRECORDED in signed.reason.notices else plan


def _issued(plan: Decision, basis: Basis, signed: decision_pb2.RouteDecision) -> IssuedDecision:
    """The plan under the identity that was signed, decided on what was recorded."""
    return IssuedDecision(
        decision_id=signed.decision_id,
        issuer=signed.issuer,
        audiences=tuple(signed.audiences),
        tenant=signed.tenant,
        presenter=signed.presenter,
        issued_at=basis.decided_at,
        expires_at=moment(signed.expires_at, "expires_at"),
        request_digest=signed.request_digest,
        snapshot_version=basis.snapshot_version,
        snapshot_digest=basis.snapshot_digest,
        live_revision=basis.live_revision,
        plan=replace(plan, candidates=(), steps=()),
        max_runs=signed.limits.max_runs,
        traceparent=signed.traceparent,
        request_id=signed.request_id,
        checkpoint=signed.checkpoint,
    )


def difference(signed: Message, again: Message, path: str = "") -> str:
    """The first field, in the order of the contract, in which two messages differ, with both values."""
    for field in signed.DESCRIPTOR.fields:
        one, other = getattr(signed, field.name), getattr(again, field.name)
        place = f"{path}.{field.name}" if path else field.name
        if one == other and (not field.has_presence or signed.HasField(field.name) == again.HasField(field.name)):
            continue
        return _differs(one, other, place)
    return f"{path or 'the message'}: the same fields in other bytes"


def _differs(one: Any, other: Any, place: str) -> str:
    if isinstance(one, Message):
        return difference(one, other, place)
    if isinstance(one, bytes):
        return f"{place}: signed {one.hex()}, again {other.hex()}"
    if isinstance(one, str | int | float):
        return f"{place}: signed {one!r}, again {other!r}"
    if len(one) != len(other):
        return f"{place}: signed {len(one)}, again {len(other)}"
    number, (first, second) = next(
        (at, pair) for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]
    )
    return _differs(first, second, f"{place}[{number}]")
