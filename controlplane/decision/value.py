"""What a `value` strategy with a target goes by: the calibration in force for it, if one fits, and why none does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from controlplane.catalog.canonical import digest_as
from controlplane.catalog.model import Model, ModelName, Price
from controlplane.decision.wording import dollars
from controlplane.learning.model import Calibration
from controlplane.policy.model import Policy, PolicyName, QualityTarget, Strategy, WorkloadName
from controlplane.snapshot.model import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A target and what stands for it: `strategy` has its worth and the models that it may take.

    Without a calibration that fits these are the reference alone, and `lacking` says why.
    """

    target: QualityTarget
    strategy: Strategy
    calibration: Calibration | None = None
    lacking: str = ""


Aims = Mapping[tuple[WorkloadName, PolicyName], Aim]


def aims(catalog: Catalog) -> Aims:
    """The aim of each policy with a target under each workload: what was calibrated for one says nothing of another."""
    return MappingProxyType(
        {
            (workload.name, policy.name): _aim(catalog, workload.name, policy, target)
            for policy in catalog.policies.values()
            for target in [policy.strategy.target]
            if target is not None
            for workload in catalog.workloads
        }
    )


def target_text(target: QualityTarget) -> str:
    """`at most 2 points below gpt-4o with 95 % confidence`."""
    return (
        f"at most {target.within_ppm / 10_000:g} points below {target.of} "
        f"with {target.confidence_ppm / 10_000:g} % confidence"
    )


def ground(catalog: Catalog, policy: Policy, models: tuple[str, ...]) -> str:
    """A digest of what else the choices rest on that a calibration saw, in hexadecimal: what the policy lets a request be taken for and
    asks for it, and the catalog's facts about the models but their prices, which are told by themselves.
    """
    rules = catalog.rule_sets.get(policy.rule_set)
    routes = catalog.route_sets.get(policy.routes) if policy.routes is not None else None
    known = {name: catalog.models.get(ModelName(name)) for name in models}
    form = {
        "floors": policy.quality_floors,
        "capabilities": policy.task_capabilities,
        "overrides": policy.overrides,
        "access": policy.access,
        "longest": policy.limits.max_output_tokens,
        "dearest": policy.limits.max_cost_nanousd,
        "low_confidence": policy.low_confidence,
        "classifiers": policy.classifiers,
        "further": policy.further,
        "rules": rules.digest.hex() if rules is not None else "",
        "routes": routes.digest.hex() if routes is not None else "",
        "models": {name: None if model is None else replace(model, price=_NO_PRICE) for name, model in known.items()},
    }
    return digest_as("Ground", form).hex()


_NO_PRICE = Price(input_nanousd_per_mtok=0, output_nanousd_per_mtok=0)


def _aim(catalog: Catalog, workload: WorkloadName, policy: Policy, target: QualityTarget) -> Aim:
    found = None if catalog.learned is None else _calibration(catalog.learned.calibrations, workload, target)
    lacking = _absent(catalog, workload) if found is None else _changed(catalog, policy, found)
    if found is None or lacking:
        return Aim(target=target, strategy=replace(policy.strategy, models=(target.of,)), lacking=lacking)
    models = tuple(ModelName(name) for name in found.models)
    strategy = replace(policy.strategy, worth_nanousd=found.worth_nanousd, models=models)
    return Aim(target=target, strategy=strategy, calibration=found)


def _calibration(
    calibrations: tuple[Calibration, ...], workload: WorkloadName, target: QualityTarget
) -> Calibration | None:
    """The latest for exactly this."""
    wanted = (workload, target.of, target.within_ppm, target.confidence_ppm)
    return next(
        (
            each
            for each in reversed(calibrations)
            if (each.workload, each.reference, each.within_ppm, each.confidence_ppm) == wanted
        ),
        None,
    )


def _absent(catalog: Catalog, workload: WorkloadName) -> str:
    if catalog.learned is None:
        return "no quality model is in use"
    others = [each for each in catalog.learned.calibrations if each.workload == workload]
    if not others:
        return f"the quality model in use was not calibrated for the workload {workload}"
    other = others[-1]
    its = QualityTarget(of=ModelName(other.reference), within_ppm=other.within_ppm, confidence_ppm=other.confidence_ppm)
    return f"the quality model in use was calibrated for another target: {target_text(its)}"


def _changed(catalog: Catalog, policy: Policy, found: Calibration) -> str:
    """What is not as it was when the calibration was found; empty if all is."""
    for name, (price_in, price_out) in zip(found.models, found.prices, strict=True):
        model: Model | None = catalog.models.get(ModelName(name))
        if model is None:
            return f"the model {name} is not in the catalog any more"
        now = model.price.input_nanousd_per_mtok, model.price.output_nanousd_per_mtok
        if now != (price_in, price_out):
            was = f"{dollars(price_in)} and {dollars(price_out)} per million tokens"
            return f"the prices of {name} were {was} then, and are {dollars(now[0])} and {dollars(now[1])}"
    if found.ground != ground(catalog, policy, found.models):
        return "the policy, its rules or the catalog's facts about the models have changed since"
    return ""
