"""Requests of RoutingService as values."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from controlplane.catalog.model import Complexity, TaskType
from controlplane.decision.model import UNCONSTRAINED, Affinity, Constraints, Operation, Origin
from controlplane.routing.model import Ask, Known, NoTrace, Shown, Told, Trace
from controlplane.rpc.enums import CAPABILITIES, COMPLEXITIES, OPERATIONS, PROTOCOLS, TASK_TYPES
from turnout.inference.v1 import chat_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_wire.chat_payload import parse_chat
from turnout_wire.conversation import conversation, features_from_proto
from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure
from turnout_wire.server import Principal
from turnout_wire.times import delta

Content = routing_pb2.DecideRouteRequest | routing_pb2.ClassifyRequest


Check = Callable[[Message], None]
"""Raises Failure if a message breaks the contract's rules."""


def ask_from(
    request: routing_pb2.DecideRouteRequest,
    caller: Principal,
    check: Check,
    *,
    traceparent: str = "",
    trace: Trace | None = None,
) -> Ask:
    """What a caller asks; the payload is held to `check` when it is read. Raises Failure."""
    return Ask(
        content=_content(request, check),
        tenant=caller.tenant,
        presenter=caller.name,
        origin=origin_from(request.hints),
        hint=hint_from(request.hints),
        constraints=constraints_from(request.constraints) if request.HasField("constraints") else UNCONSTRAINED,
        policy=request.policy,
        pool=request.pool or "default",
        max_runs=request.max_runs or 1,
        model=request.model,
        operation=operation_from(request.operation),
        affinity=affinity_from(request.affinity) if request.HasField("affinity") else None,
        session=request.hints.session,
        user=request.hints.user,
        request_id=request.request_id,
        fingerprint=_fingerprint(request),
        traceparent=request.traceparent or traceparent,
        trace=trace or NoTrace(),
    )


def ask_to_classify(request: routing_pb2.ClassifyRequest, caller: Principal, check: Check) -> Ask:
    """What a caller asks who only wants to know the class. Raises Failure."""
    return Ask(
        content=_content(request, check),
        tenant=caller.tenant,
        presenter=caller.name,
        origin=origin_from(request.hints),
        hint=hint_from(request.hints),
    )


def _fingerprint(request: routing_pb2.DecideRouteRequest) -> bytes:
    """Deterministic serialization orders the map of labels, so the same request gives the same bytes within one process."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest() if request.request_id else b""


def _content(request: Content, check: Check) -> Shown | Told:
    if request.HasField("description"):
        described = request.description
        return Told(features=features_from_proto(described.features), request_digest=described.request_digest)
    payload = request.payload
    if isinstance(request, routing_pb2.DecideRouteRequest) and request.operation == routing_pb2.OPERATION_EMBED:
        problem = "payload: texts to make vectors of are described, not shown; send `description` with their features"
        raise Failure("INVALID_FIELD", problem, field="payload")
    return Shown(
        request_digest=request_digest(payload.content_type, payload.body),
        read=lambda: conversation(_checked(payload, check)),
    )


def _checked(payload: payload_pb2.Payload, check: Check) -> chat_pb2.ChatRequest:
    """As a worker holds it: a decision on what every worker refuses would hold money for nothing."""
    chat = parse_chat(payload)
    check(chat)
    return chat


def operation_from(number: int) -> Operation:
    """What is to be done; an answer if nothing is said."""
    operation: Operation = OPERATIONS.get(number, Operation.CHAT)
    return operation


def affinity_from(message: routing_pb2.Affinity) -> Affinity:
    """Where the conversation was answered last."""
    return Affinity(deployment=message.deployment, cached_tokens=message.cached_tokens)


def origin_from(hints: routing_pb2.Hints) -> Origin:
    """Where a request comes from."""
    return Origin(workload=hints.workload, feature=hints.feature, endpoint=hints.endpoint, labels=dict(hints.labels))


def hint_from(hints: routing_pb2.Hints) -> Known:
    """What the caller knows of the kind of work."""
    task: TaskType | None = TASK_TYPES.get(hints.task_type)
    complexity: Complexity | None = COMPLEXITIES.get(hints.complexity)
    return Known(task_type=task, complexity=complexity)


def constraints_from(message: routing_pb2.Constraints) -> Constraints:
    """What the caller insists on. Raises Failure."""
    return Constraints(
        min_quality=message.min_quality if message.HasField("min_quality") else None,
        max_cost_nanousd=message.max_cost_nanousd if message.HasField("max_cost_nanousd") else None,
        max_latency=_max_latency(message.max_latency) if message.HasField("max_latency") else None,
        providers=frozenset(message.providers),
        excluded_providers=frozenset(message.excluded_providers),
        regions=frozenset(message.regions),
        capabilities=frozenset(CAPABILITIES[number] for number in message.capabilities),
        models=frozenset(message.models),
        excluded_models=frozenset(message.excluded_models),
        tiers=frozenset(message.tiers),
        protocols=frozenset(PROTOCOLS[number] for number in message.protocols),
    )


def _max_latency(message: Duration) -> timedelta:
    field = "constraints.max_latency"
    latency = delta(message, field)
    if latency <= timedelta(0):
        raise Failure("INVALID_FIELD", f"{field}: must be more than nothing", field=field)
    return latency
