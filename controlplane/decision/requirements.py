"""What a request asks of a deployment, worked out once before any is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from controlplane.catalog.model import Capability, DeploymentName, ModelName, TaskType
from controlplane.decision.estimates import expected_output
from controlplane.decision.floors import Floors, floors
from controlplane.decision.index import CatalogIndex, permitted, shortlist
from controlplane.decision.matching import Match
from controlplane.decision.means import Means, longest_answer
from controlplane.decision.model import Constraints, Request
from controlplane.decision.offer import Offer
from controlplane.policy.model import ExecutionLimits
from turnout_features.model import Features, OutputFormat

_NOTHING: frozenset[Capability] = frozenset()

_BY_FORMAT: Mapping[OutputFormat, Capability] = MappingProxyType(
    {OutputFormat.JSON: Capability.JSON, OutputFormat.JSON_SCHEMA: Capability.JSON_SCHEMA}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a deployment must have, and what it must stay within.

    `offers` are those worth looking at; `selective` tells whether a list, a capability or the size can exclude any of
    them at all. `capabilities` are those without which the request cannot be run at all, `fitting` those that its kind of work wants
    beside them. `asked_output` is the length of answer that the caller asks for (0 if it does not say), `output_limit` the
    longest that policy and caller allow. Caps are None where there is none; `means` is None where no budget applies.
    """

    offers: tuple[Offer, ...]
    selective: bool
    constraints: Constraints
    permitted: frozenset[DeploymentName]
    regions: frozenset[str]
    pin: ModelName | None
    task_type: TaskType
    capabilities: frozenset[Capability]
    fitting: frozenset[Capability]
    input_tokens: int
    padded_input_tokens: int
    asked_output: int
    output_limit: int
    expected_output: int
    capped: bool
    max_cost_nanousd: int | None
    max_latency: timedelta | None
    floors: Floors
    means: Means | None


def requirements(request: Request, match: Match, index: CatalogIndex, means: Means | None = None) -> Requirements:
    """What `request` asks under what matched: the caller's constraints and the policy's bounds both hold."""
    features, constraints, policy = request.features, request.constraints, match.policy
    task = request.classification.task_type
    pin = match.pin.model if match.pin is not None else None
    asked = min(features.max_output_tokens, policy.limits.max_output_tokens)
    limit = longest_answer(features, policy.limits)
    listed = shortlist(index, policy, task, pin)
    tokens = padded(features.input_tokens)
    capabilities = needed(features) | constraints.capabilities
    eased = policy.budget.quality_step if means is not None and means.low is not None else 0.0
    most = tightest_cap(constraints, policy.limits)
    fits = not capabilities and tokens + limit <= listed.context_window and asked <= listed.max_output_tokens
    return Requirements(
        offers=listed.offers,
        selective=pin is not None or not fits or lists_any(constraints),
        constraints=constraints,
        permitted=permitted(index, policy, pin),
        regions=policy.access.regions,
        pin=pin,
        task_type=task,
        capabilities=capabilities,
        fitting=policy.task_capabilities.get(task, _NOTHING),
        input_tokens=features.input_tokens,
        padded_input_tokens=tokens,
        asked_output=asked,
        output_limit=limit,
        expected_output=min(expected_output(task, request.classification.complexity, features), limit),
        capped=most is not None or constraints.max_latency is not None or (means is not None and means.selective),
        max_cost_nanousd=most,
        max_latency=constraints.max_latency,
        floors=floors(request, match, eased),
        means=means,
    )


def lists_any(constraints: Constraints) -> bool:
    """Whether `constraints` name any model, provider or region."""
    return bool(
        constraints.models
        or constraints.excluded_models
        or constraints.providers
        or constraints.excluded_providers
        or constraints.regions
    )


def needed(features: Features) -> frozenset[Capability]:
    """The capabilities that the request itself needs: it cannot be run without them."""
    found = [_BY_FORMAT[features.output_format]] if features.output_format in _BY_FORMAT else []
    if features.images:
        found.append(Capability.VISION)
    if features.tools:
        found.append(Capability.TOOLS)
    return frozenset(found) if found else _NOTHING


def tightest_cap(constraints: Constraints, limits: ExecutionLimits) -> int | None:
    """The most that a request may cost, None if neither caller nor policy says."""
    asked, allowed = constraints.max_cost_nanousd, limits.max_cost_nanousd or None
    if asked is None or allowed is None:
        return allowed if asked is None else asked
    return min(asked, allowed)


def padded(tokens: int) -> int:
    """`tokens` with a margin of 2 % for models that do not read o200k tokens.

    Features count o200k tokens of the text. Other tokenizers cut the same text differently, and providers add tokens of
    their own around messages and tools. No fixed margin covers every script, so this one only keeps a request from
    being planned to the last token of a window, where it would fail for certain; it costs 2 % of the window.
    """
    return -(-tokens * 102 // 100)
