"""A store that goes away under both planes and comes back: what is refused, what goes on, and that nothing needs a restart."""

import asyncio
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import grpc.aio
import pytest

from controlplane.audit.model import Kind
from controlplane.store.protocols import StoreUnavailable
from tests.support.backbone import Backbone, asked, backbone, generate, opened
from tests.support.line import told
from tests.support.postgres import running_postgres
from turnout.audit.v1 import record_pb2
from turnout.inference.v1 import inference_pb2
from turnout.routing.v1 import decision_pb2

STEADY = {"name": "steady", "strategy": "cheapest", "when_store_fails": "go_on"}
SECTIONS = {
    "policies": [{"name": "cheap", "strategy": "cheapest"}, {"name": "best", "strategy": "cheapest"}, STEADY],
    "budgets": [{"name": "all", "limit_usd": 100, "window": "total"}],
}
Away = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def full_disk(folder: Path) -> AsyncIterator[None]:
    """Files may not grow beyond what they are; Python gets an error for a write that would make one do so."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = largest(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def largest(folder: Path) -> int:
    """The size of the largest file of the store."""
    return max(path.stat().st_size for path in folder.glob("turnout.db*"))


@asynccontextmanager
async def planes_with(kind: str, folder: Path) -> AsyncIterator[tuple[Backbone, Away]]:
    """Both planes over a store of that kind, and how it is taken away."""
    if kind == "full disk":
        async with backbone(folder, sections=SECTIONS) as planes:
            yield planes, lambda: full_disk(folder / "state")
        return
    with running_postgres() as server:

        @asynccontextmanager
        async def stopped() -> AsyncIterator[None]:
            server.kill()
            try:
                yield
            finally:
                await asyncio.to_thread(server.start)

        async with backbone(folder, store=await server.database(), sections=SECTIONS) as planes:
            yield planes, stopped


async def run(planes: Backbone, policy: str = "") -> inference_pb2.GenerateResponse:
    """Decide and run once."""
    decided = await planes.decide(asked(policy=policy))
    response: inference_pb2.GenerateResponse = await planes.runner(generate(decided))
    return response


async def recorded(planes: Backbone, kind: Kind, ref: str) -> None:
    """Wait until an entry is there. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while not await has(planes, kind, ref):
            await planes.control.store.changed("nothing")  # within a second


async def has(planes: Backbone, kind: Kind, ref: str) -> bool:
    """Whether an entry is there, as far as the store answers."""
    with suppress(StoreUnavailable):
        return await planes.control.store.entries.get(kind, ref) is not None
    return False


async def refused_in_the_end(planes: Backbone) -> str:
    """The first refusal: a disk is full only once the room that files have is used up. Raises TimeoutError."""
    return (await until(planes, refused=True)) or ""


async def given_in_the_end(planes: Backbone) -> None:
    """Wait for the first decision. Raises TimeoutError."""
    await until(planes, refused=False)


async def until(planes: Backbone, *, refused: bool) -> str | None:
    """Ask for decisions until one is refused, or one is given: the reason of a refusal."""
    async with asyncio.timeout(30):
        while True:
            reason = await reason_of(planes)
            if bool(reason) is refused:
                return reason


async def reason_of(planes: Backbone) -> str | None:
    """Why there is no decision; None if there is one."""
    try:
        await planes.decide()
    except grpc.aio.AioRpcError as error:
        return told(error).reason
    return None


KINDS = ("full disk", "lost database")


@pytest.mark.parametrize("kind", KINDS)
async def test_decisions_are_refused_while_the_store_is_away_and_given_when_it_is_back(
    kind: str, tmp_path: Path
) -> None:
    async with planes_with(kind, tmp_path) as (planes, away):
        before = await planes.decide()
        async with away():
            assert await refused_in_the_end(planes) == "STORE_UNAVAILABLE"
            answer = await planes.runner(generate(before))
            assert answer.receipt.decision_id == opened(before.decision).decision_id
        await given_in_the_end(planes)
        await recorded(planes, Kind.RECEIPT, answer.receipt.receipt_id)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_policy_may_go_on_without_the_store_and_is_recorded_and_booked_when_it_is_back(
    kind: str, tmp_path: Path
) -> None:
    async with planes_with(kind, tmp_path) as (planes, away):
        await run(planes)
        async with away():
            assert await refused_in_the_end(planes) == "STORE_UNAVAILABLE"
            decided = await planes.decide(asked(policy="steady"))
            answer = await planes.runner(generate(decided))
        decision = opened(decided.decision)
        assert decision_pb2.NOTICE_UNRECORDED in decision.reason.notices
        assert not decision.HasField("reservation")
        await recorded(planes, Kind.DECISION, decision.decision_id)
        await recorded(planes, Kind.RECEIPT, answer.receipt.receipt_id)
        (balance,) = (await planes.control.store.ledger.windows("all", 0)).values()
        assert balance.spent >= answer.receipt.cost_nanousd > 0


async def test_a_decision_that_was_lost_with_its_store_is_adopted_from_its_receipt_and_booked(tmp_path: Path) -> None:
    """As one is that was given just before it was written, by a process that was killed in between."""
    async with backbone(tmp_path, sections=SECTIONS) as planes:
        decided = await planes.decide()
        await planes.control.go_down()
        forget(tmp_path / "state")
        await planes.restart()
        answer = await planes.runner(generate(decided))
        await recorded(planes, Kind.RECEIPT, answer.receipt.receipt_id)
        store = planes.control.store
        entry = await store.entries.get(Kind.DECISION, answer.receipt.decision_id)
        (balance,) = (await store.ledger.windows("all", 0)).values()
    assert entry is not None
    assert entry.body is not None
    record = record_pb2.DecisionRecord.FromString(entry.body)
    assert record.adopted
    assert record.decision == decided.decision
    assert (balance.spent, balance.reserved) == (answer.receipt.cost_nanousd, 0)


def forget(state: Path) -> None:
    """Remove the store."""
    for path in state.glob("turnout.db*"):
        path.unlink()
