"""Decisions of random worlds, and the forms that they are compared in."""

from datetime import timedelta

from hypothesis import assume, event

from controlplane.decision.engine import decide, explain
from controlplane.decision.model import Candidate, Decision, ReasonCode
from controlplane.routing.model import IssuedDecision
from controlplane.rpc.decision_codec import encode_decision
from controlplane.snapshot.model import Health, HealthState, Snapshot
from tests.property.decision.judged import Bench
from tests.property.decision.worlds import World
from tests.support.catalogs import NOW
from turnout_wire.failure import Failure


def explained(world: World) -> Decision:
    """The decision with its table. Worlds whose constraints contradict are left out; no other failure may come."""
    try:
        decision = explain(world.request, world.snapshot, now=NOW, draw=world.draw, balances=world.balances)
    except Failure as refused:
        assume(refused.reason != "CONSTRAINTS_CONTRADICT")
        raise
    event(f"reason: {decision.reason_code}")
    return decision


def decided(world: World) -> Decision:
    """The decision of a world whose constraints do not contradict."""
    return decide(world.request, world.snapshot, now=NOW, draw=world.draw, balances=world.balances)


def bench_of(world: World, decision: Decision) -> Bench:
    """The rules that the candidates of `decision` were judged by."""
    resort = decision.reason_code is ReasonCode.LAST_RESORT
    return Bench(
        request=world.request,
        snapshot=world.snapshot,
        forced=is_forced(decision) and not resort,
        throttled=is_throttled(decision) and not resort,
    )


def is_forced(decision: Decision) -> bool:
    """Whether open breakers were passed over."""
    return any(step.startswith("breakers: ") for step in decision.steps)


def is_throttled(decision: Decision) -> bool:
    """Whether rate limits without room were passed over."""
    return any(step.startswith("rate limits: ") for step in decision.steps)


def half_open(world: World, candidate: Candidate) -> bool:
    """Whether a candidate that may serve waits for a call to succeed."""
    ready = Health(state=HealthState.READY)
    return world.snapshot.live.health.get(candidate.deployment, ready).state is not HealthState.READY


def sealed(decision: Decision, snapshot: Snapshot) -> bytes:
    """A decision as the bytes that are signed."""
    issued = IssuedDecision(
        decision_id="01930000-0000-7000-8000-000000000001",
        issuer="turnout",
        audiences=("default",),
        tenant="acme",
        presenter="app",
        issued_at=NOW,
        expires_at=NOW + timedelta(seconds=60),
        request_digest=bytes(32),
        snapshot_version=snapshot.version,
        snapshot_digest=snapshot.digest,
        live_revision=snapshot.live.revision,
        plan=decision,
        max_runs=1,
        traceparent="",
        request_id="",
    )
    return encode_decision(issued)
