"""Parts of a provider's JSON by the type that they must have; anything else counts as absent."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

NOTHING: Mapping[str, object] = MappingProxyType({})


def as_object(value: object) -> Mapping[str, object]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else NOTHING


def as_list(value: object) -> Sequence[object]:
    """An array, or an empty one."""
    return value if isinstance(value, list) else ()


def as_text(value: object) -> str:
    """A string, or an empty one."""
    return value if isinstance(value, str) else ""


def as_count(value: object) -> int:
    """A whole number from 0 on, or 0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
