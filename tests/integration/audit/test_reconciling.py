"""Decisions against executions, bills against usage."""

from collections import Counter
from datetime import datetime, timedelta

from controlplane.audit.source import StoreSource
from controlplane.journal.model import Append
from controlplane.rpc.reconcile import Discrepancy, Reconciled, Reconciliation
from tests.support.recorded_log import NOON, Written

LATER = NOON + timedelta(hours=1)


async def reconciled(log: Written, *, now: datetime = LATER, since: datetime | None = None) -> Reconciled:
    source = StoreSource(log.store)
    newest = await source.newest()
    assert newest is not None
    return await Reconciliation(source.documents, now=now, since=since).run(source.entries(newest.size))


def kinds(found: Reconciled) -> dict[str, int]:
    return dict(Counter(one.kind.value for one in found.discovered))


async def test_executed_decisions_fit_and_the_others_are_named(log: Written) -> None:
    found = await reconciled(log)
    assert (found.decisions, found.receipts, found.open) == (40, 20, 0)
    assert kinds(found) == {"never_executed": 20}
    assert found.stated_nanousd == found.worked_out_nanousd > 0
    expected = {given.signed.decision_id for given in log.given[1::2]}
    assert {one.decision_id for one in found.discovered} == expected


async def test_decisions_that_still_hold_are_not_missed(log: Written) -> None:
    found = await reconciled(log, now=NOON)
    assert found.open == 20
    assert not found.discovered


async def test_a_bill_that_is_not_usage_times_price_is_found(log: Written) -> None:
    await log.receipt(log.given[1], cost=123)
    await log.sequence()
    (drift,) = [one for one in (await reconciled(log)).discovered if one.kind is Discrepancy.BILL_DRIFT]
    assert drift.decision_id == log.given[1].signed.decision_id
    assert "states 123 n$, and its usage comes to" in drift.detail
    assert drift.nanousd < 0


async def test_a_call_off_the_plan_is_found(log: Written) -> None:
    await log.receipt(log.given[1], deployment="nowhere/model")
    await log.sequence()
    (found,) = [one for one in (await reconciled(log)).discovered if one.kind is Discrepancy.OFF_PLAN]
    assert "called" in found.detail
    assert "nowhere/model" in found.detail


async def test_more_runs_than_the_decision_allows_are_found(log: Written) -> None:
    await log.receipt(log.given[0])
    await log.sequence()
    (found,) = [one for one in (await reconciled(log)).discovered if one.kind is Discrepancy.TOO_MANY_RUNS]
    assert found.detail == "run 2, and the decision allows 1"
    assert found.nanousd > 0


async def test_an_execution_whose_decision_is_only_known_from_its_receipt_is_found(log: Written) -> None:
    other = Written(log.store, seed=9)
    given = other.receipt_of(log.given[3])
    given.decision_id = other.entries.new_id(NOON)
    adopted = other.entries.adopted(given)
    await other.submit(Append(entry=adopted))
    await log.sequence()
    found = await reconciled(log)
    assert kinds(found)["decision_unknown"] == 1


async def test_a_receipt_that_was_not_taken_is_found(log: Written) -> None:
    receipt = log.receipt_of(log.given[1])
    receipt.decision_id = log.entries.new_id(NOON)
    await log.submit(Append(entry=log.entries.stray(receipt, "worker-1", "DECISION_UNKNOWN")))
    await log.sequence()
    (found,) = [one for one in (await reconciled(log)).discovered if one.kind is Discrepancy.DECISION_UNKNOWN]
    assert found.detail == "worker-1 reported it, and it was not taken: DECISION_UNKNOWN"


async def test_a_receipt_whose_decision_has_its_place_after_it_fits(log: Written) -> None:
    await log.store.database.write([])
    late = Written(log.store, seed=5)
    late.given = list(log.given)
    (given,) = await late.decisions(1)
    await late.receipt(given)
    found = await reconciled(log)
    assert "decision_unknown" not in kinds(found)


async def test_what_was_erased_is_counted_and_not_taken_for_missing(log: Written) -> None:
    stored = await log.store.entries.get("decision", log.given[0].signed.decision_id)
    assert stored is not None
    await log.store.entries.erase([stored.seq])
    found = await reconciled(log)
    assert found.unreadable == 1
    assert kinds(found) == {"never_executed": 20}


async def test_only_what_is_young_enough_is_compared(log: Written) -> None:
    assert (await reconciled(log, since=LATER)).decisions == 0
