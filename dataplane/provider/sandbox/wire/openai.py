"""OpenAI chat completions: answers, streams and errors."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.provider.sandbox.answer.completion import Completion, Finish
from dataplane.provider.sandbox.answer.tools import ToolCall, json_text
from dataplane.provider.sandbox.call import Call, Format, ProtocolName
from dataplane.provider.sandbox.wire.model import ApiError, Frame, Headers, Identity, Wire, bearer, frame_text
from dataplane.provider.sandbox.wire.openai_request import parse
from dataplane.provider.sandbox.wire.reading import BadRequest, Problem, indexed

_CHUNK_TOKENS = 1
_ARGUMENT_CHARS = 8
_PADDING = "bQx7mZk2LrT9"
_FINISH: Mapping[Finish, str] = MappingProxyType(
    {
        Finish.STOP: "stop",
        Finish.STOP_SEQUENCE: "stop",
        Finish.LENGTH: "length",
        Finish.TOOL_CALLS: "tool_calls",
    }
)
# HTTP status: type, code, message.
_FAILURES: Mapping[int, tuple[str, str | None, str]] = MappingProxyType(
    {
        401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        403: ("invalid_request_error", "permission_denied", "You do not have access to this resource."),
        404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
        413: ("invalid_request_error", "request_too_large", "The request body is too large."),
        429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests. Please try again later."),
        500: ("server_error", None, "The server had an error while processing your request. Sorry about that!"),
        503: ("server_error", None, "The engine is currently overloaded, please try again later"),
    }
)


def _content(call: Call, completion: Completion) -> tuple[str | None, str | None]:
    """Content and refusal of the message: structured output refuses in a field of its own."""
    if completion.tool_calls:
        return None, None
    if completion.refused and call.format.kind is Format.JSON_SCHEMA:
        return None, completion.text
    return completion.text, None


def _tool_calls(completion: Completion, identity: Identity) -> list[dict[str, object]]:
    return [
        {"id": _call_id(identity, at), "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
        for at, one in enumerate(completion.tool_calls)
    ]


def _call_id(identity: Identity, at: int) -> str:
    return f"call_{identity.token[:20]}{at:04d}"


def _usage(completion: Completion) -> dict[str, object]:
    made = completion.tokens + completion.reasoning_tokens
    return {
        "prompt_tokens": completion.prompt.tokens,
        "completion_tokens": made,
        "total_tokens": completion.prompt.tokens + made,
        "prompt_tokens_details": {"cached_tokens": completion.prompt.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": completion.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _answer(call: Call, completion: Completion, identity: Identity) -> bytes:
    content, refusal = _content(call, completion)
    message: dict[str, object] = {"role": "assistant", "content": content}
    if completion.tool_calls:
        message["tool_calls"] = _tool_calls(completion, identity)
    message |= {"refusal": refusal, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[completion.finish]}
    body = {
        "id": f"chatcmpl-{identity.token[:29]}",
        "object": "chat.completion",
        "created": identity.created_s,
        "model": identity.model,
        "choices": [choice],
        "usage": _usage(completion),
        "service_tier": "default",
        "system_fingerprint": "fp_5a4d6b0c21",
    }
    return json_text(body).encode("utf-8", "replace")


class _Chunks:
    """The events of one stream: everything that stays the same in them is written once."""

    def __init__(self, call: Call, identity: Identity) -> None:
        head = {
            "id": f"chatcmpl-{identity.token[:29]}",
            "object": "chat.completion.chunk",
            "created": identity.created_s,
            "model": identity.model,
            "service_tier": "default",
            "system_fingerprint": "fp_5a4d6b0c21",
        }
        self._head = "data: " + json_text(head)[:-1]
        self._usage = ',"usage":null' if call.include_usage else ""

    def delta(self, delta: str, finish: str = "null") -> bytes:
        choice = f'"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]'
        # Real streams pad each event so that its length does not tell the text: the field is part of their shape.
        padding = _PADDING[: 1 + len(delta) % len(_PADDING)]
        return f'{self._head},{choice}{self._usage},"obfuscation":"{padding}"}}\n\n'.encode("utf-8", "replace")

    def usage(self, completion: Completion) -> bytes:
        return f'{self._head},"choices":[],"usage":{json_text(_usage(completion))},"obfuscation":""}}\n\n'.encode()


def _frames(call: Call, completion: Completion, identity: Identity, chunk_tokens: int | None) -> Iterator[Frame]:
    chunks = _Chunks(call, identity)
    yield from (
        _tool_frames(chunks, completion, identity)
        if completion.tool_calls
        else _text_frames(chunks, call, completion, chunk_tokens or _CHUNK_TOKENS)
    )
    tokens = completion.tokens
    yield Frame(tokens, chunks.delta("{}", f'"{_FINISH[completion.finish]}"'), last=True)
    if call.include_usage:
        yield Frame(tokens, chunks.usage(completion), last=True)
    yield Frame(tokens, b"data: [DONE]\n\n", last=True)


def _text_frames(chunks: _Chunks, call: Call, completion: Completion, size: int) -> Iterator[Frame]:
    _, refusal = _content(call, completion)
    yield Frame(1, chunks.delta('{"role":"assistant","content":"","refusal":null}'))
    key = "content" if refusal is None else "refusal"
    for tokens, text in frame_text(completion.pieces, size, size):
        yield Frame(tokens, chunks.delta(f'{{"{key}":{json_text(text)}}}'))


def _tool_frames(chunks: _Chunks, completion: Completion, identity: Identity) -> Iterator[Frame]:
    """One call comes with the role; of several each has an event of its own, as in the recordings."""
    several = len(completion.tool_calls) > 1
    if several:
        yield Frame(1, chunks.delta('{"role":"assistant","content":null}'))
    made = 0
    for at, one in enumerate(completion.tool_calls):
        opening = json_text([{"index": at, **_opened(one, identity, at)}])
        lead, tail = ("", "") if several else ('"role":"assistant","content":null,', ',"refusal":null')
        yield Frame(made + 1, chunks.delta(f'{{{lead}"tool_calls":{opening}{tail}}}'))
        for start in range(0, len(one.arguments), _ARGUMENT_CHARS):
            made = min(made + 2, completion.tokens)
            part = {"index": at, "function": {"arguments": one.arguments[start : start + _ARGUMENT_CHARS]}}
            yield Frame(made, chunks.delta(json_text({"tool_calls": [part]})))


def _opened(one: ToolCall, identity: Identity, at: int) -> dict[str, object]:
    return {"id": _call_id(identity, at), "type": "function", "function": {"name": one.name, "arguments": ""}}


def _headers(identity: Identity) -> Headers:
    return (("x-request-id", f"req_{identity.token[:32].lower()}"), ("openai-version", "2020-10-01"))


def _error_value(error: ApiError) -> dict[str, object]:
    kind, code, _ = _FAILURES.get(error.status, ("invalid_request_error", None, ""))
    kind = kind if error.status in _FAILURES or error.status < 500 else "server_error"
    return {
        "error": {
            "message": error.message,
            "type": error.reason or kind,
            "param": error.param,
            "code": error.code or code,
        }
    }


def _error(error: ApiError, _identity: Identity) -> bytes:
    return json.dumps(_error_value(error), indent=2).encode()


def _error_frame(error: ApiError, _identity: Identity) -> bytes:
    return f"data: {json_text(_error_value(error))}\n\n".encode()


def _refusal(bad: BadRequest) -> ApiError:
    field = indexed(bad.path)
    code, message = _phrase(bad, field)
    return ApiError(status=400, message=message, param=field or None, code=code)


def _phrase(bad: BadRequest, field: str) -> tuple[str, str]:
    match bad.problem:
        case Problem.MISSING if field == "model":
            return "missing_required_parameter", "you must provide a model parameter"
        case Problem.MISSING:
            return "missing_required_parameter", f"Missing required parameter: '{field}'."
        case Problem.TYPE:
            return "invalid_type", f"Invalid type for '{field}': expected {bad.wanted}, but got {bad.got} instead."
        case Problem.VALUE:
            return "invalid_value", f"Invalid value: '{bad.got}'. Supported values are: {bad.wanted}."
        case Problem.LOW:
            expected = f"Expected a value >= {bad.wanted}, but got {bad.got} instead."
            return "integer_below_min_value", f"Invalid '{field}': integer below minimum value. {expected}"
        case Problem.HIGH:
            expected = f"Expected a value <= {bad.wanted}, but got {bad.got} instead."
            return "decimal_above_max_value", f"Invalid '{field}': decimal above maximum value. {expected}"
        case Problem.EMPTY:
            expected = f"Expected an array with minimum length {bad.wanted}, but got an empty array instead."
            return "empty_array", f"Invalid '{field}': empty array. {expected}"
        case Problem.LONG:
            expected = f"Expected an array with maximum length {bad.wanted}, but got one with length {bad.got} instead."
            return "array_above_max_length", f"Invalid '{field}': array too long. {expected}"
        case Problem.UNKNOWN:
            return "unknown_parameter", f"Unrecognized request argument supplied: {field}"
        case Problem.RULE:
            return "invalid_value", bad.wanted


def _unknown_model(model: str) -> ApiError:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return ApiError(status=404, message=message, code="model_not_found")


def _bad_key(key: str | None) -> ApiError:
    if key is None:
        hint = (
            "You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer"
        )
        return ApiError(status=401, message=f"You didn't provide an API key. {hint} YOUR_KEY).", code="invalid_api_key")
    shown = f"{key[:3]}***{key[-2:]}" if len(key) > 8 else "***"
    return ApiError(status=401, message=f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def _too_long(tokens: int, window: int) -> ApiError:
    message = (
        f"This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens."
        " Please reduce the length of the messages."
    )
    return ApiError(status=400, message=message, param="messages", code="context_length_exceeded")


def _failure(status: int) -> ApiError:
    return ApiError(status=status, message=_FAILURES.get(status, ("", None, f"The request failed ({status})."))[2])


WIRE = Wire(
    name=ProtocolName.OPENAI,
    stream_type="text/event-stream; charset=utf-8",
    answer_type="application/json",
    key=bearer,
    parse=parse,
    answer=_answer,
    frames=_frames,
    headers=_headers,
    error=_error,
    error_frame=_error_frame,
    malformed_frame=b'data: {"id":"chatcmpl-","object":"chat.completion.chunk","choices":[{"index":0,"delta":\n\n',
    refusal=_refusal,
    unknown_model=_unknown_model,
    bad_key=_bad_key,
    too_long=_too_long,
    failure=_failure,
)
