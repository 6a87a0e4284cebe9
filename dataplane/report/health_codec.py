"""What this worker knows of its targets, for the wire."""

from collections.abc import Mapping

from dataplane.execution.gate import TargetHealth, TargetState
from dataplane.provider.headroom import Headroom
from turnout.outcome.v1 import receipt_pb2

TargetHealthMessage = receipt_pb2.TargetHealth

_STATES: Mapping[TargetState, receipt_pb2.TargetState.ValueType] = {
    state: receipt_pb2.TargetState.Value(f"TARGET_STATE_{state.name}") for state in TargetState
}


def health_message(health: TargetHealth) -> receipt_pb2.TargetHealth:
    """One target's state."""
    message = receipt_pb2.TargetHealth(
        deployment=health.deployment,
        state=_STATES[health.state],
        in_flight=health.in_flight,
        cause=health.cause,
    )
    if health.since is not None:
        message.since.FromDatetime(health.since)
    if health.until is not None:
        message.until.FromDatetime(health.until)
    if health.headroom is not None:
        message.headroom.CopyFrom(_headroom(health.headroom))
    return message


def _headroom(headroom: Headroom) -> receipt_pb2.Headroom:
    message = receipt_pb2.Headroom(
        requests_limit=headroom.requests_limit,
        requests_remaining=headroom.requests_remaining,
        tokens_limit=headroom.tokens_limit,
        tokens_remaining=headroom.tokens_remaining,
    )
    message.as_of.FromDatetime(headroom.as_of)
    if headroom.requests_reset_at is not None:
        message.requests_reset_at.FromDatetime(headroom.requests_reset_at)
    if headroom.tokens_reset_at is not None:
        message.tokens_reset_at.FromDatetime(headroom.tokens_reset_at)
    return message
