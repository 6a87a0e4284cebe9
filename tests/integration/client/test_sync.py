"""The client for code without an event loop."""

import asyncio
import gc
import inspect
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.message import Message

from tests.support.planes import TOKEN, Gate, Planes, delta, finish, generated, streaming
from turnout_client import (
    AnswerStream,
    Cancelled,
    Client,
    Decision,
    Delta,
    Finish,
    InvalidRequest,
    StreamBroken,
    SyncAnswerStream,
    SyncClient,
    Throttled,
)
from turnout_wire.failure import Failure
from turnout_wire.server import Call


@pytest_asyncio.fixture
async def waiting(both: Planes) -> AsyncIterator[SyncClient]:
    """A client of `both` that is to be used in threads, for its servers run in this one's loop."""
    client = await asyncio.to_thread(
        lambda: SyncClient(control=both.control.address, workers=both.addresses, token=TOKEN)
    )
    yield client
    await asyncio.to_thread(client.close)


async def elsewhere(work: Callable[[], Any]) -> Any:
    """What `work` gives in a thread of its own."""
    return await asyncio.to_thread(work)


async def test_everything_is_there_without_await(waiting: SyncClient) -> None:
    def work() -> None:
        waiting.ready(5)
        decision = waiting.decide("Why is the sky blue?")
        assert waiting.generate(decision).text == "Blue."
        assert waiting.chat("Why is the sky blue?", timeout=5).text == "Blue."
        assert [event for event in waiting.stream(decision) if isinstance(event, Delta)]
        assert isinstance(waiting.decide_many(["one"])[0], Decision)
        assert waiting.explain("Why is the sky blue?").candidates
        assert waiting.classify("Why is the sky blue?").classifier == "rules"

    await elsewhere(work)


async def test_a_stream_is_an_iterator(waiting: SyncClient) -> None:
    def work() -> None:
        with waiting.chat_stream("Why is the sky blue?") as stream:
            assert stream.decision.model == "gpt-4o-mini"
            events = list(stream)
        assert isinstance(events[-1], Finish)
        assert stream.text == stream.answer.text == "Blue."

    await elsewhere(work)


async def test_exceptions_are_the_same(both: Planes, waiting: SyncClient) -> None:
    both.worker.script.then("Generate", Failure("PROVIDER_THROTTLED", "too many requests"))
    with pytest.raises(Throttled):
        await elsewhere(lambda: waiting.chat("Why is the sky blue?"))
    both.worker.script.then("StreamGenerate", streaming(delta("Bl")))
    with pytest.raises(StreamBroken) as broken:
        await elsewhere(lambda: list(waiting.chat_stream("Why is the sky blue?")))
    assert broken.value.text == "Bl"
    with pytest.raises(InvalidRequest):
        await elsewhere(lambda: waiting.chat("Why is the sky blue?", max_cost_usd="nothing"))


async def test_many_threads_share_a_client(both: Planes, waiting: SyncClient) -> None:
    gates = [Gate(lambda *_: generated("Blue.")) for _ in range(4)]
    both.worker.script.then("Generate", *gates)
    asked = [asyncio.ensure_future(elsewhere(lambda: waiting.chat("Why is the sky blue?"))) for _ in gates]
    for gate in gates:
        await gate.came.wait()
    for gate in gates:
        gate.go.set()
    assert [answer.text for answer in await asyncio.gather(*asked)] == ["Blue."] * 4


async def test_closing_ends_what_other_threads_wait_for(both: Planes, waiting: SyncClient) -> None:
    gate = Gate(lambda *_: generated("Blue."))
    both.worker.script.then("Generate", gate)
    asked = asyncio.ensure_future(elsewhere(lambda: waiting.chat("Why is the sky blue?")))
    await gate.came.wait()
    await elsewhere(waiting.close)
    with pytest.raises(Cancelled, match="closed"):
        await asked
    async with asyncio.timeout(60):
        await gate.cancelled.wait()


async def test_closing_twice_is_closing_once_and_later_calls_say_so(waiting: SyncClient) -> None:
    await elsewhere(waiting.close)
    await elsewhere(waiting.close)
    for call in (waiting.decide, waiting.chat):
        with pytest.raises(RuntimeError, match="closed"):
            await elsewhere(partial(call, "Why is the sky blue?"))
    assert not [thread for thread in threading.enumerate() if thread.name == "turnout-client"]


async def test_a_client_that_is_dropped_ends_its_thread(both: Planes) -> None:
    def work() -> None:
        SyncClient(control=both.control.address, token=TOKEN).decide("Why is the sky blue?")
        gc.collect()

    await elsewhere(work)
    assert not [thread for thread in threading.enumerate() if thread.name == "turnout-client"]


def _by_closing(stream: SyncAnswerStream) -> None:
    next(stream)
    stream.close()


def _by_leaving_the_block(stream: SyncAnswerStream) -> None:
    with stream:
        next(stream)


def _by_dropping_it(stream: SyncAnswerStream) -> None:
    next(stream)


@pytest.mark.parametrize("stop", [_by_closing, _by_leaving_the_block, _by_dropping_it])
async def test_a_stream_that_nobody_reads_on_is_cancelled(
    both: Planes, waiting: SyncClient, stop: Callable[[SyncAnswerStream], None]
) -> None:
    gate = Gate(lambda *_: None)

    async def endless(request: Any, call: Call) -> Message | None:
        await call.send(delta("Bl"))
        return await gate(request, call)

    both.worker.script.then("StreamGenerate", endless)
    await elsewhere(lambda: stop(waiting.chat_stream("Why is the sky blue?")))
    async with asyncio.timeout(60):
        await gate.cancelled.wait()


async def test_a_stream_may_be_left_after_its_client_was_closed(both: Planes, waiting: SyncClient) -> None:
    both.worker.script.then("StreamGenerate", streaming(delta("Blue."), finish()))

    def work() -> None:
        with waiting.chat_stream("Why is the sky blue?") as stream:
            next(stream)
            waiting.close()

    await elsewhere(work)


def public(kind: type) -> dict[str, inspect.Signature]:
    """The public methods and properties of a class."""
    members = {name: member for name, member in vars(kind).items() if not name.startswith("_")}
    return {name: inspect.signature(getattr(member, "fget", member)) for name, member in members.items()}


@pytest.mark.parametrize(
    ("original", "face", "other_name"),
    [(Client, SyncClient, {}), (AnswerStream, SyncAnswerStream, {"aclose": "close"})],
)
def test_the_face_has_all_that_the_core_has(original: type, face: type, other_name: dict[str, str]) -> None:
    core = {other_name.get(name, name): signature for name, signature in public(original).items()}
    assert core.keys() == public(face).keys()
    for name, signature in public(face).items():
        assert list(signature.parameters.values()) == list(core[name].parameters.values()), name


def test_a_program_that_forgets_to_close_ends() -> None:
    program = (
        "from turnout_client import SyncClient\n"
        "kept = SyncClient(control='127.0.0.1:1', token='t')\n"
        "try:\n    kept.decide('x', timeout=0.1)\nexcept Exception as error:\n    print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("Unavailable\n", "")
