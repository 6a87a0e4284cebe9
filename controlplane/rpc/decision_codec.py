"""Plans as signed messages and as explanations."""

from collections.abc import Iterable, Iterator

from controlplane.catalog.model import Price
from controlplane.classification.model import Classification
from controlplane.decision.model import Candidate, Decision, Estimate, Limits, Target
from controlplane.routing.model import IssuedDecision, NoEligibleTarget
from controlplane.rpc.enums import COMPLEXITY, DOMAIN, EXCLUSION, NOTICE, REASON_CODE, TASK_TYPE
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout_wire.failure import Failure
from turnout_wire.times import duration, timestamp

TABLE_BYTES = 3500
"""What the table of a failure may take: a status goes out as metadata, and gRPC takes 8 KiB of that, in base64."""
RESERVATION = "reservation"
"""What a worker must know to run a decision that holds money: it stays within that."""

MOST_ACCOUNTS = 64
"""As many accounts as a signed decision names; the record has all."""


def encode_decision(issued: IssuedDecision) -> bytes:
    """The bytes to sign."""
    return decision_message(issued).SerializeToString()


def decision_message(issued: IssuedDecision) -> decision_pb2.RouteDecision:
    """An issued decision for the wire."""
    message = plan_message(issued.plan, max_runs=issued.max_runs)
    message.decision_id = issued.decision_id
    message.issuer = issued.issuer
    message.audiences.extend(issued.audiences)
    message.tenant = issued.tenant
    message.presenter = issued.presenter
    message.issued_at.CopyFrom(timestamp(issued.issued_at))
    message.expires_at.CopyFrom(timestamp(issued.expires_at))
    message.request_digest = issued.request_digest
    message.snapshot_version = issued.snapshot_version
    message.snapshot_digest = issued.snapshot_digest
    message.live_revision = issued.live_revision
    message.traceparent = issued.traceparent
    message.request_id = issued.request_id
    message.checkpoint = issued.checkpoint
    if issued.plan.holds:
        message.required_features.append(RESERVATION)
    return message


def plan_message(plan: Decision, *, max_runs: int = 1) -> decision_pb2.RouteDecision:
    """What of a decision follows from the plan alone."""
    return decision_pb2.RouteDecision(
        policy=decision_pb2.PolicyRef(name=plan.policy, digest=plan.policy_digest),
        workload=plan.workload,
        stage=decision_pb2.STAGE_ENFORCE,
        targets=[_target(target) for target in plan.targets],
        limits=_limits(plan.limits, max_runs),
        reason=_reason(plan),
        propensity_ppm=_ppm(plan.propensity),
        classification=_summary(plan.classification),
        baseline=_baseline(plan),
        reservation=_reservation(plan),
    )


def _target(target: Target) -> decision_pb2.Target:
    return decision_pb2.Target(
        deployment=target.deployment,
        model=target.model,
        provider=target.provider,
        estimate=_estimate(target.estimate),
        max_cost_nanousd=target.max_cost_nanousd,
    )


def _reservation(plan: Decision) -> decision_pb2.Reservation | None:
    """What is held; where no budget counts money, one call of each target may be made."""
    if not plan.holds:
        return None
    whole = sum(target.max_cost_nanousd for target in plan.targets)
    return decision_pb2.Reservation(
        max_cost_nanousd=whole if plan.reserved_nanousd is None else plan.reserved_nanousd,
        accounts=list(dict.fromkeys(hold.account.id for hold in plan.holds))[:MOST_ACCOUNTS],
    )


def _estimate(estimate: Estimate) -> decision_pb2.Estimate:
    return decision_pb2.Estimate(
        cost_nanousd=estimate.cost_nanousd,
        latency=duration(estimate.latency),
        quality_ppm=_ppm(estimate.quality),
        input_tokens=estimate.input_tokens,
        output_tokens=estimate.output_tokens,
    )


def _limits(limits: Limits, max_runs: int) -> decision_pb2.Limits:
    return decision_pb2.Limits(
        max_attempts=limits.max_attempts,
        max_output_tokens=limits.max_output_tokens,
        max_cost_nanousd=limits.max_cost_nanousd,
        deadline=duration(limits.deadline),
        max_runs=max_runs,
    )


def _reason(plan: Decision) -> decision_pb2.Reason:
    return decision_pb2.Reason(
        code=REASON_CODE[plan.reason_code] if plan.reason_code else decision_pb2.REASON_CODE_UNSPECIFIED,
        text=plan.reason_text,
        notices=[NOTICE[notice] for notice in plan.notices],
    )


def _summary(taken: Classification) -> decision_pb2.ClassificationSummary:
    return decision_pb2.ClassificationSummary(
        task_type=TASK_TYPE[taken.task_type],
        complexity=COMPLEXITY[taken.complexity],
        domain=DOMAIN[taken.domain] if taken.domain else catalog_pb2.DOMAIN_UNSPECIFIED,
        confidence_ppm=_ppm(taken.confidence),
    )


def _baseline(plan: Decision) -> decision_pb2.Baseline | None:
    if plan.baseline is None:
        return None
    return decision_pb2.Baseline(
        model=plan.baseline.model, cost_nanousd=plan.baseline.cost_nanousd, price=price_message(plan.baseline.price)
    )


def price_message(price: Price) -> catalog_pb2.Price:
    """A price for the wire; what is absent stays absent."""
    message = catalog_pb2.Price(
        input_nanousd_per_mtok=price.input_nanousd_per_mtok, output_nanousd_per_mtok=price.output_nanousd_per_mtok
    )
    if price.cached_input_nanousd_per_mtok is not None:
        message.cached_input_nanousd_per_mtok = price.cached_input_nanousd_per_mtok
    if price.cache_write_nanousd_per_mtok is not None:
        message.cache_write_nanousd_per_mtok = price.cache_write_nanousd_per_mtok
    return message


def classification_message(taken: Classification) -> routing_pb2.Classification:
    """A classification with its signals."""
    return routing_pb2.Classification(
        task_type=TASK_TYPE[taken.task_type],
        complexity=COMPLEXITY[taken.complexity],
        domain=DOMAIN[taken.domain] if taken.domain else catalog_pb2.DOMAIN_UNSPECIFIED,
        confidence=taken.confidence,
        classifier=taken.classifier,
        signals=[
            routing_pb2.Signal(name=signal.name, votes_for=signal.votes_for, weight=signal.weight)
            for signal in taken.signals
        ],
    )


def candidate_message(candidate: Candidate) -> routing_pb2.Candidate:
    """A candidate with its exclusion or its score."""
    return routing_pb2.Candidate(
        deployment=candidate.deployment,
        model=candidate.model,
        provider=candidate.provider,
        exclusion=EXCLUSION[candidate.exclusion] if candidate.exclusion else routing_pb2.EXCLUSION_UNSPECIFIED,
        detail=candidate.detail,
        estimate=_estimate(candidate.estimate),
        score=candidate.score,
        rank=candidate.rank,
        score_terms=[routing_pb2.ScoreTerm(name=term.name, value=term.value) for term in candidate.score_terms],
    )


def no_target_failure(nothing: NoEligibleTarget) -> Failure:
    """NO_ELIGIBLE_TARGET with the table of reasons, as much of it as fits into a status."""
    candidates = nothing.plan.candidates
    table = routing_pb2.CandidateTable(candidates=_fitting(candidates))
    table.decided_at.FromDatetime(nothing.decided_at)
    counts: dict[str, int] = {}
    for candidate in candidates:
        counts[candidate.exclusion or ""] = counts.get(candidate.exclusion or "", 0) + 1
    told = ", ".join(f"{count} × {reason}" for reason, count in sorted(counts.items(), key=lambda item: -item[1]))
    return Failure(
        "NO_ELIGIBLE_TARGET",
        f"{nothing} ({told}); `turnout explain` shows the table, loosen what excludes or name a last resort in the policy",
        metadata={"policy": nothing.plan.policy, "workload": nothing.plan.workload},
        details=(table,),
    )


def _fitting(candidates: Iterable[Candidate]) -> Iterator[routing_pb2.Candidate]:
    room = TABLE_BYTES
    for message in map(candidate_message, candidates):
        room -= len(message.SerializeToString())
        if room < 0:
            return
        yield message


def _ppm(share: float) -> int:
    return round(share * 1_000_000)
