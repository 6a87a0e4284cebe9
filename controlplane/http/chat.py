"""Requests to be routed as people write them: a prompt or messages in the place of a payload."""

import base64
from collections.abc import Mapping
from typing import Any

from turnout_client.chat_request import CHAT_SETTINGS, chat_request
from turnout_client.errors import InvalidRequest
from turnout_wire.chat_payload import CHAT_REQUEST
from turnout_wire.failure import Failure

Document = dict[str, Any]
PROMPT, MESSAGES = "prompt", "messages"
SPOKEN = frozenset({PROMPT, MESSAGES, *CHAT_SETTINGS})
"""Members that make the payload."""
_ASKED = "request"
"""Where ExplainRouteRequest has the request to be routed."""
_BESIDE = frozenset({_ASKED, "why_not"})


def with_payload(document: Document) -> Document:
    """`document` with a `payload` in the place of `prompt` or `messages`, and of the settings beside them.

    `prompt` is one message of a user. Messages have `role` and `content`, as OpenAI's chat completions have. Raises Failure
    INVALID_FIELD.
    """
    given = {name: document[name] for name in (PROMPT, MESSAGES) if name in document}
    settings = {name: value for name, value in document.items() if name in CHAT_SETTINGS}
    if not given:
        if settings:
            name = min(settings)
            raise _invalid(name, f"it is a setting of a chat; put it beside `{PROMPT}` or `{MESSAGES}`")
        return document
    _check(document, given)
    try:
        chat = chat_request(next(iter(given.values())), settings)
    except InvalidRequest as invalid:
        raise Failure("INVALID_FIELD", invalid.message, field=invalid.field) from None
    body = base64.b64encode(chat.SerializeToString()).decode()
    rest = {name: value for name, value in document.items() if name not in SPOKEN}
    return {**rest, "payload": {"content_type": CHAT_REQUEST, "body": body}}


def explained(document: Document) -> Document:
    """The same for a request to be explained, which may stand there without `request` around it."""
    if isinstance(document.get(_ASKED), dict):
        return {**document, _ASKED: with_payload(document[_ASKED])}
    if _ASKED in document:
        return document
    beside = {name: value for name, value in document.items() if name in _BESIDE}
    return {**beside, _ASKED: with_payload({name: value for name, value in document.items() if name not in _BESIDE})}


def _check(document: Document, given: Mapping[str, Any]) -> None:
    for other in (*list(given)[1:], "payload", "description"):
        if other in document:
            raise _invalid(other, f"`{next(iter(given))}` is there too; give one of them")
    if not isinstance(given.get(PROMPT, ""), str):
        raise _invalid(PROMPT, f"write a string; conversations go into `{MESSAGES}`")
    if not isinstance(given.get(MESSAGES, []), list):
        raise _invalid(MESSAGES, f"write a list of objects with role and content; a string goes into `{PROMPT}`")


def _invalid(field: str, told: str) -> Failure:
    return Failure("INVALID_FIELD", f"{field}: {told}", field=field)
