"""Chat requests as Anthropic's messages."""

from base64 import b64encode
from collections.abc import Iterator

from dataplane.chat.model import (
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
from dataplane.provider import answering, anthropic_thinking, conversation, options
from dataplane.provider.anthropic_model import has_structured_output, is_enforceable
from dataplane.provider.anthropic_thinking import ThinkingPlan
from dataplane.provider.model import Call
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

_WORDS = """
    model messages system max_tokens tools tool_choice temperature top_p top_k stop_sequences stream metadata
    output_config.format output_format fallbacks
"""
OWNED = frozenset(options.canonical(name) for name in _WORDS.split())
"""What `provider_options` may not set."""

_MODES = {ToolMode.AUTO: "auto", ToolMode.NONE: "none", ToolMode.REQUIRED: "any", ToolMode.NAMED: "tool"}


def render(call: Call, *, stream: bool) -> Json:
    """The body of a call. Raises CallFailure `bad_request`, or `unsupported` for what only this protocol cannot say."""
    request, model = call.request, conversation.model_name(call.deployment)
    conversation.check_parts(request)
    thinking = _thinking_plan(call, model)
    body: Json = {"model": model, "max_tokens": thinking.limit, "messages": conversation.messages(request, _content)}
    system = conversation.system_texts(request)
    if system:
        body["system"] = system[0] if len(system) == 1 else [_text(text) for text in system]
    _put_tools(body, call, model)
    _put_format(body, call, thinking)
    body.update(anthropic_thinking.allowed_sampling(request.sampling, model, thinks=thinking.thinks))
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if stream:
        body["stream"] = True
    if "user_id" in request.metadata:
        body["metadata"] = {"user_id": request.metadata["user_id"]}
    options.merge(body, conversation.options_of(call), OWNED, provider=call.deployment.provider)
    return body


def _thinking_plan(call: Call, model: str) -> ThinkingPlan:
    forced = bool(answer_tool(call)) or conversation.must_call(conversation.chosen(call.request))
    limit = conversation.output_limit(call)
    return anthropic_thinking.plan(call.request, model, limit, forced=forced, protocol=WireProtocol.ANTHROPIC)


def answer_tool(call: Call) -> str:
    """The name of the tool whose arguments are the answer, empty if there is none.

    It stands in where the model cannot enforce the form that is asked for by itself: any JSON object for every model, a
    schema for the older ones and where the schema is not of the kind that structured output takes.
    """
    form = call.request.response_format
    if form.kind is FormatKind.TEXT or _is_enforced(call):
        return ""
    return answering.name_for(call.request)


def _is_enforced(call: Call) -> bool:
    form = call.request.response_format
    return (
        form.kind is FormatKind.JSON_SCHEMA
        and has_structured_output(conversation.model_name(call.deployment))
        and is_enforceable(form.schema)
    )


def _content(parts: list[Part]) -> Iterator[Json]:
    """Results of tools come first, as the API wants them; it refuses empty texts."""
    yield from (_tool_result(part) for part in parts if isinstance(part, ToolResult))
    for part in parts:
        match part:
            case Text(text=text) if text:
                yield _text(text)
            case Image():
                yield _image(part)
            case Thinking() if anthropic_thinking.carried(part, WireProtocol.ANTHROPIC):
                yield _thinking(part)
            case ToolCall():
                yield {"type": "tool_use", "id": part.id, "name": part.name, "input": conversation.arguments_of(part)}
            case _:
                pass


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _thinking(thinking: Thinking) -> Json:
    if thinking.redacted:
        return {"type": "redacted_thinking", "data": thinking.redacted}
    return {"type": "thinking", "thinking": thinking.text, "signature": thinking.signature}


def _tool_result(result: ToolResult) -> Json:
    content: object = result.content
    if result.images:
        content = [*([_text(result.content)] if result.content else []), *map(_image, result.images)]
    block: Json = {"type": "tool_result", "tool_use_id": result.tool_call_id, "content": content}
    if result.is_error:
        block["is_error"] = True
    return block


def _image(image: Image) -> Json:
    if image.url:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    data = b64encode(image.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": conversation.media_type(image), "data": data}}


def _put_tools(body: Json, call: Call, model: str) -> None:
    request, name = call.request, answer_tool(call)
    tools = [_tool(tool, strict=has_structured_output(model)) for tool in request.tools]
    if name:
        tools.append(_tool(answering.tool(request, name), strict=False))
    if tools:
        body["tools"] = tools
    choice = answering.forced(request, name) if name else conversation.chosen(request)
    if choice is not None:
        body["tool_choice"] = _choice(choice)


def _choice(choice: ToolChoice) -> Json:
    rendered: Json = {"type": _MODES[choice.mode]}
    if choice.mode is ToolMode.NAMED:
        rendered["name"] = choice.name
    if choice.disable_parallel and choice.mode is not ToolMode.NONE:
        rendered["disable_parallel_tool_use"] = True
    return rendered


def _tool(tool: Tool, *, strict: bool) -> Json:
    rendered: Json = {"name": tool.name, "input_schema": tool.parameters or {"type": "object", "properties": {}}}
    if tool.description:
        rendered["description"] = tool.description
    if tool.strict and strict:
        rendered["strict"] = True
    return rendered


def _put_format(body: Json, call: Call, thinking: ThinkingPlan) -> None:
    config: Json = {"effort": thinking.effort} if thinking.effort else {}
    if _is_enforced(call):
        config["format"] = {"type": "json_schema", "schema": call.request.response_format.schema}
    if config:
        body["output_config"] = config
    if thinking.setting:
        body["thinking"] = thinking.setting
