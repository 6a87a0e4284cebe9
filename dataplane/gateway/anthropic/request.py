"""Requests for messages, read."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from dataplane.chat.model import ChatRequest
from dataplane.gateway.anthropic import content, settings, tools
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.model import Asked, BadRequest, Received
from dataplane.provider.model import Endpoint, Original
from dataplane.snapshot.model import WireProtocol

HINT = "turnout_"

_READ = frozenset(
    (
        *("model", "messages", "system", "max_tokens", "tools", "tool_choice", "stop_sequences", "stream", "metadata"),
        *("temperature", "top_p", "top_k", "thinking", "output_config", "output_format"),
    )
)
_LOST = frozenset(("cache_control", "service_tier", "speed", "diagnostics", "user_profile_id"))
"""Members that speed up or bill a call without changing its answer. What is in neither set is Anthropic's alone."""

_PLACE = re.compile(r"\[(\d+)\]")


def read(received: Received, *, counts: bool = False) -> Asked:
    """What is asked; a request that only `counts` needs no `max_tokens`. Raises BadRequest, with paths as Anthropic's."""
    try:
        return _asked(received, Fields(received.value), counts=counts)
    except BadRequest as wrong:
        raise BadRequest(_PLACE.sub(r".\1", wrong.field), wrong.message) from None
    except (RecursionError, ValueError):
        raise BadRequest("", "the body is nested too deeply; send a flatter one") from None


def _asked(received: Received, fields: Fields, *, counts: bool) -> Asked:
    notes = Notes()
    _note(fields, notes)
    user, hints = _metadata(fields, notes)
    return Asked(
        model=fields.word("model"),
        protocol=WireProtocol.ANTHROPIC,
        request=_request(fields, notes, user, counts=counts),
        original=Original(endpoint=Endpoint.MESSAGES, text=received.text, spans=received.spans),
        stream=fields.flag("stream"),
        only=notes.kept,
        loses=notes.lost,
        user=user,
        hints=hints,
    )


def _request(fields: Fields, notes: Notes, user: str, *, counts: bool) -> ChatRequest:
    limit = fields.whole("max_tokens", 1)
    if limit is None and not counts:
        raise BadRequest("max_tokens", "is missing: send a whole number")
    return ChatRequest(
        messages=tuple(content.conversation(fields, notes)),
        tools=tuple(tools.tools(fields, notes)),
        tool_choice=tools.choice(fields, notes),
        response_format=settings.response_format(fields),
        sampling=settings.sampling(fields),
        stop=tuple(fields.texts("stop_sequences")),
        max_output_tokens=limit,
        metadata={"user_id": user} if user else {},
        reasoning=settings.reasoning(fields, notes),
    )


def _note(fields: Fields, notes: Notes) -> None:
    """Note the members that other protocols have no word for; empty ones say nothing."""
    for name in fields:
        if name in _READ or fields.get(name) in ([], {}):
            continue
        if name == "fallbacks":
            raise BadRequest(name, "the decision names the models; leave it out")
        if name in _LOST:
            notes.lose(name)
        else:
            notes.only(name[:MAX_NAME])


def _metadata(fields: Fields, notes: Notes) -> tuple[str, Mapping[str, str]]:
    """The user, and what is meant for the router.

    Anthropic knows no member but `user_id`: hints in the metadata make it refuse a request that is passed on as it is.
    Headers always work.
    """
    metadata = fields.inner_or_none("metadata")
    if metadata is None:
        return "", MappingProxyType({})
    hints = {name.removeprefix(HINT): metadata.text_or_empty(name) for name in metadata if name.startswith(HINT)}
    metadata.lose_others(frozenset(("user_id", *(HINT + name for name in hints))), notes)
    return metadata.text_or_empty("user_id"), hints
