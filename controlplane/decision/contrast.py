"""Why not another model, from a decision that was explained."""

from controlplane.decision.model import Candidate, Decision, ReasonCode
from controlplane.decision.value_wording import versus
from controlplane.decision.wording import apart, dollars, quality


def why_not(decision: Decision, model: str) -> str:
    """Why `decision` does not send the request to `model` first: a clause for each of its deployments.

    `decision` comes from `explain`; ValueError if it has no candidates.
    """
    if not decision.candidates:
        raise ValueError("the decision has no candidates; make it with explain() and the same arguments")
    found = [candidate for candidate in decision.candidates if candidate.model == model]
    if not found:
        return f"{model} has no deployment in the catalog"
    return "; ".join(f"{candidate.deployment} {_verdict(decision, candidate)}" for candidate in found)


def _verdict(decision: Decision, candidate: Candidate) -> str:
    if candidate.exclusion is not None:
        return f"may not serve ({candidate.exclusion}): {candidate.detail}"
    if candidate.rank == 1:
        return f"is chosen: {decision.reason_text}"
    if not decision.targets:
        return f"may serve, but the policy refuses what its first choice has no room for: {decision.reason_text}"
    first = next(other for other in decision.candidates if other.rank == 1)
    place = f"is fallback {candidate.rank - 1}" if candidate.rank else "may serve"
    return f"{place}, but {first.deployment} comes first: {_comparison(decision, candidate, first)}"


def _comparison(decision: Decision, candidate: Candidate, first: Candidate) -> str:
    if candidate.detail and not first.detail:
        return candidate.detail  # what is odd about both tells no difference
    if decision.reason_code is ReasonCode.AFFINITY:
        return f"the conversation stays at {first.deployment}, which has it in its cache"
    if candidate.model == first.model:
        return "between deployments of one model the policy's balancing decides"
    match decision.reason_code:
        case ReasonCode.OVERRIDE:
            return f"an override names {first.model}"
        case ReasonCode.PINNED:
            return f"the request asks for {first.model} by name"
        case ReasonCode.WEIGHTED:
            return f"it was drawn, with a chance of {decision.propensity:.1%}"
        case ReasonCode.SEMANTIC:
            return f"the semantic route of the request names {first.model} before"
        case ReasonCode.FIXED:
            return "the policy's order has it before"
        case ReasonCode.BEST_AVAILABLE:
            return _versus(*apart(quality, first.estimate.quality, candidate.estimate.quality), "quality ")
        case ReasonCode.VALUE if candidate.score_terms and first.score_terms:
            return versus(first, candidate)
        case ReasonCode.CHEAPEST:
            return _versus(*apart(dollars, first.estimate.cost_nanousd, candidate.estimate.cost_nanousd))
        case _:
            return f"{_terms(first)} vs {_terms(candidate)}"


def _versus(first: str, other: str, noun: str = "") -> str:
    tie = ", and a tie goes to the better, the cheaper, the quicker, the first by name" if first == other else ""
    return f"{noun}{first} vs {other}{tie}"


def _terms(candidate: Candidate) -> str:
    parts = ", ".join(f"{term.name} {term.value:+.3f}" for term in candidate.score_terms)
    return f"utility {candidate.score:.3f} ({parts})"
