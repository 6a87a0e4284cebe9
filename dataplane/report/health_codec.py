"""What this worker knows of its targets, for the wire."""

from collections.abc import Mapping

from dataplane.execution.gate import TargetHealth, TargetState
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
    return message
