"""OpenAI's faces take any JSON object: what they cannot read they refuse by name."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dataplane.chat.model import Finished, FinishReason, TextDelta, ToolCallDelta
from dataplane.gateway.face import ChatFace, EmbedFace
from dataplane.gateway.foreign import MARK
from dataplane.gateway.model import Asked, BadRequest
from dataplane.gateway.openai.calls import CallOrder
from dataplane.gateway.openai.completions import ChatCompletions
from dataplane.gateway.openai.embeddings import Embeddings
from dataplane.gateway.openai.responses import Responses
from tests.support.faces import received
from tests.support.openai_gateway import USAGE, answering

WORDS = """
    model messages input role content type text user assistant system developer tool function name arguments id call_id
    tool_calls tool_call_id tools tool_choice functions function_call parameters strict image_url url detail auto none
    required allowed_tools mode response_format format json_schema json_object schema stop seed n stream stream_options
    include_usage metadata turnout_workload reasoning effort summary reasoning_content reasoning_details encrypted_content
    data signature input_text input_image output_text refusal message function_call_output output item_reference include
    instructions custom thinking max_tokens top_p temperature dimensions encoding_format logprobs parallel_tool_calls
"""
NAMES = st.sampled_from(WORDS.split())
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    NAMES,
    st.sampled_from([f"{MARK}anthropic.sx", f"{MARK}x", "data:image/png;base64,aGk=", "https://x", "1e999"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=6),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=8)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": NAMES, "content": JSON, "type": NAMES}) | st.dictionaries(NAMES, JSON, max_size=5),
    max_size=4,
)


def asked_or_refused(face: ChatFace | EmbedFace, body: Any) -> None:
    given = received(body)
    try:
        asked = face.read(given)
    except BadRequest:
        return
    assert isinstance(asked, Asked)
    value = received(asked.original.text)
    assert dict(value.spans) == dict(asked.original.spans)
    assert set(value.value) <= set(given.value)


@given(OBJECTS, MESSAGES)
def test_a_completion_is_read_or_refused(body: dict[str, Any], messages: list[Any]) -> None:
    asked_or_refused(ChatCompletions(), {**body})
    asked_or_refused(ChatCompletions(), {"model": "m", **body, "messages": messages})


@given(OBJECTS, MESSAGES)
def test_a_response_is_read_or_refused(body: dict[str, Any], items: list[Any]) -> None:
    asked_or_refused(Responses(), {**body})
    asked_or_refused(Responses(), {"model": "m", **body, "input": items})


@given(OBJECTS, JSON)
def test_embeddings_are_read_or_refused(body: dict[str, Any], value: Any) -> None:
    asked_or_refused(Embeddings(), {"model": "m", **body, "input": value})


@given(st.lists(st.text()))
def test_any_text_comes_through_a_stream_in_one_line_an_event(texts: list[str]) -> None:
    chat = ChatCompletions()
    body = {"model": "%d%b", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    writer = chat.writer(answering(chat.read(received(body))))
    said = b"".join(writer.content(TextDelta(text=text)) for text in texts)
    said += writer.end(Finished(reason=FinishReason.STOP), USAGE)
    *lines, done = [line for line in said.decode().splitlines() if line]
    assert done == "data: [DONE]"
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines]
    assert "".join(delta.get("content") or "" for delta in deltas) == "".join(texts)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=40))
def test_calls_come_one_after_another_whatever_the_order_of_their_pieces(order: list[tuple[int, int]]) -> None:
    wanted = {index: json.dumps({"call": index, "x": "}" * index}) for index, _ in order}
    left = dict(wanted)
    calls, given = CallOrder(), list[ToolCallDelta]()
    for index, size in [*order, *((index, 99) for index in wanted)]:
        begins = {"id": f"c{index}", "name": "f"} if left[index] == wanted[index] else {}
        given.extend(calls.take(ToolCallDelta(index=index, arguments=left[index][:size], **begins)))
        left[index] = left[index][size:]
    given.extend(calls.rest())
    numbers = [delta.index for delta in given]
    assert numbers == sorted(numbers)
    said = {number: "".join(delta.arguments for delta in given if delta.index == number) for number in numbers}
    assert list(said.values()) == list(wanted.values())
