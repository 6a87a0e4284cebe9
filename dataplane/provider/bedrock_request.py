"""Chat requests as Bedrock's Converse."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import (
    ChatRequest,
    Effort,
    FormatKind,
    Image,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.provider import answering, anthropic_thinking, conversation, json_text, options
from dataplane.provider.anthropic_model import has_structured_output, is_enforceable
from dataplane.provider.anthropic_thinking import ThinkingPlan
from dataplane.provider.bedrock_model import Family, ThinkingWords, TopK, claude_name, family
from dataplane.provider.failure import Fault, not_sent
from dataplane.provider.model import Call
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

_WORDS = """
    modelId messages system toolConfig inferenceConfig outputConfig additionalModelRequestFields.top_k
    additionalModelRequestFields.inferenceConfig
"""
OWNED = frozenset(options.canonical(name) for name in _WORDS.split())
"""What `provider_options` may not set."""

IMAGE_FORMATS: Mapping[str, str] = MappingProxyType(
    {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
)
# With `high` Nova refuses a limit for its output, which decisions have.
_NOVA_EFFORTS = {Effort.LOW: "low", Effort.MEDIUM: "medium", Effort.HIGH: "medium", Effort.UNSPECIFIED: "low"}
_EFFORTS = {Effort.NONE: "low", Effort.LOW: "low", Effort.MEDIUM: "medium", Effort.HIGH: "high"}


def render(call: Call) -> Json:
    """The body of a call. Raises CallFailure `bad_request`, or `unsupported` for what only this protocol cannot say."""
    request, kind = call.request, family(call.deployment)
    conversation.check_parts(request)
    thinking = _thinking_plan(call, kind)
    body: Json = {"messages": conversation.messages(request, _content)}
    system = conversation.system_texts(request)
    if system:
        body["system"] = [{"text": text} for text in system]
    settings = _settings(call, kind, thinking)
    if settings:
        body["inferenceConfig"] = settings
    _put_tools(body, call, kind)
    if _is_enforced(call):
        body["outputConfig"] = {"textFormat": _text_format(request)}
    extra = _extra(call, kind, thinking)
    if extra:
        body["additionalModelRequestFields"] = extra
    options.merge(body, conversation.options_of(call), OWNED, provider=call.deployment.provider)
    return body


def answer_tool(call: Call) -> str:
    """The name of the tool whose arguments are the answer, empty if there is none. Raises CallFailure `unsupported`."""
    form = call.request.response_format
    if form.kind is FormatKind.TEXT or _is_enforced(call):
        return ""
    if not family(call.deployment).answers_by_tool:
        raise not_sent("response_format", f"this model has no {form.kind} answers", fault=Fault.UNSUPPORTED)
    return answering.name_for(call.request)


def _is_enforced(call: Call) -> bool:
    form, kind = call.request.response_format, family(call.deployment)
    if form.kind is not FormatKind.JSON_SCHEMA or not kind.schemas:
        return False
    if kind.thinking is not ThinkingWords.CLAUDE:
        return True
    return has_structured_output(claude_name(call.deployment)) and is_enforceable(form.schema)


def _text_format(request: ChatRequest) -> Json:
    """The schema is JSON text here."""
    form = request.response_format
    schema: Json = {"name": form.name or "answer", "schema": json_text.write(form.schema or {})}
    if form.description:
        schema["description"] = form.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _content(parts: list[Part]) -> Iterator[Json]:
    """Results of tools come first; blank texts are refused."""
    yield from (_tool_result(part) for part in parts if isinstance(part, ToolResult))
    for part in parts:
        match part:
            case Text(text=text) if text.strip():
                yield {"text": text}
            case Image():
                yield _image(part)
            case Thinking() if anthropic_thinking.carried(part, WireProtocol.BEDROCK):
                yield {"reasoningContent": _thinking(part)}
            case ToolCall():
                called = {"toolUseId": part.id, "name": part.name, "input": conversation.arguments_of(part)}
                yield {"toolUse": called}
            case _:
                pass


def _thinking(thinking: Thinking) -> Json:
    if thinking.redacted:
        return {"redactedContent": thinking.redacted}
    return {"reasoningText": {"text": thinking.text, "signature": thinking.signature}}


def _tool_result(result: ToolResult) -> Json:
    content: list[Json] = [{"text": result.content}] if result.content.strip() else []
    content.extend(map(_image, result.images))
    return {
        "toolResult": {
            "toolUseId": result.tool_call_id,
            "content": content,
            "status": "error" if result.is_error else "success",
        }
    }


def _image(image: Image) -> Json:
    kind = IMAGE_FORMATS.get(image.media_type or _type_of(image.url))
    if kind is None:
        reason = "this provider takes pictures as image/png, image/jpeg, image/gif or image/webp"
        raise not_sent("messages", reason, fault=Fault.UNSUPPORTED)
    if not image.url:
        return {"image": {"format": kind, "source": {"bytes": b64encode(image.data).decode()}}}
    if not image.url.startswith("s3://"):
        reason = "this provider takes no pictures by https address; send their data, or an s3:// address"
        raise not_sent("messages", reason, fault=Fault.UNSUPPORTED)
    return {"image": {"format": kind, "source": {"s3Location": {"uri": image.url}}}}


def _type_of(url: str) -> str:
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return f"image/{'jpeg' if ending == 'jpg' else ending}"


def _put_tools(body: Json, call: Call, kind: Family) -> None:
    request, name = call.request, answer_tool(call)
    choice = answering.forced(request, name) if name else conversation.chosen(request)
    tools = list(request.tools)
    if choice is not None and choice.mode is ToolMode.NONE:
        tools, choice = [], None
    if name:
        tools.append(answering.tool(request, name))
    if not tools and conversation.uses_tools(request):
        reason = "this provider wants the tools that were called to be offered still"
        raise not_sent("tools", reason, fault=Fault.UNSUPPORTED)
    if tools:
        config: Json = {"tools": [_tool(tool) for tool in tools]}
        if choice is not None:
            config["toolChoice"] = _choice(choice, kind)
        body["toolConfig"] = config


def _tool(tool: Tool) -> Json:
    spec: Json = {"name": tool.name, "inputSchema": {"json": tool.parameters or {"type": "object", "properties": {}}}}
    if tool.description:
        spec["description"] = tool.description
    if tool.strict:
        spec["strict"] = True
    return {"toolSpec": spec}


def _choice(choice: ToolChoice, kind: Family) -> Json:
    if conversation.one_of_several(choice):
        reason = "this provider cannot keep a model from calling several tools at once"
        raise not_sent("tool_choice.disable_parallel", reason, fault=Fault.UNSUPPORTED)
    if choice.mode is not ToolMode.AUTO and choice.mode not in kind.choices:
        raise not_sent("tool_choice", f"this model has no {choice.mode} tool choice", fault=Fault.UNSUPPORTED)
    match choice.mode:
        case ToolMode.NAMED:
            return {"tool": {"name": choice.name}}
        case ToolMode.REQUIRED:
            return {"any": {}}
        case _:
            return {"auto": {}}


def _thinking_plan(call: Call, kind: Family) -> ThinkingPlan | None:
    """Claude's, None for all others."""
    if kind.thinking is not ThinkingWords.CLAUDE:
        return None
    forced = bool(answer_tool(call)) or conversation.must_call(conversation.chosen(call.request))
    return anthropic_thinking.plan(
        call.request,
        claude_name(call.deployment),
        conversation.output_limit(call),
        forced=forced,
        protocol=WireProtocol.BEDROCK,
    )


def _settings(call: Call, kind: Family, thinking: ThinkingPlan | None) -> Json:
    request, sampling = call.request, call.request.sampling
    limit, temperature, top_p = conversation.output_limit(call), sampling.temperature, sampling.top_p
    if thinking is not None:
        limit = thinking.limit if thinking.thinks else limit
        allowed = anthropic_thinking.allowed_sampling(sampling, claude_name(call.deployment), thinks=thinking.thinks)
        temperature, top_p = allowed.get("temperature"), allowed.get("top_p")
    elif temperature is not None and kind.top_k is TopK.NOVA:
        temperature = min(temperature, 1.0)
    given: Json = {
        "maxTokens": limit or None,
        "temperature": temperature,
        "topP": top_p,
        "stopSequences": list(request.stop) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _extra(call: Call, kind: Family, thinking: ThinkingPlan | None) -> Json:
    """What Converse itself has no word for."""
    top_k, asked = call.request.sampling.top_k, call.request.reasoning
    extra: Json = {}
    if thinking is not None:
        allowed = anthropic_thinking.allowed_sampling(
            call.request.sampling, claude_name(call.deployment), thinks=thinking.thinks
        )
        top_k = int(allowed["top_k"]) if "top_k" in allowed else None
        if thinking.setting:
            extra["thinking"] = dict(thinking.setting)
        if thinking.effort:
            extra["output_config"] = {"effort": thinking.effort}
    if top_k is not None and kind.top_k is TopK.PLAIN:
        extra["top_k"] = top_k
    if top_k is not None and kind.top_k is TopK.NOVA:
        extra["inferenceConfig"] = {"topK": top_k}
    if asked is not None and kind.thinking is ThinkingWords.NOVA and asked.effort is not Effort.NONE:
        extra["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": _NOVA_EFFORTS[asked.effort]}
    if asked is not None and kind.thinking is ThinkingWords.EFFORT and asked.effort in _EFFORTS:
        extra["reasoning_effort"] = _EFFORTS[asked.effort]
    return extra
