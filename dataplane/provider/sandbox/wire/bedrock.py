"""Bedrock's Converse: answers, event streams and errors."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.provider.sandbox.answer.completion import Completion, Finish
from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import Call, ProtocolName
from dataplane.provider.sandbox.wire.bedrock_request import parse
from dataplane.provider.sandbox.wire.event_frame import event, exception
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
# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, "Errors".
_FAILURES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("ValidationException", "The request was not accepted."),
        401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
        403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
        404: (
            "ResourceNotFoundException",
            "Could not resolve the foundation model from the provided model identifier.",
        ),
        408: ("ModelTimeoutException", "Model has timed out in processing the request."),
        413: ("ValidationException", "Input is too long for requested model."),
        429: ("ThrottlingException", "Too many requests, please wait before trying again."),
        500: ("InternalServerException", "The system encountered an unexpected error during processing."),
        503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
    }
)
# In a stream, an exception begins with a small letter.
_IN_STREAM = ("ThrottlingException", "ValidationException", "InternalServerException", "ServiceUnavailableException")


def _usage(completion: Completion) -> dict[str, object]:
    prompt, made = completion.prompt, completion.tokens + completion.reasoning_tokens
    return {
        "inputTokens": prompt.tokens - prompt.cached - prompt.written,
        "outputTokens": made,
        "totalTokens": prompt.tokens + made,
        "cacheReadInputTokens": prompt.cached,
        "cacheWriteInputTokens": prompt.written,
        "serverToolUsage": {},
    }


def _shows_thinking(call: Call, completion: Completion) -> bool:
    return call.show_reasoning and completion.reasoning_tokens > 0


def _signature(identity: Identity) -> str:
    return b64encode(identity.token.encode()).decode()


def _tool_use_id(identity: Identity, at: int) -> str:
    return f"tooluse_{identity.token[:18]}{at:04d}"


def _answer(call: Call, completion: Completion, identity: Identity) -> bytes:
    content: list[dict[str, object]] = []
    if _shows_thinking(call, completion):
        content.append({"reasoningContent": {"reasoningText": {"text": _THOUGHT, "signature": _signature(identity)}}})
    if completion.pieces:
        content.append({"text": completion.text})
    for at, one in enumerate(completion.tool_calls):
        called = {"toolUseId": _tool_use_id(identity, at), "name": one.name, "input": json.loads(one.arguments)}
        content.append({"toolUse": called})
    body = {
        "metrics": {"latencyMs": 1},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _FINISH[completion.finish],
        "usage": _usage(completion),
    }
    return json_text(body).encode("utf-8", "replace")


def _frames(call: Call, completion: Completion, identity: Identity, chunk_tokens: int | None) -> Iterator[Frame]:
    yield Frame(0, _event("messageStart", {"role": "assistant"}))
    index = 0
    if _shows_thinking(call, completion):
        yield from _thought(identity)
        index = 1
    if completion.pieces:
        for tokens, text in frame_text(completion.pieces, 1, chunk_tokens or _CHUNK_TOKENS):
            yield Frame(tokens, _delta(index, {"text": text}))
        yield Frame(completion.tokens, _event("contentBlockStop", {"contentBlockIndex": index}))
        index += 1
    yield from _calls(completion, identity, index)
    tokens = completion.tokens
    yield Frame(tokens, _event("messageStop", {"stopReason": _FINISH[completion.finish]}), last=True)
    ending = {"usage": _usage(completion), "metrics": {"latencyMs": 1}}
    yield Frame(tokens, _event("metadata", ending), last=True)


def _thought(identity: Identity) -> Iterator[Frame]:
    for piece in ({"text": _THOUGHT[:32]}, {"text": _THOUGHT[32:]}, {"signature": _signature(identity)}):
        yield Frame(1, _delta(0, {"reasoningContent": piece}))
    yield Frame(1, _event("contentBlockStop", {"contentBlockIndex": 0}))


def _calls(completion: Completion, identity: Identity, first: int) -> Iterator[Frame]:
    count = len(completion.tool_calls)
    for at, one in enumerate(completion.tool_calls):
        index, share = first + at, completion.tokens / count
        start = {"toolUse": {"toolUseId": _tool_use_id(identity, at), "name": one.name}}
        opening = _event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        yield Frame(int(at * share) + 1, opening)
        for begin in range(0, len(one.arguments), _ARGUMENT_CHARS):
            part = one.arguments[begin : begin + _ARGUMENT_CHARS]
            made = share * (at + min(1.0, (begin + _ARGUMENT_CHARS) / len(one.arguments)))
            yield Frame(int(made), _delta(index, {"toolUse": {"input": part}}))
        yield Frame(int((at + 1) * share), _event("contentBlockStop", {"contentBlockIndex": index}))


def _delta(index: int, delta: dict[str, object]) -> bytes:
    return _event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def _event(name: str, value: Mapping[str, object]) -> bytes:
    return event(name, json_text(value).encode("utf-8", "replace"))


def _headers(identity: Identity) -> Headers:
    token = identity.token
    return (("x-amzn-requestid", f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:32]}"),)


def _kind(error: ApiError) -> str:
    fallback = "ValidationException" if error.status < 500 else "InternalServerException"
    return error.reason or _FAILURES.get(error.status, (fallback, ""))[0]


def _error(error: ApiError, _identity: Identity) -> bytes:
    return json.dumps({"message": error.message}).encode()


def _error_headers(error: ApiError) -> Headers:
    return (("x-amzn-errortype", f"{_kind(error)}:http://internal.amazon.com/coral/com.amazon.bedrock/"),)


def _error_frame(error: ApiError, identity: Identity) -> bytes:
    kind = _kind(error)
    named = kind if kind in _IN_STREAM else "ModelStreamErrorException"
    return exception(named[0].lower() + named[1:], _error(error, identity))


def _key(headers: Mapping[str, str]) -> str | None:
    """A bearer token, or the key id of a signature, which is not verified: the sandbox does not know the secret."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return bearer(headers)
    found = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return found.get("Credential", "").partition("/")[0] if found.get("Signature") else None


def _refusal(bad: BadRequest) -> ApiError:
    field = dotted(bad.path)
    phrase = (
        bad.wanted if bad.problem is Problem.RULE else f"{bad.problem}: {bad.wanted or 'see the API'} {bad.got}".strip()
    )
    return ApiError(status=400, message=f"{field}: {phrase}" if field else phrase)


def _unknown_model(_model: str) -> ApiError:
    return ApiError(status=400, message="The provided model identifier is invalid.")


def _bad_key(key: str | None) -> ApiError:
    if key is None:
        return ApiError(
            status=403, message="Missing Authentication Token", reason="MissingAuthenticationTokenException"
        )
    return ApiError(status=403, message=_FAILURES[401][1], reason="UnrecognizedClientException")


def _too_long(_tokens: int, _window: int) -> ApiError:
    return ApiError(status=400, message="Input is too long for requested model.")


def _failure(status: int) -> ApiError:
    return ApiError(status=status, message=_FAILURES.get(status, ("", f"The request failed ({status})."))[1])


WIRE = Wire(
    name=ProtocolName.BEDROCK,
    stream_type="application/vnd.amazon.eventstream",
    answer_type="application/json",
    key=_key,
    parse=parse,
    answer=_answer,
    frames=_frames,
    headers=_headers,
    error=_error,
    error_frame=_error_frame,
    # Its checksums are right; its JSON is not.
    malformed_frame=event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":'),
    refusal=_refusal,
    unknown_model=_unknown_model,
    bad_key=_bad_key,
    too_long=_too_long,
    failure=_failure,
    error_headers=_error_headers,
)
