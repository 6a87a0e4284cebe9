"""From documents to a catalog: read, merged and checked as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from controlplane.catalog.canonical import catalog_digest
from controlplane.catalog.document.node import At, Scalar
from controlplane.catalog.document.parse import MAX_BYTES, parse
from controlplane.catalog.document.problem import CatalogInvalid, Problem, ProblemKind, Refused
from controlplane.catalog.layer import Layer, Origin, read_layer
from controlplane.catalog.merge import Merged, kept_twice, merge, never_reached
from controlplane.catalog.references import dangling
from controlplane.snapshot.model import Catalog

DEFAULT = Path(__file__).with_name("default.yaml")
"""The catalog that `extends: default` means, and that holds without any file."""

RULES = Path(__file__).parents[1] / "classification" / "default_rules.yaml"
"""The rule set `default`, which holds unless the file has one of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """The documents that come with the software."""

    rules: Layer
    default: Layer


@cache
def packaged() -> Packaged:
    """The documents that come with the software, which are the same as long as it runs."""
    rules = read_file(RULES, Origin.PACKAGE, source="packaged default_rules.yaml")
    return Packaged(rules=rules, default=read_file(DEFAULT, Origin.PACKAGE, source="packaged default.yaml"))


def read_file(path: Path, origin: Origin, *, source: str = "") -> Layer:
    """The document in the file `path`. Raises CatalogInvalid if there is no document to read in it."""
    name = source or str(path)
    try:
        root, problems = parse(_content(path, name), name)
    except Refused as refused:
        raise CatalogInvalid(refused.problems) from refused
    return read_layer(root, origin, problems)


def _content(path: Path, source: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        start = At(source=source, path="", line=0, node=Scalar(text=""))
        way_out = "name a file that exists and that the control plane may read"
        reason = f"the file cannot be read ({error.strerror or error})"
        raise start.refuse(ProblemKind.UNREADABLE, reason, way_out) from error


def layers_of(packaged: Packaged, file: Layer | None, overlay: Layer | None = None) -> list[Layer]:
    """The layers that hold together, the lowest first."""
    layers = [packaged.rules]
    if file is None or file.extends_default:
        layers.append(packaged.default)
    return layers + [layer for layer in (file, overlay) if layer is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A catalog and the places of its entries."""

    catalog: Catalog
    merged: Merged


def assemble(layers: Sequence[Layer]) -> Assembled:
    """The catalog that the layers make, the first one lowest. Raises CatalogInvalid with every problem of all."""
    merged = merge(layers)
    found = [problem for layer in layers for problem in (*layer.problems, *never_reached(layer))]
    found += [*kept_twice(layers), *dangling(merged)]
    if found:
        sources = [layer.root.source for layer in reversed(layers)]
        raise CatalogInvalid(sorted(found, key=lambda problem: (_rank(sources, problem), problem.line)))
    return Assembled(catalog=_catalog(merged), merged=merged)


def _rank(sources: Sequence[str], problem: Problem) -> int:
    return sources.index(problem.source) if problem.source in sources else -1


def _catalog(merged: Merged) -> Catalog:
    deployments = [placed.value for _, placed in sorted(merged.deployments.items()) if placed.value]
    catalog = Catalog(
        digest=b"",
        models=MappingProxyType(
            {placed.value.name: placed.value for _, placed in sorted(merged.models.items()) if placed.value}
        ),
        deployments=tuple(deployments),
        workloads=tuple(placed.value for placed in merged.workloads if placed.value),
        policies=MappingProxyType(
            {placed.value.name: placed.value for placed in merged.policies.values() if placed.value}
        ),
        rule_sets=MappingProxyType(
            {placed.value.name: placed.value for placed in merged.rule_sets.values() if placed.value}
        ),
        budgets=tuple(placed.value for _, placed in sorted(merged.budgets.items()) if placed.value),
        aliases=MappingProxyType(
            {placed.value.name: placed.value for _, placed in sorted(merged.aliases.items()) if placed.value}
        ),
        route_sets=MappingProxyType(
            {placed.value.name: placed.value for _, placed in sorted(merged.route_sets.items()) if placed.value}
        ),
    )
    return replace(catalog, digest=catalog_digest(catalog))


def load(path: Path | None) -> Catalog:
    """The catalog of the file at `path`, the packaged default one if None. Raises CatalogInvalid with every problem."""
    file = None if path is None else read_file(path, Origin.FILE)
    return assemble(layers_of(packaged(), file)).catalog


def check(path: Path) -> list[Problem]:
    """Everything that is wrong with the file at `path`, in the order of its lines; empty if nothing is."""
    try:
        load(path)
    except CatalogInvalid as invalid:
        return list(invalid.problems)
    return []
