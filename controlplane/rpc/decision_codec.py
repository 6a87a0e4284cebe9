"""Plans as signed messages and as explanations."""

from collections.abc import Iterable, Iterator, Mapping

from controlplane.catalog.model import Price
from controlplane.classification.model import Classification, Rung
from controlplane.decision.model import Baseline, Candidate, Decision, Estimate, Exclusion, Limits, Target
from controlplane.routing.model import IssuedDecision, NoEligibleTarget
from controlplane.rpc.enums import COMPLEXITY, DOMAIN, EXCLUSION, NOTICE, REASON_CODE, TASK_TYPE
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2
from turnout_wire.failure import Failure
from turnout_wire.times import put_duration, put_moment

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
    put_moment(message.issued_at, issued.issued_at)
    put_moment(message.expires_at, issued.expires_at)
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
    """What of a decision follows from the plan alone.

    Nested messages are written in their places: those that are made apart are copied when they are put in, which took most
    of the time of making a decision's message.
    """
    message = decision_pb2.RouteDecision(
        workload=plan.workload, stage=decision_pb2.STAGE_ENFORCE, propensity_ppm=_ppm(plan.propensity)
    )
    message.policy.name = plan.policy
    message.policy.digest = plan.policy_digest
    for target in plan.targets:
        _put_target(message.targets.add(), target)
    _put_limits(message.limits, plan.limits, max_runs)
    _put_reason(message.reason, plan)
    _put_summary(message.classification, plan.classification)
    if plan.baseline is not None:
        _put_baseline(message.baseline, plan.baseline)
    if plan.holds:
        _put_reservation(message.reservation, plan)
    return message


def _put_target(message: decision_pb2.Target, target: Target) -> None:
    message.deployment = target.deployment
    message.model = target.model
    message.provider = target.provider
    message.max_cost_nanousd = target.max_cost_nanousd
    _put_estimate(message.estimate, target.estimate)


def _put_estimate(message: decision_pb2.Estimate, estimate: Estimate) -> None:
    message.cost_nanousd = estimate.cost_nanousd
    message.quality_ppm = _ppm(estimate.quality)
    message.quality_low_ppm = _ppm(estimate.quality_low)
    message.quality_high_ppm = _ppm(estimate.quality_high)
    message.input_tokens = estimate.input_tokens
    message.output_tokens = estimate.output_tokens
    message.cost_low_nanousd = estimate.cost_low_nanousd
    message.cost_high_nanousd = estimate.cost_high_nanousd
    message.output_tokens_low = estimate.output_tokens_low
    message.output_tokens_high = estimate.output_tokens_high
    put_duration(message.latency, estimate.latency)


def _put_reservation(message: decision_pb2.Reservation, plan: Decision) -> None:
    """What is held; where no budget counts money, one call of each target may be made."""
    whole = sum(target.max_cost_nanousd for target in plan.targets)
    message.max_cost_nanousd = whole if plan.reserved_nanousd is None else plan.reserved_nanousd
    message.accounts.extend(list(dict.fromkeys(hold.account.id for hold in plan.holds))[:MOST_ACCOUNTS])


def _put_limits(message: decision_pb2.Limits, limits: Limits, max_runs: int) -> None:
    message.max_attempts = limits.max_attempts
    message.max_output_tokens = limits.max_output_tokens
    message.max_cost_nanousd = limits.max_cost_nanousd
    message.max_runs = max_runs
    put_duration(message.deadline, limits.deadline)


def _put_reason(message: decision_pb2.Reason, plan: Decision) -> None:
    message.code = REASON_CODE[plan.reason_code] if plan.reason_code else decision_pb2.REASON_CODE_UNSPECIFIED
    message.text = plan.reason_text
    message.notices.extend([NOTICE[notice] for notice in plan.notices])


def _put_summary(message: decision_pb2.ClassificationSummary, taken: Classification) -> None:
    message.task_type = TASK_TYPE[taken.task_type]
    message.complexity = COMPLEXITY[taken.complexity]
    message.domain = DOMAIN[taken.domain] if taken.domain else catalog_pb2.DOMAIN_UNSPECIFIED
    message.confidence_ppm = _ppm(taken.confidence)
    message.route = taken.route


def _put_baseline(message: decision_pb2.Baseline, baseline: Baseline) -> None:
    message.model = baseline.model
    message.cost_nanousd = baseline.cost_nanousd
    _put_price(message.price, baseline.price)


def price_message(price: Price) -> catalog_pb2.Price:
    """A price for the wire; what is absent stays absent."""
    message = catalog_pb2.Price()
    _put_price(message, price)
    return message


def _put_price(message: catalog_pb2.Price, price: Price) -> None:
    message.input_nanousd_per_mtok = price.input_nanousd_per_mtok
    message.output_nanousd_per_mtok = price.output_nanousd_per_mtok
    if price.cached_input_nanousd_per_mtok is not None:
        message.cached_input_nanousd_per_mtok = price.cached_input_nanousd_per_mtok
    if price.cache_write_nanousd_per_mtok is not None:
        message.cache_write_nanousd_per_mtok = price.cache_write_nanousd_per_mtok


def classification_message(taken: Classification) -> routing_pb2.Classification:
    """A classification with its signals, and what each classifier said."""
    message = routing_pb2.Classification()
    put_classification(message, taken)
    return message


def _put_rung(message: routing_pb2.Rung, rung: Rung) -> None:
    message.classifier = rung.classifier
    message.silence = rung.silence
    put_duration(message.took, rung.took)
    if (answer := rung.answer) is not None:
        message.task_type = TASK_TYPE[answer.task_type]
        message.complexity = COMPLEXITY[answer.complexity]
        message.domain = DOMAIN[answer.domain] if answer.domain else catalog_pb2.DOMAIN_UNSPECIFIED
        message.confidence = answer.confidence
    if rung.nearest is not None:
        message.route = rung.nearest.route
        message.similarity = rung.nearest.similarity


def put_classification(message: routing_pb2.Classification, taken: Classification) -> None:
    """Write a classification with its signals, and with what each classifier said, into `message`, which is empty."""
    message.task_type = TASK_TYPE[taken.task_type]
    message.complexity = COMPLEXITY[taken.complexity]
    message.domain = DOMAIN[taken.domain] if taken.domain else catalog_pb2.DOMAIN_UNSPECIFIED
    message.confidence = taken.confidence
    message.classifier = taken.classifier
    message.route = taken.route
    if (nearest := taken.nearest) is not None:
        message.nearest.route = nearest.route
        message.nearest.similarity = nearest.similarity
        message.nearest.threshold = nearest.threshold
    for signal in taken.signals:
        message.signals.add(name=signal.name, votes_for=signal.votes_for, weight=signal.weight)
    for rung in taken.rungs:
        _put_rung(message.rungs.add(), rung)


def candidate_message(candidate: Candidate) -> routing_pb2.Candidate:
    """A candidate with its exclusion or its score."""
    message = routing_pb2.Candidate(
        deployment=candidate.deployment,
        model=candidate.model,
        provider=candidate.provider,
        exclusion=EXCLUSION[candidate.exclusion] if candidate.exclusion else routing_pb2.EXCLUSION_UNSPECIFIED,
        detail=candidate.detail,
        score=candidate.score,
        rank=candidate.rank,
        score_terms=[routing_pb2.ScoreTerm(name=term.name, value=term.value) for term in candidate.score_terms],
    )
    _put_estimate(message.estimate, candidate.estimate)
    return message


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
        metadata={"policy": nothing.plan.policy, "workload": nothing.plan.workload, **_because(counts)},
        details=(table,),
    )


_NOT_MEANT = frozenset(
    {
        *(Exclusion.DISABLED, Exclusion.NO_CREDENTIAL, Exclusion.POLICY_DENIES, Exclusion.MODEL_NOT_ASKED),
        *(Exclusion.PROVIDER_NOT_ASKED, Exclusion.REGION, Exclusion.CAPABILITY, Exclusion.TIER, Exclusion.PROTOCOL),
    }
)
"""Exclusions of what was never meant for such a request."""


def _because(counts: Mapping[str, int]) -> dict[str, str]:
    """The one thing that keeps away all that are meant for such a request, if it is one."""
    causes = set(counts) - _NOT_MEANT
    return {"because": causes.pop()} if len(causes) == 1 else {}


def _fitting(candidates: Iterable[Candidate]) -> Iterator[routing_pb2.Candidate]:
    room = TABLE_BYTES
    for message in map(candidate_message, candidates):
        room -= len(message.SerializeToString())
        if room < 0:
            return
        yield message


def _ppm(share: float) -> int:
    return round(share * 1_000_000)
