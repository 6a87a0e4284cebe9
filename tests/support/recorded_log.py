"""A log as a control plane writes it, on any store: real decisions, with receipts, keys, and everything that they refer to."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType

from controlplane.audit.documents import ReferredDocuments
from controlplane.audit.sequencer import Sequencer
from controlplane.budget.model import Account, Balance, Budget, BudgetName, Window
from controlplane.catalog.canonical import catalog_digest
from controlplane.catalog.load import load
from controlplane.catalog.restore import catalog_document
from controlplane.classification.ladder import Ladder
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.model import Origin
from controlplane.journal.model import Append, Operation, Result, Settle
from controlplane.learned.restore import learned_document
from controlplane.learning.model import Learned
from controlplane.routing.books import Books
from controlplane.routing.commands import Surroundings
from controlplane.routing.deciding import DecideRoute
from controlplane.routing.memory import DecisionMemory
from controlplane.routing.model import Ask, Given, Told
from controlplane.routing.worked_out import compiled
from controlplane.rpc.recording import EntryMaker
from controlplane.rpc.sealing import DecisionSealer
from controlplane.signing import document
from controlplane.signing.file_store import FileKeyStore
from controlplane.snapshot.live_document import live_document
from controlplane.snapshot.model import Health, HealthState, Live, Snapshot, Statistics
from controlplane.store.protocols import Store
from tests.support.audit import Watched, log_key
from tests.support.books import worded
from tests.unit.trust.folders import MemoryFolder
from turnout.outcome.v1 import receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout_features.model import Features
from turnout_features.patterns import RulePatterns
from turnout_wire.envelope import put_signature
from turnout_wire.uuid7 import uuid7

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUDGET = Budget(name=BudgetName("daily"), limit=10**12, window=Window.DAY)


class Written:
    """Writes into a store as a control plane does, with a clock and chances of its own."""

    def __init__(self, store: Store, seed: int = 1) -> None:
        self.store = store
        self.chance = random.Random(seed)  # noqa: S311 - the same each time
        self.now = NOON
        self.balances: dict[Account, Balance] = {}
        self.given: list[Given] = []
        self.snapshot = snapshot()
        self._indexed: SnapshotIndex | None = None
        self.keys = FileKeyStore(MemoryFolder(), issuer="turnout", clock=self.clock, seed=lambda: bytes([seed] * 32))
        self.entries = EntryMaker(
            clock=self.clock,
            salt=lambda: self.chance.randbytes(16),
            new_id=lambda now: uuid7(now, self.chance.getrandbits(74)),
        )
        self.documents = ReferredDocuments(catalog_document, live_document, learned_document)
        self.decide = DecideRoute(self._around(), DecisionSealer(self.keys), DecisionMemory(), self._books())
        self.sequencer = Sequencer(store.tree, log_key(), Watched(), self.clock)

    def clock(self) -> datetime:
        """Moves on by a millisecond with each look."""
        self.now += timedelta(milliseconds=1)
        return self.now

    async def submit(self, operation: Operation) -> Result:
        """See JournalLike."""
        outcome = await self.store.writer.run([operation])
        self.balances.update(outcome.balances)
        return outcome.results[0]

    async def keep(self, operation: Operation) -> None:
        """See JournalLike."""
        await self.submit(operation)

    def post(self, operation: Operation) -> bool:
        """See JournalLike: nothing is refused here."""
        raise AssertionError(operation)

    async def start(self) -> None:
        """The entries of a start."""
        ring = self.keys.ring
        digest = hashlib.sha256(document.to_json(ring)).digest()
        referred = self.documents.of(self.snapshot)
        entry = self.entries.snapshot(self.snapshot, referred, digest, bytes(32))
        await self.submit(Append(entry=entry, documents=self.documents.missing(referred)))
        await self.submit(Append(entry=self.entries.keys(ring, digest)))

    async def decisions(self, count: int) -> Sequence[Given]:
        """Decide so many requests of many kinds."""
        first = len(self.given)
        made = [await self.decide(self._ask(number)) for number in range(first, first + count)]
        self.given += made
        return made

    async def receipt(self, given: Given, *, cost: int | None = None, deployment: str = "") -> str:
        """Report that a decision was run; its id."""
        receipt = self.receipt_of(given, cost=cost, deployment=deployment)
        await self.submit(
            Settle(entry=self.entries.receipt(receipt, "worker-1"), used=(), decision=self.entries.adopted(receipt))
        )
        return receipt.receipt_id

    def receipt_of(self, given: Given, *, cost: int | None = None, deployment: str = "") -> receipt_pb2.Receipt:
        """A receipt of one successful attempt of the first target, at the catalog's price unless told otherwise."""
        signed = decision_pb2.RouteDecision.FromString(given.signed.payload)
        first = signed.targets[0]
        price = self.snapshot.catalog.models[first.model].price  # type: ignore[index]
        spent = (100 * price.input_nanousd_per_mtok + 50 * price.output_nanousd_per_mtok + 500_000) // 1_000_000
        attempt = receipt_pb2.Attempt(
            number=1,
            deployment=deployment or first.deployment,
            model=first.model,
            outcome=receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED,
            cost_nanousd=spent if cost is None else cost,
        )
        attempt.usage.input_tokens, attempt.usage.output_tokens = 100, 50
        receipt = receipt_pb2.Receipt(
            receipt_id=self.entries.new_id(self.clock()),
            decision_id=signed.decision_id,
            worker="worker-1",
            result=receipt_pb2.RUN_RESULT_SUCCEEDED,
            attempts=[attempt],
            cost_nanousd=attempt.cost_nanousd,
        )
        receipt.started_at.FromDatetime(self.clock())
        receipt.decision.payload = given.signed.payload
        receipt.decision.payload_type = "application/vnd.turnout.decision.v1+proto"
        put_signature(receipt.decision, given.signed.signature)
        return receipt

    async def sequence(self) -> None:
        """Give everything its place."""
        await sequence(self.sequencer)

    def _ask(self, number: int) -> Ask:
        rules = self.snapshot.catalog.rule_sets["default"]  # type: ignore[index]
        features = Features(rule_set_digest=rules.digest, input_tokens=self.chance.randrange(1, 5000))
        return Ask(
            content=Told(features=features, request_digest=hashlib.sha256(b"%d" % number).digest()),
            tenant="acme" if number % 3 else "umbrella",
            presenter="app",
            origin=Origin(feature=f"feature-{number % 4}"),
            request_id=f"request-{number}",
            fingerprint=b"%d" % number,
        )

    def _around(self) -> Surroundings:
        return Surroundings(
            snapshot=lambda: self.snapshot,
            index=self._index,
            patterns=lambda _: patterns(),
            classify=Ladder(),
            clock=self.clock,
            draw=self.chance.random,
            new_id=self.entries.new_id,
            issuer="turnout",
        )

    def use(self, learned: Learned | None) -> None:
        """Decide by this quality model from now on."""
        self.snapshot = replace(self.snapshot, catalog=replace(self.snapshot.catalog, learned=learned))

    def _index(self, shown: Snapshot) -> SnapshotIndex:
        if shown.catalog is snapshot().catalog:
            return indexed()
        if self._indexed is None or self._indexed.catalog.catalog is not shown.catalog:
            self._indexed = index(shown)
        return self._indexed

    def _books(self) -> Books:
        return Books(
            journal=self,
            recorder=self.entries,
            documents=self.documents,
            balances=lambda: self.balances,
            checkpoint=lambda: self.sequencer.newest.note if self.sequencer.newest else "",
            word=worded,
        )


@cache
def indexed() -> SnapshotIndex:
    """The index of `snapshot()`."""
    return index(snapshot())


@cache
def patterns() -> RulePatterns:
    """The patterns of its rule set."""
    return compiled(snapshot().catalog.rule_sets["default"])  # type: ignore[index]


@cache
def snapshot() -> Snapshot:
    """The packaged catalog with a budget, and a live view of two deployments."""
    catalog = replace(load(None), budgets=(BUDGET,))
    catalog = replace(catalog, digest=catalog_digest(catalog))
    first, second = (deployment.name for deployment in catalog.deployments[:2])
    second_ms = timedelta(milliseconds=700)
    live = Live(
        revision=3,
        health=MappingProxyType({first: Health(state=HealthState.OPEN, until=NOON + timedelta(seconds=30))}),
        statistics=MappingProxyType(
            {second: Statistics(samples=9, latency=second_ms, time_to_first_token=second_ms / 2)}
        ),
    )
    return Snapshot(version=1, digest=bytes(range(32)), created_at=NOON, catalog=catalog, live=live)


async def sequence(sequencer: Sequencer) -> None:
    """Run a sequencer until nothing waits any more."""
    await sequencer.catch_up()


async def written_log(store: Store, count: int = 40) -> Written:
    """A log of `count` decisions, of which every other has a receipt, in two checkpoints."""
    log = Written(store)
    await log.start()
    made = await log.decisions(count // 2)
    await log.sequence()
    made = [*made, *await log.decisions(count - count // 2)]
    for given in made[::2]:
        await log.receipt(given)
    await log.sequence()
    return log
