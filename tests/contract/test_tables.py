"""The tables of the code agree with the contract."""

import pytest
from google.protobuf.descriptor import ServiceDescriptor

from controlplane.rpc.access import ACCESS as CONTROL_ACCESS
from dataplane.rpc.access import ACCESS as WORKER_ACCESS
from turnout.access.v1 import access_pb2
from turnout.audit.v1 import audit_pb2
from turnout.budget.v1 import budget_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.errors.v1 import reason_pb2
from turnout.inference.v1 import inference_pb2
from turnout.insight.v1 import insight_pb2
from turnout.job.v1 import job_pb2
from turnout.outcome.v1 import outcome_pb2
from turnout.routing.v1 import routing_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import keys_pb2
from turnout_wire.failure import CODES
from turnout_wire.layers import Access, Rule
from turnout_wire.server import method_of

CONTROL = [
    service
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
    for service in module.DESCRIPTOR.services_by_name.values()
]
WORKER = list(inference_pb2.DESCRIPTOR.services_by_name.values())


def methods(services: list[ServiceDescriptor]) -> set[str]:
    return {method_of(method).name for service in services for method in service.methods}


def test_every_method_of_the_control_plane_has_its_rule_and_no_rule_is_left_over() -> None:
    assert methods(CONTROL) == set(CONTROL_ACCESS)


def test_every_method_of_the_worker_has_its_rule_and_no_rule_is_left_over() -> None:
    assert methods(WORKER) == set(WORKER_ACCESS)


def test_no_method_is_open_to_callers_without_a_role() -> None:
    assert [name for name, rule in {**CONTROL_ACCESS, **WORKER_ACCESS}.items() if not rule.roles] == []


def test_only_streams_that_last_as_long_as_their_worker_have_no_deadline() -> None:
    without = [name for name, rule in {**CONTROL_ACCESS, **WORKER_ACCESS}.items() if not rule.deadline]
    assert without == ["turnout.snapshot.v1.SnapshotService/StreamSnapshots", "turnout.job.v1.JobService/StreamJobs"]


def test_a_method_that_the_table_lacks_cannot_be_served() -> None:
    method = method_of(WORKER[0].methods[0])
    access = Access({"another/Method": Rule(roles=frozenset({"caller"}))}, lambda _: None)

    async def handler(request: object, call: object) -> None:
        raise AssertionError

    with pytest.raises(KeyError):
        access.wrap(method, handler)


def test_every_public_reason_has_a_code_and_the_contract_names_the_same_one() -> None:
    contract = {value.name.removeprefix("REASON_") for value in reason_pb2.Reason.DESCRIPTOR.values if value.number}
    assert contract == set(CODES)
