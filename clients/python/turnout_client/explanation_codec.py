"""Explanations, classifications and candidates out of the contract's messages."""

from turnout.routing.v1 import routing_pb2
from turnout_client.decision_codec import complexity, domain, plan, task_type
from turnout_client.explanation import (
    Candidate,
    Classification,
    Explanation,
    Influence,
    ModelShare,
    Rung,
    Signal,
)
from turnout_client.words import Exclusion, reader
from turnout_wire.conversation import features_from_proto

_PPM = 1_000_000
_exclusion = reader(Exclusion, routing_pb2.Exclusion, "EXCLUSION")


def explanation(message: routing_pb2.ExplainRouteResponse) -> Explanation:
    """What would be decided, and why."""
    return Explanation(
        plan=plan(message.decision) if message.HasField("decision") else None,
        classification=classification(message),
        candidates=tuple(map(candidate, message.candidates)),
        quality_floor=message.quality_floor.quality_ppm / _PPM,
        floor_source=message.quality_floor.source,
        steps=tuple(message.steps),
        why_not=tuple(message.why_not),
        snapshot_version=message.snapshot_version,
        quality_model=message.learned_digest.hex(),
        distribution=tuple(ModelShare(model=each.model, share=each.share) for each in message.distribution),
        influences=tuple(
            Influence(signal=each.signal, model=each.model, change=each.change) for each in message.influences
        ),
    )


def classification(message: routing_pb2.ClassifyResponse | routing_pb2.ExplainRouteResponse) -> Classification:
    """What the request is taken for."""
    taken = message.classification
    return Classification(
        task_type=task_type(taken.task_type),
        complexity=complexity(taken.complexity),
        domain=domain(taken.domain),
        confidence=taken.confidence,
        classifier=taken.classifier,
        signals=tuple(Signal(name=one.name, votes_for=one.votes_for, weight=one.weight) for one in taken.signals),
        rungs=tuple(map(_rung, taken.rungs)),
        features=features_from_proto(message.features),
        snapshot_version=message.snapshot_version,
        route=taken.route,
    )


def _rung(message: routing_pb2.Rung) -> Rung:
    return Rung(
        classifier=message.classifier,
        task_type=task_type(message.task_type) if message.task_type else None,
        complexity=complexity(message.complexity) if message.complexity else None,
        domain=domain(message.domain),
        confidence=message.confidence,
        took=message.took.ToTimedelta(),
        silence=message.silence,
        route=message.route,
        similarity=message.similarity,
    )


def candidate(message: routing_pb2.Candidate) -> Candidate:
    """A deployment that was considered."""
    expected = message.estimate
    return Candidate(
        deployment=message.deployment,
        model=message.model,
        provider=message.provider,
        exclusion=_exclusion(message.exclusion) if message.exclusion else None,
        detail=message.detail,
        cost_nanousd=expected.cost_nanousd,
        latency=expected.latency.ToTimedelta(),
        quality=expected.quality_ppm / _PPM,
        score=message.score,
        rank=message.rank,
        score_terms=tuple((term.name, term.value) for term in message.score_terms),
        cost_low_nanousd=expected.cost_low_nanousd,
        cost_high_nanousd=expected.cost_high_nanousd,
        output_tokens=expected.output_tokens,
        output_tokens_low=expected.output_tokens_low,
        output_tokens_high=expected.output_tokens_high,
        quality_low=expected.quality_low_ppm / _PPM,
        quality_high=expected.quality_high_ppm / _PPM,
    )
