"""The use case that gives decisions: decide, sign, hold the money, write down."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.audit.documents import Referred
from controlplane.audit.model import Document
from controlplane.budget.model import Reservation
from controlplane.decision.engine import decide
from controlplane.decision.model import Decision, Notice
from controlplane.journal.model import (
    AlreadyDecided,
    Append,
    Issue,
    KnownRequest,
    Recorded,
    Refused,
    RequestKey,
    Result,
)
from controlplane.policy.model import Durability, Policy, StoreFailure
from controlplane.routing.books import Books, Place
from controlplane.routing.commands import Reading, ReadRequest, Surroundings
from controlplane.routing.memory import DecisionMemory, reused
from controlplane.routing.model import Ask, Basis, Given, IssuedDecision, NoEligibleTarget, NoRoom, SignedDecision
from controlplane.snapshot.model import Catalog, Snapshot
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure
from turnout_wire.quick import quick

LIFE = timedelta(seconds=60)
"""How long a decision may be presented."""

GRACE = timedelta(seconds=15)
"""How long after that a reservation waits for a worker's word that a run began: clocks differ, and reports take a moment."""

ROUNDS = 4
"""How often a decision is made anew because others took the money that it counted on."""

RETRY_STORE = timedelta(seconds=1)
"""When a caller may try again whose decision could not be recorded."""


class Sealer(Protocol):
    """Serializes and signs, together with others that are ready at the same moment."""

    async def __call__(self, issued: IssuedDecision) -> SignedDecision:
        """The decision as bytes under a signature."""
        ...


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A decision that has not been written down yet, and what it was made from."""

    reading: Reading
    basis: Basis
    issued: IssuedDecision
    signed: SignedDecision


@dataclass(slots=True)
class SoFar:
    """What is known of a request when it is refused."""

    reading: Reading | None = None
    basis: Basis | None = None
    plan: Decision | None = None


class DecideRoute:
    """Decides, signs, holds the money and writes down: what the caller gets is recorded as its policy wants it."""

    def __init__(self, around: Surroundings, seal: Sealer, memory: DecisionMemory, books: Books) -> None:
        self._around = around
        self._read = ReadRequest(around)
        self._seal = seal
        self._memory = memory
        self._books = books

    async def __call__(self, ask: Ask, snapshot: Snapshot | None = None) -> Given:
        """The signed decision; the same one again for the same request id. Raises Failure.

        `snapshot` is given when many are decided at once, so that all read the same one.
        """
        now = self._around.clock()
        known = self._memory.recall(ask, now)
        if known is not None:
            return Given(signed=known)
        given = await self._decide(ask, snapshot or self._around.snapshot(), now)
        self._memory.keep(ask, given.signed)
        return given

    async def _decide(self, ask: Ask, snapshot: Snapshot, now: datetime) -> Given:
        so_far = SoFar()
        try:
            return await self._steps(ask, snapshot, now, so_far)
        except Failure as failure:
            self._refused(failure, ask, so_far)
            raise

    async def _steps(self, ask: Ask, snapshot: Snapshot, now: datetime, so_far: SoFar) -> Given:
        reading = so_far.reading = await self._read.thoroughly(ask, snapshot)
        basis = so_far.basis = self._basis(snapshot, now)
        left = ROUNDS
        while True:
            left -= 1
            plan = so_far.plan = self._plan(reading, basis)
            so_far.basis = replace(basis, purses=plan.purses) if plan.purses else basis
            if not plan.targets:
                raise self._books.word(NoRoom(plan, now) if plan.shortages else NoEligibleTarget(plan, now))
            ask.trace.event(
                "turnout.decide",
                {"model": plan.targets[0].model, "reason": plan.reason_code or "", "policy": plan.policy},
            )
            written = await self._write(ask, await self._made(ask, reading, so_far.basis, plan))
            if isinstance(written, Given):
                return written
            # Others took the money meanwhile. The balances are known now: decide again on them.
            if not left:
                raise self._books.word(NoRoom(replace(plan, shortages=written.shortages), now))

    def _basis(self, snapshot: Snapshot, now: datetime) -> Basis:
        referred = self._books.documents.of(snapshot)
        return Basis(
            decided_at=now,
            draw=self._around.draw(),
            snapshot_version=snapshot.version,
            snapshot_digest=snapshot.digest,
            catalog_digest=referred.catalog_digest,
            live_digest=referred.live_digest,
            live_revision=snapshot.live.revision,
            learned_digest=referred.learned_digest,
        )

    def _plan(self, reading: Reading, basis: Basis) -> Decision:
        return decide(
            reading.request,
            reading.snapshot,
            now=basis.decided_at,
            draw=basis.draw,
            balances=self._books.balances(),
            indexed=self._around.index(reading.snapshot),
        )

    async def _made(self, ask: Ask, reading: Reading, basis: Basis, plan: Decision) -> Made:
        issued = self._issue(ask, reading.snapshot, plan, basis.decided_at)
        signed = await self._seal(issued)
        ask.trace.event("turnout.sign", {"key_id": signed.signature.key_id})
        return Made(reading=reading, basis=basis, issued=issued, signed=signed)

    async def _write(self, ask: Ask, made: Made) -> Given | Refused:
        """Write it down as its policy wants; what the store says to that. Raises Failure."""
        policy = made.reading.snapshot.catalog.policies[made.issued.plan.policy]
        issue = self._operation(ask, made)
        try:
            if policy.durability is Durability.ASYNC and issue.reservation is None:
                await self._books.journal.keep(issue)
                result: Result = Recorded()
            else:
                result = await self._books.journal.submit(issue)
        except StoreUnavailable as unavailable:
            return await self._unwritten(ask, made, policy, unavailable)
        ask.trace.event("turnout.record", {"durability": policy.durability, "reserved": issue.reservation is not None})
        match result:
            case AlreadyDecided():
                return self._again(ask, result)
            case Refused():
                return result
            case _:
                self._books.documents.written([document.digest for document in issue.documents])
                return Given(signed=made.signed, issued=made.issued)

    async def _unwritten(self, ask: Ask, made: Made, policy: Policy, unavailable: StoreUnavailable) -> Given:
        """What holds while the store is not there: no decision, or one that says that it is not recorded."""
        if policy.when_store_fails is StoreFailure.REFUSE:
            raise Failure(
                "STORE_UNAVAILABLE",
                f"the decision cannot be recorded ({unavailable}); policy {policy.name!r} gives none that is not: try again",
                retry_after=RETRY_STORE,
            ) from unavailable
        plan = unreserved(made.issued.plan)
        again = await self._made(ask, made.reading, made.basis, plan)
        issue = self._operation(ask, again)
        self._books.journal.post(Append(entry=issue.entry, documents=issue.documents))
        return Given(signed=again.signed, issued=again.issued)

    def _operation(self, ask: Ask, made: Made) -> Issue:
        books, plan, issued = self._books, made.issued.plan, made.issued
        owner = owner_of(made.reading.snapshot.catalog, plan.workload)
        return Issue(
            entry=books.recorder.decision(made.signed, ask, made.reading.request, made.basis, owner),
            request=_known_request(ask, issued),
            reservation=_reservation(issued),
            documents=books.documents.missing(_referred(made.basis)),
        )

    def _again(self, ask: Ask, already: AlreadyDecided) -> Given:
        if already.known.fingerprint != ask.fingerprint:
            raise reused(ask.request_id)
        return Given(signed=self._books.recorder.signed(already.body))

    def _refused(self, failure: Failure, ask: Ask, so_far: SoFar) -> None:
        """Write the refusal down; if there is no place for it that is counted, and changes nothing for the caller."""
        reading, basis, plan = so_far.reading, so_far.basis, so_far.plan
        place = Place()
        if plan is not None and reading is not None:
            owner = owner_of(reading.snapshot.catalog, plan.workload)
            place = Place(workload=plan.workload, owner=owner, policy=plan.policy)
        documents: tuple[Document, ...] = ()
        if basis is not None:
            documents = self._books.documents.missing(_referred(basis))
        request = reading.request if reading is not None else None
        entry = self._books.recorder.refusal(failure, ask, request, basis, place)
        self._books.journal.post(Append(entry=entry, documents=documents))

    def _issue(self, ask: Ask, snapshot: Snapshot, plan: Decision, now: datetime) -> IssuedDecision:
        return IssuedDecision(
            decision_id=self._around.new_id(now),
            issuer=self._around.issuer,
            audiences=(ask.pool,),
            tenant=ask.tenant,
            presenter=ask.presenter,
            issued_at=now,
            expires_at=now + LIFE,
            request_digest=ask.content.request_digest,
            snapshot_version=snapshot.version,
            snapshot_digest=snapshot.digest,
            live_revision=snapshot.live.revision,
            plan=plan,
            max_runs=ask.max_runs,
            traceparent=ask.traceparent,
            request_id=ask.request_id,
            checkpoint=self._books.checkpoint(),
        )


def _referred(basis: Basis) -> Referred:
    return Referred(
        catalog_digest=basis.catalog_digest, live_digest=basis.live_digest, learned_digest=basis.learned_digest
    )


def unreserved(plan: Decision) -> Decision:
    """The same plan without money held, for the time when nothing can be held."""
    return replace(plan, notices=(*plan.notices, Notice.UNRECORDED), holds=(), reserved_nanousd=None)


def owner_of(catalog: Catalog, workload: str) -> str:
    """Who owns a workload; empty if it is not known."""
    return next((one.owner for one in catalog.workloads if one.name == workload), "")


def _known_request(ask: Ask, issued: IssuedDecision) -> KnownRequest | None:
    if not ask.fingerprint:
        return None
    return KnownRequest(
        key=RequestKey(tenant=ask.tenant, presenter=ask.presenter, request_id=ask.request_id),
        fingerprint=ask.fingerprint,
        decision_id=issued.decision_id,
        expires_at=issued.expires_at,
    )


def _reservation(issued: IssuedDecision) -> Reservation | None:
    """Held until the decision can no longer be presented, and a little longer for the word that a run began."""
    if not issued.plan.holds:
        return None
    return Reservation(
        decision_id=issued.decision_id,
        holds=issued.plan.holds,
        runs_left=issued.max_runs,
        expires_at=issued.expires_at + GRACE,
    )
