"""The official SDK reads what the face writes: whole answers, streams and errors."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import anthropic
import httpx2
import pytest
from pydantic import BaseModel

from dataplane.chat.model import (
    ChatResponse,
    Finished,
    FinishReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Verbatim,
)
from dataplane.execution.run import Content
from dataplane.gateway.anthropic.counting import CountTokens
from dataplane.gateway.anthropic.errors import KINDS
from dataplane.gateway.anthropic.messages import Messages
from dataplane.gateway.anthropic.models import Models
from dataplane.gateway.body import members
from dataplane.gateway.model import Asked, Problem, Received
from dataplane.provider.failure import Fault
from tests.support.faces import ANSWER_ID, LISTED, STOP, USAGE, answering, streamed

HELLO: Any = [{"role": "user", "content": "Hello"}]
THINK: Any = {"type": "enabled", "budget_tokens": 2048}
LOOK: Any = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
CALLED = Finished(reason=FinishReason.TOOL_CALLS)
Respond = Callable[[Asked], tuple[int, bytes]]


class Weather(BaseModel):
    city: str
    degrees: int


def handler(respond: Respond) -> Callable[[httpx2.Request], httpx2.Response]:
    def handle(request: httpx2.Request) -> httpx2.Response:
        text = request.content.decode()
        value, spans = members(text)
        given = Received(headers=dict(request.headers), text=text, value=value, spans=spans)
        face = CountTokens() if request.url.path.endswith("count_tokens") else Messages()
        asked = face.read(given)
        status, body = respond(asked)
        kind = "text/event-stream" if asked.stream and status == 200 else "application/json"
        return httpx2.Response(status, headers={"content-type": kind}, content=body)

    return handle


def client(respond: Respond) -> anthropic.Anthropic:
    transport = httpx2.MockTransport(handler(respond))
    return anthropic.Anthropic(
        api_key="k", base_url="http://gateway", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def answer(*parts: Text | ToolCall | Thinking, reason: FinishReason = FinishReason.STOP) -> Respond:
    response = ChatResponse(parts=parts, finish_reason=reason, usage=USAGE)
    return lambda asked: (200, Messages().whole(response, answering(asked)))


def stream(*events: Content, finished: Finished = STOP) -> Respond:
    return lambda asked: (200, streamed(Messages(), asked, events, finished))


def test_a_whole_answer_is_a_message() -> None:
    with client(answer(Text(text="Good day. “→\u2028”"))) as sdk:
        message = sdk.messages.create(model="auto", max_tokens=64, messages=HELLO)
    assert (message.id, message.model, message.role) == (f"msg_{ANSWER_ID}", "fits-well", "assistant")
    assert [block.text for block in message.content if block.type == "text"] == ["Good day. “→\u2028”"]
    assert message.stop_reason == "end_turn"
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (30, 60, 10)
    assert usage.output_tokens == 30
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 12


def test_tools_are_called_and_answered() -> None:
    seen: list[Asked] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(asked)
        if len(seen) == 1:
            calls = (
                ToolCall(id="call_1", name="look", arguments='{"at": "sky"}'),
                ToolCall(id="", name="look", arguments=""),
            )
            return answer(Text(text="I look."), *calls, reason=FinishReason.TOOL_CALLS)(asked)
        return answer(Text(text="Blue."))(asked)

    with client(respond) as sdk:
        first = sdk.messages.create(model="auto", max_tokens=64, messages=HELLO, tools=[LOOK])
        assert first.stop_reason == "tool_use"
        calls = [block for block in first.content if block.type == "tool_use"]
        assert [(call.id, call.input) for call in calls] == [("call_1", {"at": "sky"}), (f"toolu_{ANSWER_ID}_2", {})]
        results: Any = [{"type": "tool_result", "tool_use_id": call.id, "content": "blue"} for call in calls]
        talk: Any = [*HELLO, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        second = sdk.messages.create(model="auto", max_tokens=64, messages=talk, tools=[LOOK])
    assert second.stop_reason == "end_turn"
    assert (seen[1].only, seen[1].loses) == ((), ())
    spoken = seen[1].request.messages[1].parts  # type: ignore[union-attr]
    assert spoken == (
        Text(text="I look."),
        ToolCall(id="call_1", name="look", arguments='{"at":"sky"}'),
        ToolCall(id=f"toolu_{ANSWER_ID}_2", name="look", arguments="{}"),
    )


@pytest.mark.parametrize("protocol", ["anthropic", "gemini", "openai", "bedrock"])
def test_thinking_comes_back_as_what_it_was_whoever_thought(protocol: str) -> None:
    thoughts = (
        Thinking(text="Hm.", signature="c2ln", protocol=protocol),
        Thinking(redacted="secret", protocol=protocol),
        Thinking(text="So.", signature="", protocol=protocol),
    )
    seen: list[Asked] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(asked)
        return answer(*thoughts, Text(text="Yes."))(asked)

    with client(respond) as sdk:
        first = sdk.messages.create(model="auto", max_tokens=4096, messages=HELLO, thinking=THINK)
        assert [block.type for block in first.content] == ["thinking", "redacted_thinking", "thinking", "text"]
        talk: Any = [*HELLO, {"role": "assistant", "content": first.content}, *HELLO]
        sdk.messages.create(model="auto", max_tokens=4096, messages=talk, thinking=THINK)
    assert seen[1].request.messages[1].parts == (*thoughts, Text(text="Yes."))  # type: ignore[union-attr]


def test_thinking_that_nobody_asked_for_stays_out() -> None:
    with client(answer(Thinking(text="Hm.", protocol="openai"), Text(text="Yes."))) as sdk:
        message = sdk.messages.create(model="auto", max_tokens=64, messages=HELLO)
    assert [block.type for block in message.content] == ["text"]


def test_arguments_that_are_no_object_are_told_as_anthropic_tells_them() -> None:
    with client(answer(ToolCall(id="c", name="look", arguments='{"at": "sk'))) as sdk:
        message = sdk.messages.create(model="auto", max_tokens=64, messages=HELLO)
    assert [block.input for block in message.content if block.type == "tool_use"] == [{"INVALID_JSON": '{"at": "sk'}]


def test_a_stream_makes_the_same_message() -> None:
    events: list[Content] = [
        ThinkingDelta(text="H", protocol="anthropic"),
        ThinkingDelta(text="m.", protocol="anthropic"),
        ThinkingDelta(signature="c2ln", protocol="anthropic"),
        ThinkingDelta(redacted="secret", protocol="anthropic"),
        ThinkingDelta(text="Then.", protocol="openai"),
        TextDelta(text="Good “"),
        TextDelta(text='day".\n'),
        ToolCallDelta(index=0, id="call_1", name="look"),
        ToolCallDelta(index=0, arguments='{"at": '),
        ToolCallDelta(index=1, id="", name="look"),
        ToolCallDelta(index=0, arguments='"sky"}'),
    ]
    with (
        client(stream(*events, finished=CALLED)) as sdk,
        sdk.messages.stream(model="auto", max_tokens=4096, messages=HELLO, thinking=THINK) as told,
    ):
        text = "".join(told.text_stream)
        message = told.get_final_message()
    assert text == 'Good “day".\n'
    assert [block.model_dump(exclude_none=True, exclude={"parsed_output"}) for block in message.content] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "thinking", "thinking": "Then.", "signature": "turnout.openai."},
        {"type": "text", "text": 'Good “day".\n'},
        {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "sky"}},
        {"type": "tool_use", "id": f"toolu_{ANSWER_ID}_1", "name": "look", "input": {}},
    ]
    assert (message.id, message.model, message.stop_reason) == (f"msg_{ANSWER_ID}", "fits-well", "tool_use")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (30, 30)
    assert (message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens) == (60, 10)


def test_an_answer_without_content_is_a_message_too() -> None:
    with client(stream(finished=Finished(reason=FinishReason.REFUSAL))) as sdk:
        events = list(sdk.messages.create(model="auto", max_tokens=64, messages=HELLO, stream=True))
    assert [event.type for event in events] == ["message_start", "message_delta", "message_stop"]
    assert [event.delta.stop_reason for event in events if event.type == "message_delta"] == ["refusal"]


async def test_the_asynchronous_client_reads_the_stream() -> None:
    transport = httpx2.MockTransport(handler(stream(TextDelta(text="Good "), TextDelta(text="day"))))
    async with (
        anthropic.AsyncAnthropic(
            api_key="k", base_url="http://gateway", http_client=httpx2.AsyncClient(transport=transport)
        ) as sdk,
        sdk.messages.stream(model="auto", max_tokens=64, messages=HELLO) as told,
    ):
        assert [text async for text in told.text_stream] == ["Good ", "day"]


def test_an_answer_is_parsed_with_a_schema() -> None:
    seen: list[Asked] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(asked)
        return answer(Text(text='{"city": "Basel", "degrees": 7}'))(asked)

    with client(respond) as sdk:
        message = sdk.messages.parse(model="auto", max_tokens=64, messages=HELLO, output_format=Weather)
    assert message.parsed_output == Weather(city="Basel", degrees=7)
    form = seen[0].request.response_format  # type: ignore[union-attr]
    assert (form.kind, form.strict) == ("json_schema", True)


def test_tokens_are_counted() -> None:
    with client(lambda asked: (200, CountTokens().counted(asked, 7))) as sdk:
        assert sdk.messages.count_tokens(model="auto", messages=HELLO).input_tokens == 7


def verbatim(*pieces: str) -> list[Content]:
    last = len(pieces) - 1
    return [
        Verbatim(data=f"event: {name}\ndata: {data}\n\n".encode(), tells=(STOP,) if number == last else ())
        for number, (name, data) in enumerate(piece.split(" ", 1) for piece in pieces)
    ]


def test_events_that_are_passed_on_are_not_touched_and_not_ended_twice() -> None:
    pieces = verbatim('ping {"type":"ping"}', 'message_stop {"type":"message_stop"}')
    seen: list[bytes] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(streamed(Messages(), asked, pieces))
        return 200, seen[0]

    with client(respond) as sdk:
        list(sdk.messages.create(model="auto", max_tokens=64, messages=HELLO, stream=True))
    assert seen == [b"".join(piece.data for piece in pieces if isinstance(piece, Verbatim))]


@pytest.mark.parametrize(
    ("error", "kind"),
    [("", "api_error"), (Fault.OVERLOADED, "overloaded_error"), (Fault.TIMEOUT_BETWEEN_CHUNKS, "timeout_error")],
)
def test_a_stream_that_breaks_off_raises(error: str, kind: str) -> None:
    problem = Problem(reason="STREAM_BROKEN", message="the provider hung up", error=error)

    def respond(asked: Asked) -> tuple[int, bytes]:
        writer = Messages().writer(answering(asked))
        return 200, writer.content(TextDelta(text="Good ")) + writer.fail(problem)

    texts: list[str] = []
    with (
        client(respond) as sdk,
        pytest.raises(anthropic.APIStatusError) as raised,
        sdk.messages.stream(model="auto", max_tokens=64, messages=HELLO) as told,
    ):
        texts.extend(told.text_stream)
    assert texts == ["Good "]
    assert (raised.value.type, raised.value.api_message) == (kind, "the provider hung up")


CLASSES: Iterable[tuple[str, str, type[anthropic.APIStatusError]]] = [
    ("INVALID_FIELD", "", anthropic.BadRequestError),
    ("NO_ELIGIBLE_TARGET", "", anthropic.BadRequestError),
    ("PROVIDER_REJECTED", Fault.CONTENT_FILTER, anthropic.BadRequestError),
    ("PROVIDER_REJECTED", Fault.CONTEXT_TOO_LONG, anthropic.BadRequestError),
    ("UNAUTHENTICATED", "", anthropic.AuthenticationError),
    ("ACCESS_DENIED", "", anthropic.PermissionDeniedError),
    ("MODEL_UNKNOWN", "", anthropic.NotFoundError),
    ("PAYLOAD_TOO_LARGE", "", anthropic.RequestTooLargeError),
    ("BUDGET_EXHAUSTED", "", anthropic.RateLimitError),
    ("RATE_LIMITED", "", anthropic.RateLimitError),
    ("PROVIDER_THROTTLED", Fault.RATE_LIMITED, anthropic.RateLimitError),
    ("PROVIDER_THROTTLED", Fault.OVERLOADED, anthropic.OverloadedError),
    ("TARGETS_EXHAUSTED", Fault.CONNECT, anthropic.ServiceUnavailableError),
    ("TARGETS_EXHAUSTED", Fault.TIMEOUT_FIRST_TOKEN, anthropic.DeadlineExceededError),
    ("DEADLINE_EXCEEDED", "", anthropic.DeadlineExceededError),
    ("DEADLINE_EXCEEDED", Fault.RATE_LIMITED, anthropic.DeadlineExceededError),
    ("OVERLOADED", "", anthropic.OverloadedError),
    ("PROVIDER_MISCONFIGURED", Fault.CREDENTIAL, anthropic.InternalServerError),
    ("INTERNAL", "", anthropic.InternalServerError),
]


@pytest.mark.parametrize(("reason", "error", "kind"), CLASSES)
def test_each_error_raises_the_class_that_fits(reason: str, error: str, kind: type[anthropic.APIStatusError]) -> None:
    refused = Messages().refuse(Problem(reason=reason, message="so it is", error=error))
    with client(lambda _: (refused.status, refused.body)) as sdk, pytest.raises(anthropic.APIStatusError) as raised:
        sdk.messages.create(model="auto", max_tokens=64, messages=HELLO)
    assert type(raised.value) is kind
    assert "so it is" in str(raised.value.api_message)
    assert raised.value.error_code == reason.lower()


@pytest.mark.parametrize("reason", KINDS)
def test_every_reason_has_a_type_that_the_sdk_knows(reason: str) -> None:
    refused = Messages().refuse(Problem(reason=reason, message="so it is"))
    with client(lambda _: (refused.status, refused.body)) as sdk, pytest.raises(anthropic.APIStatusError) as raised:
        sdk.messages.create(model="auto", max_tokens=64, messages=HELLO)
    assert str(raised.value.type).endswith(("_error", "request_too_large"))


def test_the_list_of_models_and_one_of_them() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        name = request.url.path.removeprefix("/v1/models").strip("/")
        body = Models().one(LISTED, name) if name else Models().all(LISTED)
        if body is None:
            refused = Models().refuse(Problem(reason="MODEL_UNKNOWN", message="there is no such model"))
            return httpx2.Response(refused.status, content=refused.body)
        return httpx2.Response(200, content=body, headers={"content-type": "application/json"})

    with anthropic.Anthropic(
        api_key="k",
        base_url="http://gateway",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(handle)),
    ) as sdk:
        assert [model.id for model in sdk.models.list()] == ["auto", "auto:chat", "best", "m-1"]
        one = sdk.models.retrieve("m-1")
        assert (one.created_at, one.max_input_tokens) == (datetime(2026, 3, 1, tzinfo=UTC), 9000)
        with pytest.raises(anthropic.NotFoundError):
            sdk.models.retrieve("e-1")
