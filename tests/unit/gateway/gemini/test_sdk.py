"""The official SDK reads what the face writes: whole answers, streams and errors."""

import base64
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
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
    Verbatim,
)
from dataplane.execution.run import Content
from dataplane.gateway.body import members
from dataplane.gateway.gemini.counting import CountTokens
from dataplane.gateway.gemini.errors import STATUS_OF
from dataplane.gateway.gemini.generate_content import GenerateContent
from dataplane.gateway.gemini.models import Models
from dataplane.gateway.model import Asked, Problem, Received
from dataplane.gateway.routes import Found, find
from dataplane.provider.failure import Fault
from tests.support.faces import ANSWER_ID, LISTED, STOP, USAGE, answering, streamed

CALLED = Finished(reason=FinishReason.TOOL_CALLS)
Respond = Callable[[Asked], tuple[int, bytes]]
Handler = Callable[[httpx.Request], httpx.Response]
THINK = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
LOOK = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="look",
            description="Looks.",
            parameters=types.Schema(type=types.Type.OBJECT, properties={"at": types.Schema(type=types.Type.STRING)}),
        )
    ]
)


class Weather(BaseModel):
    city: str
    degrees: int


def handler(respond: Respond) -> Handler:
    def handle(request: httpx.Request) -> httpx.Response:
        found = find(request.method, request.url.path, request.headers)
        assert isinstance(found, Found)
        text = request.content.decode()
        value, spans = members(text)
        given = Received(
            headers=dict(request.headers),
            parameters={**dict(request.url.params), **found.parameters},
            text=text,
            value=value,
            spans=spans,
        )
        asked = GenerateContent().read(given)
        status, body = respond(asked)
        kind = "text/event-stream" if asked.stream and status == 200 else "application/json"
        return httpx.Response(status, headers={"content-type": kind}, content=body)

    return handle


@pytest.fixture(autouse=True, scope="module")
def one_tls_context() -> Iterator[None]:
    """Every client of this SDK reads the certificates of all authorities, even if it never connects: once will do."""
    context = ssl.create_default_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", lambda *_, **__: context)
        yield


def over(handle: Handler, version: str = "v1beta") -> genai.Client:
    return genai.Client(
        api_key="k",
        vertexai=False,
        http_options=types.HttpOptions(
            base_url="http://gateway",
            api_version=version,
            httpx_client=httpx.Client(transport=httpx.MockTransport(handle)),
            httpx_async_client=httpx.AsyncClient(transport=httpx.MockTransport(handle)),
        ),
    )


def client(respond: Respond, version: str = "v1beta") -> genai.Client:
    return over(handler(respond), version)


def answer(*parts: Text | ToolCall | Thinking, reason: FinishReason = FinishReason.STOP) -> Respond:
    response = ChatResponse(parts=parts, finish_reason=reason, usage=USAGE)
    return lambda asked: (200, GenerateContent().whole(response, answering(asked)))


def stream(*events: Content, finished: Finished = STOP) -> Respond:
    return lambda asked: (200, streamed(GenerateContent(), asked, events, finished))


def asked_parts(asked: Asked, message: int) -> tuple[object, ...]:
    assert isinstance(asked.request, ChatRequest)
    return asked.request.messages[message].parts


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_whole_answer_is_a_response(version: str) -> None:
    sdk = client(answer(Text(text="Good day. “→\u2028”")), version)
    response = sdk.models.generate_content(model="auto", contents="Hello")
    assert response.text == "Good day. “→\u2028”"
    assert (response.response_id, response.model_version) == (ANSWER_ID, "fits-well")
    assert response.candidates is not None
    assert response.candidates[0].finish_reason is types.FinishReason.STOP
    usage = response.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (100, 18, 12)
    assert (usage.cached_content_token_count, usage.total_token_count) == (60, 130)


def test_functions_are_called_and_answered() -> None:
    seen: list[Asked] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(asked)
        if len(seen) == 1:
            signed = Thinking(signature=base64.b64encode(b"\xfb\xff").decode(), protocol="gemini")
            call = ToolCall(id="call_1", name="look", arguments='{"at": "sky"}')
            return answer(Text(text="I look."), signed, call, reason=FinishReason.TOOL_CALLS)(asked)
        return answer(Text(text="Blue."))(asked)

    sdk = client(respond)
    config = types.GenerateContentConfig(tools=[LOOK])
    first = sdk.models.generate_content(model="auto", contents="Hello", config=config)
    (call,) = first.function_calls or []
    assert (call.id, call.name, call.args) == ("call_1", "look", {"at": "sky"})
    assert first.candidates is not None
    spoken = first.candidates[0].content
    assert spoken is not None
    assert spoken.parts is not None
    assert spoken.parts[1].thought_signature == b"\xfb\xff"
    result = types.Part(function_response=types.FunctionResponse(id=call.id, name="look", response={"output": "blue"}))
    talk: Any = [types.UserContent("Hello"), spoken, types.Content(role="user", parts=[result])]
    second = sdk.models.generate_content(model="auto", contents=talk, config=config)
    assert second.text == "Blue."
    assert (seen[1].only, seen[1].loses) == ((), ())
    said = asked_parts(seen[1], 1)
    assert (said[0], said[2]) == (Text(text="I look."), ToolCall(id="call_1", name="look", arguments='{"at":"sky"}'))
    assert isinstance(said[1], Thinking)
    assert base64.urlsafe_b64decode(said[1].signature.replace("+", "-").replace("/", "_")) == b"\xfb\xff"
    assert isinstance(seen[1].request, ChatRequest)
    assert seen[1].request.tools[0].parameters == {"type": "object", "properties": {"at": {"type": "string"}}}


def test_functions_of_python_are_called_by_the_sdk_itself() -> None:
    turns: list[Asked] = []

    def look(at: str) -> str:
        """Looks."""
        return f"{at} is blue"

    def respond(asked: Asked) -> tuple[int, bytes]:
        turns.append(asked)
        if len(turns) == 1:
            return answer(ToolCall(id="", name="look", arguments='{"at": "sky"}'), reason=FinishReason.TOOL_CALLS)(
                asked
            )
        return answer(Text(text="Blue."))(asked)

    config = types.GenerateContentConfig(tools=[look])
    assert client(respond).models.generate_content(model="auto", contents="Hello", config=config).text == "Blue."
    (result,) = asked_parts(turns[1], 2)
    assert (result.tool_call_id, result.content) == ("call_at_0", "sky is blue")  # type: ignore[attr-defined]


@pytest.mark.parametrize("protocol", ["anthropic", "openai", "bedrock"])
@pytest.mark.parametrize("streaming", [False, True])
def test_thoughts_come_back_as_what_they_were_whoever_thought(protocol: str, streaming: bool) -> None:
    thoughts = (
        Thinking(text="Hm.", signature="c2ln", protocol=protocol),
        Thinking(redacted="secret", protocol=protocol),
        Thinking(text="So.", protocol=protocol),
    )
    deltas: list[Content] = [
        ThinkingDelta(text="H", protocol=protocol),
        ThinkingDelta(text="m.", protocol=protocol),
        ThinkingDelta(signature="c2ln", protocol=protocol),
        ThinkingDelta(redacted="secret", protocol=protocol),
        ThinkingDelta(text="So.", protocol=protocol),
        TextDelta(text="Yes."),
    ]
    seen: list[Asked] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(asked)
        return (stream(*deltas) if asked.stream else answer(*thoughts, Text(text="Yes.")))(asked)

    sdk = client(respond)
    parts: list[types.Part] = []
    if streaming:
        for chunk in sdk.models.generate_content_stream(model="auto", contents="Hello", config=THINK):
            parts.extend(chunk.parts or ())
    else:
        parts.extend(sdk.models.generate_content(model="auto", contents="Hello", config=THINK).parts or ())
    assert "".join(part.text or "" for part in parts if part.thought) == "Hm.So."
    talk: Any = [types.UserContent("Hello"), types.ModelContent(parts), types.UserContent("More")]
    sdk.models.generate_content(model="auto", contents=talk, config=THINK)
    assert asked_parts(seen[1], 1) == (*thoughts, Text(text="Yes."))


def test_thoughts_that_nobody_asked_for_stay_out() -> None:
    thoughts = (Thinking(text="Hm.", protocol="openai"), Thinking(text="So.", signature="c2ln", protocol="gemini"))
    response = client(answer(*thoughts, Text(text="Yes."))).models.generate_content(model="auto", contents="Hello")
    assert [(part.text, part.thought_signature) for part in response.parts or ()] == [("Yes.", b"sig")]


def test_a_call_that_cannot_be_read_is_told_as_gemini_tells_it() -> None:
    call = ToolCall(id="c", name="look", arguments='{"at": "sk')
    response = client(answer(call, reason=FinishReason.TOOL_CALLS)).models.generate_content(model="auto", contents="Hi")
    assert response.candidates is not None
    assert response.candidates[0].finish_reason is types.FinishReason.MALFORMED_FUNCTION_CALL
    assert response.function_calls is None


def test_a_stream_makes_the_same_response() -> None:
    events: list[Content] = [
        ThinkingDelta(text="Hm.", protocol="gemini"),
        ThinkingDelta(signature="c2ln", protocol="gemini"),
        TextDelta(text="Good “"),
        TextDelta(text='day".\n'),
        ToolCallDelta(index=0, id="call_1", name="look"),
        ToolCallDelta(index=1, id="call_2", name="look"),
        ToolCallDelta(index=0, arguments='{"at": '),
        ToolCallDelta(index=0, arguments='"sky"}'),
    ]
    sdk = client(stream(*events, finished=CALLED))
    chunks = list(sdk.models.generate_content_stream(model="auto", contents="Hello", config=THINK))
    parts = [part for chunk in chunks for part in chunk.parts or ()]
    assert [(part.text, part.thought, part.thought_signature) for part in parts[:3]] == [
        ("Hm.", True, None),
        ("Good “", None, b"sig"),
        ('day".\n', None, None),
    ]
    calls = [part.function_call for part in parts[3:] if part.function_call]
    assert [(call.id, call.name, call.args) for call in calls] == [
        ("call_1", "look", {"at": "sky"}),
        ("call_2", "look", {}),
    ]
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata is not None
    assert last.usage_metadata.total_token_count == 130
    assert {chunk.response_id for chunk in chunks} == {ANSWER_ID}


def test_calls_come_before_a_text_that_comes_after_them() -> None:
    call = ToolCallDelta(index=0, id="call_1", name="look", arguments="{}")
    chunks = client(stream(call, TextDelta(text="And?"))).models.generate_content_stream(model="auto", contents="Hello")
    parts = [part for chunk in chunks for part in chunk.parts or ()]
    assert [part.function_call is not None for part in parts] == [True, False]


def test_a_last_signature_is_kept_without_a_part_to_stand_on() -> None:
    events: list[Content] = [TextDelta(text="Yes."), ThinkingDelta(signature="c2ln", protocol="gemini")]
    chunks = list(client(stream(*events)).models.generate_content_stream(model="auto", contents="Hello"))
    assert [(part.text, part.thought_signature) for part in chunks[-1].parts or ()] == [("", b"sig")]


async def test_the_asynchronous_client_reads_both() -> None:
    sdk = client(stream(TextDelta(text="Good "), TextDelta(text="day")))
    chunks = await sdk.aio.models.generate_content_stream(model="auto", contents="Hello")
    assert [chunk.text async for chunk in chunks] == ["Good ", "day", None]
    whole = await client(answer(Text(text="Good day"))).aio.models.generate_content(model="auto", contents="Hello")
    assert whole.text == "Good day"


def test_an_answer_is_parsed_with_a_schema() -> None:
    seen: list[Asked] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(asked)
        return answer(Text(text='{"city": "Basel", "degrees": 7}'))(asked)

    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Weather)
    response = client(respond).models.generate_content(model="auto", contents="Hello", config=config)
    assert response.parsed == Weather(city="Basel", degrees=7)
    assert isinstance(seen[0].request, ChatRequest)
    form = seen[0].request.response_format
    assert (form.kind, form.strict) == ("json_schema", True)


def test_tokens_are_counted() -> None:
    sdk = client(lambda asked: (200, CountTokens().counted(asked, 7)))
    assert sdk.models.count_tokens(model="auto", contents="Hello").total_tokens == 7


def test_pieces_that_are_passed_on_are_not_touched_and_not_ended_twice() -> None:
    data = b'data: {"candidates":[{"content":{"parts":[{"text":"Yes."}]},"finishReason":"STOP"}]}\r\n\r\n'
    seen: list[bytes] = []

    def respond(asked: Asked) -> tuple[int, bytes]:
        seen.append(streamed(GenerateContent(), asked, [Verbatim(data=data, tells=(TextDelta(text="Yes."),))]))
        return 200, seen[0]

    chunks = list(client(respond).models.generate_content_stream(model="auto", contents="Hello"))
    assert ([chunk.text for chunk in chunks], seen) == (["Yes."], [data])


@pytest.mark.parametrize(("error", "code"), [("", 500), (Fault.OVERLOADED, 503), (Fault.TIMEOUT_BETWEEN_CHUNKS, 504)])
def test_a_stream_that_breaks_off_raises(error: str, code: int) -> None:
    problem = Problem(reason="STREAM_BROKEN", message="the provider hung up", error=error)

    def respond(asked: Asked) -> tuple[int, bytes]:
        writer = GenerateContent().writer(answering(asked))
        return 200, writer.content(TextDelta(text="Good ")) + writer.fail(problem)

    texts: list[str | None] = []
    chunks = client(respond).models.generate_content_stream(model="auto", contents="Hello")
    with pytest.raises(errors.ServerError) as raised:
        texts.extend(chunk.text for chunk in chunks)
    assert texts == ["Good "]
    assert (raised.value.code, raised.value.message) == (code, "the provider hung up")


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [
        ("INVALID_FIELD", "", 400),
        ("NO_ELIGIBLE_TARGET", "", 400),
        ("PROVIDER_REJECTED", Fault.CONTEXT_TOO_LONG, 400),
        ("PROVIDER_REJECTED", Fault.CONTENT_FILTER, 400),
        ("UNAUTHENTICATED", "", 401),
        ("ACCESS_DENIED", "", 403),
        ("MODEL_UNKNOWN", "", 404),
        ("BUDGET_EXHAUSTED", "", 429),
        ("RATE_LIMITED", "", 429),
        ("PROVIDER_THROTTLED", Fault.OVERLOADED, 503),
        ("PROVIDER_MISCONFIGURED", Fault.CREDENTIAL, 500),
        ("TARGETS_EXHAUSTED", Fault.CONNECT, 503),
        ("TARGETS_EXHAUSTED", Fault.TIMEOUT_TOTAL, 504),
        ("DEADLINE_EXCEEDED", Fault.RATE_LIMITED, 504),
        ("INTERNAL", "", 500),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_each_error_raises_the_class_that_fits(reason: str, error: str, code: int, streaming: bool) -> None:
    refused = GenerateContent().refuse(Problem(reason=reason, message="so it is", error=error))
    models = client(lambda _: (refused.status, refused.body)).models
    kind = errors.ClientError if code < 500 else errors.ServerError
    ask = models.generate_content_stream if streaming else models.generate_content
    with pytest.raises(errors.APIError) as raised:
        list(ask(model="auto", contents="Hello"))
    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.message) == (code, "so it is")
    assert raised.value.status in STATUS_OF.values()


def test_the_list_of_models_and_one_of_them() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/v1beta/models").strip("/")
        body = Models().one(LISTED, name) if name else Models().all(LISTED)
        if body is None:
            refused = Models().refuse(Problem(reason="MODEL_UNKNOWN", message="there is no such model"))
            return httpx.Response(refused.status, content=refused.body)
        return httpx.Response(200, content=body, headers={"content-type": "application/json"})

    sdk = over(handle)
    assert [model.name for model in sdk.models.list()] == [
        "models/auto",
        "models/auto:chat",
        "models/best",
        "models/m-1",
    ]
    assert sdk.models.get(model="m-1").input_token_limit == 9000
    with pytest.raises(errors.ClientError):
        sdk.models.get(model="e-1")
