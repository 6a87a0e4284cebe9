"""Gemini generateContent: answers, streams and errors."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.provider.sandbox.answer.completion import Completion, Finish
from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import Call, ProtocolName
from dataplane.provider.sandbox.wire.gemini_request import parse
from dataplane.provider.sandbox.wire.model import ApiError, Frame, Headers, Identity, Wire, bearer, frame_text
from dataplane.provider.sandbox.wire.reading import BadRequest, Problem, indexed

_CHUNK_TOKENS = 24
_THOUGHT = "**Looking at the question**\n\nI look at what is asked, and at what is known, before I answer."
# HTTP status: canonical status, message. https://ai.google.dev/gemini-api/docs/troubleshooting
_FAILURES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
        401: (
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token or login cookie.",
        ),
        403: ("PERMISSION_DENIED", "The caller does not have permission"),
        404: ("NOT_FOUND", "Requested entity was not found."),
        413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit."),
        429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        500: ("INTERNAL", "An internal error has occurred. Please retry or report."),
        503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        504: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    }
)
_SERVICE = "generativelanguage.googleapis.com"


def _usage(completion: Completion, tokens: int) -> dict[str, object]:
    prompt = completion.prompt
    usage: dict[str, object] = {"promptTokenCount": prompt.tokens}
    if tokens:
        usage["candidatesTokenCount"] = tokens
    usage["totalTokenCount"] = prompt.tokens + tokens + completion.reasoning_tokens
    if prompt.cached:
        usage["cachedContentTokenCount"] = prompt.cached
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": prompt.tokens - prompt.images}]
    if prompt.images:
        usage["promptTokensDetails"] = [
            {"modality": "IMAGE", "tokenCount": prompt.images},
            {"modality": "TEXT", "tokenCount": prompt.tokens - prompt.images},
        ]
    if prompt.cached:
        usage["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": prompt.cached}]
    if completion.reasoning_tokens:
        usage["thoughtsTokenCount"] = completion.reasoning_tokens
    return usage


def _finish(completion: Completion) -> str:
    return "MAX_TOKENS" if completion.finish is Finish.LENGTH else "STOP"


def _call_parts(completion: Completion, identity: Identity) -> list[dict[str, object]]:
    """Calls of tools; a model that thought seals its thinking on the first (ai.google.dev/gemini-api/docs/thought-signatures)."""
    parts: list[dict[str, object]] = [
        {
            "functionCall": {
                "name": one.name,
                "args": json.loads(one.arguments),
                "id": f"{identity.token[:6]}{at:02d}",
            }
        }
        for at, one in enumerate(completion.tool_calls)
    ]
    if parts and completion.reasoning_tokens:
        parts[0]["thoughtSignature"] = b64encode(identity.token.encode()).decode()
    return parts


def _answer(call: Call, completion: Completion, identity: Identity) -> bytes:
    parts: list[dict[str, object]] = []
    if call.show_reasoning and completion.reasoning_tokens:
        parts.append({"text": _THOUGHT, "thought": True})
    if completion.pieces:
        parts.append({"text": completion.text})
    parts.extend(_call_parts(completion, identity))
    content: dict[str, object] = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    candidate = {"content": content, "finishReason": _finish(completion), "index": 0}
    if completion.tool_calls:
        candidate["finishMessage"] = "Model generated function call(s)."
    whole = _whole([candidate], completion, identity, completion.tokens)
    return json_text(whole).encode("utf-8", "replace")


def _whole(candidates: list[object], completion: Completion, identity: Identity, tokens: int) -> dict[str, object]:
    return {
        "candidates": candidates,
        "usageMetadata": _usage(completion, tokens),
        "modelVersion": identity.model,
        "responseId": identity.token[:23],
    }


def _frames(call: Call, completion: Completion, identity: Identity, chunk_tokens: int | None) -> Iterator[Frame]:
    def chunk(tokens: int, parts: str, *, last: bool = False) -> Frame:
        ending = f'"finishReason":"{_finish(completion)}",' if last else ""
        content = f'{{"parts":[{parts}],"role":"model"}}'
        tail = json_text(_whole([], completion, identity, tokens)).removeprefix('{"candidates":[],')
        data = f'data: {{"candidates":[{{"content":{content},{ending}"index":0}}],{tail}\r\n\r\n'
        return Frame(tokens, data.encode("utf-8", "replace"), last=last)

    if call.show_reasoning and completion.reasoning_tokens:
        yield chunk(0, json_text({"text": _THOUGHT, "thought": True}))
    calls = _call_parts(completion, identity)
    if calls:
        yield chunk(completion.tokens, ",".join(map(json_text, calls)))
    size = chunk_tokens or _CHUNK_TOKENS
    for tokens, text in frame_text(completion.pieces, size, size):
        if tokens == len(completion.pieces):
            yield chunk(tokens, json_text({"text": text}), last=True)
            return
        yield chunk(tokens, json_text({"text": text}))
    yield chunk(completion.tokens, '{"text":""}', last=True)


def _key(headers: Mapping[str, str]) -> str | None:
    return headers.get("x-goog-api-key") or bearer(headers)


def _headers(_identity: Identity) -> Headers:
    return (("server", "scaffolding on HTTPServer2"),)


def _error_value(error: ApiError) -> dict[str, object]:
    fallback = "INVALID_ARGUMENT" if error.status < 500 else "UNAVAILABLE"
    value: dict[str, object] = {
        "code": error.status,
        "message": error.message,
        "status": _FAILURES.get(error.status, (fallback, ""))[0],
    }
    if details := _details(error):
        value["details"] = details
    return {"error": value}


def _details(error: ApiError) -> list[dict[str, object]]:
    details: list[dict[str, object]] = []
    if error.reason is not None:
        info = {"reason": error.reason, "domain": "googleapis.com", "metadata": {"service": _SERVICE}}
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info})
    if error.param is not None:
        violation = {"field": error.param, "description": error.message}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    if error.retry_after_s is not None:
        delay = f"{error.retry_after_s:g}s"
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return details


def _error(error: ApiError, _identity: Identity) -> bytes:
    return json.dumps(_error_value(error), indent=2).encode()


def _error_frame(error: ApiError, _identity: Identity) -> bytes:
    return f"data: {json_text(_error_value(error))}\r\n\r\n".encode()


def _refusal(bad: BadRequest) -> ApiError:
    return ApiError(status=400, message=_phrase(bad, indexed(bad.path)), param=indexed(bad.path) or None)


def _phrase(bad: BadRequest, field: str) -> str:
    match bad.problem:
        case Problem.MISSING:
            return f"* GenerateContentRequest.{field}: {field} is not specified\n"
        case Problem.TYPE:
            return f"Invalid value at '{field}': expected {bad.wanted}, got {bad.got}"
        case Problem.VALUE if bad.path[-1:] == ("role",):
            return "Please use a valid role: user, model."
        case Problem.VALUE:
            return f"Invalid value at '{field}': \"{bad.got}\" is not one of {bad.wanted}"
        case Problem.LOW | Problem.HIGH:
            edge = "at least" if bad.problem is Problem.LOW else "at most"
            return f"Unable to submit request because {field} has the value {bad.got}: it must be {edge} {bad.wanted}."
        case Problem.EMPTY | Problem.LONG:
            return f"* GenerateContentRequest.{field}: {bad.got} items, the limit is {bad.wanted}\n"
        case Problem.UNKNOWN:
            parent = indexed(bad.path[:-1])
            at = f" at '{parent}'" if parent else ""
            return f'Invalid JSON payload received. Unknown name "{bad.path[-1]}"{at}: Cannot find field.'
        case Problem.RULE:
            return bad.wanted


def _unknown_model(model: str) -> ApiError:
    message = (
        f"models/{model} is not found for API version v1beta, or is not supported for generateContent. "
        "Call ModelService.ListModels to see the list of available models and their supported methods."
    )
    return ApiError(status=404, message=message)


def _bad_key(key: str | None) -> ApiError:
    """Google answers 403 without a key, and 400 (not 401) to a key that it does not know."""
    if key is None:
        message = "Method doesn't allow unregistered callers (callers without established identity)."
        return ApiError(status=403, message=f"{message} Please use API Key or other form of API consumer identity.")
    return ApiError(status=400, message="API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID")


def _too_long(tokens: int, window: int) -> ApiError:
    message = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({window})."
    return ApiError(status=400, message=message)


def _failure(status: int) -> ApiError:
    return ApiError(status=status, message=_FAILURES.get(status, ("", f"The request failed ({status})."))[1])


WIRE = Wire(
    name=ProtocolName.GEMINI,
    stream_type="text/event-stream",
    answer_type="application/json; charset=UTF-8",
    key=_key,
    parse=parse,
    answer=_answer,
    frames=_frames,
    headers=_headers,
    error=_error,
    error_frame=_error_frame,
    malformed_frame=b'data: {"candidates": [{"content": {"parts": [{"text": \r\n\r\n',
    refusal=_refusal,
    unknown_model=_unknown_model,
    bad_key=_bad_key,
    too_long=_too_long,
    failure=_failure,
)
