"""Hints and constraints as people write them, as the contract's DecideRouteRequest."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import routing_pb2
from turnout_client.invalid import invalid, naming
from turnout_client.money import nanousd
from turnout_client.words import Capability, Complexity, Protocol, TaskType, Word, numbers
from turnout_wire.times import duration

Request = routing_pb2.DecideRouteRequest
Setting = Callable[[Request, Any], None]

_TASK_TYPES = numbers(TaskType, catalog_pb2.TaskType, "TASK_TYPE")
_COMPLEXITIES = numbers(Complexity, catalog_pb2.Complexity, "COMPLEXITY")
_CAPABILITIES = numbers(Capability, catalog_pb2.Capability, "CAPABILITY")
_PROTOCOLS = numbers(Protocol, catalog_pb2.Protocol, "PROTOCOL")


def route_request(options: Mapping[str, Any]) -> Request:
    """A request without its content and its id. Raises InvalidRequest."""
    request = Request()
    for name, value in options.items():
        if value is not None:
            with naming(name):
                ROUTE_SETTINGS[name](request, value)
    return request


def _number(words: Mapping[Word, int], value: object, field: str) -> Any:
    for word, number in words.items():
        if word == value:
            return number
    raise invalid(field, f"write one of {', '.join(words)}, not {value!r}")


def _task_type(request: Request, value: str) -> None:
    request.hints.task_type = _number(_TASK_TYPES, value, "task_type")


def _complexity(request: Request, value: str) -> None:
    request.hints.complexity = _number(_COMPLEXITIES, value, "complexity")


def _labels(request: Request, labels: Mapping[str, str]) -> None:
    request.hints.labels.update(labels)


def _capabilities(request: Request, values: Iterable[str]) -> None:
    request.constraints.capabilities.extend(_number(_CAPABILITIES, value, "capabilities") for value in _names(values))


def _protocols(request: Request, values: Iterable[str]) -> None:
    request.constraints.protocols.extend(_number(_PROTOCOLS, value, "protocols") for value in _names(values))


def _max_cost_usd(request: Request, value: Any) -> None:
    request.constraints.max_cost_nanousd = nanousd(value)


def _max_latency(request: Request, value: timedelta | float) -> None:
    request.constraints.max_latency.CopyFrom(
        duration(value if isinstance(value, timedelta) else timedelta(seconds=value))
    )


def _names(values: Iterable[str]) -> list[str]:
    if isinstance(values, str):
        raise TypeError("write a list, not one string")
    return list(values)


def _hint(name: str) -> Setting:
    return lambda request, value: setattr(request.hints, name, value)


def _constraint(name: str) -> Setting:
    return lambda request, value: getattr(request.constraints, name).extend(_names(value))


def _min_quality(request: Request, value: float) -> None:
    request.constraints.min_quality = value


def _field(name: str) -> Setting:
    return lambda request, value: setattr(request, name, value)


HINT_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        **{name: _hint(name) for name in ("workload", "feature", "endpoint")},
        "labels": _labels,
        "task_type": _task_type,
        "complexity": _complexity,
    }
)
"""How each hint is written into a request."""

ROUTE_SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        **HINT_SETTINGS,
        "min_quality": _min_quality,
        "max_cost_usd": _max_cost_usd,
        "max_latency": _max_latency,
        **{
            name: _constraint(name)
            for name in ("providers", "excluded_providers", "regions", "models", "excluded_models", "tiers")
        },
        "capabilities": _capabilities,
        "protocols": _protocols,
        **{name: _hint(name) for name in ("session", "user")},
        **{name: _field(name) for name in ("model", "policy", "pool", "max_runs", "request_id")},
    }
)
"""How each option is written into a request; a test compares the names with RouteOptions."""
