"""Taking receipts, and what decisions learn from them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.model import DeploymentName
from controlplane.outcome.commands import ReportReceipts, SeenReceipts, rejection, timings
from controlplane.outcome.live import HealthReport, LiveView, Timing
from controlplane.outcome.lost import LostReceipts
from controlplane.outcome.model import AttemptFacts, ReceiptFacts
from controlplane.snapshot.holder import SnapshotHolder, Version
from controlplane.snapshot.model import Health, HealthState
from tests.support.catalogs import catalog

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
    view.observe([timing(1)])
    live = view.merged(lambda name: name != NAME, NOW)
    assert (dict(live.health), dict(live.statistics)) == ({}, {})
    assert NAME not in view.merged(everything, NOW).statistics


def test_every_view_has_a_revision_of_its_own() -> None:
    view = LiveView()
    assert [view.merged(everything, NOW).revision for _ in range(3)] == [1, 2, 3]


# --- statistics --------------------------------------------------------------------------------------------


def test_statistics_are_medians_over_the_last_attempts() -> None:
    view = LiveView(window=5)
    view.observe([timing(seconds) for seconds in (100, 100, 100, 1, 2, 3, 4, 5)])
    found = view.merged(everything, NOW).statistics[NAME]
    assert (found.samples, found.latency) == (5, timedelta(seconds=3))
    assert found.time_to_first_token == timedelta(seconds=1.5)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=200))
def test_one_slow_attempt_does_not_move_the_median_beyond_what_was_seen(seconds: list[float]) -> None:
    view = LiveView(window=64)
    view.observe(map(timing, seconds))
    found, seen = view.merged(everything, NOW).statistics[NAME], seconds[-64:]
    assert found.samples == len(seen)
    assert timedelta(seconds=min(seen)) <= found.latency <= timedelta(seconds=max(seen))


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
    return ReceiptFacts(
        receipt_id=f"r-{number}",
        decision_id="d",
        worker="w",
        result="succeeded",
        attempts=tuple(attempts),
        cost_nanousd=5,
        planned=frozenset({NAME}),
    )


class Versions:
    """Keeps no version."""

    def load(self) -> Version | None:
        return None

    def save(self, version: Version) -> None:
        pass


def reports() -> tuple[ReportReceipts, SnapshotHolder]:
    holder = SnapshotHolder(Versions(), lambda: NOW)
    holder.publish(catalog(), bytes(32))
    return ReportReceipts(holder, LiveView(), SeenReceipts(), LostReceipts(), lambda: NOW), holder


def test_a_receipt_without_a_decision_of_ours_or_off_its_plan_is_rejected() -> None:
    assert rejection(receipt()) == ""
    assert rejection(replace(receipt(), planned=None)) == "SIGNATURE_INVALID"
    assert rejection(replace(receipt(), planned=frozenset({OTHER}))) == "TARGET_UNKNOWN"
    assert rejection(receipt(attempts=())) == "", "a run may end before any call"


def test_only_successes_say_how_fast_a_target_is() -> None:
    failed = replace(ATTEMPT, succeeded=False, duration=timedelta(seconds=60))
    whole = replace(ATTEMPT, time_to_first_token=None)
    found = list(timings(receipt(attempts=[failed, ATTEMPT, whole])))
    assert [(one.latency.total_seconds(), one.time_to_first_token.total_seconds()) for one in found] == [(2, 1), (2, 2)]


def test_a_repeated_receipt_changes_nothing() -> None:
    report, holder = reports()
    first = report("w", [receipt(1), receipt(2)], [])
    again = report("w", [receipt(2), receipt(3), receipt(3)], [])
    assert ([one.receipt_id for one in first.accepted], first.duplicates) == (["r-1", "r-2"], 0)
    assert ([one.receipt_id for one in again.accepted], again.duplicates) == (["r-3"], 2)
    assert holder.current.live.statistics[NAME].samples == 3


def test_what_is_rejected_teaches_nothing_and_may_come_again_mended() -> None:
    report, holder = reports()
    taken = report("w", [replace(receipt(1), planned=None)], [])
    assert taken.rejected == (("r-1", "SIGNATURE_INVALID"),)
    assert not holder.current.live.statistics
    assert len(report("w", [receipt(1)], []).accepted) == 1


def test_a_report_refreshes_what_decisions_see_under_the_same_version() -> None:
    report, holder = reports()
    before = holder.current
    report("w", [], [state(HealthState.OPEN)])
    assert holder.current.live.health[NAME].state is HealthState.OPEN
    assert (holder.current.version, holder.current.digest) == (before.version, before.digest)
    assert holder.current.live.revision > before.live.revision


def test_a_report_without_health_leaves_the_workers_last_word_standing() -> None:
    report, holder = reports()
    report("w", [], [state(HealthState.OPEN)])
    report("w", [receipt()], [])
    assert holder.current.live.health[NAME].state is HealthState.OPEN


def test_the_memory_of_receipts_is_bounded_and_forgets_the_oldest() -> None:
    seen = SeenReceipts(size=3)
    assert [seen.add(name) for name in ("a", "b", "a", "c", "d", "a")] == [True, True, False, True, True, True]


def test_receipts_that_a_worker_dropped_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    report, _ = reports()
    for total in (0, 3, 3, 5):
        report("w", [], [], total)
    lost = [record for record in caplog.records if record.message == "a worker dropped receipts"]
    assert [(vars(record)["worker"], vars(record)["dropped"]) for record in lost] == [("w", 3), ("w", 2)]
