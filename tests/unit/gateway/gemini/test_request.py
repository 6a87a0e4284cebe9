import base64
from typing import Any

import pytest

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    FormatKind,
    Image,
    Message,
    Reasoning,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.gateway.gemini.counting import CountTokens
from dataplane.gateway.gemini.generate_content import GenerateContent
from dataplane.gateway.model import Asked, BadRequest
from dataplane.provider.model import Endpoint
from tests.support.faces import received, refused_field

Json = dict[str, Any]

HELLO: Json = {"role": "user", "parts": [{"text": "Hello"}]}
LOOK: Json = {"name": "look", "description": "Looks.", "parametersJsonSchema": {"type": "object", "properties": {}}}
SMELL: Json = {"name": "smell"}
PATH = {"model": "auto", "action": "generateContent"}


def body(*parts: Json, role: str = "user", **more: object) -> Json:
    return {"contents": [{"role": role, "parts": list(parts)}] if parts else [HELLO], **more}


def read(value: Json, **parameters: str) -> Asked:
    return GenerateContent().read(received(value, **{**PATH, **parameters}))


def chat(value: Json) -> ChatRequest:
    request = read(value).request
    assert isinstance(request, ChatRequest)
    return request


def parts(*given: Json, role: str = "user") -> tuple[object, ...]:
    return chat(body(*given, role=role)).messages[0].parts


def test_a_plain_request_is_read_whole() -> None:
    config = {
        "temperature": 1.5,
        "topP": 0.9,
        "topK": 40.0,
        "maxOutputTokens": 64,
        "stopSequences": ["END"],
        "seed": 7,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
    }
    asked = read(body(systemInstruction={"parts": [{"text": "Be kind."}]}, generationConfig=config))
    assert (asked.model, asked.stream, asked.only, asked.loses) == ("auto", False, (), ())
    assert asked.original.endpoint is Endpoint.GENERATE_CONTENT
    request = asked.request
    assert isinstance(request, ChatRequest)
    assert request.messages == (
        Message(role=Role.SYSTEM, parts=(Text(text="Be kind."),)),
        Message(role=Role.USER, parts=(Text(text="Hello"),)),
    )
    drawn = request.sampling
    assert (request.max_output_tokens, request.stop, request.seed) == (64, ("END",), 7)
    assert (drawn.temperature, drawn.top_p, drawn.top_k) == (1.5, 0.9, 40)
    assert (drawn.presence_penalty, drawn.frequency_penalty) == (0.5, -0.5)


def test_both_spellings_are_the_same_request() -> None:
    camel = body(
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        systemInstruction={"parts": [{"text": "Be kind."}]},
        generationConfig={"maxOutputTokens": 5, "thinkingConfig": {"thinkingBudget": 9, "includeThoughts": True}},
        toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
        tools=[{"functionDeclarations": [LOOK]}],
    )
    snake = body(
        {"inline_data": {"mime_type": "image/png", "data": "QUJD"}},
        system_instruction={"parts": {"text": "Be kind."}},
        generation_config={"max_output_tokens": 5, "thinking_config": {"thinking_budget": 9, "include_thoughts": True}},
        tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["look"]}},
        tools={"function_declarations": [{**LOOK, "parameters_json_schema": LOOK["parametersJsonSchema"]}]},
    )
    assert chat(snake) == chat(camel)


def test_the_callers_own_names_keep_their_spelling() -> None:
    called = {"functionCall": {"id": "c", "name": "look_up", "args": {"some_name": 1}}}
    assert parts(called, role="model") == (ToolCall(id="c", name="look_up", arguments='{"some_name":1}'),)


def test_a_stream_is_asked_for_in_the_path() -> None:
    assert read(body(), action="streamGenerateContent", alt="sse").stream
    with pytest.raises(BadRequest, match="alt=sse"):
        read(body(), action="streamGenerateContent")
    with pytest.raises(BadRequest, match="no action"):
        read(body(), action="embedContent")


def test_pictures_come_as_bytes_or_by_address() -> None:
    data = base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode()
    assert parts(
        {"inlineData": {"mimeType": "image/png", "data": data}},
        {"fileData": {"fileUri": "https://example.org/cat", "mimeType": "image/webp"}},
        {"fileData": {"fileUri": "https://example.org/cat.PNG?size=2"}},
    ) == (
        Image(data=b"\xff\xfe\xfd", media_type="image/png"),
        Image(url="https://example.org/cat", media_type="image/webp"),
        Image(url="https://example.org/cat.PNG?size=2"),
    )


def test_calls_without_ids_get_some_and_their_answers_the_same() -> None:
    call = {"functionCall": {"name": "look", "args": {"at": 1}}}
    answer = {"functionResponse": {"name": "look", "response": {"output": "blue"}}}
    value = {
        "contents": [
            HELLO,
            {"role": "model", "parts": [call, call]},
            {"role": "function", "parts": [answer, {"functionResponse": {"name": "look", "response": {"error": "x"}}}]},
            {"role": "user", "parts": [answer]},
        ]
    }
    _, called, answered, late = chat(value).messages
    assert [part.id for part in called.parts if isinstance(part, ToolCall)] == ["call_at_0", "call_at_1"]
    assert answered.parts == (
        ToolResult(tool_call_id="call_at_0", name="look", content="blue"),
        ToolResult(tool_call_id="call_at_1", name="look", content="x", is_error=True),
    )
    assert late.parts == (ToolResult(tool_call_id="answer_at_2", name="look", content="blue"),)
    assert chat(value) == chat(value)


@pytest.mark.parametrize(
    ("response", "content"),
    [
        ({"output": "blue"}, "blue"),
        ({"result": "blue"}, "blue"),
        ({"result": 5}, '{"result":5}'),
        ({"colour": "blue"}, '{"colour":"blue"}'),
        ({}, "{}"),
    ],
)
def test_an_answer_is_a_text_or_an_object(response: Json, content: str) -> None:
    answer = {"functionResponse": {"id": "c", "name": "look", "response": response}}
    assert parts(answer) == (ToolResult(tool_call_id="c", name="look", content=content),)


def test_pictures_in_answers_are_kept() -> None:
    picture = {"inline_data": {"mime_type": "image/png", "data": "QUJD"}}
    answer = {"functionResponse": {"id": "c", "name": "look", "response": {"output": ""}, "parts": [picture]}}
    image = Image(data=b"ABC", media_type="image/png")
    assert parts(answer) == (ToolResult(tool_call_id="c", name="look", content="", images=(image,)),)


def test_signatures_stand_before_what_they_are_on() -> None:
    assert parts(
        {"text": "Hm. ", "thought": True},
        {"text": "So.", "thought": True},
        {"functionCall": {"id": "c", "name": "look"}, "thoughtSignature": "c2ln"},
        {"text": "Yes.", "thoughtSignature": "c2lo"},
        {"text": "", "thoughtSignature": "c2lp"},
        role="model",
    ) == (
        Thinking(text="Hm. So.", signature="c2ln", protocol="gemini"),
        ToolCall(id="c", name="look", arguments="{}"),
        Thinking(signature="c2lo", protocol="gemini"),
        Text(text="Yes."),
        Thinking(signature="c2lp", protocol="gemini"),
    )


def test_what_stands_for_a_signature_is_no_thinking() -> None:
    stand_in = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
    call = {"functionCall": {"id": "c", "name": "look"}, "thoughtSignature": stand_in}
    assert parts(call, role="model") == (ToolCall(id="c", name="look", arguments="{}"),)


def test_googles_schemas_become_json_schemas() -> None:
    schema = {
        "type": "OBJECT",
        "description": "d",
        "properties": {
            "a_name": {"type": "STRING", "nullable": True, "enum": ["x"], "maxLength": "3"},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER"}, "min_items": 1, "example": [1]},
            "either": {"any_of": [{"type": "NUMBER"}, {"type": "TYPE_UNSPECIFIED"}], "nullable": True},
        },
        "required": ["a_name"],
        "propertyOrdering": ["list", "a_name"],
    }
    (tool,) = chat(body(tools=[{"functionDeclarations": [{"name": "look", "parameters": schema}]}])).tools
    assert tool.parameters == {
        "type": "object",
        "description": "d",
        "properties": {
            "a_name": {"type": ["string", "null"], "enum": ["x", None], "maxLength": 3},
            "list": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "examples": [[1]]},
            "either": {"anyOf": [{"anyOf": [{"type": "number"}, {}]}, {"type": "null"}]},
        },
        "required": ["a_name"],
    }


@pytest.mark.parametrize(
    ("config", "kind", "strict"),
    [
        ({}, FormatKind.TEXT, False),
        ({"responseMimeType": "text/plain"}, FormatKind.TEXT, False),
        ({"responseMimeType": "application/json"}, FormatKind.JSON, False),
        (
            {"responseSchema": {"type": "OBJECT", "properties": {"a": {}}, "required": ["a"]}},
            FormatKind.JSON_SCHEMA,
            True,
        ),
        ({"responseSchema": {"type": "OBJECT", "properties": {"a": {}}}}, FormatKind.JSON_SCHEMA, False),
        ({"responseJsonSchema": {"type": "object", "properties": {}}}, FormatKind.JSON_SCHEMA, False),
    ],
)
def test_the_form_of_the_answer_is_read(config: Json, kind: FormatKind, strict: bool) -> None:
    form = chat(body(generationConfig=config)).response_format
    assert (form.kind, form.strict) == (kind, strict)


@pytest.mark.parametrize(
    ("calling", "choice", "only"),
    [
        ({"mode": "AUTO"}, ToolChoice(mode=ToolMode.AUTO), False),
        ({"mode": "NONE"}, ToolChoice(mode=ToolMode.NONE), False),
        ({"mode": "ANY"}, ToolChoice(mode=ToolMode.REQUIRED), False),
        ({"mode": "ANY", "allowedFunctionNames": ["look"]}, ToolChoice(mode=ToolMode.NAMED, name="look"), False),
        ({"mode": "ANY", "allowedFunctionNames": ["look", "smell"]}, ToolChoice(mode=ToolMode.REQUIRED), False),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["look"]}, ToolChoice(mode=ToolMode.AUTO), True),
    ],
)
def test_every_choice_of_functions_is_read(calling: Json, choice: ToolChoice, only: bool) -> None:
    tools = [{"functionDeclarations": [LOOK, SMELL]}]
    asked = read(body(tools=tools, toolConfig={"functionCallingConfig": calling}))
    assert isinstance(asked.request, ChatRequest)
    assert asked.request.tool_choice == choice
    assert asked.only == (("toolConfig.functionCallingConfig.allowedFunctionNames",) if only else ())


@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        ({"thinkingBudget": 0}, Reasoning(effort=Effort.NONE)),
        ({"thinkingBudget": -1, "includeThoughts": True}, Reasoning(include=True)),
        ({"thinkingBudget": 2048}, Reasoning(max_tokens=2048)),
        ({"thinkingLevel": "low"}, Reasoning(effort=Effort.LOW)),
        ({"thinkingLevel": "HIGH"}, Reasoning(effort=Effort.HIGH)),
    ],
)
def test_how_much_to_think_is_read(thinking: Json, reasoning: Reasoning) -> None:
    assert chat(body(generationConfig={"thinkingConfig": thinking})).reasoning == reasoning


@pytest.mark.parametrize(
    ("more", "only"),
    [
        ({"cachedContent": "cachedContents/1"}, "cachedContent"),
        ({"tools": [{"googleSearch": {}}]}, "tools[].googleSearch"),
        ({"tools": [{"code_execution": {}}]}, "tools[].codeExecution"),
        ({"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}, "generationConfig.responseModalities"),
        ({"generationConfig": {"responseLogprobs": True}}, "generationConfig.responseLogprobs"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType=text/x.enum"),
        ({"somethingNew": 1}, "somethingNew"),
    ],
)
def test_what_only_gemini_can_do_is_named(more: Json, only: str) -> None:
    assert read(body(**more)).only == (only,)


@pytest.mark.parametrize(
    ("part", "only"),
    [
        (
            {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
            "contents[].parts[].inlineData[mimeType=audio/wav]",
        ),
        (
            {"fileData": {"fileUri": "https://example.org/a.pdf", "mimeType": "application/pdf"}},
            "contents[].parts[].fileData[mimeType=application/pdf]",
        ),
        ({"fileData": {"fileUri": "https://youtu.be/abc"}}, "contents[].parts[].fileData"),
        (
            {"fileData": {"fileUri": "gs://bucket/cat.png", "mimeType": "image/png"}},
            "contents[].parts[].fileData[mimeType=image/png]",
        ),
        (
            {
                "fileData": {
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1",
                    "mimeType": "image/png",
                }
            },
            "contents[].parts[].fileData[mimeType=image/png]",
        ),
        ({"executableCode": {"language": "PYTHON", "code": "1"}}, "contents[].parts[].executableCode"),
    ],
)
def test_parts_that_only_gemini_has_are_named(part: Json, only: str) -> None:
    assert read(body({"text": "See."}, part)).only == (only,)


def test_more_answers_than_one_are_refused_for_a_decision_holds_the_money_of_one() -> None:
    with pytest.raises(BadRequest, match="must be 1") as refused:
        read(body(generationConfig={"candidateCount": 2}))
    assert refused.value.field == "generationConfig.candidateCount"


def test_what_other_protocols_drop_is_named() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    asked = read(
        body(
            {"text": "x", "mediaResolution": "LOW"},
            safetySettings=safety,
            labels={"team": "a", "turnout_feature": "search"},
            generationConfig={"thinkingConfig": {"thinkingLevel": "MINIMAL"}},
        )
    )
    assert asked.only == ()
    assert asked.loses == (
        "safetySettings",
        "labels",
        "contents[].parts[].mediaResolution",
        "generationConfig.thinkingConfig.thinkingLevel=MINIMAL",
    )
    assert dict(asked.hints) == {"feature": "search"}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "Hello"}, "contents"),
        ({"contents": [7]}, "contents[0]"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"role": "user"}]}, "contents[0].parts"),
        (body({}), "contents[0].parts[0]"),
        (body({"text": 7}), "contents[0].parts[0].text"),
        (body({"text": "a", "functionCall": {}}), "contents[0].parts[0].functionCall"),
        (body({"functionCall": {"name": "look"}}), "contents[0].parts[0].functionCall"),
        (body({"functionResponse": {"name": "look"}}, role="model"), "contents[0].parts[0].functionResponse"),
        (body({"functionCall": {"args": {}}}, role="model"), "contents[0].parts[0].functionCall.name"),
        (body({"functionCall": {"name": "l", "args": []}}, role="model"), "contents[0].parts[0].functionCall.args"),
        (body({"text": "x", "thought": True}), "contents[0].parts[0].thought"),
        (
            body({"inlineData": {"mimeType": "image/png", "data": "a"}}),
            "contents[0].parts[0].inlineData.data",
        ),
        (body({"inlineData": {"data": "QUJD"}}), "contents[0].parts[0].inlineData.mimeType"),
        (body(systemInstruction={"parts": [{"inlineData": {}}]}), "systemInstruction.parts[0].text"),
        (body(generationConfig={"temperature": 3}), "generationConfig.temperature"),
        (body(generationConfig={"maxOutputTokens": 0}), "generationConfig.maxOutputTokens"),
        (body(generationConfig={"stopSequences": ["a", 1]}), "generationConfig.stopSequences[1]"),
        (body(generationConfig={"responseSchema": {"type": 1}}), "generationConfig.responseSchema.type"),
        (body(generationConfig={"candidateCount": 2}), "generationConfig.candidateCount"),
        (body(generationConfig={"routingConfig": {}}), "generationConfig.routingConfig"),
        (
            body(generationConfig={"thinkingConfig": {"thinkingLevel": "BIG"}}),
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (body(tools=[{"functionDeclarations": [{}]}]), "tools[0].functionDeclarations[0].name"),
        (body(toolConfig={"functionCallingConfig": {"mode": "SOME"}}), "toolConfig.functionCallingConfig.mode"),
        (body(labels={"turnout_feature": 7}), "labels.turnout_feature"),
    ],
)
def test_what_is_wrong_is_named(value: Json, field: str) -> None:
    assert refused_field(GenerateContent(), value, **PATH) == field


def test_the_model_must_be_named_in_the_path() -> None:
    assert refused_field(GenerateContent(), body(), model="", action="generateContent") == "model"
    assert read(body(), model="models/m-1").model == "m-1"


def test_counting_takes_a_request_inside_of_another() -> None:
    path = {"model": "auto", "action": "countTokens"}
    alone = CountTokens().read(received(body(), **path))
    inner = CountTokens().read(received({"generateContentRequest": body()}, **path))
    assert alone.request == inner.request
    assert CountTokens().counted(alone, 12) == b'{"totalTokens":12}'
