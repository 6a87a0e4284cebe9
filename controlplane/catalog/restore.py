"""Catalogs as documents of the audit log, and back: what a decision was made on can be read again as it was."""

import json
import zlib
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from controlplane.audit.model import Document
from controlplane.catalog.canonical import canonical, digest_as
from controlplane.catalog.decode import FormInvalid, decode
from controlplane.snapshot.model import Catalog

KIND: Final = "catalog"
MAX_BYTES = 256 << 20
"""What a document may be when it is unpacked."""


class DocumentInvalid(Exception):
    """A document is not what its digest or its kind says; the message says why."""


def catalog_document(catalog: Catalog) -> Document:
    """The whole catalog: its canonical form with policies, rule sets and route sets in full, compressed by zlib, under its digest."""
    return Document(digest=catalog.digest, kind=KIND, body=zlib.compress(canonical(catalog)))


def catalog_from(document: Document) -> Catalog:
    """The catalog that `catalog_document` was given, with all its digests. Raises DocumentInvalid."""
    form = unpacked(document, KIND)
    try:
        catalog = decode(Catalog, form)
    except FormInvalid as error:
        raise DocumentInvalid(f"the catalog {document.digest.hex()} cannot be read: {error}") from error
    policies, rule_sets = _digests(form, "policies", "Policy"), _digests(form, "rule_sets", "RuleSet")
    route_sets = _digests(form, "route_sets", "RouteSet")
    found = digest_as("Catalog", _by_digest(form, policies=policies, rule_sets=rule_sets, route_sets=route_sets))
    if found != document.digest:
        raise DocumentInvalid(
            f"the catalog kept as {document.digest.hex()} has the digest {found.hex()}: it was altered"
        )
    return replace(
        catalog,
        digest=found,
        policies=MappingProxyType(
            {name: replace(policy, digest=policies[name]) for name, policy in catalog.policies.items()}
        ),
        rule_sets=MappingProxyType(
            {name: replace(rules, digest=rule_sets[name]) for name, rules in catalog.rule_sets.items()}
        ),
        route_sets=MappingProxyType(
            {name: replace(routes, digest=route_sets[name]) for name, routes in catalog.route_sets.items()}
        ),
    )


def unpacked(document: Document, kind: str) -> dict[str, Any]:
    """The JSON object in a document. Raises DocumentInvalid."""
    if document.kind != kind:
        raise DocumentInvalid(f"the document {document.digest.hex()} is a {document.kind!r}, not a {kind!r}")
    packed = zlib.decompressobj()
    try:
        form = json.loads(packed.decompress(document.body, MAX_BYTES))
    except (zlib.error, ValueError) as error:
        raise DocumentInvalid(f"the {kind} {document.digest.hex()} cannot be unpacked: {error}") from error
    if not isinstance(form, dict) or not packed.eof or packed.unused_data:
        raise DocumentInvalid(f"the {kind} {document.digest.hex()} is not one whole object")
    return form


def _digests(form: dict[str, Any], section: str, kind: str) -> dict[str, bytes]:
    """Digests of what was written, so that they hold for what older software wrote too."""
    return {name: digest_as(kind, entry) for name, entry in form.get(section, {}).items()}


def _by_digest(form: dict[str, Any], **digests: dict[str, bytes]) -> dict[str, Any]:
    """The form that the digest of a catalog is taken of: see `catalog_digest`."""
    short = {name: {one: digest.hex() for one, digest in found.items()} for name, found in digests.items()}
    return {name: section for name, section in {**form, **short}.items() if name not in _LEFT_OUT or section}


_LEFT_OUT = frozenset({"budgets", "aliases", "route_sets"})
"""Sections that have no part in the digest where they are empty."""
