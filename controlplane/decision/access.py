"""What a policy permits."""

from controlplane.catalog.model import ModelName
from controlplane.decision.offer import Offer
from controlplane.policy.model import Policy, Strategy, StrategyKind


def denial(policy: Policy, offer: Offer) -> str:
    """Why `policy` does not permit `offer`, in one sentence; empty if it does."""
    return access_denial(policy, offer) or _strategy_denial(policy, offer)


def access_denial(policy: Policy, offer: Offer) -> str:
    """Why the access lists of `policy` do not permit `offer`, in one sentence; empty if they do."""
    access = policy.access
    if offer.model in access.deny_models:
        return f"the policy {policy.name} denies the model {offer.model}"
    if offer.provider in access.deny_providers:
        return f"the policy {policy.name} denies the provider {offer.provider}"
    if access.allow_models and offer.model not in access.allow_models:
        return f"the policy {policy.name} does not list the model {offer.model} among those it allows"
    if access.allow_providers and offer.provider not in access.allow_providers:
        return f"the policy {policy.name} does not list the provider {offer.provider} among those it allows"
    return ""


def _strategy_denial(policy: Policy, offer: Offer) -> str:
    """A `fixed` or `weighted` strategy uses the models that it names, and no others; so does `semantic` that falls back on one."""
    named = named_by(policy.strategy)
    if not named or offer.model in named or _in_tier_of(policy.strategy, offer):
        return ""
    return f"the {policy.strategy.kind} strategy of the policy {policy.name} does not name the model {offer.model}"


def _in_tier_of(strategy: Strategy, offer: Offer) -> bool:
    return any(target.tier and target.tier == offer.tier for _, target in strategy.routes)


def named_by(strategy: Strategy) -> frozenset[ModelName]:
    """The models that a strategy is about; empty if it is about all."""
    match strategy.kind:
        case StrategyKind.FIXED:
            return frozenset(strategy.models)
        case StrategyKind.WEIGHTED:
            return frozenset(model for model, _ in strategy.weights)
        case StrategyKind.SEMANTIC:
            others = frozenset[ModelName]() if strategy.otherwise is None else named_by(strategy.otherwise)
            return others.union(*(target.models for _, target in strategy.routes)) if others else others
        case _:
            return frozenset()
