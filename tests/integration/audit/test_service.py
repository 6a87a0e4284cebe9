"""AuditService on every kind of store: who may see what, and that what it says holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest

from controlplane.access.model import Role
from controlplane.audit.decisions import SqlDecisions
from controlplane.audit.merkle import check_consistency, check_inclusion
from controlplane.audit.source import StoreSource
from controlplane.audit.verify import Trust, verify_log
from controlplane.rpc.audit import AuditCommands, AuditServicer
from controlplane.rpc.contents import RecordContents
from controlplane.rpc.erasing import BodyEraser
from controlplane.store.protocols import Statement
from tests.support.audit import log_key
from tests.support.recorded_log import NOON, Written
from turnout.audit.v1 import audit_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Call, Principal
from turnout_wire.tree import leaf_hash


@dataclass(frozen=True, slots=True)
class Calling:
    """The part of a call that this service looks at."""

    principal: Principal


def by(tenant: str = "acme", role: Role = Role.CALLER) -> Call:
    return cast("Call", Calling(Principal(name="me", tenant=tenant, roles=frozenset({role}))))


OPERATOR = by("", Role.OPERATOR)


@pytest.fixture
def service(log: Written) -> AuditServicer:
    eraser = BodyEraser(log.store, log.submit, log.clock, lambda: bytes(16), log.entries.new_id)
    return AuditServicer(
        AuditCommands(
            store=log.store,
            decisions=SqlDecisions(log.store.database),
            erase=eraser,
            keys=log_key().known,
            clock=lambda: NOON + timedelta(hours=1),
        )
    )


def asking(log: Written, number: int = 0, why_not: tuple[str, ...] = ()) -> audit_pb2.GetDecisionRequest:
    return audit_pb2.GetDecisionRequest(decision_id=log.given[number].signed.decision_id, why_not=why_not)


async def test_a_decision_is_explained_from_its_record(service: AuditServicer, log: Written) -> None:
    found = await service.GetDecision(asking(log, why_not=("gpt-4o", "nothing")), OPERATOR)
    assert found.decision.decision_id == log.given[0].signed.decision_id
    assert found.record.decision.payload == log.given[0].signed.payload
    assert not found.explained.difference
    assert len(found.explained.candidates) == len(log.snapshot.catalog.deployments)
    first = next(candidate for candidate in found.explained.candidates if candidate.rank == 1)
    assert first.deployment == found.decision.targets[0].deployment
    assert found.explained.steps
    assert "gpt-4o" in found.explained.why_not[0]
    assert found.explained.why_not[1] == "nothing has no deployment in the catalog"


async def test_what_was_executed_and_held_is_told(service: AuditServicer, log: Written) -> None:
    found = await service.GetDecision(asking(log), OPERATOR)
    (receipt,) = found.receipts
    assert receipt.reporter == "worker-1"
    assert found.cost_nanousd == receipt.receipt.cost_nanousd > 0
    assert found.reservation.state == "settled"
    assert found.reservation.holds[0].account == "daily"
    unused = await service.GetDecision(asking(log, 1), OPERATOR)
    assert not unused.receipts
    assert (unused.reservation.state, unused.reservation.runs_left) == ("open", 1)


async def test_its_inclusion_is_proven(service: AuditServicer, log: Written) -> None:
    proof = (await service.GetDecision(asking(log), OPERATOR)).inclusion
    said = log_key().open(proof.checkpoint)
    assert said.size == proof.tree_size == 62
    check_inclusion(leaf_hash(proof.leaf), proof.leaf_index, said.size, list(proof.path), said.root)


async def test_a_decision_without_its_place_has_no_proof_yet(service: AuditServicer, log: Written) -> None:
    await log.decisions(1)
    found = await service.GetDecision(asking(log, -1), OPERATOR)
    assert not found.HasField("inclusion")


async def test_callers_see_their_own_tenant_alone(service: AuditServicer, log: Written) -> None:
    tenants = [decision_pb2.RouteDecision.FromString(given.signed.payload).tenant for given in log.given[:2]]
    assert tenants == ["umbrella", "acme"]
    assert (await service.GetDecision(asking(log, 1), by("acme"))).decision.tenant == "acme"
    with pytest.raises(Failure, match="NOT_FOUND: no decision"):
        await service.GetDecision(asking(log, 0), by("acme"))


async def test_an_unknown_decision_is_not_found(service: AuditServicer, log: Written) -> None:
    with pytest.raises(Failure, match="NOT_FOUND"):
        await service.GetDecision(audit_pb2.GetDecisionRequest(decision_id=log.entries.new_id(NOON)), OPERATOR)


async def test_erased_decisions_say_so_and_the_log_stays_sound(service: AuditServicer, log: Written) -> None:
    wanted = [given.signed.decision_id for given in log.given[:2]]
    request = audit_pb2.EraseBodiesRequest(decision_ids=wanted, reason="asked by the person")
    done = await service.EraseBodies(request, OPERATOR)
    assert done.erased == 3  # two decisions, one receipt
    assert done.ref
    with pytest.raises(Failure, match="RECORD_ERASED"):
        await service.GetDecision(asking(log), OPERATOR)
    with pytest.raises(Failure, match="NOT_FOUND"):
        await service.GetDecision(asking(log), by("umbrella"))
    await log.sequence()
    found = await verify_log(
        StoreSource(log.store), Trust(keys=log_key().known), RecordContents(None), lambda _, __: None
    )
    assert found.sound
    assert found.erased == 3


async def test_a_request_whose_decision_was_erased_gets_another(service: AuditServicer, log: Written) -> None:
    log.given = log.given[:1]
    (again,) = await log.decisions(1)
    wanted = again.signed.decision_id
    await service.EraseBodies(audit_pb2.EraseBodiesRequest(decision_ids=[wanted], reason="asked"), OPERATOR)
    later = Written(log.store, seed=8)
    later.now, later.given = log.now, log.given[:1]
    (other,) = await later.decisions(1)
    assert other.signed.decision_id != wanted


async def test_everything_before_a_time_is_erased_but_what_explains_the_log(
    service: AuditServicer, log: Written
) -> None:
    request = audit_pb2.EraseBodiesRequest(reason="too old")
    request.before.FromDatetime(NOON + timedelta(minutes=30))
    assert (await service.EraseBodies(request, OPERATOR)).erased == 60
    assert (await service.EraseBodies(request, OPERATOR)).erased == 0
    await log.sequence()
    contents = RecordContents(None)
    found = await verify_log(StoreSource(log.store), Trust(keys=log_key().known), contents, lambda _, __: None)
    assert found.sound
    assert (found.erased, found.bodies) == (60, 4)


async def test_what_retention_removes_is_accounted_for(service: AuditServicer, log: Written) -> None:
    eraser = BodyEraser(log.store, log.submit, log.clock, lambda: bytes(16), log.entries.new_id)
    seqs = [entry.seq for entry in await log.store.entries.in_order(2, 20)]
    assert await eraser.aged(seqs) == 20
    assert await eraser.aged([]) == 0
    await log.sequence()
    contents = RecordContents(None)
    found = await verify_log(StoreSource(log.store), Trust(keys=log_key().known), contents, lambda _, __: None)
    assert found.sound
    assert found.erased == 20


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"reason": "x"}, "name decisions, or a time"), ({"reason": "x", "future": True}, "in the future")],
)
async def test_an_erasure_of_nothing_or_of_the_future_is_refused(
    service: AuditServicer, fields: Mapping[str, Any], why: str
) -> None:
    request = audit_pb2.EraseBodiesRequest(reason=fields["reason"])
    if "future" in fields:
        request.before.FromDatetime(NOON + timedelta(days=1))
    with pytest.raises(Failure, match=why):
        await service.EraseBodies(request, OPERATOR)


async def test_checkpoints_and_proofs_between_them_hold(service: AuditServicer) -> None:
    newest = await service.GetCheckpoint(audit_pb2.GetCheckpointRequest(), by())
    assert newest.tree_size == 62
    assert list(newest.verifier_keys) == [str(log_key().key)]
    first = await service.GetCheckpoint(audit_pb2.GetCheckpointRequest(tree_size=22), by())
    proof = await service.GetConsistencyProof(audit_pb2.GetConsistencyProofRequest(first_size=22), by())
    check_consistency(22, proof.second_size, first.root, newest.root, list(proof.path))
    request = audit_pb2.GetInclusionProofRequest(leaf_index=5, tree_size=22)
    found = (await service.GetInclusionProof(request, by())).inclusion
    check_inclusion(leaf_hash(found.leaf), 5, 22, list(found.path), first.root)


async def test_what_cannot_be_proven_is_refused_and_why(service: AuditServicer) -> None:
    with pytest.raises(Failure, match="no checkpoint of 21 leaves"):
        await service.GetCheckpoint(audit_pb2.GetCheckpointRequest(tree_size=21), by())
    with pytest.raises(Failure, match="the log of 22 leaves has no leaf 22"):
        await service.GetInclusionProof(audit_pb2.GetInclusionProofRequest(leaf_index=22, tree_size=22), by())
    with pytest.raises(Failure, match="it was rolled back"):
        await service.GetConsistencyProof(audit_pb2.GetConsistencyProofRequest(first_size=99), by())


async def test_entries_come_in_pages_in_the_order_of_the_log(service: AuditServicer) -> None:
    indices: list[int] = []
    request = audit_pb2.ListEntriesRequest(page_size=25)
    while True:
        page = await service.ListEntries(request, OPERATOR)
        indices += [entry.leaf_index for entry in page.entries]
        if not page.HasField("next_index"):
            break
        request.first_index = page.next_index
    assert indices == list(range(62))
    assert page.entries[-1].kind == "receipt"


async def test_reconciling_tells_of_unexecuted_decisions(service: AuditServicer) -> None:
    found = await service.Reconcile(audit_pb2.ReconcileRequest(limit=3), OPERATOR)
    assert (found.decisions, found.receipts, found.total, len(found.discrepancies)) == (40, 20, 20, 3)
    assert found.discrepancies[0].kind == "never_executed"


ROWS = [
    # id, minute, tenant, workload, feature, model, reason, result, cost
    ("0a-1", 1, "acme", "support", "chat", "small", "cheapest", "succeeded", 500),
    ("0a-2", 2, "acme", "support", "mail", "large", "override", "failed", 900),
    ("0b-3", 3, "umbrella", "code", "chat", "large", "cheapest", "", 0),
    ("0b-4", 3, "acme", "code", "chat", "small", "cheapest", "succeeded", 100),
]


async def listed(service: AuditServicer, log: Written, call: Call = OPERATOR, **fields: Any) -> list[str]:
    sql = (
        "INSERT INTO decision_row (decision_id, at_us, known, tenant, workload, owner, feature, policy, model, deployment, "
        "reason, result, cost_nanousd, unit, state) VALUES (?, ?, ?, ?, ?, 'team', ?, 'default', ?, 'place', ?, ?, ?, NULL, '')"
    )
    rows = [(one[0], one[1] * 60_000_000, 1, *one[2:]) for one in ROWS]
    rows += [("0c-5", 60_000_000, 0, *ROWS[0][2:])]  # of which only a receipt is known
    await log.store.database.write(
        [Statement(sql="DELETE FROM decision_row", rows=[()]), Statement(sql=sql, rows=rows)]
    )
    page = await service.ListDecisions(audit_pb2.ListDecisionsRequest(filter=audit_pb2.DecisionFilter(**fields)), call)
    return [one.decision_id for one in page.decisions]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["0b-4", "0b-3", "0a-2", "0a-1"]),
        ({"tenant": "acme"}, ["0b-4", "0a-2", "0a-1"]),
        ({"workload": "code"}, ["0b-4", "0b-3"]),
        ({"owner": "team", "feature": "mail"}, ["0a-2"]),
        ({"model": "small", "policy": "default"}, ["0b-4", "0a-1"]),
        ({"reason": "override"}, ["0a-2"]),
        ({"result": "succeeded"}, ["0b-4", "0a-1"]),
        ({"result": "none"}, ["0b-3"]),
        ({"min_cost_nanousd": 500}, ["0a-2", "0a-1"]),
        ({"id_prefix": "0b"}, ["0b-4", "0b-3"]),
        ({"deployment": "elsewhere"}, []),
    ],
)
async def test_decisions_are_found_by_what_is_known_of_them(
    service: AuditServicer, log: Written, fields: Mapping[str, Any], expected: list[str]
) -> None:
    assert await listed(service, log, **fields) == expected


async def test_decisions_are_found_by_time(service: AuditServicer, log: Written) -> None:
    since, until = audit_pb2.DecisionFilter().since, audit_pb2.DecisionFilter().until
    since.FromSeconds(120)
    until.FromSeconds(180)
    assert await listed(service, log, since=since, until=until) == ["0a-2"]


async def test_callers_list_their_own_tenant_alone(service: AuditServicer, log: Written) -> None:
    assert await listed(service, log, by("umbrella")) == ["0b-3"]
    assert await listed(service, log, by("umbrella"), tenant="acme") == []


async def test_pages_of_decisions_go_on_where_the_one_before_ended(service: AuditServicer, log: Written) -> None:
    await listed(service, log)
    found, token = [], ""
    while True:
        request = audit_pb2.ListDecisionsRequest(page_size=1, page_token=token)
        page = await service.ListDecisions(request, OPERATOR)
        found += [one.decision_id for one in page.decisions]
        token = page.next_page_token
        if not token:
            break
    assert found == ["0b-4", "0b-3", "0a-2", "0a-1"]
    with pytest.raises(Failure, match="PAGE_TOKEN_INVALID"):
        await service.ListDecisions(audit_pb2.ListDecisionsRequest(page_token="rubbish"), OPERATOR)
