"""One document of the catalog: its sections, each entry with its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, Generic, TypeVar

from controlplane.budget.entry import MAX_BUDGETS, read_budget
from controlplane.budget.model import Budget
from controlplane.catalog.document.node import At, Scalar, Table
from controlplane.catalog.document.problem import Problem, ProblemKind
from controlplane.catalog.document.read import Collector, Reader, items, nearest, table
from controlplane.catalog.document.scalar import text
from controlplane.catalog.entry import read_alias, read_deployment, read_model
from controlplane.catalog.model import Alias, Deployment, ManagedBy, Model
from controlplane.policy.entry import read_policy, read_workload
from controlplane.policy.model import Policy, RouteSet, RuleSet, Workload
from controlplane.policy.route_set_entry import read_route_set
from controlplane.policy.rule_set_entry import check_together, read_rule_set

VERSION = "1"

T_co = TypeVar("T_co", covariant=True)


class Origin(StrEnum):
    """Who keeps a document: it comes with the software, an operator writes it, or the service does."""

    PACKAGE = "package"
    FILE = "file"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed(Generic[T_co]):
    """An entry and its place; `value` is None if the entry is refused, for its name still counts as taken."""

    name: str
    value: T_co | None
    at: At
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A document. `problems` are those of the document by itself."""

    root: At
    origin: Origin
    extends_default: bool = False
    models: tuple[Placed[Model], ...] = ()
    deployments: tuple[Placed[Deployment], ...] = ()
    workloads: tuple[Placed[Workload], ...] = ()
    policies: tuple[Placed[Policy], ...] = ()
    rule_sets: tuple[Placed[RuleSet], ...] = ()
    budgets: tuple[Placed[Budget], ...] = ()
    aliases: tuple[Placed[Alias], ...] = ()
    route_sets: tuple[Placed[RouteSet], ...] = ()
    problems: tuple[Problem, ...] = ()


SECTIONS: Mapping[str, tuple[str, Reader[Any], int]] = {
    "models": ("model", read_model, 1_000),
    "deployments": ("deployment", read_deployment, 5_000),
    "workloads": ("workload", read_workload, 500),
    "policies": ("policy", read_policy, 500),
    "rule_sets": ("rule set", read_rule_set, 50),
    "budgets": ("budget", read_budget, MAX_BUDGETS),
    "aliases": ("alias", read_alias, 1_000),
    "route_sets": ("route set", read_route_set, 50),
}
"""What an entry of each section is called, how it is read, and how many there may be."""

_KEPT_BY_API = ("models", "deployments")


def read_layer(root: At, origin: Origin, problems: Sequence[Problem] = ()) -> Layer:
    """The document at `root`. `problems` are those of its form. Never raises: what is wrong is in the layer."""
    found = Collector()
    found.problems.extend(problems)
    document = found.attempt(table, root)
    if document is None:
        return Layer(root=root, origin=origin, problems=tuple(found.problems))
    sections = tuple(SECTIONS) if origin is not Origin.API else _KEPT_BY_API
    values = {name: _section(root, document, name, origin, found) for name in sections}
    _check_top(root, document, origin, sections, found)
    if origin is not Origin.PACKAGE:
        _check_rule_sets(values.get("rule_sets", ()), found)
    extends = document.find("extends")
    return Layer(
        root=root, origin=origin, extends_default=extends is not None, problems=tuple(found.problems), **values
    )


def _check_top(root: At, document: Table, origin: Origin, sections: Sequence[str], found: Collector) -> None:
    known = {"version", *sections} | ({"extends"} if origin is Origin.FILE else set())
    for entry in document.entries:
        if entry.name not in known:
            reason, way_out = f"`{entry.name}` is not a field of the document", nearest(entry.name, known, noun="field")
            found.problems.append(root.field(entry).problem(ProblemKind.UNKNOWN_FIELD, reason, way_out))
    version, extends = document.find("version"), document.find("extends")
    if version is not None:
        found.attempt(_version, root.field(version))
    elif origin is not Origin.PACKAGE:
        reason = "the document does not say its version"
        found.problems.append(root.problem(ProblemKind.MISSING_FIELD, reason, f"begin it with `version: {VERSION}`"))
    if extends is not None:
        found.attempt(_extends, root.field(extends))


def _check_rule_sets(rule_sets: Sequence[Placed[RuleSet]], found: Collector) -> None:
    for placed in rule_sets:
        if (rule_set := placed.value) is not None:
            found.attempt(partial(check_together, rule_set=rule_set), placed.at)


def _version(at: At) -> str:
    written = text(at)
    if written != VERSION:
        reason = f"version {written[:20]} is not known"
        raise at.refuse(ProblemKind.UNKNOWN_VERSION, reason, f"write `version: {VERSION}`")
    return written


def _extends(at: At) -> str:
    written = text(at)
    if written != "default":
        reason = f"there is no catalog `{written[:60]}` to extend"
        raise at.refuse(ProblemKind.UNKNOWN_WORD, reason, "write `extends: default`, or leave it out")
    return written


def _section(root: At, document: Table, name: str, origin: Origin, found: Collector) -> tuple[Placed[Any], ...]:
    entry = document.find(name)
    if entry is None:
        return ()
    noun, read, limit = SECTIONS[name]
    places = found.attempt(lambda at: items(at, limit), root.field(entry))
    placed: dict[str, Placed[Any]] = {}
    for number, at in enumerate(places or ()):
        one = _placed(at, read, origin, found)
        if first := placed.get(one.name):
            reason = f"there is a {noun} `{one.name}` on line {first.at.line} already"
            way_out = "give one of them another name, or remove it"
            found.problems.append(at.down("name").problem(ProblemKind.DUPLICATE_NAME, reason, way_out))
        else:
            placed[one.name or f"\0{number}"] = one
    return tuple(placed.values())


def _placed(at: At, read: Reader[Any], origin: Origin, found: Collector) -> Placed[Any]:
    value = found.attempt(read, at)
    if origin is Origin.API and value is not None:
        value = replace(value, managed_by=ManagedBy.API)
    return Placed(name=declared_name(at), value=value, at=at, origin=origin)


def declared_name(at: At) -> str:
    """The name that an entry gives itself, right or wrong; empty if it gives none."""
    match at.down("name").node:
        case Scalar(text=name):
            return name
        case _:
            return ""
