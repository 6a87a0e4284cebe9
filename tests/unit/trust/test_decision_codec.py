"""Decisions are read strictly and completely."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from controlplane.budget.model import Budget, BudgetName, Measure, Window
from controlplane.rpc.decision_codec import MOST_ACCOUNTS
from dataplane.permit.model import PermittedDecision
from dataplane.permit.presented import Presented
from dataplane.permit.refusal import Refusal, RefusalReason
from dataplane.rpc.decision_codec import presented
from dataplane.wiring import FEATURES
from tests.conformance.vectors import reader
from tests.property.decision.runs import sealed
from tests.support.catalogs import catalog, snapshot
from tests.support.decisions import decided
from tools.envelope_cases import BODY, CONTENT_TYPE, ISSUER, LIFE, NOW, decision, encoded, limits, sealed_decision
from turnout.inference.v1.payload_pb2 import Payload
from turnout.routing.v1.decision_pb2 import Limits, RouteDecision
from turnout.trust.v1.envelope_pb2 import Envelope, Signature


def refusal(message: RouteDecision) -> str:
    found = reader()(encoded(message))
    assert isinstance(found, Refusal)
    assert found.reason is RefusalReason.DECISION_MALFORMED
    return found.message


def test_every_field_arrives() -> None:
    message = decision(
        required_features=["escalation"],
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        snapshot_version=7,
        request_id="r-1",
    )
    read = reader()(encoded(message))
    assert isinstance(read, PermittedDecision)
    assert (read.decision_id, read.issuer, read.audiences) == (
        message.decision_id,
        ISSUER,
        frozenset({"default", "batch"}),
    )
    assert (read.tenant, read.presenter) == ("acme", "billing")
    assert (read.issued_at, read.expires_at) == (NOW, NOW + LIFE)
    assert read.request_digest == message.request_digest
    assert [(it.deployment, it.model, it.provider, it.cost_nanousd, it.input_tokens, it.output_tokens) for it in read.targets] == [
        ("openai/gpt-4o-mini", "gpt-4o-mini", "openai", 21_000, 12, 30),
        ("anthropic/claude-3-5-haiku", "claude-3-5-haiku", "anthropic", 21_000, 12, 30),
    ]  # fmt: skip
    assert (read.limits.max_attempts, read.limits.max_output_tokens, read.limits.max_runs) == (3, 1024, 1)
    assert (read.limits.deadline, read.limits.max_cost_nanousd) == (timedelta(seconds=30), 0)
    assert (read.required_features, read.traceparent) == (frozenset({"escalation"}), message.traceparent)
    assert (read.snapshot_version, read.reason, read.workload, read.request_id) == (7, "cheapest", "default", "r-1")


def planned(*budgets: Budget) -> PermittedDecision:
    """A decision under these budgets, as a worker reads it."""
    shown = snapshot(catalog(budgets=budgets))
    read = reader()(sealed(decided(of=shown.catalog), shown))
    assert isinstance(read, PermittedDecision)
    return read


def test_what_is_held_arrives_and_only_workers_that_know_of_it_may_run_it() -> None:
    money = Budget(name=BudgetName("daily"), limit=10**12, window=Window.DAY)
    read = planned(money)
    dearest = [target.max_cost_nanousd for target in read.targets]
    assert min(dearest) > 0
    assert read.limits.reserved_nanousd == sum(dearest)
    assert read.required_features == {"reservation"} <= FEATURES


def test_where_no_budget_counts_money_each_target_may_be_called() -> None:
    read = planned(Budget(name=BudgetName("rate"), limit=600, window=Window.MINUTE, measure=Measure.REQUESTS))
    assert read.limits.reserved_nanousd == sum(target.max_cost_nanousd for target in read.targets)


def test_without_budgets_a_worker_need_not_know_of_them() -> None:
    read = planned()
    assert (read.limits.reserved_nanousd, read.required_features) == (None, frozenset())


def test_no_more_accounts_are_named_than_a_decision_may() -> None:
    many = [Budget(name=BudgetName(f"b{number:03}"), limit=10**12) for number in range(MOST_ACCOUNTS + 1)]
    assert planned(*many).limits.reserved_nanousd


def test_times_are_cut_to_microseconds() -> None:
    read = reader()(encoded(decision(issued_at=Timestamp(seconds=1, nanos=1999))))
    assert isinstance(read, PermittedDecision)
    assert read.issued_at == datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "time",
    [
        Timestamp(seconds=-1),
        Timestamp(nanos=1_000_000_000),
        Timestamp(nanos=-1),
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=2**63 - 1),
    ],
)
def test_a_time_out_of_range_is_refused(time: Timestamp) -> None:
    assert "issued_at" in refusal(decision(issued_at=time))


@pytest.mark.parametrize(
    "span",
    [
        Duration(),
        Duration(nanos=999),
        Duration(seconds=-1),
        Duration(seconds=1, nanos=-1),
        Duration(nanos=1_000_000_000),
        Duration(seconds=2**62),
    ],
)
def test_a_deadline_out_of_range_is_refused(span: Duration) -> None:
    bounds = Limits()
    bounds.CopyFrom(limits())
    bounds.deadline.CopyFrom(span)
    assert "limits.deadline" in refusal(decision(limits=bounds))


@pytest.mark.parametrize(
    "decision_id",
    [
        "",
        "b5b47f5c-9bd5-4a8e-8d3c-3a6f1f0f5d11",
        "019BC186-DE00-7000-8000-000000000001",
        "019bc186-de00-7000-0000-000000000001",
        "019bc186de0070008000000000000001",
    ],
)
def test_an_id_that_is_no_uuid7_in_lower_case_is_refused(decision_id: str) -> None:
    assert "decision_id" in refusal(decision(decision_id=decision_id))


def test_the_broken_rule_is_named() -> None:
    assert "limits.max_runs: must be greater than 0" in refusal(decision(limits=limits(max_runs=11)))


def test_what_is_not_protobuf_is_refused() -> None:
    found = reader()(b"\xff\xff\xff")
    assert isinstance(found, Refusal)
    assert "cannot be parsed" in found.message


def test_text_that_is_not_utf8_is_refused() -> None:
    assert isinstance(reader()(encoded(decision(request_id="")) + b"\xba\x01\x01\xff"), Refusal)


def test_a_presentation_is_what_came() -> None:
    good = sealed_decision()
    signatures = [Signature(key_id=it.key_id, value=it.value) for it in good.signatures]
    envelope = Envelope(payload_type=good.payload_type, payload=good.payload, signatures=signatures)
    found = presented(envelope, Payload(content_type=CONTENT_TYPE, body=BODY), tenant="acme", presenter="billing")
    assert isinstance(found, Presented)
    assert (found.sealed.payload_type, found.sealed.payload) == (good.payload_type, good.payload)
    assert found.sealed.signatures == good.signatures
    assert (found.content_type, found.body, found.tenant, found.presenter) == (CONTENT_TYPE, BODY, "acme", "billing")
