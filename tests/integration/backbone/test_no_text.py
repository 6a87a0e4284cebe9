"""Providers that repeat the prompt in what they answer and in their errors, and requests that cannot be read: no word of it is kept."""

import logging
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from tests.support.asking import balances, client
from tests.support.backbone import Backbone, asked, backbone, generate, payload
from tests.support.line import refusal
from tests.support.provider import Step, answer, cut, error
from turnout.inference.v1 import chat_pb2, inference_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_client import TurnoutError
from turnout_wire.chat_payload import CHAT_REQUEST

CANARY = "zanzibarquokka"
MARK = "mauritiusdodo"
ECHO = f'{{"error":{{"message":"{CANARY}","type":"{CANARY}","code":"{CANARY}","param":"{CANARY}"}}}}'.encode()
STEPS: dict[str, Step] = {
    "answered": answer(f"You said {CANARY}."),
    "rejected": error("400 Bad Request", body=ECHO),
    "denied": error("401 Unauthorized", body=ECHO),
    "throttled": error("429 Too Many Requests", body=ECHO, headers=f"Retry-After: {CANARY}\r\n"),
    "failed": error(f"503 {CANARY}", body=CANARY.encode()),
    "unreadable": error("200 OK", body=b'{"choices": [{"message": {"content": "' + CANARY.encode()),
    "strange": error("200 OK", body=ECHO),
    "cut": cut(CANARY),
}


async def kept(planes: Backbone) -> bytes:
    """What the store has, as it is read, and as it lies on the disk."""
    log = await planes.control.store.entries.in_order(0, 1000)
    waiting = await planes.control.store.database.fetch("SELECT body FROM entry")
    files = [path.read_bytes() for path in planes.control.config.state.rglob("*") if path.is_file()]
    bodies = [body for (body,) in waiting if isinstance(body, bytes)]
    return b" ".join([*(entry.body or b"" for entry in log), *bodies, *files])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", STEPS)
async def test_what_a_provider_repeats_is_in_no_record_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, streamed: bool
) -> None:
    """Each way on planes of its own: a target that denied one run is no candidate of the next decision."""
    caplog.set_level(logging.DEBUG)
    async with backbone(tmp_path) as planes, client(planes) as turnout:
        planes.providers.then("first", *[STEPS[name]] * 3)
        planes.providers.then("second", *[STEPS[name]] * 3)
        try:
            if streamed:
                async for _ in turnout.chat_stream(f"Tell me of {CANARY}.", feature=MARK):
                    pass
            else:
                await turnout.chat(f"Tell me of {CANARY}.", feature=MARK)
        except TurnoutError:
            assert name != "answered"
        await planes.control.meter.until("turnout.receipts")
        found = await kept(planes)
    assert CANARY not in caplog.text
    assert CANARY not in str([vars(record) for record in caplog.records])
    assert CANARY.encode() not in found.lower()
    assert MARK.encode() in found


UNREADABLE: dict[str, payload_pb2.Payload] = {
    "no message": payload_pb2.Payload(content_type=CHAT_REQUEST, body=CANARY.encode()),
    "no such type": payload_pb2.Payload(content_type="text/plain", body=CANARY.encode()),
    "a role that is none": payload_pb2.Payload(
        content_type=CHAT_REQUEST,
        body=chat_pb2.ChatRequest(
            messages=[chat_pb2.Message(role=99, parts=[chat_pb2.Part(text=CANARY)])]  # type: ignore[arg-type]
        ).SerializeToString(),
    ),
    "a name that is none": payload(CANARY, tools=[chat_pb2.Tool(name=f"{CANARY} {CANARY}", description=CANARY)]),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_refused_without_a_word_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with backbone(tmp_path) as planes:
        request = routing_pb2.DecideRouteRequest(payload=UNREADABLE[name], hints=routing_pb2.Hints(feature=MARK))
        refused = [await told(planes.router(request))]
        if refused == [""]:
            decided = await planes.decide(request)
            run = inference_pb2.GenerateRequest(decision=decided.decision, payload=UNREADABLE[name])
            refused = [await told(planes.runner(run))]
        other = generate(await planes.decide(asked("another prompt", hints=routing_pb2.Hints(feature=MARK))), CANARY)
        refused.append((await refusal(planes.runner(other))).reason)
        assert await balances(planes.control) == {}
        await planes.control.plane._records.journal.flush(5)
        found = await kept(planes)
    assert refused[1] == "DIGEST_MISMATCH"
    assert all(refused)
    assert CANARY not in caplog.text + str([vars(record) for record in caplog.records])
    assert CANARY.encode() not in found.lower()
    assert MARK.encode() in found


async def told(call: Any) -> str:
    """What the caller is told; empty if it is answered."""
    try:
        await call
    except grpc.aio.AioRpcError as failed:
        return str(failed.details())
    return ""
