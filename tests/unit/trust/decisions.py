"""Decisions as plain values, for tests of what comes after parsing."""

from datetime import UTC, datetime, timedelta

from dataplane.permit.model import Limits, PermittedDecision, Target

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
LIFE = timedelta(seconds=60)


def permitted(decision_id: str = "a", *, max_runs: int = 1, issued_at: datetime = NOW) -> PermittedDecision:
    """A decision of one target."""
    return PermittedDecision(
        decision_id=decision_id,
        issuer="turnout-test",
        audiences=frozenset({"default"}),
        tenant="acme",
        presenter="billing",
        issued_at=issued_at,
        expires_at=issued_at + LIFE,
        request_digest=bytes(32),
        targets=(Target(deployment="openai/gpt-4o", model="gpt-4o", provider="openai"),),
        limits=Limits(max_attempts=3, max_output_tokens=10, deadline=timedelta(seconds=30), max_runs=max_runs),
        required_features=frozenset(),
    )
