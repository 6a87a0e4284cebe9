"""A control plane that writes nothing down, as the floor for those that do: `python -m tests.benchmarks.unrecorded`."""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace

import uvloop

from controlplane.audit.documents import Referred
from controlplane.audit.model import Document, Entry, Kind
from controlplane.budget.model import Account, Balance
from controlplane.config import read_config
from controlplane.decision.model import Request
from controlplane.journal.model import Operation, Recorded, Result
from controlplane.routing.books import Books, Place
from controlplane.routing.model import Ask, Basis, SignedDecision
from controlplane.snapshot.model import Snapshot
from controlplane.state import open_state
from controlplane.store.open import open_store
from controlplane.wiring import ControlPlane, utc_now
from turnout_wire.failure import Failure
from turnout_wire.process import die_with_parent
from turnout_wire.telemetry import Telemetry


class Nothing:
    """Journal, recorder and documents that do nothing."""

    async def submit(self, operation: Operation) -> Result:
        """See JournalLike."""
        del operation
        return Recorded()

    async def keep(self, operation: Operation) -> None:
        """See JournalLike."""

    def post(self, operation: Operation) -> bool:
        """See JournalLike."""
        del operation
        return True

    def decision(self, signed: SignedDecision, ask: Ask, request: Request, basis: Basis, owner: str) -> Entry:
        """See Recorder."""
        del ask, request, owner
        return Entry(
            kind=Kind.DECISION, ref=signed.decision_id, decision_id="", at=basis.decided_at, salt=b"", body=b""
        )

    def refusal(self, failure: Failure, ask: Ask, request: Request | None, basis: Basis | None, place: Place) -> Entry:
        """See Recorder."""
        del ask, request, basis, place
        raise failure

    def signed(self, body: bytes) -> SignedDecision:
        """See Recorder."""
        raise NotImplementedError(body)

    def of(self, snapshot: Snapshot) -> Referred:
        """See Documents."""
        return Referred(catalog_digest=snapshot.catalog.digest, live_digest=bytes(32))

    def missing(self, referred: Referred) -> tuple[Document, ...]:
        """See Documents."""
        del referred
        return ()

    def written(self, digests: Collection[bytes]) -> None:
        """See Documents."""


class Unrecorded(ControlPlane):
    """Decides and signs, and that is all."""

    def _books(self) -> Books:
        nothing, unused = Nothing(), dict[Account, Balance]()
        balances: Mapping[Account, Balance] = unused
        return replace(
            super()._books(),
            journal=nothing,
            recorder=nothing,
            documents=nothing,
            balances=lambda: balances,
            checkpoint=str,
        )


async def serve() -> None:
    """Run until a signal."""
    config = read_config(sys.argv[1:], os.environ)
    if config.die_with_parent:
        die_with_parent()
    store = await open_store(config.store)
    await Unrecorded(config, open_state(config, store, utc_now), store, Telemetry()).run()


if __name__ == "__main__":
    uvloop.run(serve())
