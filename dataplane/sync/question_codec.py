"""A gateway's questions, and the decisions that answer them, between plain values and the contract."""

import uuid

from dataplane.gateway.question import Answered, Constraints, Hints, Operation, Question
from dataplane.permit.presented import Sealed
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import routing_pb2
from turnout_wire.envelope import signatures_of
from turnout_wire.failure import Failure
from turnout_wire.status import from_status
from turnout_wire.times import duration

_OPERATIONS = {Operation.CHAT: routing_pb2.OPERATION_CHAT, Operation.EMBED: routing_pb2.OPERATION_EMBED}
_SAME_HINTS = ("workload", "feature", "endpoint", "session", "user")
NOTHING = Constraints()
_LISTS = ("tiers", "regions", "providers", "excluded_providers", "models", "excluded_models")


def route_request(question: Question, *, again: bool) -> routing_pb2.DecideRouteRequest:
    """The request without its description. `again`: it may be sent twice, and must then have one decision."""
    request = routing_pb2.DecideRouteRequest(
        request_id=str(uuid.uuid4()) if again else "",
        hints=_hints(question.hints),
        constraints=_constraints(question.constraints) if question.constraints != NOTHING else None,
        policy=question.policy,
        pool=question.pool,
        model=question.model,
        on_behalf_of=question.caller,
        operation=_OPERATIONS[question.operation],
        traceparent=question.traceparent,
    )
    if question.affinity is not None:
        request.affinity.deployment = question.affinity.deployment
        request.affinity.cached_tokens = question.affinity.cached_tokens
    return request


def _hints(hints: Hints) -> routing_pb2.Hints:
    message = routing_pb2.Hints(**{name: getattr(hints, name) for name in _SAME_HINTS}, labels=hints.labels)
    if hints.task_type:
        message.task_type = catalog_pb2.TaskType.Value(f"TASK_TYPE_{hints.task_type.upper()}")
    if hints.complexity:
        message.complexity = catalog_pb2.Complexity.Value(f"COMPLEXITY_{hints.complexity.upper()}")
    return message


def _constraints(constraints: Constraints) -> routing_pb2.Constraints:
    message = routing_pb2.Constraints(
        **{name: getattr(constraints, name) for name in _LISTS},
        protocols=[catalog_pb2.Protocol.Value(f"PROTOCOL_{each.name}") for each in constraints.protocols],
    )
    if constraints.min_quality is not None:
        message.min_quality = constraints.min_quality
    if constraints.max_cost_nanousd is not None:
        message.max_cost_nanousd = constraints.max_cost_nanousd
    if constraints.max_latency is not None:
        message.max_latency.CopyFrom(duration(constraints.max_latency))
    return message


def answered(result: routing_pb2.RouteResult) -> Answered:
    """The decision. Raises the Failure that came instead."""
    if result.HasField("error"):
        raise from_status(result.error) or Failure("INTERNAL", result.error.message or "the control plane failed")
    envelope = result.decision.decision
    sealed = Sealed(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        signatures=signatures_of(envelope),
    )
    return Answered(sealed=sealed, envelope=envelope.SerializeToString())
