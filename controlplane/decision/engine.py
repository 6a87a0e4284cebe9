"""The decision: who answers a request, and why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from controlplane.budget.matching import EMPTY, Balances
from controlplane.decision.deliberation import Deliberation, deliberate
from controlplane.decision.distribution import distribution, influences
from controlplane.decision.estimates import costs_nanousd
from controlplane.decision.explanation import notices, reason_text, steps
from controlplane.decision.field import estimate
from controlplane.decision.holding import Call, Held, hold
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.limits import limits
from controlplane.decision.means import Means, Size, most, most_cost, most_input
from controlplane.decision.model import Baseline, Decision, Limits, Operation, Request, Target
from controlplane.decision.table import table
from controlplane.snapshot.model import Snapshot


def decide(
    request: Request,
    snapshot: Snapshot,
    *,
    now: datetime,
    draw: float,
    balances: Balances = EMPTY,
    indexed: SnapshotIndex | None = None,
) -> Decision:
    """Choose targets for `request`.

    `draw` is one uniform number in [0, 1): whatever is random in a decision comes from it, so a replay with the same draw
    repeats the choice. `now` says which breakers are still open, and which windows of budgets it is. `balances` are what is
    booked and held in their accounts; they matter only where the catalog has budgets. `indexed` is `index(snapshot)`, for callers that
    decide more than once with the same snapshot; it is made if it is not given.

    Candidates and steps are written out only where nothing may serve, for the table that the caller is then shown; `explain`
    always writes them.

    Raises Failure: MODEL_UNKNOWN, WORKLOAD_UNKNOWN, POLICY_UNKNOWN, CONSTRAINTS_CONTRADICT. ValueError if `indexed` is of another snapshot.
    """
    found = deliberate(request, _indexed(snapshot, indexed), now, draw, balances)
    decision = _conclude(found)
    return decision if decision.targets else _explained(decision, found)


def explain(
    request: Request,
    snapshot: Snapshot,
    *,
    now: datetime,
    draw: float,
    balances: Balances = EMPTY,
    indexed: SnapshotIndex | None = None,
    likely: bool = False,
) -> Decision:
    """The decision that `decide` makes of the same arguments, with every candidate and why not.

    `likely` adds how likely each model comes first, and what in the request made it so: that takes as long as hundreds of decisions.
    """
    found = deliberate(request, _indexed(snapshot, indexed), now, draw, balances)
    decision = _explained(_conclude(found), found)
    if not likely:
        return decision
    return replace(decision, distribution=distribution(found), influences=influences(found, balances))


def _indexed(snapshot: Snapshot, given: SnapshotIndex | None) -> SnapshotIndex:
    if given is None:
        return index(snapshot)
    if given.catalog.catalog is not snapshot.catalog or given.live.live is not snapshot.live:
        raise ValueError("`indexed` was made of another snapshot")
    return given


def _explained(decision: Decision, of: Deliberation) -> Decision:
    return replace(decision, candidates=table(of), steps=steps(of))


def _conclude(of: Deliberation) -> Decision:
    policy, workload = of.match.policy, of.match.workload
    baseline, bounds, paying = _baseline(of), limits(of), of.needs.means
    longest = min(bounds.max_output_tokens, of.needs.output_limit)
    targets = tuple([_target(of, place, longest) for place in of.targets])
    held = _NOTHING if paying is None else _held(of, targets, bounds, paying)
    return Decision(
        workload=workload.name,
        policy=policy.name,
        policy_digest=policy.digest,
        targets=targets,
        limits=bounds,
        reason_code=of.reason,
        reason_text=reason_text(of, baseline),
        notices=notices(of),
        propensity=of.plan.propensity if of.plan is not None else 0.0,
        floor=of.floor,
        classification=of.request.classification,
        candidates=(),
        baseline=baseline,
        purses=held.purses,
        holds=held.holds,
        reserved_nanousd=held.reserved_nanousd,
        shortages=of.shortages,
        expected_latency=held.latency,
    )


_NOTHING = Held()


def _held(of: Deliberation, targets: Sequence[Target], bounds: Limits, paying: Means) -> Held:
    if not targets:
        wanted = timedelta(0) if of.wanted is None else timedelta(seconds=of.field.seconds[of.wanted])
        return Held(purses=paying.purses, latency=wanted)
    longest = min(bounds.max_output_tokens, paying.size.output_limit)
    size = Size(input_tokens=paying.size.input_tokens, images=paying.size.images, output_limit=longest)
    calls = [
        Call(target=target, most=most(of.field.offers[place], size))
        for target, place in zip(targets, of.targets, strict=True)
    ]
    return hold(paying, calls, bounds.max_attempts)


def _target(of: Deliberation, place: int, output_limit: int) -> Target:
    offer, needs = of.field.offers[place], of.needs
    input_tokens = most_input(offer, needs.input_tokens, of.request.features.images)
    return Target(
        deployment=offer.deployment,
        model=offer.model,
        provider=offer.provider,
        estimate=estimate(of.field, place, needs),
        max_cost_nanousd=most_cost(offer, input_tokens, output_limit),
    )


def _baseline(of: Deliberation) -> Baseline | None:
    """The baseline model's cost for the tokens that the first target is expected to take; it makes no vectors."""
    if of.request.operation is Operation.EMBED:
        return None
    model = of.index.catalog.catalog.models.get(of.match.workload.baseline)
    if model is None:
        return None
    output = of.field.output_tokens[of.targets[0]] if of.targets else of.needs.expected_output
    prices = (model.price.input_nanousd_per_mtok, model.price.output_nanousd_per_mtok)
    (cost,) = costs_nanousd([prices], of.needs.input_tokens, [output])
    return Baseline(model=model.name, cost_nanousd=cost, price=model.price)
