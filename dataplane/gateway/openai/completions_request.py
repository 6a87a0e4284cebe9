"""Reads requests of chat completions."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from dataplane.chat.model import ChatRequest, Effort, Reasoning
from dataplane.gateway.fields import Fields, Notes
from dataplane.gateway.model import Asked, BadRequest, Received
from dataplane.gateway.openai import settings, tooling
from dataplane.gateway.openai.addressed import addressed, original
from dataplane.gateway.openai.messages import Reader
from dataplane.provider.model import Endpoint
from dataplane.snapshot.model import WireProtocol

_CARRIED = """
    model messages tools tool_choice parallel_tool_calls functions function_call response_format temperature top_p top_k
    frequency_penalty presence_penalty stop seed max_tokens max_completion_tokens stream stream_options metadata
    n reasoning_effort reasoning safety_identifier prompt_cache_key
"""
_ONLY: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"logprobs": (False,), "top_logprobs": (0,), "modalities": (["text"], []), "audio": ()}
)
"""Fields that a caller's code relies on in the answer, unless they have one of these values."""
_ALWAYS_ONLY = ("web_search_options",)
_OTHER_MODELS = ("models", "route", "preset")
"""By these OpenRouter takes another model than the one that was decided on: they are never passed on."""
_MEANINGLESS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"logit_bias": ({},), "store": (False,), "service_tier": ("auto", "default"), "verbosity": ("medium",)}
)
"""Fields that change nothing with one of these values."""
_KNOWN = frozenset((*_CARRIED.split(), *_ONLY, *_ALWAYS_ONLY, *_MEANINGLESS))
_REASONING = frozenset({"effort", "max_tokens", "exclude", "enabled"})


def read(received: Received) -> Asked:
    """What is asked. Raises BadRequest."""
    body, notes = Fields(received.value), Notes()
    told = addressed(body)
    options = body.inner_or_none("stream_options")
    include_usage = options is not None and options.flag("include_usage")
    request = _request(body, notes, told.metadata)
    _note(body, notes)
    return Asked(
        model=body.word("model"),
        protocol=WireProtocol.OPENAI,
        request=request,
        original=original(received, Endpoint.CHAT_COMPLETIONS, told, wants_usage=include_usage, without=_OTHER_MODELS),
        stream=body.flag("stream"),
        include_usage=include_usage,
        only=notes.kept,
        loses=notes.lost,
        session=told.session,
        user=told.user,
        hints=told.hints,
    )


def _request(body: Fields, notes: Notes, metadata: Mapping[str, str]) -> ChatRequest:
    tools, choice = tooling.nested(body, notes)
    limits = [body.whole(name, least=1) for name in ("max_completion_tokens", "max_tokens")]
    return ChatRequest(
        messages=Reader(notes).read(body),
        tools=tools,
        tool_choice=choice,
        response_format=settings.answer_format(body.inner_or_none("response_format"), notes, nested=True),
        sampling=settings.sampling(body),
        stop=settings.stops(body),
        max_output_tokens=limits[0] or limits[1],
        seed=body.whole("seed"),
        metadata=metadata,
        reasoning=_reasoning(body, notes),
    )


def _reasoning(body: Fields, notes: Notes) -> Reasoning | None:
    """OpenAI's `reasoning_effort`, or `reasoning` as OpenRouter has it."""
    if "reasoning_effort" in body:
        return settings.reasoning(body.text("reasoning_effort"), "reasoning_effort", notes, include=True)
    asked = body.inner_or_none("reasoning")
    if asked is None:
        return None
    asked.lose_others(_REASONING, notes)
    include = not asked.flag("exclude")
    if "enabled" in asked and not asked.flag("enabled"):
        return Reasoning(effort=Effort.NONE)
    effort = asked.text_or_empty("effort")
    base = settings.reasoning(effort, asked.at("effort"), notes, include=include) if effort else Reasoning()
    return replace(
        base, max_tokens=asked.whole("max_tokens", least=0) or 0, include=base.include or (not effort and include)
    )


def _note(body: Fields, notes: Notes) -> None:
    _check(body)
    for name in body:
        value = body.get(name)
        if name in _ALWAYS_ONLY or (name in _ONLY and value not in _ONLY[name]):
            notes.only(name)
        elif name in _MEANINGLESS and value not in _MEANINGLESS[name]:
            notes.lose(name)
    body.lose_others(_KNOWN, notes)


def _check(body: Fields) -> None:
    """The types of what is not looked at any further. Raises BadRequest."""
    if (body.whole("n", least=1) or 1) > 1:
        raise BadRequest("n", "must be 1: a decision holds the money of one answer; send the request once for each")
    body.flag("logprobs")
    body.whole("top_logprobs", least=0)
    body.inner_or_none("audio")
    body.inner_or_none("web_search_options")
    body.items("modalities")
