"""Who may call what; a method that is not here cannot be served, and a test compares this with the contract."""

from collections.abc import Mapping
from types import MappingProxyType

from turnout_wire.layers import Rule

_CALL = Rule(roles=frozenset({"caller"}))

ACCESS: Mapping[str, Rule] = MappingProxyType(
    {
        "turnout.inference.v1.InferenceService/Generate": _CALL,
        "turnout.inference.v1.InferenceService/StreamGenerate": _CALL,
    }
)
