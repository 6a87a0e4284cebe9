"""Why this model, and what had to give way, in sentences."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from controlplane.budget.wording import nearly_used, shortfall
from controlplane.classification.model import Classification
from controlplane.decision.deliberation import Deliberation
from controlplane.decision.model import Baseline, Notice, ReasonCode
from controlplane.decision.value_wording import target_step, weighed
from controlplane.decision.wording import apart, clipped, dollars, figure, floor_source, quality, seconds
from controlplane.policy.model import Override, RouteName, Strategy, StrategyKind

LONGEST_REASON = 300
"""Characters of a reason; a signed decision takes 512."""


def reason_text(of: Deliberation, baseline: Baseline | None) -> str:
    """Why the first target, in one sentence with figures; or why there is none."""
    if of.reason is None:
        return clipped(_no_room(of) if of.shortages else _nothing(of), LONGEST_REASON)
    primary = of.targets[0]
    text = _REASONS[of.reason](of, primary, baseline)
    if of.stays and of.reason is not ReasonCode.AFFINITY:
        text += f"; {_staying(of)}"
    if of.survey.forced:
        text += "; every breaker is open, so it is tried all the same"
    elif of.survey.throttled:
        text += "; no rate limit has room, so it is tried all the same"
    elif of.field.half_open[primary]:
        text += "; its breaker is half-open, this is a probe"
    thrifty = of.reason is not ReasonCode.PINNED
    if thrifty and of.needs.means is not None and (low := of.needs.means.low) is not None:
        text += f"; {nearly_used(low)}, so what is cheaper is taken"
    return clipped(text, LONGEST_REASON)


def steps(of: Deliberation) -> tuple[str, ...]:
    """How the decision came about: what matched, what set the floor, what had to give way."""
    overrides = map(_override_step, of.match.overrides)
    return (
        *_name_steps(of),
        *_route_steps(of),
        _workload_step(of),
        _policy_step(of),
        *overrides,
        _floor_step(of),
        *_concessions(of),
    )


def notices(of: Deliberation) -> tuple[Notice, ...]:
    """What the reader of the decision must know."""
    return tuple(_notices(of))


def _nothing(of: Deliberation) -> str:
    counts = Counter(of.excluded(of.everyone())).most_common()
    reasons = ", ".join(f"{count} {exclusion}" for exclusion, count in counts)
    return f"none of {len(of.index.catalog.offers)} deployments may serve this {_work(of)} request: {reasons}"


def _no_room(of: Deliberation) -> str:
    others = f", and {len(of.shortages) - 1} more are short" if len(of.shortages) > 1 else ""
    return f"no room in a budget for this {_work(of)} request: {shortfall(of.shortages[0])}{others}"


def _work(of: Deliberation) -> str:
    found = of.request.classification
    return f"{found.complexity} {found.task_type}"


def _bar(of: Deliberation) -> str:
    count = of.plan.among if of.plan is not None else 0
    reach = "reaches" if count == 1 else "reach"
    return f"{count} that {reach} {quality(of.floor.quality)} for {_work(of)}"


def _cheapest(of: Deliberation, primary: int, baseline: Baseline | None) -> str:
    other = _yardstick(of, primary, baseline)
    if other is None:
        return f"cheapest of {_bar(of)}: {dollars(of.field.costs[primary])}"
    name, cost = other
    own, its = apart(dollars, of.field.costs[primary], cost)
    return f"cheapest of {_bar(of)}: {own} vs {its} for {name}"


def _yardstick(of: Deliberation, primary: int, baseline: Baseline | None) -> tuple[str, int] | None:
    """What the cost of the chosen one is told beside: the baseline's, or that of the next in order."""
    if baseline is not None and baseline.model != of.field.offers[primary].model:
        return baseline.model, baseline.cost_nanousd
    offers, own = of.field.offers, of.field.offers[primary].model
    others = (place for place in of.ranking.order if offers[place].model != own)
    return next(((offers[place].model, of.field.costs[place]) for place in others), None)


def _balanced(of: Deliberation, primary: int, _: Baseline | None) -> str:
    terms = of.ranking.terms(primary)
    parts = ", ".join(f"{name} {value:+.2f}" for name, value in terms)
    utility = sum(value for _, value in terms)
    return f"best balance of {_bar(of)}: utility {utility:.2f} ({parts}), {_figures(of, primary)}"


def _fixed(of: Deliberation, primary: int, _: Baseline | None) -> str:
    return f"first in the policy's order of {_bar(of)}: {_figures(of, primary)}"


def _semantic(of: Deliberation, primary: int, _: Baseline | None) -> str:
    found = of.request.classification
    return f"because route {found.route} matched {_nearness(found)}: {_figures(of, primary)}"


def _nearness(found: Classification) -> str:
    """How near the request is, with the threshold beside it."""
    if found.nearest is None:
        return ""
    similarity, threshold = apart(figure, found.nearest.similarity, found.nearest.threshold)
    return f"at {similarity}, threshold {threshold}"


def _value(of: Deliberation, primary: int, _: Baseline | None) -> str:
    return weighed(of, primary, _bar(of), _figures(of, primary))


def _weighted(of: Deliberation, primary: int, _: Baseline | None) -> str:
    chance = of.plan.propensity if of.plan is not None else 0.0
    return f"drawn by the policy's weights, with a chance of {chance:.1%}, from {_bar(of)}: {_figures(of, primary)}"


def _override(of: Deliberation, primary: int, _: Baseline | None) -> str:
    name = of.match.pin.name if of.match.pin is not None else ""
    return f"the override {name} names {of.field.offers[primary].model} for this {_work(of)} request: {_figures(of, primary)}"


def _pinned(of: Deliberation, primary: int, _: Baseline | None) -> str:
    model, alias = of.field.offers[primary].model, of.match.named.alias
    asked = f"{alias}, an alias of {model}" if alias else f"{model} by name"
    return f"the request asks for {asked}: {_figures(of, primary)}"


def _affinity(of: Deliberation, primary: int, _: Baseline | None) -> str:
    return f"{_staying(of)}; {_figures(of, primary)} without the cache"


def _staying(of: Deliberation) -> str:
    if of.stay is None:
        return ""
    offers, stay = of.ranking.field.offers, of.stay
    return (
        f"stays at {offers[stay.place].deployment}: switching to {offers[stay.other].deployment} would cost "
        f"{dollars(stay.saved_nanousd)} more for {stay.cached_tokens:,} cached tokens"
    )


def _best_available(of: Deliberation, primary: int, _: Baseline | None) -> str:
    count = of.plan.among if of.plan is not None else 0
    best, wanted = apart(quality, of.field.quality(primary), of.floor.quality)
    return (
        f"best of {count} for {_work(of)}: {best}, and none reaches the {wanted} that {floor_source(of.floor)} wants; "
        f"{_figures(of, primary)}"
    )


def _last_resort(of: Deliberation, primary: int, _: Baseline | None) -> str:
    return f"nothing else may serve this {_work(of)} request: the policy's last resort, {_figures(of, primary)}"


def _figures(of: Deliberation, place: int) -> str:
    field = of.field
    return f"quality {quality(field.quality(place))}, {dollars(field.costs[place])}, {seconds(field.seconds[place])}"


def _name_steps(of: Deliberation) -> Iterator[str]:
    named = of.match.named
    if named.alias:
        target = of.index.catalog.catalog.aliases[named.alias].target
        yield f"alias {named.alias}: stands for {target}"
    if named.model is not None:
        yield f"model {named.model}: the request asks for it by name"


def _route_steps(of: Deliberation) -> Iterator[str]:
    """Which semantic route the request belongs to, or was nearest to; nothing where no route has a say."""
    found = of.request.classification
    if found.route:
        yield f"route {found.route}: matched {_nearness(found)}"
    elif found.nearest is not None:
        yield f"route: none is near enough; the nearest is {found.nearest.route} {_nearness(found)}"
    elif of.match.policy.routes is not None:
        yield "route: the request has no vector that could be compared with the examples"


def _workload_step(of: Deliberation) -> str:
    workload = of.match.workload
    if of.match.named.workload:
        return f"workload {workload.name}: the request asks for it as its model"
    if of.request.origin.workload:
        return f"workload {workload.name}: the request names it"
    if workload is of.index.catalog.catalog.workloads[-1]:
        return f"workload {workload.name}: it takes what no other matches"
    return f"workload {workload.name}: the first whose selector matches"


def _policy_step(of: Deliberation) -> str:
    return f"policy {of.match.policy.name}: " + ("the request names it" if of.request.policy else "the workload's")


def _override_step(override: Override) -> str:
    asks = [f"the model {override.model}"] if override.model is not None else []
    if override.min_quality is not None:
        asks.append(f"quality of at least {quality(override.min_quality)}")
    return f"override {override.name}: asks for {' and '.join(asks) or 'nothing'}"


def _floor_step(of: Deliberation) -> str:
    floors, floor = of.needs.floors, of.floor
    step = f"floor {quality(floor.quality)}: {floor_source(floor)} asks for it"
    if floor.source == "complexity":
        step = f"floor {quality(floor.quality)}: the policy's for {floors.complexity}"
    if not floors.unsure:
        return step
    confidence, wanted = apart(quality, of.request.classification.confidence, of.match.policy.low_confidence)
    return f"{step}; confidence {confidence} is under {wanted}, so it was taken for {floors.complexity}"


def _concessions(of: Deliberation) -> Iterator[str]:
    pin, named = of.match.pin, of.needs.named
    if named is not None and of.reason is not ReasonCode.PINNED:
        yield f"model: {named} may not serve this request" + (", so another one stands in" if of.targets else "")
    elif pin is not None and named is not None and pin.model != named:
        yield f"override {pin.name}: the request asks for {named} by name, so {pin.model} is not taken"
    elif pin is not None and named is None and of.reason is not ReasonCode.OVERRIDE:
        yield f"override {pin.name}: {pin.model} may not serve this request, so the strategy decides"
    if (strategy := of.match.policy.strategy).kind is StrategyKind.SEMANTIC and of.reason is not None:
        yield from _beside_the_route(of, strategy)
    if of.aim is not None:
        yield target_step(of.aim)
    if of.survey.forced and of.targets:
        yield "breakers: all that may serve have an open one, so they are taken all the same"
    if of.stays:
        yield f"affinity: {_staying(of)}"
    if of.survey.throttled and of.targets:
        yield "rate limits: none of those that may serve has room, so they are taken all the same"
    if of.reason in _CONCEDING:
        yield _CONCEDING[of.reason](of)
    yield from _thrift(of)


def _beside_the_route(of: Deliberation, strategy: Strategy) -> Iterator[str]:
    """Why a `semantic` strategy left the choice to another, if it did."""
    if strategy.otherwise is None or not (of.strategy.kind is strategy.kind or of.strategy is strategy.otherwise):
        return
    beside, route = strategy.otherwise.kind, of.request.classification.route
    stands_in = of.reason is ReasonCode.CHEAPEST and beside is not StrategyKind.CHEAPEST
    if not stands_in and of.reason is not ReasonCode(beside):
        return
    known = RouteName(route) in dict(strategy.routes)
    why = "the strategy names no model for it" if route else "out of scope"
    step = f"route {route}: " if route else "route: "
    if not stands_in:
        yield f"{step}{'none of its models may serve' if known else why}, so `{beside}` decides"
    else:
        neither = f"none of its models may serve, nor any that `{beside}` names"
        lacking = neither if known else f"{why}, and none of those that `{beside}` names may serve"
        yield f"{step}{lacking}, so the cheapest of what other routes name is taken"


def _thrift(of: Deliberation) -> Iterator[str]:
    """What budgets changed."""
    means, near = of.needs.means, of.match.policy.budget
    if means is not None and means.low is not None:
        lowered = f"the policy's floor is {quality(near.quality_step)} lower, and the cheapest that reaches it is taken"
        yield f"budget {nearly_used(means.low)}, less than the policy's share of {near.below:.0%}: {lowered}"
    for place in sorted(of.dropped):
        yield f"budget: no room for {of.field.offers[place].deployment} as a fallback"
    for short in of.shortages:
        yield f"budget {shortfall(short)}"


def _for_want_of_better(of: Deliberation) -> str:
    return f"floor {quality(of.floor.quality)}: nothing that may serve reaches it, so the best there is is taken"


def _for_want_of_any(of: Deliberation) -> str:
    return f"last resort: nothing else may serve, and the policy names {of.field.offers[of.targets[0]].deployment}"


def _notices(of: Deliberation) -> Iterator[Notice]:
    targets, offers = of.targets, of.field.offers
    if targets and of.field.quality(targets[0]) < of.floor.quality:
        yield Notice.QUALITY_FLOOR_UNMET
    if len(targets) == 1:
        yield Notice.NO_FALLBACK
    if len(targets) > 1 and len({offers[place].provider for place in targets}) == 1:
        yield Notice.SINGLE_PROVIDER
    if of.needs.floors.unsure:
        yield Notice.LOW_CONFIDENCE
    if of.reason == "last_resort":
        yield Notice.LAST_RESORT
    if of.needs.means is not None and of.needs.means.low is not None:
        yield Notice.BUDGET_LOW
    if (aim := of.aim) is not None and (aim.lacking or offers[targets[0]].model not in aim.strategy.models):
        yield Notice.TARGET_UNCALIBRATED


_REASONS: Mapping[ReasonCode, Callable[[Deliberation, int, Baseline | None], str]] = MappingProxyType(
    {
        ReasonCode.FIXED: _fixed,
        ReasonCode.WEIGHTED: _weighted,
        ReasonCode.CHEAPEST: _cheapest,
        ReasonCode.BALANCED: _balanced,
        ReasonCode.OVERRIDE: _override,
        ReasonCode.BEST_AVAILABLE: _best_available,
        ReasonCode.LAST_RESORT: _last_resort,
        ReasonCode.PINNED: _pinned,
        ReasonCode.AFFINITY: _affinity,
        ReasonCode.SEMANTIC: _semantic,
        ReasonCode.VALUE: _value,
    }
)

_CONCEDING: Mapping[ReasonCode | None, Callable[[Deliberation], str]] = MappingProxyType(
    {ReasonCode.BEST_AVAILABLE: _for_want_of_better, ReasonCode.LAST_RESORT: _for_want_of_any}
)
