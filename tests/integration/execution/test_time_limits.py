"""Each time limit of a deployment by itself over real sockets, and what its end means for the run; callers who go away."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from dataplane.chat.model import TextDelta
from dataplane.execution.receipt import AttemptRecord, RunResult
from dataplane.execution.run import Broken, Completed, RunEvent
from dataplane.provider.model import Verdict
from dataplane.snapshot.model import Timeouts
from tests.support.provider import Held, Providers, providers
from tests.support.runs import Rig, deployment
from tests.support.sockets import worker
from tests.support.virtual_time import VirtualClock, loopback_time_loop

pytestmark = pytest.mark.loopback_time
SOON = timedelta(milliseconds=60)
PATIENT = {name: timedelta(seconds=15) for name in ("connect", "first_token", "between_chunks", "total")}


@asynccontextmanager
async def two(obeying: Providers, *, first: str = "", **limits: timedelta) -> AsyncIterator[Rig]:
    """`a` with one short limit and all others long, at `first` if that is said, and `b` behind it."""
    timeouts = Timeouts(**{**PATIENT, **limits})
    hasty = deployment("a", base_url=first or f"{obeying.address}/a/v1", timeouts=timeouts)
    patient = deployment("b", base_url=f"{obeying.address}/b/v1")
    async with worker(hasty, patient, clock=VirtualClock()) as rig:
        yield rig


async def ended(rig: Rig) -> tuple[RunEvent, tuple[AttemptRecord, ...]]:
    """The last event of a streamed run of both, and what the receipt says."""
    *_, last = await rig.events("a", "b")
    (receipt,) = rig.receipts
    return last, receipt.attempts


@contextmanager
def full() -> Iterator[str]:
    """A server whose queue of connections is full: whoever comes now waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, socket.socket() as waiting:
        waiting.connect(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


async def test_a_connection_that_is_not_made_in_time_goes_to_the_next_target() -> None:
    with full() as nowhere:
        async with providers() as obeying, two(obeying, first=nowhere, connect=SOON) as rig:
            last, attempts = await ended(rig)
    assert isinstance(last, Completed)
    assert [attempt.error for attempt in attempts] == ["timeout_connect", "timeout_connect", ""]
    assert [attempt.cost_nanousd for attempt in attempts[:2]] == [0, 0], "nothing was sent"


async def test_a_first_token_that_is_late_goes_to_the_next_target_and_may_be_billed() -> None:
    async with providers() as obeying, two(obeying, first_token=SOON) as rig:
        late = Held()
        obeying.then("a", late)
        last, attempts = await ended(rig)
        await late.gone.wait()
    assert isinstance(last, Completed)
    assert [attempt.error for attempt in attempts] == ["timeout_first_token", ""]
    assert attempts[0].cost_estimated


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("between_chunks", Verdict.FAILED),
        ("total", Verdict.IGNORED),  # to say much is no fault
    ],
)
async def test_after_content_a_limit_breaks_the_answer_off_and_what_came_is_settled(
    limit: str, outcome: Verdict
) -> None:
    limits: dict[str, Any] = {limit: SOON}
    async with providers() as obeying, two(obeying, **limits) as rig:
        stalled = Held("Blue, as ", "they say")
        obeying.then("a", stalled)
        last, attempts = await ended(rig)
        await stalled.gone.wait()
    assert isinstance(last, Broken)
    assert [(attempt.error, attempt.outcome) for attempt in attempts] == [(f"timeout_{limit}", outcome)]
    assert attempts[0].usage
    assert (attempts[0].usage.output_tokens, attempts[0].cost_estimated) == (5, True)
    assert rig.receipts[0].cost_nanousd == attempts[0].cost_nanousd > 0


@pytest.mark.parametrize("limit", ["connect", "first_token", "between_chunks", "total"])
async def test_a_limit_does_not_stand_in_for_another_one(limit: str) -> None:
    """The control: with only the other limits short, nothing of this kind ends."""
    others: dict[str, Any] = {name: SOON for name in PATIENT if name not in (limit, "total", "between_chunks")}
    async with providers() as obeying, two(obeying, **others) as rig:
        last, attempts = await ended(rig)
    assert isinstance(last, Completed)
    assert [attempt.error for attempt in attempts] == [""]


async def seconds_until_hung_up(rig: Rig, held: Held, *, content: bool) -> float:
    """How long after its caller went away a provider's connection ends."""
    began = asyncio.Event()

    async def listen() -> None:
        async with aclosing(rig.runner.stream(rig.run("a", "b"))) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    began.set()

    caller = asyncio.create_task(listen())
    await (began if content else held.came).wait()
    left = asyncio.get_running_loop().time()
    caller.cancel()
    await held.gone.wait()
    hung_up = asyncio.get_running_loop().time() - left
    await asyncio.wait([caller])
    return hung_up


@pytest.mark.parametrize("content", [True, False])
async def test_a_caller_who_goes_away_ends_the_providers_call_at_once_and_is_billed(content: bool) -> None:
    """No timer passes between the one and the other."""
    async with providers() as obeying, two(obeying) as rig:
        times = []
        for _ in range(5):
            held = Held("Blue, as ") if content else Held()
            obeying.then("a", held)
            times.append(await seconds_until_hung_up(rig, held, content=content))
        assert times == [0.0] * 5
        assert obeying.called() == ["a"] * 5
    for receipt in rig.receipts:
        assert receipt.result is RunResult.CANCELLED
        assert receipt.attempts[0].outcome is Verdict.IGNORED
        assert receipt.cost_estimated
        assert receipt.cost_nanousd > 0


async def answered_in_time(limit: float) -> bool:
    """Whether a byte that is there before `limit` counts, when this machine stands still for longer than that."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                received = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(here, 1))
                await asyncio.sleep(0)
                select.select([there], [], [], 2 * limit)
                there.send(b"x")
                return await received == b"x"
    return False


@pytest.mark.parametrize(("loop", "holds"), [(loopback_time_loop, True), (asyncio.new_event_loop, False)])
def test_what_a_busy_machine_takes_is_no_time_here(loop: Callable[[], asyncio.AbstractEventLoop], holds: bool) -> None:
    """Why none of these tests fails by chance, with the usual loop as the control."""
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(answered_in_time(0.05)) is holds
