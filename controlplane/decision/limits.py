"""The bounds that a decision puts on its execution."""

from controlplane.decision.deliberation import Deliberation
from controlplane.decision.model import Limits


def limits(of: Deliberation) -> Limits:
    """The tighter of what caller and policy say, in each respect.

    The answer may be as long as all targets can make it: a limit that only the first could keep would make a provider
    refuse the fallback; where no answer is written it says nothing, and is 1. A cost of 0 means no bound. The caller's own
    deadline binds the run at the worker, where it begins.
    """
    bounds, needs, offers = of.match.policy.limits, of.needs, of.field.offers
    longest = min([needs.output_limit, *[offers[place].max_output_tokens for place in of.targets]])
    return Limits(
        max_attempts=bounds.max_attempts,
        max_output_tokens=max(longest, 1),
        max_cost_nanousd=needs.max_cost_nanousd or 0,
        deadline=bounds.deadline,
    )
