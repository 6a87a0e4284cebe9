"""Several documents as one: later ones replace entries of earlier ones by name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from controlplane.budget.model import Budget
from controlplane.catalog.document.node import At
from controlplane.catalog.document.problem import Problem, ProblemKind
from controlplane.catalog.layer import Layer, Origin, Placed
from controlplane.catalog.model import Alias, Deployment, Model
from controlplane.policy.model import Policy, RouteSet, RuleSet, Selector, Workload

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """All entries that hold, by name, refused ones included; workloads in order of matching."""

    root: At
    models: Mapping[str, Placed[Model]]
    deployments: Mapping[str, Placed[Deployment]]
    workloads: tuple[Placed[Workload], ...]
    policies: Mapping[str, Placed[Policy]]
    rule_sets: Mapping[str, Placed[RuleSet]]
    budgets: Mapping[str, Placed[Budget]]
    aliases: Mapping[str, Placed[Alias]]
    route_sets: Mapping[str, Placed[RouteSet]]

    @property
    def complete(self) -> bool:
        """Whether no entry was refused."""
        placed: tuple[Placed[object], ...] = (
            *self.models.values(),
            *self.deployments.values(),
            *self.workloads,
            *self.policies.values(),
            *self.rule_sets.values(),
            *self.budgets.values(),
            *self.aliases.values(),
            *self.route_sets.values(),
        )
        return all(one.value is not None for one in placed)


def merge(layers: Sequence[Layer]) -> Merged:
    """The layers as one, the first one lowest."""
    written = [layer for layer in layers if layer.origin is not Origin.API]
    return Merged(
        root=written[-1].root,
        models=_by_name(layer.models for layer in layers),
        deployments=_by_name(layer.deployments for layer in layers),
        workloads=_in_order([layer.workloads for layer in layers]),
        policies=_by_name(layer.policies for layer in layers),
        rule_sets=_by_name(layer.rule_sets for layer in layers),
        budgets=_by_name(layer.budgets for layer in layers),
        aliases=_by_name(layer.aliases for layer in layers),
        route_sets=_by_name(layer.route_sets for layer in layers),
    )


def _by_name(sections: Iterable[Iterable[Placed[T]]]) -> dict[str, Placed[T]]:
    return {placed.name: placed for section in sections for placed in section}


def matches_all(workload: Workload) -> bool:
    """Whether every request belongs to `workload`."""
    return workload.when == Selector()


def _in_order(sections: Sequence[tuple[Placed[Workload], ...]]) -> tuple[Placed[Workload], ...]:
    """Those of higher layers first, each layer in its own order; what matches everything last, and only the highest."""
    specific: dict[str, Placed[Workload]] = {}
    catch_all: dict[str, Placed[Workload]] = {}
    for section in reversed(sections):
        for placed in section:
            if placed.name in specific or placed.name in catch_all:
                continue
            everything = placed.value is not None and matches_all(placed.value)
            if not everything:
                specific[placed.name] = placed
            elif not catch_all:
                catch_all[placed.name] = placed
    return (*specific.values(), *catch_all.values())


def kept_twice(layers: Sequence[Layer]) -> list[Problem]:
    """Entries that both the operator's file and the service keep: neither may silently win."""
    found: list[Problem] = []
    for section in ("models", "deployments"):
        by_api = {one.name for layer in layers if layer.origin is Origin.API for one in getattr(layer, section)}
        in_file = [one for layer in layers if layer.origin is Origin.FILE for one in getattr(layer, section)]
        for placed in in_file:
            if placed.name in by_api:
                reason = f"`{placed.name}` was also made through CatalogService"
                way_out = "delete it there, or leave it out here"
                found.append(placed.at.down("name").problem(ProblemKind.KEPT_TWICE, reason, way_out))
    return found


def never_reached(layer: Layer) -> list[Problem]:
    """Workloads of `layer` that stand behind one that matches everything."""
    found: list[Problem] = []
    before: Placed[Workload] | None = None
    for placed in layer.workloads:
        if before is not None:
            reason = f"`{placed.name}` is never reached: `{before.name}` on line {before.at.line} matches everything"
            way_out = f"move `{before.name}` to the end, or give it a `when`"
            found.append(placed.at.problem(ProblemKind.NEVER_REACHED, reason, way_out))
        elif placed.value is not None and matches_all(placed.value):
            before = placed
    return found
