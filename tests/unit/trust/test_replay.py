"""The replay guard counts runs, in bounded memory, and forgets nothing too early."""

from dataclasses import replace
from datetime import timedelta

from dataplane.permit.refusal import Refusal, RefusalReason
from dataplane.permit.replay import ReplayGuard
from tests.unit.trust.decisions import LIFE, NOW, permitted
from turnout_wire.payload_type import CLOCK_SKEW

SECOND = timedelta(seconds=1)


def reason(refusal: Refusal | None) -> RefusalReason | None:
    return None if refusal is None else refusal.reason


def test_a_decision_runs_as_often_as_it_says() -> None:
    guard, decision = ReplayGuard(capacity=10), permitted(max_runs=3)
    found = [reason(guard.admit(decision, NOW)) for _ in range(5)]
    assert found == [None, None, None, RefusalReason.DECISION_REPLAYED, RefusalReason.DECISION_REPLAYED]


def test_a_run_that_did_not_begin_is_given_back() -> None:
    guard, decision = ReplayGuard(capacity=10), permitted()
    assert guard.admit(decision, NOW) is None
    guard.release(decision)
    assert guard.admit(decision, NOW) is None
    assert reason(guard.admit(decision, NOW)) is RefusalReason.DECISION_REPLAYED


def test_giving_back_too_often_makes_no_runs() -> None:
    guard, decision = ReplayGuard(capacity=10), permitted()
    guard.admit(decision, NOW)
    for _ in range(5):
        guard.release(decision)
    found = [reason(guard.admit(decision, NOW)) for _ in range(2)]
    assert found == [None, RefusalReason.DECISION_REPLAYED]


def test_giving_back_what_is_not_known_changes_nothing() -> None:
    guard = ReplayGuard(capacity=10)
    guard.release(permitted())
    assert len(guard) == 0


def test_a_full_guard_refuses_a_new_decision_and_keeps_counting_the_old_ones() -> None:
    guard = ReplayGuard(capacity=2)
    old = [permitted("a", max_runs=2), permitted("b")]
    assert [guard.admit(decision, NOW) for decision in old] == [None, None]
    assert reason(guard.admit(permitted("c"), NOW)) is RefusalReason.REPLAY_GUARD_FULL
    assert [reason(guard.admit(decision, NOW)) for decision in old] == [None, RefusalReason.DECISION_REPLAYED]


def test_a_decision_that_was_given_back_takes_up_room_until_it_expires() -> None:
    guard = ReplayGuard(capacity=1)
    guard.admit(permitted("a"), NOW)
    guard.release(permitted("a"))
    assert reason(guard.admit(permitted("b"), NOW)) is RefusalReason.REPLAY_GUARD_FULL


def test_there_is_room_again_once_a_decision_has_expired_for_certain() -> None:
    guard = ReplayGuard(capacity=1)
    guard.admit(permitted("a"), NOW)
    last = NOW + LIFE + CLOCK_SKEW
    assert reason(guard.admit(permitted("b", issued_at=last), last)) is RefusalReason.REPLAY_GUARD_FULL
    assert guard.admit(permitted("b", issued_at=last), last + SECOND) is None
    assert len(guard) == 1


def test_a_decision_is_remembered_for_as_long_as_its_time_would_pass() -> None:
    guard, decision = ReplayGuard(capacity=10), permitted()
    guard.admit(decision, NOW)
    last = decision.expires_at + CLOCK_SKEW - timedelta(microseconds=1)
    assert reason(guard.admit(decision, last)) is RefusalReason.DECISION_REPLAYED


def test_a_clock_that_steps_back_lets_nothing_run_again() -> None:
    guard, decision = ReplayGuard(capacity=10), permitted()
    later = NOW + LIFE + CLOCK_SKEW + SECOND
    guard.admit(decision, NOW)
    guard.admit(permitted("b", issued_at=later), later)
    assert len(guard) == 1
    assert reason(guard.admit(decision, NOW)) is RefusalReason.DECISION_EXPIRED


def test_a_clock_that_steps_back_stops_no_decision_that_is_still_valid() -> None:
    guard = ReplayGuard(capacity=10)
    guard.admit(permitted("a"), NOW + 30 * SECOND)
    assert guard.admit(permitted("b"), NOW) is None


def test_an_id_that_was_signed_twice_is_counted_once() -> None:
    guard, first = ReplayGuard(capacity=10), permitted()
    second = replace(first, expires_at=first.expires_at + LIFE)
    guard.admit(first, NOW)
    assert reason(guard.admit(second, NOW)) is RefusalReason.DECISION_REPLAYED


def test_an_id_that_was_signed_twice_is_remembered_until_the_later_expiry() -> None:
    guard, first = ReplayGuard(capacity=10), permitted(max_runs=2)
    second = replace(first, expires_at=first.expires_at + LIFE)
    assert [guard.admit(first, NOW), guard.admit(second, NOW)] == [None, None]
    assert reason(guard.admit(second, NOW + LIFE + 10 * SECOND)) is RefusalReason.DECISION_REPLAYED
