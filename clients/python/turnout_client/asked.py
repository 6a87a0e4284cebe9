"""A request, ready to be sent: serialized once, so that both planes get the same bytes."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from turnout.inference.v1.chat_pb2 import ChatRequest
from turnout.inference.v1.payload_pb2 import Payload
from turnout.routing.v1 import routing_pb2
from turnout_client.chat_request import CHAT_SETTINGS, chat_request
from turnout_client.invalid import invalid
from turnout_client.options import ChatLike
from turnout_client.route_request import ROUTE_SETTINGS, route_request
from turnout_wire.chat_payload import CHAT_REQUEST
from turnout_wire.digest import request_digest

MAX_BODY = 8 * 1024 * 1024
"""The largest body that the contract allows, in bytes."""

CALL_SETTINGS = ("describe", "timeout")
"""Options that are about the call and not the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: the chat request, its bytes and their digest, and where and how to route it."""

    chat: ChatRequest = field(repr=False)
    payload: Payload = field(repr=False)
    digest: bytes
    route: routing_pb2.DecideRouteRequest


def asked(given: ChatLike, options: Mapping[str, Any]) -> Asked:
    """A request from what a caller wrote. Raises InvalidRequest, and TypeError for an option that there is not."""
    chat = chat_request(given, chosen(options, CHAT_SETTINGS))
    payload = payload_of(chat)
    return Asked(
        chat=chat,
        payload=payload,
        digest=request_digest(payload.content_type, payload.body),
        route=route_request(chosen(options, ROUTE_SETTINGS)),
    )


def payload_of(chat: ChatRequest) -> Payload:
    """The bytes that both planes get. Raises InvalidRequest."""
    body = chat.SerializeToString(deterministic=True)
    if len(body) > MAX_BODY:
        raise invalid(
            "payload.body",
            "the payload is larger than 8 MiB; send less text or point to images by address",
            "PAYLOAD_TOO_LARGE",
        )
    return Payload(content_type=CHAT_REQUEST, body=body)


def chosen(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The options of these names."""
    return {name: options[name] for name in names if name in options}


def check_names(options: Mapping[str, Any], *allowed: Iterable[str]) -> None:
    """Raises TypeError for an option that is not allowed, as Python does for a keyword argument."""
    known = [name for names in allowed for name in names]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"unexpected keyword argument {name!r}{hint}")
