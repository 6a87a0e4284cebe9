"""Which workload, policy and overrides hold for a request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controlplane.decision.index import CatalogIndex
from controlplane.decision.model import Operation, Origin, Request
from controlplane.decision.naming import Named, named, named_workload
from controlplane.decision.wording import names
from controlplane.policy.model import Override, Policy, PolicyName, Selector, Workload, WorkloadName
from controlplane.snapshot.model import Catalog
from turnout_wire.failure import Failure
from turnout_wire.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What holds for a request: `overrides` are all that match, `pin` the one that names the model, if any does.

    `named` is what the caller asked for by name. Overrides speak of answers: for vectors there are none.
    """

    workload: Workload
    policy: Policy
    overrides: Sequence[Override]
    pin: Override | None
    named: Named


def match(request: Request, index: CatalogIndex) -> Match:
    """What holds for `request`.

    Raises Failure: MODEL_UNKNOWN, WORKLOAD_UNKNOWN, POLICY_UNKNOWN, each with names that are known; CONSTRAINTS_CONTRADICT if
    hints and model name two workloads.
    """
    asked = named(request.model, index.catalog)
    workload = _workload(request, asked, index)
    policy = _policy(request, workload, index)
    chatting = request.operation is Operation.CHAT
    overrides = [override for override in policy.overrides if chatting and selects(override.when, request)]
    pin = next((override for override in overrides if override.model is not None), None) if overrides else None
    return Match(workload=workload, policy=policy, overrides=overrides, pin=pin, named=asked)


def selects(selector: Selector, request: Request) -> bool:
    """Whether every part of `selector` that is set holds for `request`."""
    return selects_origin(selector, request.origin) and _selects_class(selector, request)


def selects_origin(selector: Selector, origin: Origin) -> bool:
    """Whether the parts of `selector` hold that can be judged before the request is classified."""
    return (
        (not selector.features or _named(origin.feature, selector.features))
        and (not selector.endpoints or _named(origin.endpoint, selector.endpoints))
        and all(origin.labels.get(key) == value for key, value in selector.labels)
    )


def _selects_class(selector: Selector, request: Request) -> bool:
    found = request.classification
    return (
        (not selector.task_types or found.task_type in selector.task_types)
        and (not selector.complexities or found.complexity in selector.complexities)
        and (not selector.domains or found.domain in selector.domains)
        and (not selector.routes or found.route in selector.routes)
    )


def _named(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(text[:-1]) if text.endswith("*") else name == text for text in patterns)


def workload_asked(model: str, origin: Origin, catalog: Catalog) -> str:
    """The workload that a request names, by `auto:WORKLOAD` or as a hint, known or not; empty if it names none."""
    return named_workload(model, catalog) or origin.workload


def _workload(request: Request, asked: Named, index: CatalogIndex) -> Workload:
    hinted = request.origin.workload
    name = asked.workload or hinted
    if not name:
        return _first_match(request, index.catalog.workloads)
    if hinted and name != hinted:
        problem = f"model asks for the workload {name!r} and hints.workload for {hinted!r}; leave one of them out"
        raise Failure("CONSTRAINTS_CONTRADICT", problem, field="model")
    workload = index.workloads.get(WorkloadName(name))
    if workload is None:
        raise Failure(
            "WORKLOAD_UNKNOWN",
            f"there is no workload {name!r}; give one of {names(index.workloads)}, or none to have it matched",
            field="model" if asked.workload else "hints.workload",
            metadata={"workload": name},
        )
    return workload


def _first_match(request: Request, workloads: Sequence[Workload]) -> Workload:
    matching = (workload for workload in workloads[:-1] if selects(workload.when, request))
    return next(matching, workloads[-1])


def _policy(request: Request, workload: Workload, index: CatalogIndex) -> Policy:
    name = PolicyName(request.policy) or workload.policy
    policy = index.catalog.policies.get(name)
    if policy is None:
        known = names(index.catalog.policies)
        raise Failure(
            "POLICY_UNKNOWN",
            f"there is no policy {name!r}; give one of {known}, or none to use the policy of the workload",
            field="policy",
            metadata={"policy": name},
        )
    return policy
