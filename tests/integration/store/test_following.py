"""Figures follow a real log: records as a control plane writes them, sequenced, folded by whoever leads."""

import asyncio
from datetime import UTC, datetime

from controlplane.audit.model import Entry, Kind
from controlplane.insight.following import Following
from controlplane.insight.report import Dimension, window
from controlplane.journal.model import Append, Issue
from controlplane.rpc.record_facts import told_by
from controlplane.store.protocols import Checkpoint, Store
from turnout.audit.v1 import record_pb2
from turnout.catalog.v1 import catalog_pb2
from turnout.outcome.v1 import receipt_pb2
from turnout.routing.v1 import decision_pb2

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECISION, RECEIPT = "01939e6e-0000-7000-8000-000000000001", "01939e6e-0000-7000-8000-000000000002"


def entry(kind: Kind, ref: str, body: bytes) -> Entry:
    """About the decision."""
    return Entry(kind=kind, ref=ref, decision_id=DECISION, at=NOW, salt=b"", body=body)


def decision() -> bytes:
    """A decision with a baseline and a feature."""
    made = decision_pb2.RouteDecision(decision_id=DECISION, tenant="acme", presenter="app", workload="support")
    made.issued_at.FromDatetime(NOW)
    made.targets.add(deployment="small-a", model="small", provider="p")
    made.reason.code = decision_pb2.REASON_CODE_CHEAPEST
    made.reason.notices.append(decision_pb2.NOTICE_LOW_CONFIDENCE)
    made.classification.task_type = catalog_pb2.TASK_TYPE_CODE
    made.classification.complexity = catalog_pb2.COMPLEXITY_EXPERT
    made.classification.confidence_ppm = 400_000
    made.baseline.price.input_nanousd_per_mtok = 10**9
    made.baseline.price.output_nanousd_per_mtok = 10**9
    record = record_pb2.DecisionRecord(owner="team-a")
    record.decision.payload = made.SerializeToString()
    record.asked.hints.feature = "search\x00"
    return record.SerializeToString()


def receipt() -> bytes:
    """The first target failed, the second answered."""
    record = record_pb2.ReceiptRecord()
    told = record.receipt
    told.result, told.cost_nanousd = receipt_pb2.RUN_RESULT_SUCCEEDED, 700
    told.started_at.FromDatetime(NOW)
    told.duration.FromMilliseconds(1500)
    told.time_to_first_token.FromMilliseconds(300)
    told.attempts.add(deployment="small-a", model="small", outcome=receipt_pb2.ATTEMPT_OUTCOME_THROTTLED)
    answer = told.attempts.add(deployment="large-a", model="large", outcome=receipt_pb2.ATTEMPT_OUTCOME_SUCCEEDED)
    answer.usage.input_tokens, answer.usage.output_tokens, answer.cost_nanousd = 900, 100, 700
    return record.SerializeToString()


async def written(store: Store) -> None:
    """A decision, its receipt, feedback and a refusal, with places in the log."""
    feedback = record_pb2.FeedbackRecord(decision_id=DECISION, source="app", quality_ppm=500_000, label="corrected")
    refusal = record_pb2.RefusalRecord(reason="BUDGET_EXHAUSTED", tenant="acme", workload="support")
    await store.writer.run(
        [
            Issue(entry=entry(Kind.DECISION, DECISION, decision())),
            Append(entry=entry(Kind.RECEIPT, RECEIPT, receipt())),
            Append(entry=entry(Kind.FEEDBACK, "f", feedback.SerializeToString())),
            Append(entry=entry(Kind.REFUSAL, "r", refusal.SerializeToString())),
            Append(entry=entry(Kind.ALERT, "a", b"{}")),
            Append(entry=entry(Kind.REFUSAL, "bad", b"\xff")),
        ]
    )
    waiting = await store.tree.unsequenced(10)
    leaves = [(each.seq, bytes(32)) for each in waiting]
    await store.tree.extend(0, leaves, [], Checkpoint(size=len(leaves), root=bytes(32), at=NOW, note="note"))


async def test_the_one_that_leads_folds_and_every_other_answers(store: Store) -> None:
    await written(store)
    turns = asyncio.Queue[float]()

    async def sleep(seconds: float) -> None:
        await turns.put(seconds)
        await asyncio.sleep(0)

    leading = False
    following = Following(
        store, told_by, leading=lambda: leading, clock=lambda: NOW, erase=store.entries.erase, sleep=sleep
    )
    task = asyncio.create_task(following.run())
    await turns.get()
    assert (await following.progress())[0].behind == 6
    leading = True
    while (await following.progress())[0].behind:
        await turns.get()
    task.cancel()
    report = await following.reports.report(
        window(NOW, NOW.replace(hour=13), NOW), [Dimension.MODEL, Dimension.FEATURE], {}
    )
    assert (("large", "search"), 1) in [(group, figures["decided"]) for group, figures in report.rows]
    totals = report.totals
    assert (totals["successful"], totals["fallbacks"], totals["calls"], totals["failed_calls"]) == (1, 1, 2, 1)
    assert (totals["cost_nanousd"], totals["baseline_nanousd"], totals["low_confidence"]) == (700, 1_000_000, 1)
    assert (totals["quality_ppm"], totals["latency_us"], totals["first_token_us"]) == (500_000, 1_500_000, 300_000)
    assert totals.tallied("refusal") == [("BUDGET_EXHAUSTED", 1)]
    assert (await following.progress())[1] == {"unreadable": 1}
