"""What entries of a catalog say about each other: every name that they use exists."""

from collections.abc import Collection, Container, Iterable, Iterator

from controlplane.budget.model import Budget
from controlplane.catalog.document.node import At, Items, Scalar, Table
from controlplane.catalog.document.problem import Problem, ProblemKind
from controlplane.catalog.document.read import nearest
from controlplane.catalog.entry import AUTO
from controlplane.catalog.merge import Merged, matches_all
from controlplane.catalog.model import Alias, Capability
from controlplane.classification.custom import installed
from controlplane.policy.model import LLM, ClassifierKind, Policy, Selector, Strategy, Workload


def dangling(merged: Merged) -> Iterator[Problem]:
    """Every name that is used and does not exist, and a missing workload for the rest."""
    for deployment in merged.deployments.values():
        if deployment.value is not None:
            yield from _model(merged, deployment.at.down("model"), deployment.value.model)
    for workload in merged.workloads:
        if workload.value is not None:
            yield from _of_workload(merged, workload.at, workload.value)
    for policy in merged.policies.values():
        if policy.value is not None:
            yield from _of_policy(merged, policy.at, policy.value)
    for budget in merged.budgets.values():
        if budget.value is not None:
            yield from _of_budget(merged, budget.at, budget.value)
    for alias in merged.aliases.values():
        if alias.value is not None:
            yield from _of_alias(merged, alias.at.down("target"), alias.value)
    yield from _routes_named_twice(merged)
    if merged.complete and not any(one.value is not None and matches_all(one.value) for one in merged.workloads):
        way_out = "add one without `when` at the end, or write `extends: default`"
        yield merged.root.down("workloads").problem(
            ProblemKind.NO_CATCH_ALL, "no workload matches every request", way_out
        )


def _unknown(at: At, name: str, known: Iterable[str], kind: ProblemKind, noun: str) -> Iterator[Problem]:
    names = [word for word in known if word]
    if name not in names:
        yield at.problem(kind, f"there is no {noun} `{name}`", nearest(name, names, noun=noun))


def _model(merged: Merged, at: At, name: str) -> Iterator[Problem]:
    return _unknown(at, name, merged.models, ProblemKind.UNKNOWN_MODEL, "model")


def _of_alias(merged: Merged, here: At, alias: Alias) -> Iterator[Problem]:
    """An alias stands for a model or for free routing, never for another alias, so that nobody has to follow a chain."""
    auto, colon, workload = alias.target.partition(":")
    if auto == AUTO:
        if colon:
            workloads = [each.name for each in merged.workloads]
            yield from _unknown(here, workload, workloads, ProblemKind.UNKNOWN_WORKLOAD, "workload")
    elif alias.target in merged.aliases and alias.target not in merged.models:
        reason = f"`{alias.target}` is an alias itself"
        yield here.problem(ProblemKind.UNKNOWN_MODEL, reason, "write what that stands for")
    else:
        yield from _model(merged, here, alias.target)


def _of_workload(merged: Merged, at: At, workload: Workload) -> Iterator[Problem]:
    yield from _unknown(at.down("policy"), workload.policy, merged.policies, ProblemKind.UNKNOWN_POLICY, "policy")
    yield from _model(merged, at.down("baseline"), workload.baseline)
    policy = merged.policies.get(workload.policy)
    if policy is not None and policy.value is not None:
        yield from _of_selector(merged, at.down("when"), workload.when, policy.value)


def _of_selector(merged: Merged, at: At, selector: Selector, policy: Policy) -> Iterator[Problem]:
    """The routes of a selector are those of the policy that reads the request: no other could be found."""
    if not selector.routes:
        return
    if policy.routes is None:
        reason = f"the policy `{policy.name}` compares requests with no routes"
        yield at.down("routes").problem(ProblemKind.NO_EFFECT, reason, "name a route set under its `routes`")
    elif (known := _routes(merged, policy.routes)) is not None:
        for here, name in _named(at.down("routes"), selector.routes):
            yield from _route(here, name, known)


def _routes(merged: Merged, of: str) -> Collection[str] | None:
    """The routes of a set, None if the set is not there or refused."""
    placed = merged.route_sets.get(of)
    return None if placed is None or placed.value is None else [route.name for route in placed.value.routes]


def _route(here: At, name: str, known: Collection[str]) -> Iterator[Problem]:
    return _unknown(here, name, known, ProblemKind.UNKNOWN_ROUTE, "route")


def _routes_named_twice(merged: Merged) -> Iterator[Problem]:
    """A route's name stands alone in selectors and records, so that no two sets may share one."""
    first: dict[str, tuple[str, At]] = {}
    for placed in merged.route_sets.values():
        for index, route in enumerate(placed.value.routes if placed.value else ()):
            here = placed.at.down("routes", index, "name")
            whose, before = first.setdefault(route.name, (placed.name, here))
            if whose != placed.name:
                reason = f"the route set `{whose}` has a route `{route.name}` already, on line {before.line}"
                yield here.problem(ProblemKind.DUPLICATE_NAME, reason, "give one of them another name")


def _of_policy(merged: Merged, at: At, policy: Policy) -> Iterator[Problem]:
    rule_set = at.down("rule_set")
    yield from _unknown(rule_set, policy.rule_set, merged.rule_sets, ProblemKind.UNKNOWN_RULE_SET, "rule set")
    yield from _of_strategy(merged, at.down("strategy"), policy.strategy)
    yield from _of_routes(merged, at, policy)
    yield from _of_classifiers(merged, at.down("classifiers"), policy)
    for index, override in enumerate(policy.overrides):
        yield from _of_selector(merged, at.down("overrides", index, "when"), override.when, policy)
        if override.model is not None:
            yield from _model(merged, at.down("overrides", index, "model"), override.model)
    for index, name in enumerate(policy.pinned_fallbacks.models):
        yield from _model(merged, at.down("pinned_fallbacks", index), name)
    if policy.embeddings is not None:
        yield from _of_embeddings(merged, at.down("embeddings"), policy.embeddings)
    if policy.last_resort is not None:
        known = merged.deployments
        here = at.down("last_resort")
        yield from _unknown(here, policy.last_resort, known, ProblemKind.UNKNOWN_DEPLOYMENT, "deployment")
    yield from _of_access(merged, at.down("access"), policy)


def _of_strategy(merged: Merged, at: At, strategy: Strategy) -> Iterator[Problem]:
    for index, name in enumerate(strategy.models):
        yield from _model(merged, at.down("models", index), name)
    for name, _ in strategy.weights:
        yield from _model(merged, at.down("weights", name), name)
    tiers = {one.value.tier for one in merged.models.values() if one.value}
    for route, target in strategy.routes:
        here = at.down("routes", route)
        for index, name in enumerate(target.models):
            yield from _model(merged, here.down("models", index), name)
        if target.tier and merged.complete:
            yield from _unknown(here.down("tier"), target.tier, tiers, ProblemKind.UNKNOWN_TIER, "tier")
    if strategy.target is not None:
        yield from _model(merged, at.down("target", "of"), strategy.target.of)
    if strategy.otherwise is not None:
        yield from _of_strategy(merged, at.down("otherwise"), strategy.otherwise)


def _of_routes(merged: Merged, at: At, policy: Policy) -> Iterator[Problem]:
    if policy.routes is None:
        return
    yield from _unknown(at.down("routes"), policy.routes, merged.route_sets, ProblemKind.UNKNOWN_ROUTE_SET, "route set")
    if (known := _routes(merged, policy.routes)) is not None:
        for name, _ in policy.strategy.routes:
            yield from _route(at.down("strategy", "routes", name), name, known)


def _of_classifiers(merged: Merged, at: At, policy: Policy) -> Iterator[Problem]:
    """Classifiers that come with a package must be installed where the policy is to hold; the workload of a language model must exist."""
    if not policy.further:
        return
    known = [*ClassifierKind, LLM, *installed()]
    workloads = [workload.name for workload in merged.workloads]
    for index, node in enumerate(at.node.items if isinstance(at.node, Items) else ()):
        name = node.entries[0].name if isinstance(node, Table) else node.text if isinstance(node, Scalar) else ""
        here = at.item(index, node)
        if name not in known:
            way_out = f"install the package that brings it, or {nearest(name, known, noun='classifier')}"
            yield here.problem(ProblemKind.UNKNOWN_CLASSIFIER, f"no classifier `{name}` is installed", way_out)
        for entry in policy.further:
            if name == entry.name == LLM:
                its = here.down(LLM, "workload")
                yield from _unknown(its, entry.workload, workloads, ProblemKind.UNKNOWN_WORKLOAD, "workload")


def _of_embeddings(merged: Merged, here: At, name: str) -> Iterator[Problem]:
    yield from _model(merged, here, name)
    placed = merged.models.get(name)
    if placed is not None and placed.value is not None and Capability.EMBEDDINGS not in placed.value.capabilities:
        known = [
            one.value.name
            for one in merged.models.values()
            if one.value and Capability.EMBEDDINGS in one.value.capabilities
        ]
        way_out = f"name one that has the capability `embeddings`: {', '.join(sorted(known)) or 'the catalog has none'}"
        yield here.problem(ProblemKind.UNKNOWN_MODEL, f"the model `{name}` makes no vectors", way_out)


def _of_budget(merged: Merged, at: At, budget: Budget) -> Iterator[Problem]:
    """A misspelt name would leave free what the budget means to limit. Tenants and callers are known elsewhere."""
    for here, name in _named(at.down("models"), budget.models):
        yield from _model(merged, here, name)
    workloads = [workload.name for workload in merged.workloads]
    for here, name in _named(at.down("workloads"), budget.workloads):
        yield from _unknown(here, name, workloads, ProblemKind.UNKNOWN_WORKLOAD, "workload")
    if not merged.complete:
        return
    owners = {workload.value.owner for workload in merged.workloads if workload.value}
    for here, name in _named(at.down("teams"), budget.teams):
        yield from _unknown(here, name, owners, ProblemKind.UNKNOWN_TEAM, "team")


def _of_access(merged: Merged, at: At, policy: Policy) -> Iterator[Problem]:
    """A misspelt name in a deny list would allow what it means to deny, so that it is refused too."""
    access = policy.access
    for field, names in (("allow_models", access.allow_models), ("deny_models", access.deny_models)):
        for here, name in _named(at.down(field), names):
            yield from _model(merged, here, name)
    if not merged.complete:
        return
    providers = {one.value.provider for one in merged.models.values() if one.value}
    providers |= {one.value.provider for one in merged.deployments.values() if one.value}
    for field, names in (("allow_providers", access.allow_providers), ("deny_providers", access.deny_providers)):
        for here, name in _named(at.down(field), names):
            yield from _unknown(here, name, providers, ProblemKind.UNKNOWN_PROVIDER, "provider")
    regions = {one.value.region for one in merged.deployments.values() if one.value}
    for here, name in _named(at.down("regions"), access.regions):
        yield from _unknown(here, name, regions, ProblemKind.UNKNOWN_REGION, "region")


def _named(at: At, names: Container[str]) -> Iterator[tuple[At, str]]:
    """The items of the list at `at` that are in `names`, each with its place."""
    for index, node in enumerate(at.node.items if isinstance(at.node, Items) else ()):
        if isinstance(node, Scalar) and node.text in names:
            yield at.item(index, node), node.text
