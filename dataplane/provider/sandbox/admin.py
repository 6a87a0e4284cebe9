"""The admin surface: faults, counts and the last calls, as JSON."""

import json
from collections.abc import Mapping
from urllib.parse import unquote

from dataplane.provider.sandbox.document import DocumentError, mapping
from dataplane.provider.sandbox.exchange import Exchange
from dataplane.provider.sandbox.fault import MAX_FAULTS, Fault, arm, described, read_fault, read_faults
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.profile import UnknownModels
from dataplane.provider.sandbox.routes import ADMIN_PREFIX, MODELS_PATH, query_of
from dataplane.provider.sandbox.script import Reply
from dataplane.provider.sandbox.service import Sandbox

_JSON = (("content-type", "application/json"),)
_DEFAULT_LIMIT = 100


def answer(sandbox: Sandbox, request: Request) -> Exchange:
    """The answer to whatever is not a call of a model."""
    status, body = _answered(sandbox, request)
    reply = Reply(0.0, status, _JSON, json.dumps(body).encode())
    return Exchange(started_s=sandbox.clock.now(), steps=iter((reply,)))


def _answered(sandbox: Sandbox, request: Request) -> tuple[int, object]:
    if request.path == MODELS_PATH and request.method == "GET":
        return 200, _models(sandbox)
    if not request.path.startswith(ADMIN_PREFIX):
        return 404, _openai_error(f"Invalid URL ({request.method} {request.path})")
    what = unquote(request.path.removeprefix(ADMIN_PREFIX))
    try:
        return _administered(sandbox, request, what)
    except DocumentError as error:
        return 400, {"error": {"field": error.field, "reason": error.reason}}


def _administered(sandbox: Sandbox, request: Request, what: str) -> tuple[int, object]:
    match request.method, what.split("/", 1):
        case "GET", ["stats"]:
            return 200, sandbox.book.stats()
        case "GET", ["calls"]:
            return 200, {"calls": sandbox.book.last(_limit(request))}
        case "GET", ["faults"]:
            return 200, _faults(sandbox)
        case "PUT", ["faults"]:
            sandbox.arm(read_faults(mapping(_json(request), "").get("faults")))
            return 200, _faults(sandbox)
        case "PUT", ["faults", name]:
            _put(sandbox, read_fault({**mapping(_json(request), ""), "id": name}, "", name))
            return 200, _faults(sandbox)
        case "DELETE", ["faults"]:
            sandbox.arm(())
            return 200, _faults(sandbox)
        case "DELETE", ["faults", name]:
            return _delete(sandbox, name)
        case _:
            reason = f"there is no {request.method} {request.path}; there are stats, calls, faults and faults/ID"
            return 404, {"error": {"field": "path", "reason": reason}}


def _put(sandbox: Sandbox, fault: Fault) -> None:
    """Sets one fault, in the place of the one with its id or after all others, which go on as they are."""
    armed = arm((fault,), sandbox.clock.now())[0]
    if any(one.fault.id == fault.id for one in sandbox.armed):
        sandbox.armed = tuple(armed if one.fault.id == fault.id else one for one in sandbox.armed)
    elif len(sandbox.armed) >= MAX_FAULTS:
        raise DocumentError("faults", f"there are {MAX_FAULTS} already: delete one first")
    else:
        sandbox.armed = (*sandbox.armed, armed)


def _delete(sandbox: Sandbox, name: str) -> tuple[int, object]:
    left = tuple(one for one in sandbox.armed if one.fault.id != name)
    if len(left) == len(sandbox.armed):
        return 404, {"error": {"field": "id", "reason": f"there is no fault {name!r}"}}
    sandbox.armed = left
    return 200, _faults(sandbox)


def _faults(sandbox: Sandbox) -> Mapping[str, object]:
    return {"faults": [described(one) for one in sandbox.armed]}


def _limit(request: Request) -> int:
    text = query_of(request).get("limit", str(_DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit()):
        raise DocumentError("limit", f"{text!r} is not a whole number")
    return int(text)


def _json(request: Request) -> object:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise DocumentError("", f"the body is not JSON: {error}") from None


def _models(sandbox: Sandbox) -> Mapping[str, object]:
    """The configured models, in the shape of OpenAI's list; none where any name is served."""
    created, config = int(sandbox.clock.unix()), sandbox.config
    listed = [
        {"id": name, "object": "model", "created": created, "owned_by": "sandbox"} for name in sorted(config.models)
    ]
    served = {"unknown_models": config.unknown_models} if config.unknown_models is UnknownModels.SERVE else {}
    return {"object": "list", "data": listed, **served}


def _openai_error(message: str) -> Mapping[str, object]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
