"""Chat requests and answers between the contract and plain values: everything that can be said comes through."""

import json

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Effort,
    FinishReason,
    FormatKind,
    Image,
    Message,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
    Usage,
)
from dataplane.rpc.chat_codec import FINISH_REASON, chat_request, plain, response_message, usage_message
from turnout.inference.v1 import chat_pb2
from turnout.outcome.v1 import usage_pb2
from turnout_wire.failure import Failure

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"n": {"minimum": 3, "multipleOf": 0.5}},
    "required": ["n"],
    "x": [None, True],
}


def struct(values: dict[str, object]) -> Struct:
    made = Struct()
    ParseDict(values, made)
    return made


def said(role: chat_pb2.Role.ValueType, *parts: chat_pb2.Part) -> chat_pb2.Message:
    return chat_pb2.Message(role=role, parts=parts)


EVERYTHING = chat_pb2.ChatRequest(
    messages=[
        said(chat_pb2.ROLE_SYSTEM, chat_pb2.Part(text="Be brief.")),
        said(
            chat_pb2.ROLE_USER,
            chat_pb2.Part(text="What is this?"),
            chat_pb2.Part(image=chat_pb2.Image(data=b"png", media_type="image/png")),
            chat_pb2.Part(image=chat_pb2.Image(url="https://example.com/a.png")),
        ),
        said(
            chat_pb2.ROLE_ASSISTANT,
            chat_pb2.Part(thinking=chat_pb2.Thinking(text="hm", signature=b"s", redacted=b"r", protocol="anthropic")),
            chat_pb2.Part(tool_call=chat_pb2.ToolCall(id="c", name="look", arguments=b'{"a": 1}')),
        ),
        said(
            chat_pb2.ROLE_TOOL,
            chat_pb2.Part(tool_result=chat_pb2.ToolResult(tool_call_id="c", content="a cat", is_error=True)),
        ),
    ],
    tools=[
        chat_pb2.Tool(name="look", description="Looks.", parameters=struct(SCHEMA), strict=True),
        chat_pb2.Tool(name="bare"),
    ],
    tool_choice=chat_pb2.ToolChoice(mode=chat_pb2.ToolChoice.MODE_NAMED, name="look", disable_parallel=True),
    response_format=chat_pb2.ResponseFormat(
        json_schema=chat_pb2.JsonSchemaFormat(name="answer", schema=struct(SCHEMA), strict=True, description="D")
    ),
    sampling=chat_pb2.Sampling(temperature=0.0, top_p=0.5, top_k=7, frequency_penalty=-1.0, presence_penalty=0.0),
    stop=["END"],
    max_output_tokens=100,
    seed=0,
    metadata={"team": "a"},
    provider_options=[chat_pb2.ProviderOptions(provider="openai", options=struct({"logit_bias": {"1": 2}}))],
    reasoning=chat_pb2.Reasoning(effort=chat_pb2.Reasoning.EFFORT_LOW, max_tokens=5, include=True),
)


def test_everything_that_the_contract_can_say_is_read() -> None:
    assert chat_request(EVERYTHING) == ChatRequest(
        messages=(
            Message(role=Role.SYSTEM, parts=(Text(text="Be brief."),)),
            Message(
                role=Role.USER,
                parts=(
                    Text(text="What is this?"),
                    Image(data=b"png", media_type="image/png"),
                    Image(url="https://example.com/a.png"),
                ),
            ),
            Message(
                role=Role.ASSISTANT,
                parts=(
                    Thinking(text="hm", signature="s", redacted="r", protocol="anthropic"),
                    ToolCall(id="c", name="look", arguments='{"a": 1}'),
                ),
            ),
            Message(role=Role.TOOL, parts=(ToolResult(tool_call_id="c", content="a cat", is_error=True),)),
        ),
        tools=(Tool(name="look", description="Looks.", parameters=SCHEMA, strict=True), Tool(name="bare")),
        tool_choice=ToolChoice(mode=ToolMode.NAMED, name="look", disable_parallel=True),
        response_format=ResponseFormat(
            kind=FormatKind.JSON_SCHEMA, name="answer", schema=SCHEMA, strict=True, description="D"
        ),
        sampling=Sampling(temperature=0.0, top_p=0.5, top_k=7, frequency_penalty=-1.0, presence_penalty=0.0),
        stop=("END",),
        max_output_tokens=100,
        seed=0,
        metadata={"team": "a"},
        provider_options={"openai": {"logit_bias": {"1": 2}}},
        reasoning=Reasoning(effort=Effort.LOW, max_tokens=5, include=True),
    )


def test_every_field_of_the_contract_stands_in_that_request() -> None:
    """So that a new field cannot be forgotten by the test above."""
    assert {field.name for field, _ in EVERYTHING.ListFields()} == set(chat_pb2.ChatRequest.DESCRIPTOR.fields_by_name)


def test_what_is_not_said_stays_unsaid() -> None:
    """A zero that somebody wrote and nothing at all are two things to a provider."""
    request = chat_request(chat_pb2.ChatRequest(messages=[said(chat_pb2.ROLE_USER, chat_pb2.Part(text=""))]))
    assert request == ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text=""),)),))
    assert (request.seed, request.max_output_tokens, request.tool_choice) == (None, None, None)
    assert request.sampling == Sampling()


def test_some_json_may_be_asked_for_without_a_schema() -> None:
    message = chat_pb2.ChatRequest(response_format=chat_pb2.ResponseFormat(json=chat_pb2.JsonFormat()))
    assert chat_request(message).response_format == ResponseFormat(kind=FormatKind.JSON)


def test_whole_numbers_stay_whole_and_others_do_not_become_so() -> None:
    read = plain(struct({"a": 3, "b": 3.5, "c": [1, {"d": 2}], "e": True}), "x")
    assert json.dumps(read, sort_keys=True) == '{"a": 3, "b": 3.5, "c": [1, {"d": 2}], "e": true}'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_json_values_come_through_as_they_are(values: dict[str, object]) -> None:
    assert plain(struct(values), "x") == values


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_have_is_refused_wherever_it_is(number: float) -> None:
    with pytest.raises(Failure, match=r"tools\[\]") as refused:
        plain(struct({"a": [{"b": number}]}), "tools[].parameters")
    assert (refused.value.reason, refused.value.field) == ("PAYLOAD_MALFORMED", "payload.body")


def test_arguments_that_are_no_text_do_not_break_the_request() -> None:
    call = chat_pb2.Part(tool_call=chat_pb2.ToolCall(id="c", name="n", arguments=b"\xff{}"))
    request = chat_request(chat_pb2.ChatRequest(messages=[said(chat_pb2.ROLE_ASSISTANT, call)]))
    assert request.messages[0].parts == (ToolCall(id="c", name="n", arguments="\ufffd{}"),)


# --- answers -----------------------------------------------------------------------------------------------


def test_a_whole_answer_is_told_with_text_calls_usage_and_origin() -> None:
    usage = Usage(input_tokens=5, cached_input_tokens=1, cache_write_tokens=2, output_tokens=4, reasoning_tokens=3)
    message = response_message(
        ChatResponse(
            parts=(Text(text="Blue."), ToolCall(id="c", name="look", arguments='{"ü": 1}')),
            finish_reason=FinishReason.TOOL_CALLS,
            usage=usage,
            provider_model="m-2026",
            provider_response_id="r-1",
        )
    )
    assert message.parts[0].text == "Blue."
    assert message.parts[1].tool_call.arguments.decode() == '{"ü": 1}'
    assert message.finish_reason == usage_pb2.FINISH_REASON_TOOL_CALLS
    assert message.usage == usage_pb2.Usage(
        input_tokens=5, cached_input_tokens=1, cache_write_tokens=2, output_tokens=4, reasoning_tokens=3
    )
    assert (message.provider_model, message.provider_response_id) == ("m-2026", "r-1")


def test_an_answer_without_usage_says_none() -> None:
    assert not response_message(ChatResponse(parts=(), finish_reason=FinishReason.STOP, usage=None)).HasField("usage")


def test_estimated_usage_says_so() -> None:
    assert usage_message(Usage(estimated=True)).estimated


def test_every_way_to_finish_has_its_word_in_the_contract() -> None:
    assert set(FINISH_REASON) == set(FinishReason)
    assert sorted(FINISH_REASON.values()) == sorted(usage_pb2.FinishReason.values())
