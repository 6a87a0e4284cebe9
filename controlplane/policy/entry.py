"""Policies and workloads as entries of a document."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from controlplane.catalog.canonical import digest
from controlplane.catalog.document.node import At, Items, Scalar, Table
from controlplane.catalog.document.problem import ProblemKind
from controlplane.catalog.document.read import Field, each, mapped, optional, record, required, table
from controlplane.catalog.document.scalar import (
    duration,
    flag,
    integer,
    name_like,
    share,
    text,
    usd,
    word_of,
)
from controlplane.catalog.entry import deployment_name, model_name, provider_name
from controlplane.catalog.model import Capability, Complexity, DeploymentName, Domain, ModelName, TaskType
from controlplane.policy.model import (
    LLM,
    Access,
    Balancing,
    ClassifierKind,
    Durability,
    ExecutionLimits,
    FurtherClassifier,
    NearEnd,
    NearEndAction,
    Override,
    PinnedFallbacks,
    Policy,
    PolicyName,
    RouteName,
    RouteSetName,
    RuleSetName,
    Selector,
    StoreFailure,
    Strategy,
    StrategyKind,
    Workload,
    WorkloadName,
)
from controlplane.policy.strategy_entry import (
    MAX_NAMES,
    MAX_ROUTES,
    MAX_USD_PER_REQUEST,
    NAMES_ALLOWED,
    read_models,
    read_strategy,
    route_name,
)

MAX_OVERRIDES = 200
MAX_CLASSIFIERS = 10

STANDARD_FLOORS: Mapping[Complexity, float] = MappingProxyType(
    {Complexity.SIMPLE: 0.7, Complexity.MODERATE: 0.8, Complexity.COMPLEX: 0.9, Complexity.EXPERT: 0.95}
)
"""The quality that each complexity asks for where a policy does not say."""

STANDARD_CAPABILITIES: Mapping[TaskType, frozenset[Capability]] = MappingProxyType(
    {
        TaskType.CODE: frozenset({Capability.CODE}),
        TaskType.REASONING: frozenset({Capability.REASONING}),
        TaskType.CREATIVE: frozenset({Capability.CREATIVE}),
    }
)
"""The capabilities that kinds of work ask for where a policy does not say."""

policy_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "policy", NAMES_ALLOWED)
workload_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "workload", NAMES_ALLOWED)
rule_set_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "rule set", NAMES_ALLOWED)
route_set_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "route set", NAMES_ALLOWED)
_override_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "override", NAMES_ALLOWED)


def _prefix(at: At) -> str:
    written = text(at)
    if "*" in written[:-1]:
        raise at.refuse(
            ProblemKind.BAD_NAME, f"`{written[:60]}` has a `*` in the middle", "put it at the end, or leave it out"
        )
    return written


_complexity = word_of(Complexity, "complexity")
_task_type = word_of(TaskType, "task type")
_prefixes = each(_prefix, limit=MAX_NAMES)

SELECTOR_FIELDS: Mapping[str, Field] = {
    "features": optional(_prefixes),
    "endpoints": optional(_prefixes),
    "labels": optional(mapped(text, text, limit=100)),
    "task_types": optional(each(_task_type, limit=len(TaskType))),
    "complexities": optional(each(_complexity, limit=len(Complexity))),
    "domains": optional(each(word_of(Domain, "domain"), limit=len(Domain))),
    "routes": optional(each(route_name, limit=MAX_ROUTES)),
}


def read_selector(at: At) -> Selector:
    """Which requests are meant. Raises Refused."""
    fields = record(at, SELECTOR_FIELDS, noun="`when`")
    return Selector(
        features=_unordered(fields, "features"),
        endpoints=_unordered(fields, "endpoints"),
        labels=tuple(sorted(fields.get("labels", {}).items())),
        task_types=frozenset(fields.get("task_types", ())),
        complexities=frozenset(fields.get("complexities", ())),
        domains=frozenset(fields.get("domains", ())),
        routes=frozenset(RouteName(name) for name in fields.get("routes", ())),
    )


def _unordered(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts of a list whose order means nothing, so that it has no part in the digest."""
    return tuple(sorted(set(fields.get(name, ()))))


OVERRIDE_FIELDS: Mapping[str, Field] = {
    "name": required(_override_name),
    "when": required(read_selector),
    "model": optional(model_name),
    "min_quality": optional(share),
}


def read_override(at: At) -> Override:
    """The override at `at`. Raises Refused."""
    fields = record(at, OVERRIDE_FIELDS, noun="override")
    if "model" not in fields and "min_quality" not in fields:
        raise at.refuse(ProblemKind.NO_EFFECT, "this override changes nothing", "give it `model` or `min_quality`")
    return Override(**fields)


def _overrides(at: At) -> tuple[Override, ...]:
    overrides = each(read_override, limit=MAX_OVERRIDES)(at)
    first: dict[str, int] = {}
    for index, override in enumerate(overrides):
        here = at.down(index, "name")
        if override.name in first:
            reason = f"an override `{override.name}` is on line {first[override.name]} already"
            raise here.refuse(ProblemKind.DUPLICATE_NAME, reason, "give one of them another name")
        first[override.name] = here.line
    return overrides


ACCESS_FIELDS: Mapping[str, Field] = {
    "allow_models": optional(read_models),
    "deny_models": optional(read_models),
    "allow_providers": optional(each(provider_name, limit=MAX_NAMES)),
    "deny_providers": optional(each(provider_name, limit=MAX_NAMES)),
    "regions": optional(each(text, limit=MAX_NAMES)),
}


def _access(at: At) -> Access:
    return Access(**{name: frozenset(names) for name, names in record(at, ACCESS_FIELDS, noun="access table").items()})


LIMIT_FIELDS: Mapping[str, Field] = {
    "max_attempts": optional(integer(1, 10)),
    "max_output_tokens": optional(integer(1, 10_000_000)),
    "max_cost_usd": optional(usd(MAX_USD_PER_REQUEST)),
    "deadline": optional(duration(timedelta(milliseconds=1), timedelta(hours=1))),
    "fallbacks": optional(integer(0, 9)),
}


def _limits(at: At) -> ExecutionLimits:
    fields = record(at, LIMIT_FIELDS, noun="limits table")
    if "max_cost_usd" in fields:
        fields["max_cost_nanousd"] = fields.pop("max_cost_usd")
    return ExecutionLimits(**fields)


def _floors(at: At) -> Mapping[Complexity, float]:
    floors = {**STANDARD_FLOORS, **mapped(_complexity, share, limit=len(Complexity))(at)}
    ladder = list(Complexity)
    for lower, higher in pairwise(ladder):
        if floors[higher] < floors[lower]:
            raise at.refuse(
                ProblemKind.FLOORS_FALL,
                f"{higher} asks for {floors[higher]}, less than {lower} with {floors[lower]}",
                "let no complexity ask for less than the one below it; one that is not named has "
                + ", ".join(f"{complexity} {floor}" for complexity, floor in STANDARD_FLOORS.items()),
            )
    return floors


def _task_capabilities(at: At) -> Mapping[TaskType, frozenset[Capability]]:
    capabilities = each(word_of(Capability, "capability"), limit=len(Capability))
    return {task: frozenset(words) for task, words in mapped(_task_type, capabilities, limit=len(TaskType))(at).items()}


NEAR_END_FIELDS: Mapping[str, Field] = {
    "near_end": optional(word_of(NearEndAction, "action")),
    "below": optional(share),
    "quality_step": optional(share),
}


def _near_end(at: At) -> NearEnd:
    fields = record(at, NEAR_END_FIELDS, noun="budget table")
    action = fields.pop("near_end", NearEndAction.REFUSE)
    if action is NearEndAction.REFUSE:
        for name in ("below", "quality_step"):
            if (entry := table(at).find(name)) is not None:
                reason = f"`{name}` says nothing where a request is refused"
                raise at.field(entry).refuse(ProblemKind.NO_EFFECT, reason, "write `near_end: degrade`, or remove it")
    return NearEnd(action=action, **fields)


def _pinned_fallbacks(at: At) -> PinnedFallbacks:
    """Whether, or which, other models may stand in. One name is refused: read as a flag or a list it would do nothing."""
    if isinstance(at.node, Items):
        models = tuple(dict.fromkeys(ModelName(name) for name in read_models(at)))
        if not models:
            raise at.refuse(ProblemKind.NO_EFFECT, "this list is empty", "name a model, or write `false`")
        return PinnedFallbacks(models=models)
    if isinstance(at.node, Scalar) and at.node.text not in {"true", "false"}:
        written = at.node.text[:60]
        reason = f"`pinned_fallbacks` is a list of models, or true or false, not `{written}`"
        raise at.refuse(ProblemKind.WRONG_TYPE, reason, f"write `[{written}]`, also for one model")
    return PinnedFallbacks(anyone=flag(at))


FURTHER_FIELDS: Mapping[str, Field] = {
    "below": optional(share),
    "timeout": optional(duration(timedelta(milliseconds=1), timedelta(seconds=30))),
}
_classifier_name = name_like(r"[a-z0-9][a-z0-9._-]{0,62}", "classifier", NAMES_ALLOWED)


LLM_FIELDS: Mapping[str, Field] = {"workload": required(workload_name), **FURTHER_FIELDS}
_OWN = frozenset(map(str, ClassifierKind))


def _classifier(at: At) -> ClassifierKind | FurtherClassifier:
    """A name, or a table with one name and how that classifier is asked."""
    if isinstance(at.node, Table):
        (entry, *more) = at.node.entries or (None,)
        if entry is None or more:
            way_out = "write one item for each, like `{acme: {below: 0.6, timeout: 20ms}}`"
            raise at.refuse(ProblemKind.WRONG_TYPE, "a classifier is one name with its fields", way_out)
        here = at.field(entry)
        if entry.name in _OWN:
            reason = f"`{entry.name}` takes no fields"
            raise here.refuse(ProblemKind.NO_EFFECT, reason, f"write only `{entry.name}`")
        if entry.name == LLM:
            return FurtherClassifier(name=LLM, **record(here, LLM_FIELDS, noun="language model as a classifier"))
        name = _classifier_name(At(source=here.source, path=here.path, line=here.line, node=Scalar(text=entry.name)))
        return FurtherClassifier(name=name, **record(here, FURTHER_FIELDS, noun="classifier"))
    name = _classifier_name(at)
    if name == LLM:
        way_out = "write `llm: {workload: NAME}`, with a workload of its own"
        raise at.refuse(ProblemKind.MISSING_FIELD, "`llm` needs the workload that its requests are under", way_out)
    return ClassifierKind(name) if name in _OWN else FurtherClassifier(name=name)


def _classifiers(at: At) -> tuple[ClassifierKind | FurtherClassifier, ...]:
    """Those of this software in the order of the ladder, whatever the order in the document; then the others in theirs."""
    named = each(_classifier, limit=MAX_CLASSIFIERS)(at)
    further = [one for one in named if isinstance(one, FurtherClassifier)]
    if twice := next((one.name for one in further if [each.name for each in further].count(one.name) > 1), None):
        raise at.refuse(ProblemKind.DUPLICATE_NAME, f"`{twice}` is in this list twice", "remove one of them")
    if ClassifierKind.RULES not in named:
        reason = "the rules are what every other classifier falls back to, and are not in this list"
        raise at.refuse(ProblemKind.NO_EFFECT, reason, f"add `{ClassifierKind.RULES}`, or remove `classifiers`")
    return (*(kind for kind in ClassifierKind if kind in named), *further)


POLICY_FIELDS: Mapping[str, Field] = {
    "name": required(policy_name),
    "strategy": required(read_strategy),
    "rule_set": optional(rule_set_name),
    "quality_floors": optional(_floors),
    "task_capabilities": optional(_task_capabilities),
    "overrides": optional(_overrides),
    "access": optional(_access),
    "limits": optional(_limits),
    "last_resort": optional(deployment_name),
    "low_confidence": optional(share),
    "durability": optional(word_of(Durability, "durability mode")),
    "when_store_fails": optional(word_of(StoreFailure, "action")),
    "budget": optional(_near_end),
    "pinned_fallbacks": optional(_pinned_fallbacks),
    "embeddings": optional(model_name),
    "balancing": optional(word_of(Balancing, "balancing")),
    "affinity": optional(flag),
    "classifiers": optional(_classifiers),
    "routes": optional(route_set_name),
}

_WITH_DEFAULTS = (
    "overrides",
    "access",
    "limits",
    "low_confidence",
    "durability",
    "when_store_fails",
    "budget",
    "pinned_fallbacks",
    "embeddings",
    "balancing",
    "affinity",
)


def read_policy(at: At) -> Policy:
    """The policy at `at`, with its digest. Raises Refused."""
    fields = record(at, POLICY_FIELDS, noun="policy")
    last_resort, routes = fields.get("last_resort"), fields.get("routes")
    strategy: Strategy = fields["strategy"]
    if strategy.kind is StrategyKind.SEMANTIC and routes is None:
        way_out = "name under `routes` the route set that requests are compared with"
        raise at.refuse(ProblemKind.MISSING_FIELD, "a `semantic` strategy needs the policy's `routes`", way_out)
    asked: tuple[ClassifierKind | FurtherClassifier, ...] = fields.get("classifiers", tuple(ClassifierKind))
    policy = Policy(
        name=PolicyName(fields["name"]),
        digest=b"",
        strategy=strategy,
        rule_set=RuleSetName(fields.get("rule_set", "default")),
        quality_floors=MappingProxyType(fields.get("quality_floors", dict(STANDARD_FLOORS))),
        task_capabilities=MappingProxyType(fields.get("task_capabilities", dict(STANDARD_CAPABILITIES))),
        last_resort=None if last_resort is None else DeploymentName(last_resort),
        routes=None if routes is None else RouteSetName(routes),
        classifiers=tuple(one for one in asked if isinstance(one, ClassifierKind)),
        further=tuple(one for one in asked if isinstance(one, FurtherClassifier)),
        **{name: fields[name] for name in _WITH_DEFAULTS if name in fields},
    )
    return replace(policy, digest=digest(policy))


WORKLOAD_FIELDS: Mapping[str, Field] = {
    "name": required(workload_name),
    "owner": required(text),
    "policy": required(policy_name),
    "baseline": required(model_name),
    "when": optional(read_selector),
}


def read_workload(at: At) -> Workload:
    """The workload at `at`. Raises Refused."""
    fields = record(at, WORKLOAD_FIELDS, noun="workload")
    return Workload(
        name=WorkloadName(fields["name"]),
        owner=fields["owner"],
        policy=PolicyName(fields["policy"]),
        baseline=ModelName(fields["baseline"]),
        when=fields.get("when", Selector()),
    )
