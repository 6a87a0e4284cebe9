"""Whether a call may be answered, and with what: a function of the request and the configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from dataplane.provider.sandbox.answer.completion import Completion, complete, count_prompt, draws_for
from dataplane.provider.sandbox.answer.schema import SchemaError
from dataplane.provider.sandbox.call import Call
from dataplane.provider.sandbox.config import SandboxConfig
from dataplane.provider.sandbox.http1 import Request
from dataplane.provider.sandbox.pace import Pace, pace_of
from dataplane.provider.sandbox.profile import ModelProfile, profile_of
from dataplane.provider.sandbox.routes import Route, wants_events
from dataplane.provider.sandbox.tokens import Tokenizer
from dataplane.provider.sandbox.wire import gemini
from dataplane.provider.sandbox.wire.model import ApiError, Wire
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Problem

UNNAMED = "(none)"


class Refusal(Exception):
    """The call is refused with `error`; `model` is the one it asked for, as far as that could be read."""

    def __init__(self, error: ApiError, model: str) -> None:
        super().__init__(error.message)
        self.error, self.model = error, model


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A call that may be answered, and its answer as it is without faults and without a prompt cache."""

    call: Call
    profile: ModelProfile
    completion: Completion
    pace: Pace


def prepare(request: Request, route: Route, config: SandboxConfig, tokenizer: Tokenizer) -> Prepared:
    """The answer to a call whose key is right, checked in the order body, model, length.

    Raises:
        Refusal: the call is not as the provider wants it.
    """
    wire, model = route.wire, route.target.model or UNNAMED
    try:
        data = _json_object(request.body)
        model = _model_named(data, model)
        _check_framing(request, route)
        call = wire.parse(data, route.target, request.headers)
        return _answered(call, wire, config, tokenizer)
    except BadRequest as bad:
        raise Refusal(wire.refusal(bad), model) from None
    except _Denied as denied:
        raise Refusal(denied.error, model) from None


def check_key(request: Request, wire: Wire, allowed: frozenset[str]) -> None:
    """Whether the call has a key, and one of `allowed` where there are any.

    Raises:
        Refusal: it has not.
    """
    key = wire.key(request.headers)
    if not key or (allowed and key not in allowed):
        raise Refusal(wire.bad_key(key or None), UNNAMED)


class _Denied(Exception):
    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


def _check_framing(request: Request, route: Route) -> None:
    if route.wire is gemini.WIRE and route.target.stream and not wants_events(request):
        raise BadRequest(Problem.RULE, ("alt",), wanted="The sandbox streams server-sent events only: set alt=sse.")


def _json_object(body: bytes) -> Json:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest(Problem.RULE, (), wanted="The body of the request is not JSON.") from None
    if not isinstance(data, dict):
        raise BadRequest(Problem.RULE, (), wanted="The body of the request is not a JSON object.")
    return cast("Mapping[str, object]", data)


def _model_named(data: Json, default: str) -> str:
    named = data.get("model")
    return named if isinstance(named, str) and default == UNNAMED else default


def _answered(call: Call, wire: Wire, config: SandboxConfig, tokenizer: Tokenizer) -> Prepared:
    profile = profile_of(call.model, config.models, config.unknown_models, wire.name)
    if profile is None:
        raise _Denied(wire.unknown_model(call.model))
    prompt = count_prompt(call, tokenizer)
    if prompt.tokens > profile.context_window:
        raise _Denied(wire.too_long(prompt.tokens, profile.context_window))
    draws = draws_for(config.settings.seed, call)
    try:
        completion = complete(call, profile, draws, tokenizer, prompt)
    except SchemaError as error:
        raise BadRequest(Problem.RULE, (), wanted=f"Invalid schema: {error}") from None
    scale, reasoning = config.settings.latency_scale, completion.reasoning_tokens
    pace = pace_of(profile, draws, scale=scale, reasoning_tokens=reasoning)
    return Prepared(call=call, profile=profile, completion=completion, pace=pace)
