"""What answers tell of the route: headers before, and a comment at the end of a stream."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from dataplane.chat.model import Usage
from dataplane.execution.receipt import Receipt
from dataplane.permit.model import PermittedDecision
from dataplane.provider import json_text

USD = 1_000_000_000
"""Nano-dollars of a dollar."""
MILLION = 1_000_000

Header = tuple[str, str]


def decided(decision: PermittedDecision) -> Iterator[Header]:
    """What is known once it was decided."""
    yield "x-turnout-decision-id", decision.decision_id
    yield "x-turnout-reason", decision.reason


def served(decision: PermittedDecision, deployment: str, model: str, attempts: int) -> Iterator[Header]:
    """What is known once a target answers."""
    yield "x-turnout-model", model
    yield "x-turnout-deployment", deployment
    yield "x-turnout-attempts", str(attempts)
    quality = next((target.quality_ppm for target in decision.targets if target.deployment == deployment), 0)
    if quality:
        yield "x-turnout-quality-estimate", f"{quality / MILLION:.3f}"


def ended(decision: PermittedDecision, receipt: Receipt) -> Iterator[Header]:
    """What is known once the run is over."""
    if receipt.attempts:
        last = receipt.attempts[-1]
        yield from served(decision, last.deployment, last.model, len(receipt.attempts))
    else:
        yield "x-turnout-attempts", "0"
    yield "x-turnout-cost-usd", dollars(receipt.cost_nanousd)
    if receipt.cost_estimated:
        yield "x-turnout-cost-estimated", "true"
    if receipt.from_cache:
        yield "x-turnout-cache", "hit"


def overhead(elapsed: float, calling: float) -> Header:
    """The time that was not a provider's, in milliseconds; both in seconds."""
    return "x-turnout-overhead-ms", f"{max(elapsed - calling, 0.0) * 1000:.1f}"


def warnings(lost: Sequence[str]) -> Iterator[Header]:
    """What of the request the target was not told."""
    if lost:
        yield "x-turnout-warning", f"not carried to this target: {', '.join(lost)}"


def comment(decision: PermittedDecision, receipt: Receipt, usage: Usage | None, elapsed: float) -> bytes:
    """The account of a stream as a comment of server-sent events, which every reader of them skips."""
    told: dict[str, object] = {
        "decision_id": decision.decision_id,
        "result": str(receipt.result),
        "model": receipt.attempts[-1].model if receipt.attempts else "",
        "attempts": len(receipt.attempts),
        "cost_usd": float(dollars(receipt.cost_nanousd)),
        "cost_estimated": receipt.cost_estimated,
        "overhead_ms": round(max(elapsed - calling(receipt).total_seconds(), 0.0) * 1000, 1),
    }
    if usage is not None:
        told |= {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    return f": turnout {json_text.write(told)}\n\n".encode()


def calling(receipt: Receipt) -> timedelta:
    """The time that calls of providers took, one after the other."""
    return sum((attempt.duration for attempt in receipt.attempts if not attempt.hedged), timedelta())


def dollars(nanousd: int) -> str:
    """Exact to the nano-dollar."""
    return f"{nanousd // USD}.{nanousd % USD:09d}"
