"""The official SDK in front of responses."""

import json
from itertools import pairwise
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseReasoningItem
from pydantic import BaseModel

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Finished,
    FinishReason,
    Message,
    Role,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from dataplane.execution.run import Content
from dataplane.gateway.body import members
from dataplane.gateway.model import Problem
from tests.support.openai_gateway import USAGE, Gateway

WEATHER: Any = {"type": "function", "name": "weather", "strict": True, "parameters": {"type": "object"}}
PARTS = (
    Thinking(text="Hmm", signature="seal", protocol="anthropic"),
    Text(text="Let me "),
    Text(text="see"),
    ToolCall(id="c1", name="weather", arguments='{"a":1}'),
    ToolCall(id="c2", name="weather", arguments=""),
)
STREAM: tuple[Content, ...] = (
    ThinkingDelta(text="Hm", protocol="anthropic"),
    ThinkingDelta(text="m", protocol="anthropic"),
    ThinkingDelta(signature="seal", protocol="anthropic"),
    TextDelta(text="Let me "),
    TextDelta(text="see"),
    ToolCallDelta(index=4, id="c1", name="weather"),
    ToolCallDelta(index=4, arguments='{"a"'),
    ToolCallDelta(index=7, id="c2", name="weather"),
    ToolCallDelta(index=4, arguments=":1}"),
)


class Answer(BaseModel):
    number: int


def says(*parts: Text | ToolCall | Thinking, reason: FinishReason = FinishReason.STOP) -> Gateway:
    return Gateway(answer=ChatResponse(parts=parts, finish_reason=reason, usage=USAGE))


def request_of(gateway: Gateway, number: int = 0) -> ChatRequest:
    request = gateway.asked[number].request
    assert isinstance(request, ChatRequest)
    return request


def test_a_whole_answer_is_taken_and_repeats_the_request() -> None:
    gateway = says(*PARTS, reason=FinishReason.TOOL_CALLS)
    response = gateway.client.responses.create(
        model="auto", input="Hi", instructions="Be kind", tools=[WEATHER], temperature=0.5, metadata={"a": "b"}
    )
    assert response.output_text == "Let me see"
    assert response.status == "completed"
    assert response.to_dict()["store"] is False
    assert response.instructions == "Be kind"
    assert response.temperature == 0.5
    assert response.metadata == {"a": "b"}
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens == 2
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call", "function_call"]
    Response.model_validate(response.model_dump(), strict=True)


def test_an_answer_given_back_is_what_the_model_gave() -> None:
    gateway = says(*PARTS, reason=FinishReason.TOOL_CALLS)
    client = gateway.client
    output: Any = client.responses.create(model="auto", input="Hi", tools=[WEATHER]).output
    results: Any = [{"type": "function_call_output", "call_id": f"c{number}", "output": "dry"} for number in (1, 2)]
    start: Any = [{"role": "user", "content": "Hi"}]
    client.responses.create(model="auto", input=[*start, *output, *results], tools=[WEATHER])
    assert request_of(gateway, 1).messages == (
        Message(role=Role.USER, parts=(Text(text="Hi"),)),
        Message(
            role=Role.ASSISTANT,
            parts=(
                PARTS[0],
                Text(text="Let me see"),
                PARTS[3],
                ToolCall(id="c2", name="weather", arguments="{}"),
            ),
        ),
        Message(role=Role.TOOL, parts=(ToolResult(tool_call_id="c1", content="dry"),)),
        Message(role=Role.TOOL, parts=(ToolResult(tool_call_id="c2", content="dry"),)),
    )


def test_thinking_of_another_protocol_is_not_passed_on() -> None:
    gateway = says(*PARTS)
    client = gateway.client
    output: Any = client.responses.create(model="auto", input="Hi").output
    client.responses.create(model="auto", input=output, temperature=1)
    original = gateway.asked[1].original
    value, spans = members(original.text)
    assert spans == original.spans
    items: Any = value["input"]
    assert [item["type"] for item in items] == ["message", "function_call", "function_call"]


def test_an_answer_is_parsed_by_its_schema() -> None:
    gateway = says(Text(text='{"number":4}'))
    parsed = gateway.client.responses.parse(model="auto", input="2+2", text_format=Answer)
    assert parsed.output_parsed == Answer(number=4)
    assert request_of(gateway).response_format.name == "Answer"
    assert request_of(gateway).response_format.strict


@pytest.mark.parametrize(
    ("reason", "why"),
    [(FinishReason.LENGTH, "max_output_tokens"), (FinishReason.CONTENT_FILTER, "content_filter")],
)
def test_an_answer_that_was_cut_is_incomplete(reason: FinishReason, why: str) -> None:
    whole = says(Text(text="Hal"), reason=reason).client.responses.create(model="auto", input="Hi")
    stream = Gateway(finished=Finished(reason=reason)).client.responses.create(model="auto", input="Hi", stream=True)
    last = list(stream)[-1]
    assert last.type == "response.incomplete"
    for response in (whole, last.response):
        assert response.status == "incomplete"
        assert response.incomplete_details is not None
        assert response.incomplete_details.reason == why


def test_a_refusal_is_told_as_one() -> None:
    response = says(Text(text="No."), reason=FinishReason.REFUSAL).client.responses.create(model="auto", input="Hi")
    assert response.output[0].to_dict()["content"] == [{"type": "refusal", "refusal": "No."}]


def test_the_sdk_puts_a_stream_together() -> None:
    gateway = Gateway(events=STREAM, finished=Finished(reason=FinishReason.TOOL_CALLS))
    with gateway.client.responses.stream(model="auto", input="Hi", tools=[WEATHER]) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "Let me see"
    calls = [item for item in final.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(call.call_id, call.arguments) for call in calls] == [("c1", '{"a":1}'), ("c2", "{}")]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta") == "Hmm"


def test_a_stream_says_what_the_whole_answer_says() -> None:
    stream = Gateway(events=STREAM, finished=Finished(reason=FinishReason.TOOL_CALLS))
    last = list(stream.client.responses.create(model="auto", input="Hi", stream=True))[-1]
    assert last.type == "response.completed"
    whole = says(*PARTS, reason=FinishReason.TOOL_CALLS).client.responses.create(model="auto", input="Hi")
    assert {**last.response.to_dict(), "tools": []} == whole.to_dict()


def test_every_item_is_added_and_done_before_the_next_one() -> None:
    stream = Gateway(events=STREAM).client.responses.create(model="auto", input="Hi", stream=True)
    edges = [
        (event.type.removeprefix("response.output_item."), event.output_index)
        for event in stream
        if event.type in ("response.output_item.added", "response.output_item.done")
    ]
    assert edges == [(edge, place) for place in range(4) for edge in ("added", "done")]


async def test_the_asynchronous_sdk_streams_as_well() -> None:
    client = Gateway(events=STREAM).async_client
    async with client.responses.stream(model="auto", input="Hi") as stream:
        final = await stream.get_final_response()
    assert final.output_text == "Let me see"
    assert isinstance(final.output[0], ResponseReasoningItem)


def test_a_call_without_arguments_before_more_text_has_an_empty_object() -> None:
    events = (ToolCallDelta(index=0, id="c", name="f"), TextDelta(text="so"))
    last = list(Gateway(events=events).client.responses.create(model="auto", input="Hi", stream=True))[-1]
    assert last.type == "response.completed"
    assert [item.to_dict().get("arguments") for item in last.response.output] == ["{}", None]


def test_a_stream_that_breaks_off_fails_and_does_not_complete() -> None:
    gateway = Gateway(problem=Problem(reason="STREAM_BROKEN", message="it broke off"))
    with pytest.raises(openai.APIError, match="it broke off"):
        list(gateway.client.responses.create(model="auto", input="Hi", stream=True))
    lines = [line for line in gateway.streams[-1].splitlines() if line.startswith(b"data: ")]
    events = [json.loads(line.removeprefix(b"data: ")) for line in lines]
    error, failed = events[-2:]
    assert (error["type"], error["code"], error["message"]) == ("error", "stream_broken", "it broke off")
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["message"] == "it broke off"
    assert all(after["sequence_number"] == before["sequence_number"] + 1 for before, after in pairwise(events))
    with gateway.client.responses.stream(model="auto", input="Hi") as stream, pytest.raises(openai.APIError):
        stream.get_final_response()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ],
)
def test_what_needs_a_memory_is_refused_with_the_way_out(more: Any, field: str) -> None:
    with pytest.raises(openai.BadRequestError, match="not kept here") as raised:
        says(Text(text="Hi")).client.responses.create(**{"model": "auto", "input": "Hi", **more})
    assert raised.value.param == field
