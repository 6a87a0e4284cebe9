"""Reads what a caller presents: the envelope as it came, and the decision in it, strictly.

A decision is taken only if its bytes have one meaning (turnout_wire.strict says what that refuses), keep every rule of
decision.proto, carry a UUIDv7 in lower case, and hold times and durations that are in range. Unknown fields are let
through: a newer control plane may say more, and names in `required_features` what a worker must not overlook.
"""

import re
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from protovalidate import Validator

from dataplane.permit.model import Limits, PermittedDecision, Target
from dataplane.permit.presented import Presented, Sealed
from dataplane.permit.refusal import Refusal, RefusalReason
from turnout.inference.v1.payload_pb2 import Payload
from turnout.routing.v1 import decision_pb2
from turnout.routing.v1.decision_pb2 import RouteDecision
from turnout.trust.v1.envelope_pb2 import Envelope
from turnout_wire import strict
from turnout_wire.envelope import signatures_of
from turnout_wire.layers import field_path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_NANOS = 1_000_000_000


class _FieldError(ValueError):
    """A field of a decision breaks a rule; the message begins with its name."""


class ProtobufDecisionReader:
    """Turns the bytes of a RouteDecision into a PermittedDecision; made once, for it compiles the rules."""

    def __init__(self) -> None:
        self._shape = strict.shape_of(RouteDecision.DESCRIPTOR)
        self._validator = Validator()
        self._validator.collect_violations(RouteDecision())

    def __call__(self, payload: bytes) -> PermittedDecision | Refusal:
        """The decision, or DECISION_MALFORMED with the first rule that it breaks."""
        try:
            return _decision(self._message(payload))
        except DecodeError as error:
            return _malformed(f"it cannot be parsed ({error})")
        except (strict.AmbiguousBytesError, _FieldError) as error:
            return _malformed(str(error))

    def _message(self, payload: bytes) -> RouteDecision:
        message = RouteDecision.FromString(payload)
        strict.check(payload, message, self._shape)
        for violation in self._validator.collect_violations(message, fail_fast=True):
            raise _FieldError(f"{field_path(violation)}: {violation.proto.message}")
        return message


def presented(envelope: Envelope, payload: Payload, *, tenant: str, presenter: str) -> Presented:
    """What the caller `presenter` of `tenant` presents, as plain values; nothing of it is checked."""
    return Presented(
        sealed=Sealed(payload_type=envelope.payload_type, payload=envelope.payload, signatures=signatures_of(envelope)),
        content_type=payload.content_type,
        body=payload.body,
        tenant=tenant,
        presenter=presenter,
    )


def _malformed(what: str) -> Refusal:
    return Refusal(
        reason=RefusalReason.DECISION_MALFORMED,
        message=f"The decision is not well-formed: {what}. Ask its issuer for another.",
    )


def _decision(message: RouteDecision) -> PermittedDecision:
    if not _UUID7.fullmatch(message.decision_id):
        raise _FieldError("decision_id is not a UUIDv7 in lower case")
    return PermittedDecision(
        decision_id=message.decision_id,
        issuer=message.issuer,
        audiences=frozenset(message.audiences),
        tenant=message.tenant,
        presenter=message.presenter,
        issued_at=_time("issued_at", message.issued_at),
        expires_at=_time("expires_at", message.expires_at),
        request_digest=message.request_digest,
        targets=tuple(map(_target, message.targets)),
        limits=_limits(message),
        required_features=frozenset(message.required_features),
        traceparent=message.traceparent,
        snapshot_version=message.snapshot_version,
        reason=decision_pb2.ReasonCode.Name(message.reason.code).removeprefix("REASON_CODE_").lower(),
        workload=message.workload,
        request_id=message.request_id,
    )


def _target(message: decision_pb2.Target) -> Target:
    estimate = message.estimate
    return Target(
        deployment=message.deployment,
        model=message.model,
        provider=message.provider,
        cost_nanousd=estimate.cost_nanousd,
        input_tokens=estimate.input_tokens,
        output_tokens=estimate.output_tokens,
        quality_ppm=estimate.quality_ppm,
        max_cost_nanousd=message.max_cost_nanousd,
    )


def _limits(message: RouteDecision) -> Limits:
    limits = message.limits
    return Limits(
        max_attempts=limits.max_attempts,
        max_output_tokens=limits.max_output_tokens,
        deadline=_span("limits.deadline", limits.deadline),
        max_cost_nanousd=limits.max_cost_nanousd,
        max_runs=limits.max_runs,
        reserved_nanousd=message.reservation.max_cost_nanousd if message.HasField("reservation") else None,
    )


def _time(field: str, message: Timestamp) -> datetime:
    """Microseconds: what is finer is cut off."""
    try:
        return _EPOCH + _seconds(field, message.seconds, message.nanos)
    except OverflowError as error:
        raise _FieldError(f"{field} is not a time in the years 1970 to 9999") from error


def _span(field: str, message: Duration) -> timedelta:
    span = _seconds(field, message.seconds, message.nanos)
    if not span:
        raise _FieldError(f"{field} is not a positive duration")
    return span


def _seconds(field: str, seconds: int, nanos: int) -> timedelta:
    if seconds < 0 or not 0 <= nanos < _NANOS:
        raise _FieldError(f"{field} is negative, or its nanos are not below a second")
    try:
        return timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise _FieldError(f"{field} is too large") from error
