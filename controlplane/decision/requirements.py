"""What a request asks of a deployment, worked out once before any is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from controlplane.catalog.model import Capability, DeploymentName, ModelName, TaskType
from controlplane.decision.estimates import expected_output
from controlplane.decision.floors import Floors, floors
from controlplane.decision.index import CatalogIndex, Shortlist, everything, of_models, permitted
from controlplane.decision.matching import Match
from controlplane.decision.means import Means, longest_answer
from controlplane.decision.model import Constraints, Operation, Request
from controlplane.decision.offer import Offer
from controlplane.learning.lengths import learned_measure
from controlplane.learning.quality import Outlook, outlook
from controlplane.policy.model import ExecutionLimits
from turnout_features.model import Features, OutputFormat
from turnout_wire.quick import quick

_NOTHING: frozenset[Capability] = frozenset()

_VECTORS = frozenset({Capability.EMBEDDINGS})

_BY_FORMAT: Mapping[OutputFormat, Capability] = MappingProxyType(
    {OutputFormat.JSON: Capability.JSON, OutputFormat.JSON_SCHEMA: Capability.JSON_SCHEMA}
)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a deployment must have, and what it must stay within.

    `offers` are those worth looking at; `selective` tells whether a list, a capability or the size can exclude any of
    them at all. `capabilities` are those without which the request cannot be run at all, `fitting` those that its kind of work wants
    beside them. `pin` is a model that an override or the caller names; `named` the one that the caller does, and `only` the
    models that may serve at all because of a name, None if all may.
    `asked_output` is the length of answer that the caller asks for (0 if it does not say), `output_limit` the
    longest that policy and caller allow. `expected_output` is the usual length where none was learned for the kind of work;
    else learned lengths are thousandths of `measure`, which is 0 if there are none.
    Caps are None where there is none; `means` is None where no budget applies.
    """

    offers: tuple[Offer, ...]
    selective: bool
    constraints: Constraints
    permitted: frozenset[DeploymentName]
    regions: frozenset[str]
    pin: ModelName | None
    named: ModelName | None
    only: frozenset[ModelName] | None
    operation: Operation
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
    outlook: Outlook | None = None
    """What was learned says of the request, if the catalog has anything learned."""
    measure: int = 0

    @property
    def alone(self) -> bool:
        """Whether no other model may follow the first: vectors of two models cannot be compared."""
        return self.operation is Operation.EMBED


def requirements(request: Request, match: Match, index: CatalogIndex, means: Means | None = None) -> Requirements:
    """What `request` asks under what matched: the caller's constraints and the policy's bounds both hold."""
    features, constraints, policy = request.features, request.constraints, match.policy
    task = request.classification.task_type
    embedding = request.operation is Operation.EMBED
    named, only = match.named.model, _only(request, match)
    pin = named or (match.pin.model if match.pin is not None else None)
    limit = longest_answer(request, policy.limits)
    asked = min(features.max_output_tokens, limit)
    listed = _worth_looking_at(request, match, index, only)
    tokens = padded(features.input_tokens)
    capabilities = (_VECTORS if embedding else needed(features)) | constraints.capabilities
    expected = None if embedding else _outlook(request, match, index)
    eased = policy.budget.quality_step if means is not None and means.low is not None else 0.0
    most = tightest_cap(constraints, policy.limits)
    fits = not capabilities and tokens + limit <= listed.context_window and asked <= listed.max_output_tokens
    return Requirements(
        offers=listed.offers,
        selective=embedding or pin is not None or not fits or lists_any(constraints),
        constraints=constraints,
        permitted=index.allowed[policy.name] if embedding else permitted(index, policy, only or _one(pin)),
        regions=policy.access.regions,
        pin=pin,
        named=named,
        only=only,
        operation=request.operation,
        task_type=task,
        capabilities=capabilities,
        fitting=_NOTHING if embedding else policy.task_capabilities.get(task, _NOTHING),
        input_tokens=features.input_tokens,
        padded_input_tokens=tokens,
        asked_output=asked,
        output_limit=limit,
        expected_output=0
        if embedding
        else min(expected_output(task, request.classification.complexity, features), limit),
        capped=most is not None or constraints.max_latency is not None or (means is not None and means.selective),
        max_cost_nanousd=most,
        max_latency=constraints.max_latency,
        floors=floors(request, match, eased),
        means=means,
        outlook=expected,
        measure=0 if expected is None else _measure(request, expected),
    )


def _outlook(request: Request, match: Match, index: CatalogIndex) -> Outlook | None:
    learned = index.catalog.learned
    if learned is None:
        return None
    return outlook(learned, request.features, request.classification, match.workload.name)


def _measure(request: Request, expected: Outlook) -> int:
    found = request.classification
    return learned_measure(
        expected.learned, expected.longer, found.task_type, found.complexity, request.features.last_user_tokens
    )


def _only(request: Request, match: Match) -> frozenset[ModelName] | None:
    """The models that a name leaves: the caller's with what the policy lets stand in for it, or the policy's for vectors."""
    named, policy = match.named.model, match.policy
    if request.operation is Operation.EMBED:
        return _one(named or policy.embeddings) or None
    if named is None or policy.pinned_fallbacks.anyone:
        return None
    return frozenset({named, *policy.pinned_fallbacks.models})


def _one(name: ModelName | None) -> frozenset[ModelName]:
    return frozenset() if name is None else frozenset({name})


def _worth_looking_at(
    request: Request, match: Match, index: CatalogIndex, only: frozenset[ModelName] | None
) -> Shortlist:
    """The offers worth looking at; all if a name may bring in what the policy's strategy is not about."""
    if only is not None:
        return of_models(index, only)
    if request.operation is Operation.EMBED:
        return index.embedders
    if match.pin is not None or match.named.model is not None:
        return everything(index)
    return index.shortlists[match.policy.name, request.classification.task_type]


def lists_any(constraints: Constraints) -> bool:
    """Whether `constraints` name any model, tier, provider, region or protocol."""
    return bool(
        constraints.models
        or constraints.excluded_models
        or constraints.providers
        or constraints.excluded_providers
        or constraints.regions
        or constraints.tiers
        or constraints.protocols
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
