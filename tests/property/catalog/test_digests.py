"""Digests stand for values: not for the order in the file or its comments, and never for two values at once."""

from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.catalog.canonical import canonical, digest
from controlplane.catalog.document.node import At, Items, Node, Scalar, Table
from controlplane.catalog.layer import Layer, Origin, read_layer
from controlplane.catalog.load import DEFAULT, Packaged, assemble, layers_of, packaged, read_file
from controlplane.catalog.model import Deployment, Model
from controlplane.snapshot.model import Catalog
from tests.property.catalog.values import deployments, models, selectors
from tests.unit.catalog.documents import MODEL

ORDERED = {"workloads", "overrides", "patterns", "conditions"}
"""Lists whose order says something: what matches first, and the order of signals."""


@pytest.fixture(scope="module")
def with_software() -> Packaged:
    return packaged()


@pytest.fixture(scope="module")
def original() -> Layer:
    return read_file(DEFAULT, Origin.FILE)


def shuffled(node: Node, random: Random, *, name: str = "", within: str = "") -> Node:
    """`node` with everything in another order that may be."""
    match node:
        case Table(entries=entries):
            mixed = [
                replace(entry, node=shuffled(entry.node, random, name=entry.name, within=name)) for entry in entries
            ]
            random.shuffle(mixed)
            return replace(node, entries=tuple(mixed))
        case Items(items=items):
            mixed_items = [shuffled(item, random, within=within) for item in items]
            if name not in ORDERED and (name, within) != ("models", "strategy"):
                random.shuffle(mixed_items)
            return replace(node, items=tuple(mixed_items))
        case _:
            return node


def catalog_of(with_software: Packaged, layer: Layer) -> Catalog:
    return assemble(layers_of(with_software, layer)).catalog


@settings(max_examples=25)
@given(random=st.randoms())
def test_the_digest_of_a_catalog_does_not_depend_on_the_order_in_the_file(
    with_software: Packaged, original: Layer, random: Random
) -> None:
    mixed = read_layer(replace(original.root, node=shuffled(original.root.node, random)), Origin.FILE)
    before, after = catalog_of(with_software, original), catalog_of(with_software, mixed)
    assert after.digest == before.digest
    assert {name: policy.digest for name, policy in after.policies.items()} == {
        name: policy.digest for name, policy in before.policies.items()
    }


def leaves(at: At) -> list[tuple[str | int, ...]]:
    """The way to each scalar below `at`."""
    match at.node:
        case Table(entries=entries):
            return [(entry.name, *rest) for entry in entries for rest in leaves(at.field(entry))]
        case Items(items=items):
            return [(index, *rest) for index, item in enumerate(items) for rest in leaves(at.item(index, item))]
        case _:
            return [()]


SAME = {"input_usd_per_mtok": "7.77", "quality": "0.123", "latency": "4321ms", "as_of": "2001-01-01", "weight": "7"}


def changed(node: Node, way: tuple[str | int, ...], text: str) -> Node:
    """`node` with another text at the end of `way`."""
    match node, way:
        case Table(entries=entries), (str() as name, *rest):
            return replace(
                node,
                entries=tuple(
                    replace(entry, node=changed(entry.node, tuple(rest), text)) if entry.name == name else entry
                    for entry in entries
                ),
            )
        case Items(items=items), (int() as index, *rest):
            return replace(
                node,
                items=tuple(
                    changed(item, tuple(rest), text) if number == index else item for number, item in enumerate(items)
                ),
            )
        case _:
            return Scalar(text=text, line=node.line)


def test_the_digest_of_a_catalog_changes_with_every_number_in_the_file(
    with_software: Packaged, original: Layer
) -> None:
    before = catalog_of(with_software, original).digest
    ways = [way for way in leaves(original.root) if way[-1] in SAME]
    assert len(ways) > 50
    for way in ways:
        node = changed(original.root.node, way, SAME[str(way[-1])])
        layer = read_layer(replace(original.root, node=node), Origin.FILE)
        assert catalog_of(with_software, layer).digest != before, way


@pytest.mark.parametrize("kind", [models, deployments, selectors], ids=["model", "deployment", "selector"])
@given(data=st.data())
def test_two_values_have_one_digest_only_if_they_are_equal(kind: st.SearchStrategy[Any], data: st.DataObject) -> None:
    one, other = data.draw(kind), data.draw(kind)
    field = data.draw(st.sampled_from([field.name for field in fields(one)]))
    mixed = replace(one, **{field: getattr(other, field)})
    assert (canonical(mixed) == canonical(one)) == (mixed == one)
    assert (digest(mixed) == digest(one)) == (mixed == one)


@given(model=models, deployment=deployments)
def test_no_digest_stands_for_two_kinds(model: Model, deployment: Deployment) -> None:
    assert digest(model) != digest(deployment)


def test_a_digest_is_the_same_on_every_machine() -> None:
    """Pinned: a change of the canonical form changes every etag and every snapshot."""
    assert canonical(MODEL).decode() == (
        '{"as_of":"2026-11-21","capabilities":["code","tools"],"context_window":8192,"free":false,"latency":812500,'
        '"managed_by":"file","max_output_tokens":2048,"name":"small","price":{"cache_write_nanousd_per_mtok":null,'
        '"cached_input_nanousd_per_mtok":null,"input_nanousd_per_mtok":100000001,"output_nanousd_per_mtok":500000000},'
        '"provider":"local","quality":0.61,"quality_by_task":[["chat",0.7],["code",0.3]],"tier":"small"}'
    )
    assert digest(MODEL).hex() == "424076b97b17b6da8722d800655c76cef38fd20a985a7d17a8fefefbcb3126e5"
