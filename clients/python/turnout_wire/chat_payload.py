"""Payloads that hold a chat request; apart from its features, which workers have no use for."""

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct

from turnout.inference.v1 import chat_pb2, payload_pb2
from turnout_wire.failure import Failure

CHAT_REQUEST = "application/vnd.turnout.chat.v1+proto"
"""Content type of a serialized turnout.inference.v1.ChatRequest."""


def parse_chat(payload: payload_pb2.Payload) -> chat_pb2.ChatRequest:
    """The chat request in a payload. Raises Failure CONTENT_TYPE_UNKNOWN or PAYLOAD_MALFORMED."""
    if payload.content_type != CHAT_REQUEST:
        raise Failure(
            "CONTENT_TYPE_UNKNOWN",
            f"payload.content_type: nobody here reads {payload.content_type!r}; send {CHAT_REQUEST}",
            field="payload.content_type",
        )
    try:
        return chat_pb2.ChatRequest.FromString(payload.body)
    except DecodeError:
        raise Failure(
            "PAYLOAD_MALFORMED", "payload.body: not a serialized turnout.inference.v1.ChatRequest", field="payload.body"
        ) from None


def json_value(struct: Struct, where: str) -> dict[str, object]:
    """A Struct as JSON values. Raises Failure PAYLOAD_MALFORMED for NaN and infinities, which JSON does not have."""
    try:
        found: dict[str, object] = MessageToDict(struct)
    except ValueError:
        told = (
            f"payload.body: {where} has a number that is not finite, and JSON has none such; send null or leave it out"
        )
        raise Failure("PAYLOAD_MALFORMED", told, field="payload.body") from None
    return found
