"""Servicers under the names that the contract gives their services."""

from collections.abc import Mapping

from google.protobuf.descriptor import FileDescriptor

from turnout.access.v1 import access_pb2
from turnout.audit.v1 import audit_pb2
from turnout.budget.v1 import budget_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.insight.v1 import insight_pb2
from turnout.job.v1 import job_pb2
from turnout.outcome.v1 import outcome_pb2
from turnout.routing.v1 import routing_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import keys_pb2
from turnout_wire.server import Service

_FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        routing_pb2,
        catalog_pb2,
        budget_pb2,
        audit_pb2,
        snapshot_pb2,
        job_pb2,
        outcome_pb2,
        insight_pb2,
        keys_pb2,
        access_pb2,
    )
)


def services(servicers: Mapping[str, object]) -> list[Service]:
    """A service for each servicer, by the contract's name such as `RoutingService`.

    Raises KeyError for a service of the control plane that has no servicer: what the contract promises must be there.
    """
    return [
        Service(descriptor=descriptor, servicer=servicers[name])
        for file in _FILES
        for name, descriptor in file.services_by_name.items()
    ]
