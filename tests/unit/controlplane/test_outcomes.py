"""Taking receipts, and what decisions learn from them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.audit.model import Kind
from controlplane.budget.model import Account, AccountId, Balance, Hold, Measure, Reservation, Used
from controlplane.catalog.model import DeploymentName
from controlplane.journal.model import Issue
from controlplane.outcome.commands import Report, ReportReceipts, Taken, rejection, timings, used_by
from controlplane.outcome.live import HealthReport, LiveView, Timing, peak
from controlplane.outcome.lost import LostReceipts
from controlplane.outcome.model import AttemptFacts, Decided, ReceiptFacts, StartedRun
from controlplane.outcome.shared_views import from_json, to_json
from controlplane.outcome.sight import Sight
from controlplane.snapshot.holder import SnapshotHolder, Version
from controlplane.snapshot.model import Headroom, Health, HealthState, Room, Streamed, Whole
from tests.support.books import MemoryJournal, entry
from tests.support.catalogs import catalog
from turnout_wire.failure import Failure

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAME = DeploymentName("openai/gpt-4o")
OTHER = DeploymentName("openai/gpt-4o-mini")


def everything(_: DeploymentName) -> bool:
    return True


def state(kind: HealthState, until: datetime | None = None) -> HealthReport:
    return HealthReport(deployment=NAME, health=Health(state=kind, until=until))


def timing(seconds: float, name: DeploymentName = NAME) -> Timing:
    span = timedelta(seconds=seconds)
    return Timing(deployment=name, latency=span, time_to_first_token=span / 2)


# --- health ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HealthState)
def test_one_workers_word_is_all_there_is(kind: HealthState) -> None:
    view = LiveView()
    view.report("w-1", [state(kind)], NOW)
    assert view.merged(everything, NOW).health[NAME].state is kind


def test_a_deployment_is_as_healthy_as_the_healthiest_worker_finds_it() -> None:
    view, order = LiveView(), list(HealthState)
    for number, kind in enumerate([HealthState.NO_CREDENTIAL, HealthState.OPEN, HealthState.READY]):
        view.report(f"w-{number}", [state(kind)], NOW)
    assert view.merged(everything, NOW).health[NAME].state is HealthState.READY
    assert len(order) == 5


def test_of_two_open_breakers_the_one_that_closes_first_counts() -> None:
    view = LiveView()
    soon, late = NOW + timedelta(seconds=5), NOW + timedelta(seconds=50)
    view.report("w-1", [state(HealthState.OPEN, late)], NOW)
    view.report("w-2", [state(HealthState.OPEN, soon)], NOW)
    assert view.merged(everything, NOW).health[NAME].until == soon


def test_a_workers_newest_word_replaces_all_that_it_said_before() -> None:
    view = LiveView()
    view.report("w-1", [state(HealthState.OPEN)], NOW)
    view.report("w-1", [HealthReport(deployment=OTHER, health=Health(state=HealthState.READY))], NOW)
    assert set(view.merged(everything, NOW).health) == {OTHER}


def test_a_worker_that_is_silent_no_longer_counts() -> None:
    view = LiveView(forget_after=timedelta(seconds=30))
    view.report("gone", [state(HealthState.READY)], NOW)
    view.report("here", [state(HealthState.OPEN)], NOW + timedelta(seconds=20))
    assert view.merged(everything, NOW + timedelta(seconds=29)).health[NAME].state is HealthState.READY
    assert view.merged(everything, NOW + timedelta(seconds=30)).health[NAME].state is HealthState.OPEN
    assert view.merged(everything, NOW + timedelta(seconds=50)).health == {}


def test_what_left_the_catalog_is_forgotten_for_good() -> None:
    view = LiveView()
    view.report("w-1", [state(HealthState.OPEN)], NOW)
    view.observe([timing(1)], NOW)
    live = view.merged(lambda name: name != NAME, NOW)
    assert (dict(live.health), dict(live.statistics)) == ({}, {})
    assert NAME not in view.merged(everything, NOW).statistics


def test_every_view_has_a_revision_of_its_own() -> None:
    view = LiveView()
    assert [view.merged(everything, NOW).revision for _ in range(3)] == [1, 2, 3]


# --- statistics --------------------------------------------------------------------------------------------


def test_statistics_are_medians_over_the_last_attempts() -> None:
    view = LiveView(window=5)
    view.observe([timing(seconds) for seconds in (100, 100, 100, 1, 2, 3, 4, 5)], NOW)
    found = view.merged(everything, NOW).statistics[NAME]
    assert (found.samples, found.latency) == (5, timedelta(seconds=3))
    assert found.time_to_first_token == timedelta(seconds=1.5)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=200))
def test_one_slow_attempt_does_not_move_the_median_beyond_what_was_seen(seconds: list[float]) -> None:
    view = LiveView(window=64)
    view.observe(map(timing, seconds), NOW)
    found, seen = view.merged(everything, NOW).statistics[NAME], seconds[-64:]
    assert found.samples == len(seen)
    assert timedelta(seconds=min(seen)) <= found.latency <= timedelta(seconds=max(seen))


def answered(seconds: float, first: float, tokens: int) -> Timing:
    return Timing(
        deployment=NAME,
        latency=timedelta(seconds=seconds),
        time_to_first_token=timedelta(seconds=first),
        output_tokens=tokens,
    )


def test_tokens_per_second_are_those_of_streamed_answers_and_whole_ones_stand_apart() -> None:
    view = LiveView()
    streamed = [answered(1 + 0.01 * tokens, 1, tokens) for tokens in (50, 400, 3_000)]
    whole = [answered(9, 9, 100), answered(5, 5, 300), answered(7, 7, 200)]
    view.observe([*streamed, *whole, answered(9, 1, 0), answered(9, 1, 7)], NOW)
    found = view.merged(everything, NOW).statistics[NAME]
    assert found.samples == 8
    assert found.streamed == Streamed(
        samples=3, time_to_first_token=timedelta(seconds=1), per_token=timedelta(milliseconds=10)
    )
    assert found.whole == Whole(samples=3, latency=timedelta(seconds=7), tokens=200)


# --- calls in flight, headroom, peaks -----------------------------------------------------------------------


def headroom(left: int, at: datetime) -> Headroom:
    return Headroom(as_of=at, requests=Room(limit=60, remaining=left, reset_at=at + timedelta(seconds=30)))


def telling(calls: int, found: Headroom | None = None) -> HealthReport:
    return HealthReport(deployment=NAME, health=Health(state=HealthState.READY), in_flight=calls, headroom=found)


def test_calls_in_flight_are_those_of_all_workers_that_are_there() -> None:
    view = LiveView(forget_after=timedelta(seconds=30))
    view.report("w-1", [telling(3)], NOW)
    view.report("w-2", [telling(4)], NOW + timedelta(seconds=20))
    assert view.merged(everything, NOW + timedelta(seconds=20)).in_flight == {NAME: 7}
    assert view.merged(everything, NOW + timedelta(seconds=40)).in_flight == {NAME: 4}
    view.report("w-2", [telling(0)], NOW + timedelta(seconds=41))
    assert view.merged(everything, NOW + timedelta(seconds=41)).in_flight == {}


def test_of_what_workers_heard_of_rate_limits_the_newest_counts() -> None:
    view = LiveView()
    older, newer = headroom(50, NOW - timedelta(seconds=1)), headroom(3, NOW)
    view.report("w-1", [telling(0, newer)], NOW)
    view.report("w-2", [telling(0, older)], NOW)
    view.report("w-3", [telling(0)], NOW)
    assert view.merged(everything, NOW).headroom == {NAME: newer}


def test_what_is_told_to_others_comes_back_as_it_was() -> None:
    tokens = Headroom(as_of=NOW, tokens=Room(limit=1_000, remaining=7))
    reports = [telling(2, headroom(1, NOW)), telling(0, tokens), state(HealthState.OPEN, NOW)]
    assert from_json(to_json(reports)) == reports


def test_what_older_software_tells_others_is_still_read() -> None:
    assert from_json(b'[["openai/gpt-4o","ready",null,""]]') == [telling(0)]


def test_the_average_of_first_tokens_takes_a_peak_at_once_and_falls_with_time() -> None:
    seconds = [peak(None, timedelta(seconds=1), NOW)]
    for taking, after in ((9.0, 0), (1.0, 0), (1.0, 10), (1.0, 1_000)):
        seconds.append(peak(seconds[-1], timedelta(seconds=taking), NOW + timedelta(seconds=after)))
    found = [round(each.time_to_first_token.total_seconds(), 2) for each in seconds]
    assert found == [1.0, 9.0, 9.0, round(1 + 8 / math.e, 2), 1.0]


# --- receipts ----------------------------------------------------------------------------------------------

ATTEMPT = AttemptFacts(
    deployment=NAME,
    model="gpt-4o",
    succeeded=True,
    outcome="succeeded",
    duration=timedelta(seconds=2),
    time_to_first_token=timedelta(seconds=1),
    input_tokens=10,
    output_tokens=20,
    cost_nanousd=5,
)


def receipt(number: int = 1, attempts: Sequence[AttemptFacts] = (ATTEMPT,)) -> ReceiptFacts:
    name = f"r-{number}"
    return ReceiptFacts(
        receipt_id=name,
        decision_id="d",
        worker="w",
        result="succeeded",
        attempts=tuple(attempts),
        cost_nanousd=5,
        decided=DECIDED,
        entry=entry(Kind.RECEIPT, name, NOW, decision_id="d"),
        decision=entry(Kind.DECISION, "d", NOW, decision_id="d"),
    )


DECIDED = Decided(
    targets=frozenset({NAME}),
    tenant="acme",
    presenter="app",
    workload="default",
    issued_at=NOW,
    reserved=False,
    unrecorded=False,
    checkpoint="",
)


def stray(number: int = 1) -> ReceiptFacts:
    name = f"r-{number}"
    return replace(receipt(number), decided=None, entry=entry(Kind.STRAY, name, NOW))


class Versions:
    """Keeps no version."""

    def load(self) -> Version | None:
        return None

    def save(self, version: Version) -> None:
        pass


class Bench:
    """The use case over a journal in memory; `booked_to` are the accounts of runs for which nothing is held."""

    def __init__(self, *booked_to: Hold) -> None:
        self.holder = SnapshotHolder(Versions(), lambda: NOW)
        self.holder.publish(catalog(), bytes(32))
        self.journal = MemoryJournal()
        self.witnessed: list[str] = []
        self._report = ReportReceipts(
            Sight(self.holder, LiveView(), lambda: NOW),
            LostReceipts(),
            self.journal.submit,
            lambda _decided, _used: booked_to,
            self._witness,
        )

    async def _witness(self, note: str) -> None:
        self.witnessed.append(note)

    async def __call__(self, *receipts: ReceiptFacts, **more: Any) -> Taken:
        return await self._report(Report(worker="w", receipts=receipts, **more))


def test_a_receipt_without_a_decision_of_ours_or_off_its_plan_is_rejected() -> None:
    elsewhere = replace(DECIDED, targets=frozenset({OTHER}))
    assert rejection(DECIDED, [ATTEMPT]) == ""
    assert rejection(None, [ATTEMPT]) == "SIGNATURE_INVALID"
    assert rejection(elsewhere, [ATTEMPT]) == "TARGET_UNKNOWN"
    assert rejection(DECIDED, []) == "", "a run may end before any call"


def test_only_successes_say_how_fast_a_target_is() -> None:
    failed = replace(ATTEMPT, succeeded=False, duration=timedelta(seconds=60))
    whole = replace(ATTEMPT, time_to_first_token=None)
    found = list(timings(receipt(attempts=[failed, ATTEMPT, whole])))
    assert [(one.latency.total_seconds(), one.time_to_first_token.total_seconds()) for one in found] == [(2, 1), (2, 2)]
    assert [one.output_tokens for one in found] == [20, 20]


async def test_a_repeated_receipt_changes_nothing() -> None:
    report = Bench()
    first = await report(receipt(1), receipt(2))
    again = await report(receipt(2), receipt(3), receipt(3))
    assert ([one.receipt_id for one in first.accepted], first.duplicates) == (["r-1", "r-2"], 0)
    assert ([one.receipt_id for one in again.accepted], again.duplicates) == (["r-3"], 2)
    assert report.holder.current.live.statistics[NAME].samples == 3


async def test_what_is_rejected_teaches_nothing_is_recorded_apart_and_may_come_again_mended() -> None:
    report = Bench()
    taken = await report(stray())
    assert taken.rejected == (("r-1", "SIGNATURE_INVALID"),)
    assert not report.holder.current.live.statistics
    assert [one.ref for one in report.journal.writer.of(Kind.STRAY)] == ["r-1"]
    assert len((await report(receipt(1))).accepted) == 1


async def test_a_report_refreshes_what_decisions_see_under_the_same_version() -> None:
    report = Bench()
    before = report.holder.current
    await report(health=[state(HealthState.OPEN)])
    now = report.holder.current
    assert now.live.health[NAME].state is HealthState.OPEN
    assert (now.version, now.digest) == (before.version, before.digest)
    assert now.live.revision > before.live.revision


async def test_a_report_without_health_leaves_the_workers_last_word_standing() -> None:
    report = Bench()
    await report(health=[state(HealthState.OPEN)])
    await report(receipt())
    assert report.holder.current.live.health[NAME].state is HealthState.OPEN


async def test_receipts_that_a_worker_dropped_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    report = Bench()
    for total in (0, 3, 3, 5):
        await report(dropped=total)
    lost = [record for record in caplog.records if record.message == "a worker dropped receipts"]
    assert [(vars(record)["worker"], vars(record)["dropped"]) for record in lost] == [("w", 3), ("w", 2)]


async def test_without_a_store_receipts_stay_with_the_worker_and_health_is_taken_all_the_same() -> None:
    report = Bench()
    report.journal.writer.failing = True
    with pytest.raises(Failure, match="send them again") as refused:
        await report(receipt(), health=[state(HealthState.OPEN)])
    assert refused.value.reason == "STORE_UNAVAILABLE"
    assert report.holder.current.live.health[NAME].state is HealthState.OPEN
    report.journal.writer.failing = False
    assert len((await report(receipt())).accepted) == 1


async def test_a_decision_that_is_not_known_is_taken_from_its_receipt() -> None:
    report = Bench()
    await report(receipt())
    assert [one.kind for one in report.journal.writer.entries] == [Kind.DECISION, Kind.RECEIPT]


HOLD = Hold(
    account=Account(id=AccountId("daily"), window_start=0), measure=Measure.COST, limit=100, amount=0, estimate=0
)


@pytest.mark.parametrize(("which", "booked"), [("reserved", 5), ("unrecorded", 5), ("", None)])
async def test_a_run_whose_reservation_is_not_known_is_booked_if_it_should_have_had_one(
    which: str, booked: int | None
) -> None:
    report = Bench(HOLD)
    flags: Any = {which: True} if which else {}
    await report(replace(receipt(), decided=replace(DECIDED, **flags)))
    balance = report.journal.writer.balances.get(HOLD.account)
    assert (balance.spent if balance else None) == booked


async def test_a_begun_run_makes_its_reservation_last_and_its_receipt_settles_it() -> None:
    report, held = Bench(), replace(HOLD, amount=50, estimate=20)
    reservation = Reservation(decision_id="d", holds=(held,), runs_left=1, expires_at=NOW)
    decision = entry(Kind.DECISION, "d", NOW, decision_id="d")
    await report.journal.submit(Issue(entry=decision, reservation=reservation))
    until = NOW + timedelta(minutes=2)
    await report(started=[StartedRun(decision_id="d", receipt_id="r-1", until=until)])
    assert report.journal.writer.reservations["d"].expires_at == until
    await report(receipt())
    assert report.journal.writer.balances[HOLD.account] == Balance(spent=5, reserved=0)


async def test_checkpoints_that_come_back_are_witnessed() -> None:
    report = Bench()
    await report(replace(receipt(), decided=replace(DECIDED, checkpoint="note")))
    assert report.witnessed == ["note"]


async def test_a_checkpoint_that_many_receipts_bring_is_witnessed_once() -> None:
    report = Bench()
    brought = [replace(receipt(number), decided=replace(DECIDED, checkpoint="note")) for number in (1, 2, 3)]
    another = replace(receipt(4), decided=replace(DECIDED, checkpoint="another"))
    taken = await report(*brought, another, receipt(5))
    assert len(taken.accepted) == 5
    assert sorted(report.witnessed) == ["another", "note"]


def test_what_was_used_is_summed_by_model() -> None:
    other = replace(ATTEMPT, model="gpt-4o-mini", cost_nanousd=1)
    assert used_by(receipt(attempts=[ATTEMPT, other, ATTEMPT])) == (
        Used(model="gpt-4o", cost_nanousd=10, tokens=60),
        Used(model="gpt-4o-mini", cost_nanousd=1, tokens=30),
    )
