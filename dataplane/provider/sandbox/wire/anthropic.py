"""Anthropic messages: answers, streams and errors."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.provider.sandbox.answer.completion import Completion, Finish
from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import Call, ProtocolName
from dataplane.provider.sandbox.wire.anthropic_request import parse
from dataplane.provider.sandbox.wire.model import ApiError, Frame, Headers, Identity, Wire, bearer, frame_text
from dataplane.provider.sandbox.wire.reading import BadRequest, Problem, dotted

_CHUNK_TOKENS = 6
_ARGUMENT_CHARS = 16
_THOUGHT = "Let me look at what is asked, and at what is known, before I answer."
_FINISH: Mapping[Finish, str] = MappingProxyType(
    {
        Finish.STOP: "end_turn",
        Finish.STOP_SEQUENCE: "stop_sequence",
        Finish.LENGTH: "max_tokens",
        Finish.TOOL_CALLS: "tool_use",
    }
)
# HTTP status: type, message. https://docs.claude.com/en/api/errors
_FAILURES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("invalid_request_error", "The request was not accepted."),
        401: ("authentication_error", "invalid x-api-key"),
        403: ("permission_error", "Your API key does not have permission to use the specified resource."),
        404: ("not_found_error", "The requested resource could not be found."),
        413: ("request_too_large", "Request exceeds the maximum size"),
        429: ("rate_limit_error", "This request would exceed your organization's rate limit. Please try again later."),
        500: ("api_error", "Internal server error"),
        504: ("timeout_error", "The request timed out while processing."),
        529: ("overloaded_error", "Overloaded"),
    }
)


def _thinking(identity: Identity) -> dict[str, object]:
    return {"type": "thinking", "thinking": _THOUGHT, "signature": identity.token * 4}


def _shows_thinking(call: Call, completion: Completion) -> bool:
    return call.show_reasoning and completion.reasoning_tokens > 0


def _tool_use(completion: Completion, identity: Identity, at: int) -> dict[str, object]:
    one = completion.tool_calls[at]
    return {"type": "tool_use", "id": f"toolu_01{identity.token[:18]}{at:04d}", "name": one.name, "input": {}}


def _usage(completion: Completion, output_tokens: int) -> dict[str, object]:
    """The caller pays for three kinds of input tokens: here `input_tokens` are only those that no cache has."""
    prompt = completion.prompt
    written = {"ephemeral_5m_input_tokens": prompt.written, "ephemeral_1h_input_tokens": 0}
    return {
        "input_tokens": prompt.tokens - prompt.cached - prompt.written,
        "cache_creation_input_tokens": prompt.written,
        "cache_read_input_tokens": prompt.cached,
        "cache_creation": written,
        "output_tokens": output_tokens,
        "service_tier": "standard",
        "inference_geo": "global",
    }


def _head(identity: Identity) -> dict[str, object]:
    return {"model": identity.model, "id": f"msg_01{identity.token[:22]}", "type": "message", "role": "assistant"}


def _answer(call: Call, completion: Completion, identity: Identity) -> bytes:
    content: list[dict[str, object]] = []
    if _shows_thinking(call, completion):
        content.append(_thinking(identity))
    if completion.pieces:
        content.append({"type": "text", "text": completion.text})
    for at, one in enumerate(completion.tool_calls):
        content.append({**_tool_use(completion, identity, at), "input": json.loads(one.arguments)})
    ending = {"stop_reason": _FINISH[completion.finish], "stop_sequence": completion.stop_sequence}
    usage = _usage(completion, completion.tokens + completion.reasoning_tokens) | _thought_tokens(completion)
    body = {**_head(identity), "content": content, **ending, "stop_details": None, "usage": usage}
    return json_text(body).encode("utf-8", "replace")


def _thought_tokens(completion: Completion) -> dict[str, object]:
    if not completion.reasoning_tokens:
        return {}
    return {"output_tokens_details": {"thinking_tokens": completion.reasoning_tokens}}


def _event(kind: str, body: str) -> bytes:
    return f'event: {kind}\ndata: {{"type":"{kind}"{body}}}\n\n'.encode("utf-8", "replace")


def _frames(call: Call, completion: Completion, identity: Identity, chunk_tokens: int | None) -> Iterator[Frame]:
    start = {**_head(identity), "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    message = json_text(start | {"usage": _usage(completion, 1)})
    yield Frame(0, _event("message_start", f',"message":{message}'))
    for index, (opening, deltas) in enumerate(_blocks(call, completion, identity, chunk_tokens or _CHUNK_TOKENS)):
        yield Frame(1, _event("content_block_start", f',"index":{index},"content_block":{json_text(opening)}'))
        if index == 0:
            yield Frame(1, b'event: ping\ndata: {"type": "ping"}\n\n')
        tokens = 1
        for tokens, delta in deltas:
            yield Frame(tokens, _event("content_block_delta", f',"index":{index},"delta":{delta}'))
        yield Frame(tokens, _event("content_block_stop", f',"index":{index}'))
    yield from _ending(completion)


_Block = tuple[dict[str, object], Iterator[tuple[int, str]]]


def _blocks(call: Call, completion: Completion, identity: Identity, size: int) -> Iterator[_Block]:
    """The content blocks: how each opens, and its deltas with the tokens made by then."""
    if _shows_thinking(call, completion):
        yield {"type": "thinking", "thinking": "", "signature": ""}, _thinking_deltas(identity)
    if completion.pieces:
        yield {"type": "text", "text": ""}, _text_deltas(completion, size)
    for at in range(len(completion.tool_calls)):
        yield _tool_use(completion, identity, at), _argument_deltas(completion, at)


def _thinking_deltas(identity: Identity) -> Iterator[tuple[int, str]]:
    for text in (_THOUGHT[:32], _THOUGHT[32:]):
        yield 1, json_text({"type": "thinking_delta", "thinking": text})
    yield 1, json_text({"type": "signature_delta", "signature": identity.token * 4})


def _text_deltas(completion: Completion, size: int) -> Iterator[tuple[int, str]]:
    # The first event of the recordings holds one token: it is sent as soon as there is one.
    for tokens, text in frame_text(completion.pieces, 1, size):
        yield tokens, f'{{"type":"text_delta","text":{json_text(text)}}}'


def _argument_deltas(completion: Completion, at: int) -> Iterator[tuple[int, str]]:
    arguments, share = completion.tool_calls[at].arguments, completion.tokens / len(completion.tool_calls)
    yield int(at * share) + 1, '{"type":"input_json_delta","partial_json":""}'
    for start in range(0, len(arguments), _ARGUMENT_CHARS):
        part = arguments[start : start + _ARGUMENT_CHARS]
        made = share * (at + min(1.0, (start + _ARGUMENT_CHARS) / len(arguments)))
        yield int(made), json_text({"type": "input_json_delta", "partial_json": part})


def _ending(completion: Completion) -> Iterator[Frame]:
    delta = {"stop_reason": _FINISH[completion.finish], "stop_sequence": completion.stop_sequence, "stop_details": None}
    usage = _usage(completion, completion.tokens + completion.reasoning_tokens) | _thought_tokens(completion)
    for key in ("cache_creation", "service_tier", "inference_geo"):
        del usage[key]
    yield Frame(
        completion.tokens, _event("message_delta", f',"delta":{json_text(delta)},"usage":{json_text(usage)}'), last=True
    )
    yield Frame(completion.tokens, _event("message_stop", ""), last=True)


def _headers(identity: Identity) -> Headers:
    return (("request-id", _request_id(identity)),)


def _request_id(identity: Identity) -> str:
    return f"req_01{identity.token[:22]}"


def _key(headers: Mapping[str, str]) -> str | None:
    return headers.get("x-api-key") or bearer(headers)


def _error(error: ApiError, identity: Identity) -> bytes:
    return json.dumps(_error_value(error) | {"request_id": _request_id(identity)}).encode()


def _error_value(error: ApiError) -> dict[str, object]:
    fallback = "invalid_request_error" if error.status < 500 else "api_error"
    kind = error.reason or _FAILURES.get(error.status, (fallback, ""))[0]
    return {"type": "error", "error": {"type": kind, "message": error.message}}


def _error_frame(error: ApiError, identity: Identity) -> bytes:
    return b"event: error\ndata: " + _error(error, identity) + b"\n\n"


def _refusal(bad: BadRequest) -> ApiError:
    field = dotted(bad.path)
    phrase = _phrase(bad)
    return ApiError(status=400, message=f"{field}: {phrase}" if field else phrase)


def _phrase(bad: BadRequest) -> str:
    match bad.problem:
        case Problem.MISSING:
            return "Field required"
        case Problem.TYPE:
            wanted = {"a decimal": "number", "an integer": "integer", "an array": "list", "an object": "object"}
            return f"Input should be a valid {wanted.get(bad.wanted, bad.wanted.removeprefix('a '))}"
        case Problem.VALUE:
            *first, final = bad.wanted.split(", ")
            return f"Input should be {' or '.join([', '.join(first), final] if first else [final])}"
        case Problem.LOW:
            return f"Input should be greater than or equal to {bad.wanted}"
        case Problem.HIGH:
            return f"Input should be less than or equal to {bad.wanted}"
        case Problem.EMPTY:
            return f"at least {bad.wanted} item is required"
        case Problem.LONG:
            return f"List should have at most {bad.wanted} items, not {bad.got}"
        case Problem.UNKNOWN:
            return "Extra inputs are not permitted"
        case Problem.RULE:
            return bad.wanted


def _unknown_model(model: str) -> ApiError:
    return ApiError(status=404, message=f"model: {model}")


def _bad_key(key: str | None) -> ApiError:
    return ApiError(status=401, message="x-api-key header is required" if key is None else "invalid x-api-key")


def _too_long(tokens: int, window: int) -> ApiError:
    return ApiError(status=400, message=f"prompt is too long: {tokens} tokens > {window} maximum")


def _failure(status: int) -> ApiError:
    return ApiError(status=status, message=_FAILURES.get(status, ("", f"The request failed ({status})."))[1])


WIRE = Wire(
    name=ProtocolName.ANTHROPIC,
    stream_type="text/event-stream; charset=utf-8",
    answer_type="application/json",
    key=_key,
    parse=parse,
    answer=_answer,
    frames=_frames,
    headers=_headers,
    error=_error,
    error_frame=_error_frame,
    malformed_frame=b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":\n\n',
    refusal=_refusal,
    unknown_model=_unknown_model,
    bad_key=_bad_key,
    too_long=_too_long,
    failure=_failure,
)
