"""Closed sets between the contract and plain values: one table each, by name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from controlplane.catalog.model import Capability, Complexity, Domain, ManagedBy, TaskType, WireProtocol
from controlplane.decision.model import Exclusion, Notice, Operation, ReasonCode
from turnout.catalog.v1 import catalog_pb2
from turnout.routing.v1 import decision_pb2, routing_pb2

Value = TypeVar("Value", bound=StrEnum)


def numbers(values: type[Value], wire: Any, prefix: str) -> Mapping[Value, Any]:
    """Number of each value. Raises ValueError if the contract lacks one, when the process starts."""
    return {value: wire.Value(f"{prefix}_{value.name}") for value in values}


CAPABILITY = numbers(Capability, catalog_pb2.Capability, "CAPABILITY")
TASK_TYPE = numbers(TaskType, catalog_pb2.TaskType, "TASK_TYPE")
COMPLEXITY = numbers(Complexity, catalog_pb2.Complexity, "COMPLEXITY")
DOMAIN = numbers(Domain, catalog_pb2.Domain, "DOMAIN")
PROTOCOL = numbers(WireProtocol, catalog_pb2.Protocol, "PROTOCOL")
MANAGED_BY = numbers(ManagedBy, catalog_pb2.ManagedBy, "MANAGED_BY")
REASON_CODE = numbers(ReasonCode, decision_pb2.ReasonCode, "REASON_CODE")
NOTICE = numbers(Notice, decision_pb2.Notice, "NOTICE")
EXCLUSION = numbers(Exclusion, routing_pb2.Exclusion, "EXCLUSION")
OPERATION = numbers(Operation, routing_pb2.Operation, "OPERATION")

CAPABILITIES = {number: value for value, number in CAPABILITY.items()}
TASK_TYPES = {number: value for value, number in TASK_TYPE.items()}
COMPLEXITIES = {number: value for value, number in COMPLEXITY.items()}
DOMAINS = {number: value for value, number in DOMAIN.items()}
PROTOCOLS = {number: value for value, number in PROTOCOL.items()}
OPERATIONS = {number: value for value, number in OPERATION.items()}
