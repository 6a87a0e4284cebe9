"""A deployment together with its model, as deciding looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controlplane.catalog.model import (
    Capability,
    Deployment,
    DeploymentName,
    Model,
    ModelName,
    Price,
    TaskType,
    WireProtocol,
)
from controlplane.decision.estimates import Prices
from controlplane.learning.lengths import learned_length
from controlplane.learning.model import Learned, Length
from controlplane.snapshot.model import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is on offer at a deployment.

    `embeds`: the model makes vectors and answers nothing.
    `usual_seconds` is the model's prior time to a whole answer. `shared`: the model has other deployments too.
    `counts_exactly`: the model reads the tokens that features count. `dearest` has the most that an input token may cost, read,
    cached or written, and the output price; `unpriced`: all of that is 0, and nobody says that it is free. `lengths` are those of
    its answers at kinds of work where any were learned, by their values: Python finds a text sooner than a member of an enum.
    """

    deployment: DeploymentName
    model: ModelName
    provider: str
    region: str
    protocol: WireProtocol
    tier: str
    embeds: bool
    disabled: bool
    weight: int
    shared: bool
    counts_exactly: bool
    capabilities: frozenset[Capability]
    context_window: int
    max_output_tokens: int
    prices: Prices
    dearest: Prices
    unpriced: bool
    usual_seconds: float
    quality: Mapping[TaskType, float]
    lengths: Mapping[str, Length]


def offers(catalog: Catalog) -> tuple[Offer, ...]:
    """The offers of `catalog` by name, so that nothing depends on the order of the configuration."""
    places = [deployment.model for deployment in catalog.deployments]
    made = (
        _offer(
            deployment,
            catalog.models[deployment.model],
            catalog.learned,
            shared=places.count(deployment.model) > 1,
        )
        for deployment in catalog.deployments
    )
    return tuple(sorted(made, key=lambda offer: offer.deployment))


def _offer(deployment: Deployment, model: Model, learned: Learned | None, *, shared: bool) -> Offer:
    return Offer(
        deployment=deployment.name,
        model=model.name,
        provider=deployment.provider,
        region=deployment.region,
        protocol=deployment.protocol,
        tier=model.tier,
        embeds=Capability.EMBEDDINGS in model.capabilities,
        disabled=deployment.disabled,
        weight=deployment.weight,
        shared=shared,
        counts_exactly=model.provider == "openai",
        capabilities=model.capabilities,
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        prices=(model.price.input_nanousd_per_mtok, model.price.output_nanousd_per_mtok),
        dearest=_dearest(model.price),
        unpriced=not model.free and _dearest(model.price) == (0, 0),
        usual_seconds=model.latency.total_seconds(),
        quality=MappingProxyType({task: model.quality_for(task) for task in TaskType}),
        lengths=_NONE if learned is None else _lengths(learned, model.name),
    )


_NONE: Mapping[str, Length] = MappingProxyType({})


def _lengths(learned: Learned, model: ModelName) -> Mapping[str, Length]:
    found = {task.value: learned_length(learned, task, model) for task in TaskType}
    return MappingProxyType({task: length for task, length in found.items() if length is not None})


def _dearest(price: Price) -> Prices:
    inputs = (price.input_nanousd_per_mtok, price.cached_input_nanousd_per_mtok, price.cache_write_nanousd_per_mtok)
    return max(each or 0 for each in inputs), price.output_nanousd_per_mtok
