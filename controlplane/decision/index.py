"""What can be worked out about a catalog before any request arrives."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controlplane.catalog.model import DeploymentName, ModelName, TaskType, WireProtocol
from controlplane.decision.access import access_denial, denial
from controlplane.decision.estimates import Speed, speed
from controlplane.decision.offer import Offer, offers
from controlplane.decision.value import Aims, aims
from controlplane.policy.model import Policy, PolicyName, Workload, WorkloadName
from controlplane.snapshot.model import Catalog, Health, HealthState, Live, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """The offers that a policy leaves for a kind of work, and the smallest window and answer among them.

    What is not on it is excluded whatever the request says, so that deciding need not look at it; a request that fits the
    smallest fits all.
    """

    offers: tuple[Offer, ...]
    context_window: int
    max_output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogIndex:
    """A catalog, ready for deciding.

    `unpriced`: some offer has no price and is not free. `offers_of` has the offers of each model, `embedders` those that make
    vectors; no other list has those.
    For each policy, `allowed` has the deployments that its access leaves, `permitted` those that its strategy is about too.
    `aims` are what policies with a target of quality go by.
    """

    catalog: Catalog
    offers: tuple[Offer, ...]
    offers_of: Mapping[ModelName, tuple[Offer, ...]]
    embedders: Shortlist
    model_names: tuple[ModelName, ...]
    unpriced: bool
    shortlists: Mapping[tuple[PolicyName, TaskType], Shortlist]
    workloads: Mapping[WorkloadName, Workload]
    allowed: Mapping[PolicyName, frozenset[DeploymentName]]
    permitted: Mapping[PolicyName, frozenset[DeploymentName]]
    providers: frozenset[str]
    regions: frozenset[str]
    tiers: frozenset[str]
    protocols: frozenset[WireProtocol]
    providers_of: Mapping[ModelName, frozenset[str]]
    aims: Aims


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveIndex:
    """Health and statistics, ready for deciding: the speed of each deployment as measured, and those that are not ready."""

    live: Live
    speeds: Mapping[DeploymentName, Speed]
    unready: Mapping[DeploymentName, Health]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotIndex:
    """A snapshot, ready for deciding; whoever holds the snapshot keeps it."""

    catalog: CatalogIndex
    live: LiveIndex


def index(snapshot: Snapshot, before: SnapshotIndex | None = None) -> SnapshotIndex:
    """Everything about `snapshot` that no request changes. Make it once per snapshot.

    What `before` has of the same catalog or the same live state is taken from it, so that a change of health costs
    O(deployments) and only a change of the catalog O(policies × deployments).
    """
    catalog = (
        before.catalog
        if before is not None and before.catalog.catalog is snapshot.catalog
        else _catalog(snapshot.catalog)
    )
    if before is not None and before.catalog is catalog and before.live.live is snapshot.live:
        return before
    return SnapshotIndex(catalog=catalog, live=_live(catalog.offers, snapshot.live))


def _live(known: tuple[Offer, ...], live: Live) -> LiveIndex:
    measured = {offer.deployment: live.statistics.get(offer.deployment) for offer in known}
    return LiveIndex(
        live=live,
        speeds=MappingProxyType(
            {offer.deployment: speed(offer.usual_seconds, measured[offer.deployment]) for offer in known}
        ),
        unready=MappingProxyType(
            {name: health for name, health in live.health.items() if health.state is not HealthState.READY}
        ),
    )


def _catalog(catalog: Catalog) -> CatalogIndex:
    known = offers(catalog)
    return CatalogIndex(
        catalog=catalog,
        offers=known,
        offers_of=_offers_of(known),
        embedders=_shortlist(tuple(offer for offer in known if offer.embeds)),
        model_names=tuple(sorted(catalog.models)),
        unpriced=any(offer.unpriced for offer in known),
        shortlists=_shortlists(catalog, known),
        workloads=MappingProxyType({workload.name: workload for workload in catalog.workloads}),
        allowed=_by_policy(catalog, known, access_denial),
        permitted=_by_policy(catalog, known, denial),
        providers=frozenset(offer.provider for offer in known),
        regions=frozenset(offer.region for offer in known if offer.region),
        tiers=frozenset(offer.tier for offer in known),
        protocols=frozenset(offer.protocol for offer in known),
        providers_of=MappingProxyType(
            {model: frozenset(offer.provider for offer in known if offer.model == model) for model in catalog.models}
        ),
        aims=aims(catalog),
    )


def permitted(index: CatalogIndex, policy: Policy, pinned: Collection[ModelName]) -> frozenset[DeploymentName]:
    """The deployments that `policy` permits for a request for which the models `pinned` are named, by an override or its caller.

    A pinned model need not be one that the strategy names: the strategy is for requests that name none, and an override is
    nearer. What `access` denies stays denied.
    """
    if not pinned:
        return index.permitted[policy.name]
    allowed = index.allowed[policy.name]
    named = (offer.deployment for model in pinned for offer in index.offers_of.get(model, ()))
    return index.permitted[policy.name].union(name for name in named if name in allowed)


def of_models(index: CatalogIndex, models: Collection[ModelName]) -> Shortlist:
    """The offers of these models alone."""
    found = (offer for model in models for offer in index.offers_of.get(model, ()))
    return _shortlist(tuple(sorted(found, key=lambda offer: offer.deployment)))


def everything(index: CatalogIndex) -> Shortlist:
    """All offers, whatever a policy says of them."""
    return _shortlist(index.offers)


def _offers_of(known: tuple[Offer, ...]) -> Mapping[ModelName, tuple[Offer, ...]]:
    found: dict[ModelName, list[Offer]] = {}
    for offer in known:
        found.setdefault(offer.model, []).append(offer)
    return MappingProxyType({model: tuple(those) for model, those in found.items()})


def _by_policy(
    catalog: Catalog, known: tuple[Offer, ...], denied: Callable[[Policy, Offer], str]
) -> Mapping[PolicyName, frozenset[DeploymentName]]:
    return MappingProxyType(
        {
            name: frozenset(offer.deployment for offer in known if not denied(policy, offer))
            for name, policy in catalog.policies.items()
        }
    )


def _shortlists(catalog: Catalog, known: tuple[Offer, ...]) -> Mapping[tuple[PolicyName, TaskType], Shortlist]:
    return MappingProxyType(
        {
            (name, task): _shortlist(tuple(offer for offer in known if _stands(offer, policy, task)))
            for name, policy in catalog.policies.items()
            for task in TaskType
        }
    )


def _stands(offer: Offer, policy: Policy, task: TaskType) -> bool:
    regions = policy.access.regions
    return (
        not offer.disabled
        and not offer.embeds
        and (not regions or offer.region in regions)
        and policy.task_capabilities.get(task, frozenset()) <= offer.capabilities
        and not denial(policy, offer)
    )


def _shortlist(left: tuple[Offer, ...]) -> Shortlist:
    return Shortlist(
        offers=left,
        context_window=min((offer.context_window for offer in left), default=0),
        max_output_tokens=min((offer.max_output_tokens for offer in left), default=0),
    )
