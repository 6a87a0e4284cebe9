"""Cancelling, closing, becoming ready."""

import asyncio

import pytest

from tests.support.planes import (
    TOKEN,
    Gate,
    Planes,
    decided,
    generated,
    hang,
    start_control,
    start_worker,
)
from tests.support.raw_server import Connection, raw_server
from turnout_client import Cancelled, Client, Unavailable


@pytest.mark.parametrize(("method", "plane"), [("DecideRoute", "control"), ("Generate", "worker")])
async def test_cancelling_the_task_cancels_the_call(both: Planes, turnout: Client, method: str, plane: str) -> None:
    gate = Gate(hang)
    (both.control if plane == "control" else both.worker).script.then(method, gate)
    task = asyncio.ensure_future(turnout.chat("Why is the sky blue?"))
    await gate.came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        await gate.cancelled.wait()


async def test_a_timeout_around_the_call_cancels_it(both: Planes, turnout: Client) -> None:
    gate = Gate(hang)
    both.worker.script.then("Generate", gate)
    limit = asyncio.timeout(None)

    async def bounded() -> None:
        async with limit:
            await turnout.chat("Why is the sky blue?")

    running = asyncio.ensure_future(bounded())
    await gate.came.wait()
    limit.reschedule(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await running
    async with asyncio.timeout(60):
        await gate.cancelled.wait()


async def test_closing_the_client_ends_what_runs_with_an_exception_of_its_own(both: Planes, turnout: Client) -> None:
    gate = Gate(hang)
    both.worker.script.then("Generate", gate)
    task = asyncio.ensure_future(turnout.chat("Why is the sky blue?"))
    await gate.came.wait()
    await turnout.close()
    with pytest.raises(Cancelled, match="closed"):
        await task


async def test_closing_the_client_ends_a_call_that_still_connects() -> None:
    async with raw_server(Connection.gone) as url:
        turnout = Client(control=url.removeprefix("http://"), token=TOKEN)
        task = asyncio.ensure_future(turnout.decide("Why is the sky blue?"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await turnout.close()
        with pytest.raises(Cancelled, match="closed"):
            await task


async def test_ready_returns_when_both_planes_serve(both: Planes, turnout: Client) -> None:
    await turnout.ready(5)


async def test_ready_waits_for_a_server_that_says_it_does_not_serve_yet(both: Planes, turnout: Client) -> None:
    await both.worker.host.set_serving(serving=False)
    waiting = asyncio.ensure_future(turnout.ready(10))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    await both.worker.host.set_serving(serving=True)
    await waiting


async def test_ready_waits_for_servers_that_start_later() -> None:
    control, worker = await start_control(), await start_worker()
    addresses = control.address, worker.address
    await control.stop()
    await worker.stop()
    async with Client(control=addresses[0], workers=[addresses[1]], token=TOKEN) as turnout:
        waiting = asyncio.ensure_future(turnout.ready(20))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        started = [await start_control(addresses[0]), await start_worker(addresses[1])]
        await waiting
        assert (await turnout.chat("Why is the sky blue?")).text == "Blue."
        for plane in started:
            await plane.stop()


async def test_one_worker_is_enough_to_be_ready(both: Planes) -> None:
    gone = await start_worker()
    await gone.stop()
    async with Client(control=both.control.address, workers=[gone.address, *both.addresses], token=TOKEN) as turnout:
        await turnout.ready(5)


async def test_not_ready_in_time_is_told_with_the_plane_and_the_addresses(both: Planes) -> None:
    await both.worker.host.set_serving(serving=False)
    async with Client(control=both.control.address, workers=both.addresses, token=TOKEN) as turnout:
        with pytest.raises(Unavailable, match="workers") as late:
            await turnout.ready(0.3)
    assert both.addresses[0] in late.value.message


async def test_the_wrong_plane_at_an_address_is_not_ready(both: Planes) -> None:
    async with Client(control=both.worker.address, token=TOKEN) as turnout:
        with pytest.raises(Unavailable, match="control"):
            await turnout.ready(0.3)


async def test_a_client_is_used_by_many_tasks_at_once(both: Planes, turnout: Client) -> None:
    answers = await asyncio.gather(*(turnout.chat(f"question {number}") for number in range(50)))
    assert {answer.text for answer in answers} == {"Blue."}
    ids = [seen.request.request_id for seen in both.control.script.of("DecideRoute")]
    assert len(set(ids)) == 50


async def test_a_connection_takes_calls_side_by_side(both: Planes, turnout: Client) -> None:
    gates = [Gate(lambda *_: generated("Blue.")) for _ in range(3)]
    both.worker.script.then("Generate", *gates)
    tasks = [asyncio.ensure_future(turnout.chat("Why is the sky blue?")) for _ in gates]
    for gate in gates:
        await gate.came.wait()
    for gate in gates:
        gate.go.set()
    assert [answer.text for answer in await asyncio.gather(*tasks)] == ["Blue."] * 3


async def test_the_client_may_be_made_before_there_is_an_event_loop(both: Planes) -> None:
    turnout = await asyncio.to_thread(lambda: Client(control=both.control.address, token=TOKEN))
    both.control.script.then("DecideRoute", lambda asked, _: decided(asked))
    assert (await turnout.decide("Why is the sky blue?")).model == "gpt-4o-mini"
    await turnout.close()
