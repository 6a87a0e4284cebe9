"""Constraints that no deployment could ever meet are told to the caller as such."""

from collections.abc import Iterable, Iterator

from controlplane.catalog.model import ModelName
from controlplane.decision.index import CatalogIndex
from controlplane.decision.model import UNCONSTRAINED, Constraints
from controlplane.decision.wording import names
from turnout_wire.failure import Failure


def check(constraints: Constraints, index: CatalogIndex, named: ModelName | None = None) -> None:
    """Raise Failure CONSTRAINTS_CONTRADICT if `constraints` exclude everything, or each other, whatever the policy says.

    `named` is the model that the request asks for by name: a constraint that excludes it contradicts the name.
    A bound that the catalog as it is does not reach (cost, latency, capabilities) is no contradiction: each candidate is
    excluded with its figures. Nor is a least quality that is too high: the best there is answers, and the decision says so.
    An unknown name in an exclusion does no harm, so clients may share one list over several installations.
    """
    if constraints is UNCONSTRAINED:
        return
    for field, problem in (*_against(constraints, named), *_contradictions(constraints, index)):
        raise Failure("CONSTRAINTS_CONTRADICT", problem, field=f"constraints.{field}")


def _against(constraints: Constraints, named: ModelName | None) -> Iterator[tuple[str, str]]:
    if named is None:
        return
    if constraints.models and named not in constraints.models:
        yield (
            "models",
            f"constraints.models does not list {named}, which the request asks for by name; leave one of them out",
        )
    if named in constraints.excluded_models:
        yield "excluded_models", f"constraints.excluded_models excludes {named}, which the request asks for by name"


def _contradictions(constraints: Constraints, index: CatalogIndex) -> Iterator[tuple[str, str]]:
    if constraints.models:
        yield from _models(constraints, index)
    if constraints.providers:
        yield from _providers(constraints, index)
    if constraints.regions and constraints.regions.isdisjoint(index.regions):
        yield "regions", _unknown("regions", "region", constraints.regions, index.regions)
    if constraints.tiers and constraints.tiers.isdisjoint(index.tiers):
        yield "tiers", _unknown("tiers", "tier", constraints.tiers, index.tiers)
    if constraints.protocols and constraints.protocols.isdisjoint(index.protocols):
        yield "protocols", _unknown("protocols", "deployment", constraints.protocols, index.protocols)


def _models(constraints: Constraints, index: CatalogIndex) -> Iterator[tuple[str, str]]:
    if both := constraints.models & constraints.excluded_models:
        yield "excluded_models", _both("models", "excluded_models", both)
    if unknown := constraints.models - index.catalog.models.keys():
        yield "models", _unknown("models", "model", unknown, index.catalog.models)
    homes = frozenset().union(*(index.providers_of.get(ModelName(name), frozenset()) for name in constraints.models))
    if homes and constraints.providers and homes.isdisjoint(constraints.providers):
        yield "providers", _homeless("providers", "none of them is", constraints.models, homes)
    if homes and homes <= constraints.excluded_providers:
        yield "excluded_providers", _homeless("excluded_providers", "all of them are", constraints.models, homes)


def _providers(constraints: Constraints, index: CatalogIndex) -> Iterator[tuple[str, str]]:
    if both := constraints.providers & constraints.excluded_providers:
        yield "excluded_providers", _both("providers", "excluded_providers", both)
    if constraints.providers.isdisjoint(index.providers):
        yield "providers", _unknown("providers", "provider", constraints.providers, index.providers)


def _both(field: str, other: str, both: frozenset[str]) -> str:
    return f"constraints.{field} and constraints.{other} both name {names(both)}; take it out of one of them"


def _unknown(field: str, noun: str, asked: Iterable[str], known: Iterable[str]) -> str:
    return f"constraints.{field} asks for {names(asked)}, and the catalog has no such {noun}; it has {names(known) or 'none'}"


def _homeless(field: str, which: str, models: frozenset[str], homes: frozenset[str]) -> str:
    return (
        f"constraints.models asks for {names(models)}, at {names(homes)}, and {which} in constraints.{field}; "
        "change one of the two"
    )
