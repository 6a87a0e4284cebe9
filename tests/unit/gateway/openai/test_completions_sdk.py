"""The official SDK in front of chat completions."""

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Finished,
    FinishReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
)
from dataplane.execution.run import Content
from dataplane.gateway.model import Problem
from tests.support.openai_gateway import USAGE, Gateway

HELLO: Any = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "strict": True, "parameters": {"type": "object", "properties": {}}},
}


class Answer(BaseModel):
    number: int


def says(*parts: Text | ToolCall | Thinking, reason: FinishReason = FinishReason.STOP) -> Gateway:
    return Gateway(answer=ChatResponse(parts=parts, finish_reason=reason, usage=USAGE))


def request_of(gateway: Gateway) -> ChatRequest:
    request = gateway.asked[0].request
    assert isinstance(request, ChatRequest)
    return request


def test_a_whole_answer_is_taken() -> None:
    gateway = says(Text(text="Grüße\u2028!"))
    completion = gateway.client.chat.completions.create(model="auto", messages=HELLO)
    assert completion.choices[0].message.content == "Grüße\u2028!"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.id == "chatcmpl-0190aa"
    assert completion.model == "gpt-x"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 18
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 3
    assert completion.usage.completion_tokens_details is not None
    assert completion.usage.completion_tokens_details.reasoning_tokens == 2
    ChatCompletion.model_validate(completion.model_dump(), strict=True)


def test_tool_calls_and_their_results_go_around() -> None:
    gateway = says(
        Thinking(text="Which?", signature="seal", protocol="anthropic"),
        ToolCall(id="c1", name="weather", arguments='{"a":1}'),
        ToolCall(id="c2", name="weather", arguments=""),
        reason=FinishReason.TOOL_CALLS,
    )
    client = gateway.client
    message = client.chat.completions.create(model="auto", messages=HELLO, tools=[WEATHER]).choices[0].message
    assert message.content is None
    assert message.tool_calls is not None
    assert [(call.id, call.function.arguments) for call in message.tool_calls if call.type == "function"] == [
        ("c1", '{"a":1}'),
        ("c2", "{}"),
    ]
    said: Any = message
    results: Any = [{"role": "tool", "tool_call_id": f"c{number}", "content": "dry"} for number in (1, 2)]
    client.chat.completions.create(model="auto", messages=[*HELLO, said, *results], tools=[WEATHER])
    told = gateway.asked[1].request
    assert isinstance(told, ChatRequest)
    assert told.messages[1].parts == (
        Thinking(text="Which?", signature="seal", protocol="anthropic"),
        ToolCall(id="c1", name="weather", arguments='{"a":1}'),
        ToolCall(id="c2", name="weather", arguments="{}"),
    )
    assert gateway.asked[1].loses == ()


def test_an_answer_is_parsed_by_its_schema() -> None:
    gateway = says(Text(text='{"number":4}'))
    parsed = gateway.client.chat.completions.parse(model="auto", messages=HELLO, response_format=Answer)
    assert parsed.choices[0].message.parsed == Answer(number=4)
    assert request_of(gateway).response_format.strict
    assert request_of(gateway).response_format.name == "Answer"


def test_a_refusal_is_told_as_one() -> None:
    gateway = says(Text(text="No."), reason=FinishReason.REFUSAL)
    message = gateway.client.chat.completions.parse(model="auto", messages=HELLO, response_format=Answer)
    assert message.choices[0].message.refusal == "No."
    assert message.choices[0].message.parsed is None


def test_an_answer_that_was_filtered_raises_where_it_is_parsed() -> None:
    gateway = says(Text(text=""), reason=FinishReason.CONTENT_FILTER)
    with pytest.raises(openai.ContentFilterFinishReasonError):
        gateway.client.chat.completions.parse(model="auto", messages=HELLO, response_format=Answer)


def test_a_function_of_the_old_kind_is_called_in_the_old_way() -> None:
    gateway = says(ToolCall(id="c", name="f", arguments="{}"), reason=FinishReason.TOOL_CALLS)
    old: Any = {"functions": [{"name": "f"}]}
    choice = gateway.client.chat.completions.create(model="auto", messages=HELLO, **old).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call is not None
    assert choice.message.function_call.name == "f"
    assert choice.message.tool_calls is None


STREAM: tuple[Content, ...] = (
    ThinkingDelta(text="Hm", protocol="anthropic"),
    ThinkingDelta(text="m", protocol="anthropic"),
    ThinkingDelta(signature="seal", protocol="anthropic"),
    TextDelta(text="Hello"),
    TextDelta(text=' "you"\n\u2028é'),
    ToolCallDelta(index=4, id="c1", name="weather"),
    ToolCallDelta(index=4, arguments='{"a"'),
    ToolCallDelta(index=7, id="c2", name="weather"),
    ToolCallDelta(index=4, arguments=":1}"),
)
CALLED = Finished(reason=FinishReason.TOOL_CALLS)


def test_a_stream_is_read_piece_by_piece() -> None:
    gateway = Gateway(events=STREAM, finished=CALLED)
    chunks = list(gateway.client.chat.completions.create(model="auto", messages=HELLO, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == 'Hello "you"\n\u2028é'
    assert "".join(getattr(chunk.choices[0].delta, "reasoning_content", "") for chunk in chunks) == "Hmm"
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert {chunk.id for chunk in chunks} == {"chatcmpl-0190aa"}
    assert all(chunk.usage is None for chunk in chunks)
    assert gateway.streams[0].endswith(b"data: [DONE]\n\n")


def test_usage_comes_at_the_end_of_a_stream_if_it_was_asked_for() -> None:
    options: Any = {"include_usage": True}
    gateway = Gateway()
    stream = gateway.client.chat.completions.create(model="auto", messages=HELLO, stream=True, stream_options=options)
    *chunks, last = list(stream)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.prompt_tokens == 11
    assert all(chunk.usage is None for chunk in chunks)


def test_the_sdk_puts_a_stream_together() -> None:
    gateway = Gateway(events=STREAM, finished=CALLED)
    with gateway.client.chat.completions.stream(model="auto", messages=HELLO, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert message.content == 'Hello "you"\n\u2028é'
    assert message.tool_calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("c1", "weather", '{"a":1}'),
        ("c2", "weather", "{}"),
    ]
    assert message.to_dict()["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hmm", "index": 0, "format": "anthropic-claude-v1", "signature": "seal"}
    ]


async def test_the_asynchronous_sdk_streams_as_well() -> None:
    client = Gateway(events=STREAM, finished=CALLED).async_client
    async with client.chat.completions.stream(model="auto", messages=HELLO, tools=[WEATHER]) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    whole = await says(Text(text="Hi")).async_client.chat.completions.create(model="auto", messages=HELLO)
    assert whole.choices[0].message.content == "Hi"


def test_a_function_of_the_old_kind_is_streamed_in_the_old_way() -> None:
    gateway = Gateway(events=STREAM[-4:], finished=CALLED)
    old: Any = {"functions": [{"name": "weather"}]}
    chunks = list(gateway.client.chat.completions.create(model="auto", messages=HELLO, stream=True, **old))
    calls = [chunk.choices[0].delta.function_call for chunk in chunks if chunk.choices[0].delta.function_call]
    assert "".join(call.arguments or "" for call in calls) == '{"a":1}'
    assert [call.name for call in calls if call.name] == ["weather"]
    assert chunks[-1].choices[0].finish_reason == "function_call"


def test_a_stream_that_breaks_off_raises_and_does_not_end() -> None:
    gateway = Gateway(problem=Problem(reason="STREAM_BROKEN", message="it broke off"))
    stream = gateway.client.chat.completions.create(model="auto", messages=HELLO, stream=True)
    said: list[str | None] = []
    with pytest.raises(openai.APIError, match="it broke off") as raised:
        said.extend(chunk.choices[0].delta.content for chunk in stream)
    assert said == ["", "Hello"]
    assert raised.value.code == "stream_broken"
    assert b"[DONE]" not in gateway.streams[0]
