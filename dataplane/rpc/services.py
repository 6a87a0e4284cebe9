"""The worker's servicer under the name that the contract gives its service."""

from turnout.inference.v1 import chat_pb2, inference_pb2
from turnout_wire.layers import Validation
from turnout_wire.server import Service


def inference_service(servicer: object) -> Service:
    """InferenceService."""
    return Service(descriptor=inference_pb2.DESCRIPTOR.services_by_name["InferenceService"], servicer=servicer)


def payload_rules() -> Validation:
    """Rules of messages and of what payloads hold, compiled before the first call."""
    rules = Validation()
    rules.learn(chat_pb2.ChatRequest())
    return rules
