"""What users of other gateways report, by name: shown over real sockets not to happen here.

Those that need hours or many callers are in tests/unit/execution/test_known_faults.py; a first target's key in a fallback call is
in test_addresses.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.catalog.model import DeploymentName
from controlplane.decision.estimates import speed
from controlplane.outcome.live import LiveView, Timing
from dataplane.chat.model import TextDelta
from dataplane.execution.breaker import BreakerSettings
from dataplane.execution.clock import Clock
from dataplane.execution.gate import TargetState
from dataplane.execution.receipt import RunResult
from dataplane.execution.run import Broken
from dataplane.provider.model import Verdict
from tests.support.provider import Held, Providers, answer, cut, error, providers
from tests.support.raw_server import Connection
from tests.support.runs import Rig, deployment
from tests.support.sockets import worker
from tests.support.virtual_time import VirtualClock, pause


@asynccontextmanager
async def one(*names: str, clock: Clock | None = None) -> AsyncIterator[tuple[Rig, Providers]]:
    """Runs of deployments of these names, and the providers that play them."""
    async with providers() as obeying:
        places = [deployment(name, base_url=f"{obeying.address}/{name}/v1") for name in names]
        async with worker(*places, clock=clock) as rig:
            yield rig, obeying


def throttle(seconds: int) -> str:
    return f"Retry-After: {seconds}\r\n"


@pytest.mark.parametrize("hints", [(900, 60), (60, 900)])
async def test_a_recooled_target_does_not_return_after_the_shorter_of_two_deadlines(hints: tuple[int, int]) -> None:
    async with one("a") as (rig, obeying):
        obeying.then("a", *(error("429 Too Many Requests", headers=throttle(hint)) for hint in hints))
        begin = rig.clock.now()
        await asyncio.gather(*(rig.runner.generate(rig.run("a")) for _ in hints))
        (health,) = rig.gate.health(rig.snapshot)
        assert health.state is TargetState.OPEN
        assert health.until
        assert health.until - begin >= timedelta(seconds=900)


@pytest.mark.loopback_time
@pytest.mark.parametrize("pieces", [1, 40])
async def test_the_time_to_the_first_token_is_not_divided_by_their_number(pieces: int) -> None:
    async def slow(connection: Connection, asked: dict[str, Any]) -> None:
        await pause(2)
        await answer(*["word "] * pieces)(connection, asked)

    async with one("a", clock=VirtualClock()) as (rig, obeying):
        obeying.then("a", slow)
        said = [event for event in await rig.events("a") if isinstance(event, TextDelta)]
        (attempt,) = rig.receipts[0].attempts
        assert len(said) == pieces
        assert attempt.time_to_first_token == rig.receipts[0].time_to_first_token == timedelta(seconds=2)


def test_fastest_is_who_says_the_first_word_first_however_many_follow() -> None:
    view, now, names = (
        LiveView(),
        datetime(2026, 11, 21, tzinfo=UTC),
        (DeploymentName("talker"), DeploymentName("laconic")),
    )
    for name, total, first in zip(names, (60, 2), (1, 1.5), strict=True):
        took, begun = timedelta(seconds=total), timedelta(seconds=first)
        view.observe([Timing(deployment=name, latency=took, time_to_first_token=begun)] * 64, now)
    measured = view.merged(lambda _: True, now).statistics
    talker, laconic = (speed(3.0, measured[name])[0] for name in names)
    assert talker < laconic, "the talker begins first; what it says then is not counted against it"


async def test_an_error_in_mid_stream_is_no_success() -> None:
    async with one("a") as (rig, obeying):
        calls = BreakerSettings().minimum_calls
        obeying.then("a", *[cut("half an ")] * calls)
        for _ in range(calls):
            *_, last = await rig.events("a")
            assert isinstance(last, Broken)
        assert {receipt.result for receipt in rig.receipts} == {RunResult.BROKEN}
        assert {receipt.attempts[0].outcome for receipt in rig.receipts} == {Verdict.FAILED}
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.OPEN


async def test_whole_answers_keep_the_target_in() -> None:
    """The control."""
    async with one("a") as (rig, _):
        for _ in range(BreakerSettings().minimum_calls):
            await rig.events("a")
        assert {receipt.result for receipt in rig.receipts} == {RunResult.SUCCEEDED}
        assert rig.gate.health(rig.snapshot)[0].state is TargetState.CLOSED


async def test_an_abort_does_not_escape_the_bill() -> None:
    async with one("a") as (rig, obeying):
        held = Held("word " * 400)
        obeying.then("a", held)
        async with aclosing(rig.runner.stream(rig.run("a"))) as stream:
            await anext(stream)
        await held.gone.wait()
    (receipt,) = rig.receipts
    assert receipt.result is RunResult.CANCELLED
    usage = receipt.attempts[0].usage
    assert usage
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (100, 500, True)
    assert receipt.cost_nanousd == 100 * 2_500 + 500 * 10_000
