"""Field masks: which fields of an entry a change means."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any, TypeVar

from controlplane.catalog.document.read import nearest
from controlplane.catalog.model import Deployment, Model
from turnout_wire.failure import Failure

E = TypeVar("E", Model, Deployment)

IGNORED = frozenset({"name", "etag", "managed_by"})
"""Fields of the message that no mask changes: what is found by it, what is made, and who keeps it."""


def masked(old: E, new: E, mask: Collection[str], nested: Collection[str]) -> E:
    """`old` with the fields of `new` that `mask` names; all of them if it is empty or `*`.

    A field in `nested` may be named with one of its own fields, such as `price.input_nanousd_per_mtok`. Raises Failure
    INVALID_FIELD for a path that names no field.
    """
    if not mask or "*" in mask:
        return new
    result = old
    for path in sorted(set(mask) - IGNORED):
        name, _, inner = path.partition(".")
        value = getattr(new, _known(name, new, path))
        if inner:
            if name not in nested:
                raise _unknown(path, nested)
            value = replace(getattr(result, name), **{inner: getattr(value, _known(inner, value, path))})
        result = replace(result, **{name: value})
    return result


def _known(name: str, value: Any, path: str) -> str:
    names = [field.name for field in fields(value)]
    if name not in names:
        raise _unknown(path, names)
    return name


def _unknown(path: str, known: Collection[str]) -> Failure:
    way_out = nearest(path.rpartition(".")[2], known, noun="field")
    return Failure("INVALID_FIELD", f"`{path}` is no field that can be changed: {way_out}", field="update_mask")
