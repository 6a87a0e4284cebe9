"""Chat requests as OpenAI's chat completions."""

from base64 import b64encode
from collections.abc import Iterator, Sequence

from dataplane.chat.model import (
    ChatRequest,
    FormatKind,
    Image,
    Message,
    Part,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolMode,
    ToolResult,
)
from dataplane.provider import conversation, openai_reasoning, options
from dataplane.provider.failure import Fault, not_sent
from dataplane.provider.fit import losses
from dataplane.provider.model import Call
from dataplane.provider.openai_dialect import Dialect, dialect, family
from dataplane.provider.openai_reasoning import ThinkingBack

Json = dict[str, object]

_WORDS = """
    model models route preset messages prompt stream stream_options max_tokens max_completion_tokens max_output_tokens n best_of
    tools tool_choice parallel_tool_calls functions function_call response_format temperature top_p top_k
    frequency_penalty presence_penalty stop seed random_seed metadata
"""
OWNED = frozenset(options.canonical(name) for name in _WORDS.split())
"""What `provider_options` may not set: the contract's own words, and what asks for more answers or for another model."""


def render(call: Call, *, stream: bool) -> Json:
    """The body of a call. Raises CallFailure `bad_request`, or `unsupported` for what this server cannot say."""
    request, how = call.request, dialect(call.deployment)
    conversation.check_parts(request)
    for word in losses(request, call.deployment).impossible:
        raise not_sent(word, f"{call.deployment.provider} cannot do this with this model", fault=Fault.UNSUPPORTED)
    body: Json = {"model": conversation.model_name(call.deployment), "messages": list(_messages(request, how))}
    limit = conversation.output_limit(call)
    if limit:
        body[how.limit] = limit
    _put_tools(body, request, how)
    _put_format(body, request)
    _put_sampling(body, request.sampling, how)
    body.update(openai_reasoning.settings(request.reasoning, how.reasoning, family(call.deployment)))
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None and how.seed:
        body[how.seed] = request.seed
    if stream:
        body["stream"] = True
        if how.usage_on_request:
            body["stream_options"] = {"include_usage": True}
    options.merge(body, conversation.options_of(call), OWNED, provider=call.deployment.provider)
    # OpenAI refuses metadata unless the answer is stored, which only the caller may ask for.
    if request.metadata and how.metadata and body.get("store") is True:
        body["metadata"] = dict(request.metadata)
    return body


def _messages(request: ChatRequest, how: Dialect) -> Iterator[Json]:
    """Pictures of tools' results follow in a message of the user, for results themselves can only be text here."""
    asked = max((place for place, message in enumerate(request.messages) if _asks(message)), default=-1)
    pictures: list[Image] = []
    for place, message in enumerate(request.messages):
        if pictures and not _results(message):
            yield _pictures(pictures)
            pictures = []
        match message.role:
            case Role.ASSISTANT:
                yield _spoken(message, how, within_tools=place > asked)
            case Role.SYSTEM:
                yield {"role": how.system, "content": _content(message.parts)}
            case _:
                pictures += [image for result in _results(message) for image in result.images]
                yield from _asked(message)
    if pictures:
        yield _pictures(pictures)


def _asks(message: Message) -> bool:
    return message.role is Role.USER and not all(isinstance(part, ToolResult) for part in message.parts)


def _results(message: Message) -> list[ToolResult]:
    return [part for part in message.parts if isinstance(part, ToolResult)]


def _pictures(images: Sequence[Image]) -> Json:
    return {"role": "user", "content": [_text(Text(text="Pictures of the results:")), *map(_image, images)]}


def _spoken(message: Message, how: Dialect, *, within_tools: bool) -> Json:
    """Text runs together: servers other than OpenAI's take only a string here."""
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    calls = [_tool_call(part) for part in message.parts if isinstance(part, ToolCall)]
    thoughts = [part for part in message.parts if isinstance(part, Thinking)]
    spoken: Json = {"role": "assistant", "content": text or (None if calls else "")}
    spoken.update(openai_reasoning.said_back(thoughts, how.thinking_back, within_tools=within_tools and bool(calls)))
    if how.thinking_back is ThinkingBack.CONTENT and (thought := openai_reasoning.content_part(thoughts)):
        spoken["content"] = [thought, *([_text(Text(text=text))] if text else [])]
    if calls:
        spoken["tool_calls"] = calls
    return spoken


def _asked(message: Message) -> Iterator[Json]:
    for part in _results(message):
        yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.content}
    rest = [part for part in message.parts if not isinstance(part, ToolResult)]
    if rest:
        yield {"role": "user", "content": _content(rest)}


def _content(parts: Sequence[Part]) -> object:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_image(part) if isinstance(part, Image) else _text(part) for part in parts]


def _text(part: Part) -> Json:
    return {"type": "text", "text": part.text if isinstance(part, Text) else ""}


def _image(image: Image) -> Json:
    url = image.url or f"data:{conversation.media_type(image)};base64,{b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _tool_call(call: ToolCall) -> Json:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _put_tools(body: Json, request: ChatRequest, how: Dialect) -> None:
    choice = conversation.chosen(request)
    unlooked = choice is not None and choice.mode is ToolMode.NONE and not how.choices
    if request.tools and not unlooked:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if choice is None or not how.choices:
        return
    match choice.mode:
        case ToolMode.NAMED:
            body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        case ToolMode.REQUIRED:
            body["tool_choice"] = how.required
        case mode:
            body["tool_choice"] = mode.value
    if choice.disable_parallel:
        body["parallel_tool_calls"] = False


def _tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _put_format(body: Json, request: ChatRequest) -> None:
    form = request.response_format
    if form.kind is FormatKind.JSON:
        body["response_format"] = {"type": "json_object"}
    elif form.kind is FormatKind.JSON_SCHEMA:
        schema: Json = {"name": form.name or "answer", "schema": form.schema or {}}
        if form.description:
            schema["description"] = form.description
        if form.strict:
            schema["strict"] = True
        body["response_format"] = {"type": "json_schema", "json_schema": schema}


def _put_sampling(body: Json, sampling: Sampling, how: Dialect) -> None:
    if how.top_k and sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    if how.fixed_sampling:
        return
    for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty"):
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
