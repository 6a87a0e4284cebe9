"""Answers of the contract as JSON."""

from collections.abc import Mapping

from google.protobuf import json_format
from google.protobuf.message import Message

from turnout.routing.v1 import decision_pb2, routing_pb2


def to_json(message: Message) -> Mapping[str, object]:
    """ProtoJSON under the names of the contract, defaults written out; 64-bit integers are strings there."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def with_plan(message: Message) -> Mapping[str, object]:
    """A decision's answer, and beside the envelope what the signed bytes in it say, for reading: workers take the envelope alone.

    Raises TypeError for another message.
    """
    if not isinstance(message, routing_pb2.DecideRouteResponse):
        raise TypeError(f"{message.DESCRIPTOR.full_name} holds no decision")
    plan = decision_pb2.RouteDecision.FromString(message.decision.payload)
    return {**to_json(message), "plan": to_json(plan)}
