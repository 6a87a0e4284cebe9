"""The canonical form of configuration values, and its digest: independent of order and comments in the file."""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from controlplane.catalog.model import Deployment, Model
from controlplane.snapshot.model import Catalog


def canonical(value: object) -> bytes:
    """UTF-8 JSON of `value`, without blanks and with sorted names.

    Values are plain: money and counts as integers, durations as integer microseconds, days as YYYY-MM-DD, sets as
    sorted lists, fractions in the shortest decimal form that gives the same double. What is no configuration is left out:
    see NO_CONFIGURATION.
    Raises TypeError for anything that configuration does not consist of.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: object) -> bytes:
    """SHA-256 of the canonical form, under the name of its type, so that no two kinds share a digest."""
    return digest_as(type(value).__name__, value)


def digest_as(kind: str, value: object) -> bytes:
    """The digest of a value, or of its plain form, of the type `kind`."""
    return digest_of(kind, canonical(value))


def digest_of(kind: str, form: bytes) -> bytes:
    """The digest of a value of the type `kind` whose canonical form is `form`."""
    return hashlib.sha256(b"turnout.%b.v1\0%b" % (kind.encode(), form)).digest()


def catalog_digest(catalog: Catalog) -> bytes:
    """SHA-256 of the canonical form of a catalog, in which policies, rule sets and route sets stand by their own digests.

    One without budgets, aliases or route sets has the digest that it had before there were any.
    """
    form: dict[str, object] = {
        "models": catalog.models,
        "deployments": catalog.deployments,
        "workloads": catalog.workloads,
        "policies": {name: policy.digest.hex() for name, policy in catalog.policies.items()},
        "rule_sets": {name: rule_set.digest.hex() for name, rule_set in catalog.rule_sets.items()},
    }
    if catalog.budgets:
        form["budgets"] = catalog.budgets
    if catalog.aliases:
        form["aliases"] = catalog.aliases
    if catalog.route_sets:
        form["route_sets"] = {name: routes.digest.hex() for name, routes in catalog.route_sets.items()}
    return digest_as("Catalog", form)


def etag(value: Model | Deployment) -> str:
    """The digest of an entry, in hexadecimal."""
    return digest(value).hex()


NO_CONFIGURATION = frozenset({"digest", "learned"})
"""Names of fields that are made from configuration or kept beside it."""

_AS_IT_IS = frozenset({str, int, bool, type(None)})


def _plain(value: object) -> object:
    kind: Any = type(value)
    if kind in _AS_IT_IS:
        return value
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(kind)}
    match value:
        case StrEnum():
            return value.value
        case float():
            # Without the sign of -0, which equals 0.
            return value + 0.0
        case tuple() | list():
            return [_plain(item) for item in value]
        case Set():
            return sorted(str(_plain(item)) for item in value)
        case Mapping():
            return {str(_plain(name)): _plain(item) for name, item in value.items()}
        case timedelta():
            return value // timedelta(microseconds=1)
        case date():
            return value.isoformat()
    raise TypeError(f"{kind.__name__} has no canonical form")


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in NO_CONFIGURATION)
