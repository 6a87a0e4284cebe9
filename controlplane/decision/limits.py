"""The bounds that a decision puts on its execution."""

from controlplane.decision.deliberation import Deliberation
from controlplane.decision.model import Limits


def limits(of: Deliberation) -> Limits:
    """The tighter of what caller and policy say, in each respect.

    The answer may be as long as all targets can make it: a limit that only the first could keep would make a provider
    refuse the fallback. A cost of 0 means no bound.
    """
    bounds, needs, time_left = of.match.policy.limits, of.needs, of.request.time_left
    return Limits(
        max_attempts=bounds.max_attempts,
        max_output_tokens=min(
            [needs.output_limit, *(of.field.offers[place].max_output_tokens for place in of.targets)]
        ),
        max_cost_nanousd=needs.max_cost_nanousd or 0,
        deadline=bounds.deadline if time_left is None else min(bounds.deadline, time_left),
    )
