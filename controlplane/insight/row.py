"""What is known of one decision, as text: compact JSON, for it is read and written with every batch."""

import json
from typing import Any

from controlplane.insight.contribution import Known
from controlplane.insight.facts import (
    CallFact,
    DecisionFact,
    FeedbackFact,
    Finish,
    Place,
    Price,
    Route,
    RunFact,
    RunResult,
    Tokens,
)

_COMPACT = json.JSONEncoder(separators=(",", ":"))


def to_text(known: Known) -> str:
    """JSON of lists: the decision, its runs, its feedback, and whether it was asked again."""
    decided = _decided(known.decided) if known.decided is not None else None
    state = [decided, list(map(_run, known.runs)), list(map(_feedback, known.feedback)), int(known.retried)]
    return _COMPACT.encode(state)


def from_text(decision_id: str, text: str) -> Known:
    """The inverse of `to_text`."""
    decided, runs, feedback, retried = json.loads(text)
    return Known(
        decision_id=decision_id,
        decided=_decided_from(decision_id, *decided) if decided is not None else None,
        runs=tuple(_run_from(decision_id, *run) for run in runs),
        feedback=tuple(_feedback_from(decision_id, each) for each in feedback),
        retried=bool(retried),
    )


def _decided(fact: DecisionFact) -> list[Any]:
    place, price = fact.place, fact.baseline
    return [
        fact.at_us,
        [place.tenant, place.workload, place.owner, place.feature, place.task_type, place.complexity],
        _route(fact.route),
        fact.policy,
        fact.reason,
        fact.confidence_ppm,
        int(fact.low_confidence),
        None if price is None else [price.input, price.output, price.cached, price.written],
        fact.unit,
        int(fact.adopted),
    ]


def _decided_from(
    decision_id: str, at_us: int, place: Any, route: Any, policy: str, reason: str, confidence: int, low: int, price: Any,
    unit: int, adopted: int,
) -> DecisionFact:  # fmt: skip
    tenant, workload, owner, feature, task_type, complexity = place
    return DecisionFact(
        decision_id=decision_id,
        at_us=at_us,
        place=Place(
            tenant=tenant, workload=workload, owner=owner, feature=feature, task_type=task_type, complexity=complexity
        ),
        route=_route_from(route),
        policy=policy,
        reason=reason,
        confidence_ppm=confidence,
        low_confidence=bool(low),
        baseline=None if price is None else Price(input=price[0], output=price[1], cached=price[2], written=price[3]),
        unit=unit,
        adopted=bool(adopted),
    )


def _run(run: RunFact) -> list[Any]:
    return [
        run.run_id,
        run.at_us,
        run.result.value,
        run.error,
        run.cost_nanousd,
        run.estimated_nanousd,
        _tokens(run.tokens),
        None if run.answer is None else _tokens(run.answer),
        None if run.answered_by is None else _route(run.answered_by),
        [[*_route(call.route), int(call.answered), int(call.failed)] for call in run.calls],
        None if run.finish is None else run.finish.value,
        run.latency_us,
        run.first_token_us,
        int(run.schema_invalid),
    ]


def _run_from(
    decision_id: str, run_id: str, at_us: int, result: str, error: str, cost: int, estimated: int, tokens: Any, answer: Any,
    answered_by: Any, calls: Any, finish: str | None, latency_us: int, first_us: int | None,
    schema_invalid: int = 0,
) -> RunFact:  # fmt: skip
    """Rows from before answers were judged end without `schema_invalid`."""
    return RunFact(
        run_id=run_id,
        decision_id=decision_id,
        at_us=at_us,
        result=RunResult(result),
        error=error,
        cost_nanousd=cost,
        estimated_nanousd=estimated,
        tokens=_tokens_from(tokens),
        answer=None if answer is None else _tokens_from(answer),
        answered_by=None if answered_by is None else _route_from(answered_by),
        calls=tuple(
            CallFact(route=_route_from(call[:2]), answered=bool(call[2]), failed=bool(call[3])) for call in calls
        ),
        finish=None if finish is None else Finish(finish),
        latency_us=latency_us,
        first_token_us=first_us,
        schema_invalid=bool(schema_invalid),
    )


def _feedback(fact: FeedbackFact) -> list[Any]:
    return [fact.giver, fact.order, fact.quality_ppm, fact.success, fact.label]


def _feedback_from(decision_id: str, each: Any) -> FeedbackFact:
    giver, order, quality, success, label = each
    return FeedbackFact(
        decision_id=decision_id, giver=giver, order=order, quality_ppm=quality, success=success, label=label
    )


def _route(route: Route) -> list[str]:
    return [route.model, route.deployment]


def _route_from(route: Any) -> Route:
    return Route(model=route[0], deployment=route[1])


def _tokens(tokens: Tokens) -> list[int]:
    return [tokens.input, tokens.output, tokens.cached, tokens.written]


def _tokens_from(tokens: Any) -> Tokens:
    return Tokens(input=tokens[0], output=tokens[1], cached=tokens[2], written=tokens[3])
