"""Who is asked next, and when nobody else is."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import grpc
import pytest

from tests.support.planes import (
    TOKEN,
    FakeTime,
    Gate,
    Plane,
    Planes,
    generated,
    planes,
    start_control,
    start_worker,
)
from turnout_client import Client, InvalidRequest, Patience, Rest, ServerFault, TurnoutError, Unavailable
from turnout_wire.failure import Failure
from turnout_wire.server import Call

NOT_RUN = ["DRAINING", "SNAPSHOT_STALE", "OVERLOADED", "REPLAY_GUARD_FULL"]
ONE_ROUND = Patience(rounds=1)


async def silent_address() -> str:
    """An address that nobody listens at."""
    plane = await start_worker()
    await plane.stop()
    return plane.address


async def chats(turnout: Client, times: int) -> list[str]:
    """Who answered; the scripted workers do not tell, so the texts do."""
    return [(await turnout.chat("Why is the sky blue?")).text for _ in range(times)]


async def test_workers_are_asked_in_turn() -> None:
    async with planes(workers=3) as running, client(running) as turnout:
        await chats(turnout, 6)
        assert [len(worker.script.seen) for worker in running.workers] == [2, 2, 2]


def client(running: Planes, *, time: FakeTime | None = None, patience: Patience | None = None) -> Client:
    """A client of all that runs."""
    return Client(
        control=running.control.address,
        workers=running.addresses,
        token=TOKEN,
        patience=patience,
        surroundings=time.surroundings() if time else None,
    )


@pytest.mark.parametrize("method", ["Generate", "StreamGenerate"])
@pytest.mark.parametrize("reason", NOT_RUN)
async def test_a_call_that_surely_did_not_run_goes_to_the_next_worker(reason: str, method: str) -> None:
    async with planes(workers=2) as running, client(running) as turnout:
        running.worker.script.then(method, Failure(reason, "try another one"))
        if method == "Generate":
            assert (await turnout.chat("Why is the sky blue?")).text == "Blue."
        else:
            _ = [event async for event in turnout.chat_stream("Why is the sky blue?")]
        first, second = (worker.script.of(method) for worker in running.workers)
        assert len(first) == len(second) == 1
        assert first[0].request.decision == second[0].request.decision
        assert len(running.control.script.of("DecideRoute")) == 1


@pytest.mark.parametrize(
    "reason",
    ["TARGETS_EXHAUSTED", "PROVIDER_THROTTLED", "INTERNAL", "DECISION_REPLAYED", "DEADLINE_EXCEEDED", "COST_LIMIT"],
)
async def test_a_call_that_may_have_run_is_not_repeated(reason: str) -> None:
    async with planes(workers=2) as running, client(running) as turnout:
        running.worker.script.then("Generate", Failure(reason, "something else"))
        with pytest.raises(TurnoutError) as raised:
            await turnout.chat("Why is the sky blue?")
        assert raised.value.reason == reason
        assert not running.workers[1].script.seen


async def test_a_refusal_after_the_decision_began_to_run_is_not_repeated() -> None:
    async def begun(_: Any, call: Call) -> None:
        await call.context.send_initial_metadata((("x-turnout-decision-id", "d"),))
        raise Failure("DRAINING", "cut by the drain")

    async with planes(workers=2) as running, client(running) as turnout:
        running.worker.script.then("Generate", begun)
        with pytest.raises(Unavailable) as raised:
            await turnout.chat("Why is the sky blue?")
        assert raised.value.reason == "DRAINING"
        assert not running.workers[1].script.seen


async def test_a_connection_that_breaks_while_a_call_runs_is_not_repeated() -> None:
    async with planes(workers=2) as running, client(running) as turnout:
        gate = Gate(lambda *_: generated("Blue."))
        running.worker.script.then("Generate", gate)
        asked = asyncio.ensure_future(turnout.chat("Why is the sky blue?"))
        await gate.came.wait()
        await running.worker.stop()
        with pytest.raises(Unavailable, match="may have run or not") as raised:
            await asked
        assert raised.value.reason == "UNREACHABLE"
        assert not running.workers[1].script.seen


async def test_a_worker_that_is_not_there_is_passed_over_and_set_aside() -> None:
    time = FakeTime()
    async with planes(workers=1) as running:
        dead = await silent_address()
        async with Client(
            control=running.control.address,
            workers=[dead, running.worker.address],
            token=TOKEN,
            surroundings=time.surroundings(),
        ) as turnout:
            assert await chats(turnout, 4) == ["Blue."] * 4
            assert not time.slept


async def test_a_worker_that_was_set_aside_is_asked_again_after_its_rest() -> None:
    time = FakeTime()
    patience = Patience(rest=Rest(first=2.0, longest=8.0))
    async with planes(workers=2) as running, client(running, time=time, patience=patience) as turnout:
        running.worker.script.then("Generate", Failure("DRAINING", "try another one"))
        await chats(turnout, 3)
        assert asked(running) == [1, 3]
        time.now += 2.1
        await chats(turnout, 2)
        assert asked(running) == [2, 4]


async def test_the_hint_of_a_worker_sets_it_aside_for_longer_but_within_bounds() -> None:
    time = FakeTime()
    patience = Patience(rest=Rest(first=1.0, longest=5.0))
    async with planes(workers=2) as running, client(running, time=time, patience=patience) as turnout:
        busy = Failure("OVERLOADED", "too many calls", retry_after=timedelta(hours=1))
        running.worker.script.then("Generate", busy)
        await chats(turnout, 1)
        time.now += 4.9
        await chats(turnout, 2)
        assert asked(running) == [1, 3]
        time.now += 0.2
        await chats(turnout, 2)
        assert asked(running) == [2, 4]


def asked(running: Planes) -> list[int]:
    """How often each worker was asked."""
    return [len(worker.script.of("Generate")) for worker in running.workers]


async def test_a_worker_at_its_limit_of_calls_counts_as_overloaded() -> None:
    full, free = await start_worker(limit=1), await start_worker()
    control = await start_control()
    gate = Gate(lambda *_: generated("slow"))
    full.script.then("Generate", gate)
    async with Client(control=control.address, workers=[full.address, free.address], token=TOKEN) as turnout:
        held = asyncio.ensure_future(turnout.chat("Why is the sky blue?"))
        await gate.came.wait()
        assert await chats(turnout, 3) == ["Blue."] * 3
        assert len(full.script.of("Generate")) == 1
        gate.go.set()
        assert (await held).text == "slow"
    await stopped(full, free, control)


async def stopped(*running: Plane) -> None:
    """Stop them all."""
    for plane in running:
        await plane.stop()


async def test_an_answer_that_is_too_large_is_not_asked_for_again() -> None:
    async def huge(_: Any, call: Call) -> Any:
        await call.context.send_initial_metadata((("x-turnout-decision-id", "d"),))
        return generated("x" * (12 * 1024 * 1024))

    async with planes(workers=2) as running, client(running) as turnout:
        running.worker.script.then("Generate", huge)
        with pytest.raises(TurnoutError):
            await turnout.chat("Why is the sky blue?")
        assert not running.workers[1].script.seen


async def test_nobody_there_is_told_with_every_address() -> None:
    control = await start_control()
    dead = [await silent_address(), await silent_address()]
    async with Client(control=control.address, workers=dead, token=TOKEN, patience=ONE_ROUND) as turnout:
        with pytest.raises(Unavailable) as raised:
            await turnout.chat("Why is the sky blue?")
    notes = "\n".join(raised.value.__notes__)
    assert raised.value.reason == "UNREACHABLE"
    assert all(address in notes for address in dead)
    await control.stop()


async def test_what_a_worker_says_is_told_rather_than_that_another_is_not_there() -> None:
    async with planes(workers=1) as running:
        running.worker.script.then("Generate", Failure("SNAPSHOT_STALE", "no snapshot yet"))
        workers = [running.worker.address, await silent_address()]
        async with Client(control=running.control.address, workers=workers, token=TOKEN, patience=ONE_ROUND) as turnout:
            with pytest.raises(Unavailable) as raised:
                await turnout.chat("Why is the sky blue?")
    assert raised.value.reason == "SNAPSHOT_STALE"


async def test_a_single_worker_that_is_gone_for_a_moment_is_waited_for() -> None:
    time = FakeTime()
    async with planes(workers=1) as running, client(running, time=time) as turnout:
        running.worker.script.then("Generate", *[Failure("DRAINING", "going down")] * 3)
        assert (await turnout.chat("Why is the sky blue?")).text == "Blue."
        assert time.slept == [0.2, 0.4, 0.8]


async def test_overload_everywhere_is_not_made_worse() -> None:
    time = FakeTime()
    async with planes(workers=2) as running, client(running, time=time) as turnout:
        for worker in running.workers:
            worker.script.then("Generate", Failure("OVERLOADED", "too many calls"))
        with pytest.raises(Unavailable) as raised:
            await turnout.chat("Why is the sky blue?")
        assert raised.value.reason == "OVERLOADED"
        assert asked(running) == [1, 1]
        assert not time.slept


async def test_deciding_is_repeated_with_the_same_request_id() -> None:
    time = FakeTime()
    async with planes() as running, client(running, time=time) as turnout:
        running.control.script.then("DecideRoute", Failure("SNAPSHOT_STALE", "no snapshot yet"))
        await turnout.decide("Why is the sky blue?")
        first, second = running.control.script.of("DecideRoute")
        assert first.request == second.request
        assert first.request.request_id == "request-1"


async def test_deciding_is_repeated_even_if_it_may_have_run() -> None:
    async def cut(_: Any, call: Call) -> None:
        await call.context.abort(grpc.StatusCode.UNAVAILABLE, "cut")

    async with planes() as running, client(running, time=FakeTime()) as turnout:
        running.control.script.then("DecideRoute", cut)
        await turnout.decide("Why is the sky blue?")
        assert len(running.control.script.of("DecideRoute")) == 2


async def test_deciding_goes_to_the_next_control_plane() -> None:
    time = FakeTime()
    second = await start_control()
    addresses = [await silent_address(), second.address]
    async with Client(control=addresses, token=TOKEN, surroundings=time.surroundings()) as turnout:
        await turnout.decide("Why is the sky blue?")
    assert len(second.script.of("DecideRoute")) == 1
    assert not time.slept
    await second.stop()


async def test_a_refused_request_is_not_repeated() -> None:
    async with planes() as running, client(running, time=FakeTime()) as turnout:
        running.control.script.then("DecideRoute", Failure("CONSTRAINTS_CONTRADICT", "min_quality and max_cost"))
        with pytest.raises(InvalidRequest):
            await turnout.decide("Why is the sky blue?")
        assert len(running.control.script.of("DecideRoute")) == 1


async def test_deciding_gives_up_after_four_rounds() -> None:
    time = FakeTime()
    async with Client(control=await silent_address(), token=TOKEN, surroundings=time.surroundings()) as turnout:
        with pytest.raises(Unavailable):
            await turnout.decide("Why is the sky blue?")
    assert time.slept == [0.2, 0.4, 0.8]


async def test_nobody_waits_beyond_the_deadline() -> None:
    time = FakeTime()
    async with Client(control=await silent_address(), token=TOKEN, surroundings=time.surroundings()) as turnout:
        with pytest.raises(Unavailable):
            await turnout.decide("Why is the sky blue?", timeout=0.5)
    assert time.slept == [0.2]


async def test_a_control_plane_that_comes_back_is_found() -> None:
    first = await start_control()
    async with Client(control=first.address, token=TOKEN) as turnout:
        await turnout.decide("Why is the sky blue?")
        await first.stop()
        second = await start_control(first.address)
        await turnout.decide("Why is the sky blue?")
    assert len(second.script.of("DecideRoute")) == 1
    await second.stop()


async def test_an_unknown_reason_is_not_taken_for_a_refusal() -> None:
    async def strange(_: Any, call: Call) -> None:
        await call.context.abort(
            grpc.StatusCode.RESOURCE_EXHAUSTED, "budget", (("grpc-status-details-bin", b"\x08\x08\x12\x06budget"),)
        )

    async with planes(workers=2) as running, client(running) as turnout:
        running.worker.script.then("Generate", strange)
        with pytest.raises(TurnoutError):
            await turnout.chat("Why is the sky blue?")
        assert not running.workers[1].script.seen


async def test_load_is_spread_evenly_over_many_tasks() -> None:
    async with planes(workers=2) as running, client(running) as turnout:
        await asyncio.gather(*(turnout.chat("Why is the sky blue?") for _ in range(20)))
        assert Counter(asked(running)) == Counter([10, 10])


async def test_a_fault_of_the_control_plane_is_told_with_the_id_for_the_log() -> None:
    async with planes() as running, client(running) as turnout:
        running.control.script.then("DecideRoute", Failure("INTERNAL", "a fault"))
        with pytest.raises(ServerFault) as fault:
            await turnout.decide("Why is the sky blue?", request_id="abc")
        assert fault.value.metadata["request_id"] == "abc"
