import json
import zlib
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.audit.model import Document
from controlplane.budget.model import Budget
from controlplane.catalog.canonical import canonical, catalog_digest, digest, digest_as
from controlplane.catalog.decode import FormInvalid, decode
from controlplane.catalog.load import load
from controlplane.catalog.model import Deployment, Model
from controlplane.catalog.restore import DocumentInvalid, catalog_document, catalog_from
from controlplane.policy.model import Policy, RouteSet, RuleSet, Selector, Workload
from controlplane.snapshot.live_document import live_document, live_from
from controlplane.snapshot.model import Catalog, Health, Live, Statistics
from tests.property.catalog.shapes import of

KINDS = (Model, Deployment, Workload, Selector, Budget, Health, Statistics, Policy, RuleSet, RouteSet)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Any catalog whose values are of the right types; what they refer to need not be there. What was learned is no part of it."""
    found: Catalog = draw(of(Catalog))
    found = replace(
        found,
        learned=None,
        policies=MappingProxyType({name: replace(one, digest=digest(one)) for name, one in found.policies.items()}),
        rule_sets=MappingProxyType({name: replace(one, digest=digest(one)) for name, one in found.rule_sets.items()}),
        route_sets=MappingProxyType({name: replace(one, digest=digest(one)) for name, one in found.route_sets.items()}),
    )
    return replace(found, digest=catalog_digest(found))


@pytest.mark.parametrize("kind", KINDS)
def test_any_value_is_read_as_it_was_written(kind: type) -> None:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(of(kind))
    def check(value: object) -> None:
        again: object = decode(kind, json.loads(canonical(value)))
        assert again == value
        assert canonical(again) == canonical(value)

    check()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(catalogs())
def test_any_catalog_is_restored_with_all_its_digests(catalog: Catalog) -> None:
    document = catalog_document(catalog)
    assert catalog_from(document) == catalog
    assert catalog_document(catalog_from(document)) == document


def test_the_packaged_catalog_is_restored() -> None:
    catalog = load(None)
    restored = catalog_from(catalog_document(catalog))
    assert restored == catalog
    assert len(catalog_document(catalog).body) < len(canonical(catalog)) / 3


@given(of(Live))
def test_any_live_view_is_restored_and_its_digest_does_not_depend_on_the_revision(live: Live) -> None:
    document = live_document(live)
    assert live_from(document, live.revision) == live
    assert live_document(replace(live, revision=live.revision + 1)) == document


def test_an_altered_catalog_is_refused() -> None:
    document = catalog_document(load(None))
    form = json.loads(zlib.decompress(document.body))
    form["models"][min(form["models"])]["quality"] = 0.999
    altered = Document(digest=document.digest, kind="catalog", body=zlib.compress(json.dumps(form).encode()))
    with pytest.raises(DocumentInvalid, match="it was altered"):
        catalog_from(altered)


def test_an_altered_policy_is_refused() -> None:
    document = catalog_document(load(None))
    form = json.loads(zlib.decompress(document.body))
    form["policies"]["default"]["low_confidence"] = 0.1
    altered = Document(digest=document.digest, kind="catalog", body=zlib.compress(json.dumps(form).encode()))
    with pytest.raises(DocumentInvalid, match="it was altered"):
        catalog_from(altered)


def test_an_altered_live_view_is_refused() -> None:
    document = live_document(Live())
    altered = Document(digest=document.digest, kind="live", body=zlib.compress(b'{"health":{},"statistics":{},"x":1}'))
    with pytest.raises(DocumentInvalid, match="it was altered"):
        live_from(altered, 1)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"rubbish", "cannot be unpacked"),
        (zlib.compress(b"[]"), "not one whole object"),
        (zlib.compress(b"{}") + b"x", "whole"),
    ],
)
def test_what_is_no_document_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(DocumentInvalid, match=why):
        catalog_from(Document(digest=bytes(32), kind="catalog", body=body))


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(DocumentInvalid, match="is a 'catalog', not a 'live'"):
        live_from(catalog_document(load(None)), 0)


def test_fields_that_older_software_did_not_know_have_their_defaults() -> None:
    catalog = load(None)
    form = json.loads(canonical(catalog))
    for policy in form["policies"].values():
        policy.pop("low_confidence")
    form.pop("budgets")
    form.pop("aliases")
    form.pop("route_sets")
    policies = {name: digest_as("Policy", policy).hex() for name, policy in form["policies"].items()}
    rules = {name: one.digest.hex() for name, one in catalog.rule_sets.items()}
    named = digest_as("Catalog", {**form, "policies": policies, "rule_sets": rules})
    old = catalog_from(Document(digest=named, kind="catalog", body=zlib.compress(canonical(form))))
    assert old.digest == named
    assert {policy.low_confidence for policy in old.policies.values()} == {0.5}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"speed": 1}, "no 'speed'; newer software"),
        ({"weight": "heavy"}, "str where int"),
        ({"weight": True}, "bool where int"),
        ({"protocol": "smoke"}, r"Deployment\.protocol: 'smoke'"),
        ({"timeouts": []}, "list where dict"),
    ],
)
def test_what_is_no_form_of_a_value_is_refused_with_its_place(change: dict[str, object], why: str) -> None:
    form = json.loads(canonical(load(None).deployments[0]))
    with pytest.raises(FormInvalid, match=why):
        decode(Deployment, {**form, **change})


def test_a_missing_field_is_refused_with_its_name() -> None:
    with pytest.raises(FormInvalid, match="'base_url' is missing"):
        decode(Deployment, {"name": "x", "model": "y", "protocol": "openai", "provider": "z"})
