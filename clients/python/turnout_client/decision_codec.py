"""Decisions out of their signed envelopes."""

from datetime import UTC

from google.protobuf.message import DecodeError

from turnout.catalog.v1 import catalog_pb2
from turnout.inference.v1.payload_pb2 import Payload
from turnout.routing.v1 import decision_pb2
from turnout.trust.v1.envelope_pb2 import Envelope
from turnout_client.decision import Baseline, Decision, Limits, Plan, Target
from turnout_client.words import Complexity, Domain, Notice, ReasonCode, TaskType, reader
from turnout_wire.failure import Failure
from turnout_wire.payload_type import PayloadType

_PPM = 1_000_000

task_type = reader(TaskType, catalog_pb2.TaskType, "TASK_TYPE")
complexity = reader(Complexity, catalog_pb2.Complexity, "COMPLEXITY")
_domain = reader(Domain, catalog_pb2.Domain, "DOMAIN")
_reason_code = reader(ReasonCode, decision_pb2.ReasonCode, "REASON_CODE")
_notice = reader(Notice, decision_pb2.Notice, "NOTICE")


def domain(number: int) -> Domain | None:
    """A high-stakes field; None if there is none."""
    return _domain(number) if number else None


def read_decision(envelope: Envelope, payload: Payload | None = None) -> Decision:
    """The decision in an envelope. Its signature is the workers' to check, not the caller's.

    Raises:
        Failure: PAYLOAD_TYPE_UNKNOWN or DECISION_MALFORMED.
    """
    message = _message(envelope)
    return Decision(
        decision_id=message.decision_id,
        request_id=message.request_id,
        plan=plan(message),
        issued_at=message.issued_at.ToDatetime(UTC),
        expires_at=message.expires_at.ToDatetime(UTC),
        request_digest=message.request_digest,
        snapshot_version=message.snapshot_version,
        envelope=envelope,
        payload=payload,
    )


def _message(envelope: Envelope) -> decision_pb2.RouteDecision:
    if envelope.payload_type != PayloadType.DECISION:
        raise Failure("PAYLOAD_TYPE_UNKNOWN", f"the envelope holds {envelope.payload_type!r} and not a decision")
    try:
        message = decision_pb2.RouteDecision.FromString(envelope.payload)
    except DecodeError:
        raise Failure("DECISION_MALFORMED", "the decision cannot be parsed; ask its issuer for another") from None
    if not message.targets:
        raise Failure("DECISION_MALFORMED", "the decision names no target; ask its issuer for another")
    return message


def plan(message: decision_pb2.RouteDecision) -> Plan:
    """What is to be called, and why."""
    taken = message.classification
    return Plan(
        targets=tuple(map(_target, message.targets)),
        limits=_limits(message.limits),
        reason=message.reason.text,
        reason_code=_reason_code(message.reason.code),
        notices=tuple(map(_notice, message.reason.notices)),
        workload=message.workload,
        policy=message.policy.name,
        task_type=task_type(taken.task_type),
        complexity=complexity(taken.complexity),
        domain=domain(taken.domain),
        confidence=taken.confidence_ppm / _PPM,
        propensity=message.propensity_ppm / _PPM,
        baseline=_baseline(message),
        route=taken.route,
    )


def _target(message: decision_pb2.Target) -> Target:
    expected = message.estimate
    return Target(
        deployment=message.deployment,
        model=message.model,
        provider=message.provider,
        cost_nanousd=expected.cost_nanousd,
        latency=expected.latency.ToTimedelta(),
        quality=expected.quality_ppm / _PPM,
        input_tokens=expected.input_tokens,
        output_tokens=expected.output_tokens,
        cost_low_nanousd=expected.cost_low_nanousd,
        cost_high_nanousd=expected.cost_high_nanousd,
        output_tokens_low=expected.output_tokens_low,
        output_tokens_high=expected.output_tokens_high,
    )


def _limits(message: decision_pb2.Limits) -> Limits:
    return Limits(
        max_attempts=message.max_attempts,
        max_output_tokens=message.max_output_tokens,
        max_cost_nanousd=message.max_cost_nanousd,
        deadline=message.deadline.ToTimedelta(),
        max_runs=message.max_runs,
    )


def _baseline(message: decision_pb2.RouteDecision) -> Baseline | None:
    if not message.HasField("baseline"):
        return None
    price = message.baseline.price
    return Baseline(
        model=message.baseline.model,
        cost_nanousd=message.baseline.cost_nanousd,
        input_nanousd_per_mtok=price.input_nanousd_per_mtok,
        output_nanousd_per_mtok=price.output_nanousd_per_mtok,
    )
