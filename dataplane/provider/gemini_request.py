"""Chat requests as Gemini's generateContent."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import (
    ChatRequest,
    FormatKind,
    Image,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolMode,
    ToolResult,
)
from dataplane.provider import conversation, gemini_thinking, json_text, options
from dataplane.provider.failure import Fault, not_sent
from dataplane.provider.model import Call
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

_WORDS = """
    model contents systemInstruction tools toolConfig.functionCallingConfig generationConfig.maxOutputTokens
    generationConfig.candidateCount generationConfig.temperature generationConfig.topP generationConfig.topK
    generationConfig.frequencyPenalty generationConfig.presencePenalty generationConfig.stopSequences generationConfig.seed
    generationConfig.responseMimeType generationConfig.responseSchema generationConfig.responseJsonSchema
    generationConfig._responseJsonSchema generationConfig.responseFormat
"""
OWNED = frozenset(options.canonical(name) for name in _WORDS.split())
"""What `provider_options` may not set."""

MAX_STOPS = 5
"""ai.google.dev/api/generate-content, GenerationConfig.stopSequences."""

_MODES = {ToolMode.AUTO: "AUTO", ToolMode.NONE: "NONE", ToolMode.REQUIRED: "ANY", ToolMode.NAMED: "ANY"}
_UNSIGNED = re.compile(r"gemini-[12][.-]|gemma")
"""Models that sign no thoughts; the first ones that take pictures in the answers of functions come after them too."""
_SKIP_SIGNATURE = b64encode(b"skip_thought_signature_validator").decode()
_IMAGE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "webp": "image/webp",
        "heic": "image/heic",
        "heif": "image/heif",
        "gif": "image/gif",
    }
)


def render(call: Call) -> Json:
    """The body of a call. Raises CallFailure `bad_request`, or `unsupported` for what only this protocol cannot say."""
    request = call.request
    conversation.check_parts(request)
    model = conversation.model_name(call.deployment)
    if len(request.stop) > MAX_STOPS:
        raise not_sent("stop", f"this provider takes at most {MAX_STOPS} stop sequences", fault=Fault.UNSUPPORTED)
    body: Json = {"contents": _contents(request, signed=not _UNSIGNED.match(model))}
    system = conversation.system_texts(request)
    if system:
        body["systemInstruction"] = {"parts": [{"text": text} for text in system]}
    _put_tools(body, request)
    settings = {**_settings(call), **gemini_thinking.setting(request.reasoning, model)}
    if settings:
        body["generationConfig"] = settings
    options.merge(body, conversation.options_of(call), OWNED, provider=call.deployment.provider)
    return body


def _contents(request: ChatRequest, *, signed: bool) -> list[Json]:
    names = conversation.tool_names(request)
    contents: list[Json] = []
    for by_model, parts in conversation.turns(request):
        rendered = list(_spoken(parts, signed=signed) if by_model else _asked(parts, names, signed=signed))
        if rendered:
            contents.append({"role": "model" if by_model else "user", "parts": rendered})
    return contents or [{"role": "user", "parts": [{"text": ""}]}]


def _spoken(parts: list[Part], *, signed: bool) -> Iterator[Json]:
    """The model's turn, each signature with what comes after its thought.

    From Gemini 3 on the first call of a turn must carry the signature of the thought behind it. A call that comes without
    may be another model's: Google gives a value for that case (ai.google.dev/gemini-api/docs/thought-signatures, "FAQs").
    """
    signature, unsigned = "", signed
    for part in parts:
        rendered: Json = {}
        match part:
            case Thinking(protocol=WireProtocol.GEMINI):
                signature = part.signature or signature
                if part.text:
                    yield {"text": part.text, "thought": True}
                continue
            case Text(text=text):
                rendered = {"text": text}
            case ToolCall():
                rendered = _tool_call(part)
                signature = signature or (_SKIP_SIGNATURE if unsigned else "")
                unsigned = False
            case _:
                continue
        yield {**rendered, "thoughtSignature": signature} if signature else rendered
        signature = ""
    if signature:
        yield {"text": "", "thoughtSignature": signature}


def _tool_call(call: ToolCall) -> Json:
    return {"functionCall": {"id": call.id, "name": call.name, "args": conversation.arguments_of(call)}}


def _asked(parts: list[Part], names: Mapping[str, str], *, signed: bool) -> Iterator[Json]:
    for part in parts:
        match part:
            case ToolResult():
                yield from _tool_result(part, names, within=signed)
            case Image():
                yield _image(part)
            case Text(text=text):
                yield {"text": text}
            case _:
                pass


def _tool_result(result: ToolResult, names: Mapping[str, str], *, within: bool) -> Iterator[Json]:
    """Pictures stand within the result from Gemini 3 on (ai.google.dev/gemini-api/docs/function-calling, "Multimodal
    function responses"), else beside it.
    """
    name = result.name or names.get(result.tool_call_id)
    if not name:
        reason = f"no tool call {result.tool_call_id!r} is known, and its result gives no name"
        raise not_sent("messages", reason, fault=Fault.UNSUPPORTED)
    answered: Json = {"id": result.tool_call_id, "name": name, "response": _response(result)}
    pictures = [_image(image) for image in result.images]
    if pictures and within:
        answered["parts"] = pictures
    yield {"functionResponse": answered}
    if not within:
        yield from pictures


def _response(result: ToolResult) -> Mapping[str, object]:
    """An object, as the API wants it: the result itself if it is one, else under a key of the API's own choice."""
    if result.is_error:
        return {"error": result.content}
    try:
        value = json_text.parse(result.content)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"output": result.content}


def _image(image: Image) -> Json:
    if image.url:
        kind = image.media_type or _IMAGE_TYPES.get(image.url.partition("?")[0].rpartition(".")[2].lower())
        file = {"fileUri": image.url, "mimeType": kind} if kind else {"fileUri": image.url}
        return {"fileData": file}
    return {"inlineData": {"mimeType": conversation.media_type(image), "data": b64encode(image.data).decode()}}


def _put_tools(body: Json, request: ChatRequest) -> None:
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool) for tool in request.tools]}]
    choice = conversation.chosen(request)
    if choice is None:
        return
    if conversation.one_of_several(choice):
        reason = "this provider cannot keep a model from calling several tools at once"
        raise not_sent("tool_choice.disable_parallel", reason, fault=Fault.UNSUPPORTED)
    calling: Json = {"mode": _MODES[choice.mode]}
    if choice.mode is ToolMode.NAMED:
        calling["allowedFunctionNames"] = [choice.name]
    body["toolConfig"] = {"functionCallingConfig": calling}


def _tool(tool: Tool) -> Json:
    rendered: Json = {"name": tool.name, "description": tool.description}
    if tool.parameters is not None:
        rendered["parametersJsonSchema"] = tool.parameters
    return rendered


def _settings(call: Call) -> Json:
    request, sampling = call.request, call.request.sampling
    form = request.response_format
    given: Json = {
        "maxOutputTokens": conversation.output_limit(call) or None,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "frequencyPenalty": sampling.frequency_penalty,
        "presencePenalty": sampling.presence_penalty,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "responseMimeType": None if form.kind is FormatKind.TEXT else "application/json",
        "responseJsonSchema": form.schema if form.kind is FormatKind.JSON_SCHEMA else None,
    }
    return {name: value for name, value in given.items() if value is not None}
