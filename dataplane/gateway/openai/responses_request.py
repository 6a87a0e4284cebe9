"""Reads requests of responses."""

from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import ChatRequest, Message, Reasoning, Role, Text
from dataplane.gateway.fields import Fields, Notes
from dataplane.gateway.model import Asked, BadRequest, Received
from dataplane.gateway.openai import settings, tooling
from dataplane.gateway.openai.addressed import Addressed, addressed, original, replaced
from dataplane.gateway.openai.items import WHOLE, Reader
from dataplane.gateway.openai.reasoning import is_ours
from dataplane.provider.model import Endpoint, Original
from dataplane.snapshot.model import WireProtocol

_CARRIED = """
    model input instructions tools tool_choice parallel_tool_calls text reasoning temperature top_p max_output_tokens
    stream stream_options metadata store include background previous_response_id conversation safety_identifier
    prompt_cache_key
"""
_STATEFUL: Mapping[str, str] = MappingProxyType(
    {
        "previous_response_id": f"answers are not kept here; {WHOLE}",
        "conversation": f"conversations are not kept here; {WHOLE}",
    }
)
_ONLY: Mapping[str, tuple[object, ...]] = MappingProxyType({"prompt": (), "top_logprobs": (0,)})
_MEANINGLESS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"truncation": ("disabled",), "service_tier": ("auto", "default")}
)
_KNOWN = frozenset((*_CARRIED.split(), *_ONLY, *_MEANINGLESS))
_TEXT = frozenset({"format", "verbosity"})
_REASONING = frozenset({"effort", "summary", "generate_summary"})


def read(received: Received) -> Asked:
    """What is asked. Raises BadRequest."""
    body, notes = Fields(received.value), Notes()
    _refuse_state(body)
    told = addressed(body)
    request = _request(body, notes, told.metadata)
    _note(body, notes)
    return Asked(
        model=body.word("model"),
        protocol=WireProtocol.OPENAI,
        request=request,
        original=_original(received, told),
        stream=body.flag("stream"),
        only=notes.kept,
        loses=notes.lost,
        session=told.session,
        user=told.user,
        hints=told.hints,
    )


def _refuse_state(body: Fields) -> None:
    """Nothing is kept between two calls. Raises BadRequest for what relies on that."""
    for name, why in _STATEFUL.items():
        if name in body:
            raise BadRequest(name, why)
    if body.flag("background"):
        raise BadRequest("background", "answers are not kept here to be fetched later; stream instead")
    body.flag("store")


def _original(received: Received, told: Addressed) -> Original:
    """The request without thinking that other protocols' models did: the provider could not read it."""
    whole = original(received, Endpoint.RESPONSES, told)
    items = received.value.get("input")
    if not isinstance(items, list) or not any(map(is_ours, items)):
        return whole
    return replaced(whole, "input", [item for item in items if not is_ours(item)])


def _request(body: Fields, notes: Notes, metadata: Mapping[str, str]) -> ChatRequest:
    tools, choice = tooling.flat(body, notes)
    text = body.inner_or_none("text")
    if text is not None:
        text.lose_others(_TEXT, notes)
        if text.text_or_empty("verbosity") not in ("", "medium"):
            notes.lose("text.verbosity")
    return ChatRequest(
        messages=_messages(body, notes),
        tools=tools,
        tool_choice=choice,
        response_format=settings.answer_format(text and text.inner_or_none("format"), notes, nested=False),
        sampling=settings.sampling(body),
        max_output_tokens=body.whole("max_output_tokens", least=1),
        metadata=metadata,
        reasoning=_reasoning(body.inner_or_none("reasoning"), notes),
    )


def _messages(body: Fields, notes: Notes) -> tuple[Message, ...]:
    instructions = body.text_or_empty("instructions")
    told = (Message(role=Role.SYSTEM, parts=(Text(text=instructions),)),) if instructions else ()
    asked = tuple(Reader(notes).read(body))
    if not body.get("input") and "prompt" not in body:
        raise BadRequest("input", "must be a string or an array of items that is not empty")
    return (*told, *asked)


def _reasoning(asked: Fields | None, notes: Notes) -> Reasoning | None:
    if asked is None:
        return None
    asked.lose_others(_REASONING, notes)
    include = bool(asked.text_or_empty("summary") or asked.text_or_empty("generate_summary"))
    effort = asked.text_or_empty("effort")
    if effort:
        return settings.reasoning(effort, asked.at("effort"), notes, include=include)
    return Reasoning(include=True) if include else None


def _note(body: Fields, notes: Notes) -> None:
    body.whole("top_logprobs", least=0)
    body.inner_or_none("prompt")
    for name in body:
        value = body.get(name)
        if name in _ONLY and value not in _ONLY[name]:
            notes.only(name)
        elif name in _MEANINGLESS and value not in _MEANINGLESS[name]:
            notes.lose(name)
    for path, item in body.items("include"):
        if item == "message.output_text.logprobs":
            notes.only(f"{path}={item}")
        elif item != "reasoning.encrypted_content":
            notes.lose(f"{path}={str(item)[:64]}")
    body.lose_others(_KNOWN, notes)
