"""The rules of a breaker and of the board of all breakers, each by an example."""

from datetime import timedelta

import pytest

from dataplane.execution.board import Admission, BoardSettings, BreakerBoard, BreakerChanged, TargetKey
from dataplane.execution.breaker import Breaker, BreakerSettings, BreakerState, Change, Permit, Refused
from dataplane.execution.verdict import CallEnd
from dataplane.provider.model import Verdict

SETTINGS = BreakerSettings(
    minimum_calls=2,
    open_for=timedelta(seconds=10),
    jitter=0,
    probes=2,
    probes_to_close=2,
    slow_after=timedelta(seconds=5),
)


def breaker(changes: list[Change] | None = None) -> Breaker:
    return Breaker(SETTINGS, draw=lambda: 0.5, notify=None if changes is None else changes.append)


def let_through(breaker: Breaker, now: float) -> Permit:
    permit = breaker.admit(now)
    assert isinstance(permit, Permit)
    return permit


def settle(breaker: Breaker, now: float, *verdicts: Verdict, elapsed: float = 0.0) -> None:
    for verdict in verdicts:
        let_through(breaker, now).settle(verdict, now=now, elapsed=elapsed, cause="credential")


def opened(now: float = 0.0) -> Breaker:
    made = breaker()
    settle(made, now, Verdict.FAILED, Verdict.FAILED)
    return made


def test_it_opens_half_opens_and_closes() -> None:
    changes: list[Change] = []
    made = breaker(changes)
    settle(made, 1.0, Verdict.FAILED, Verdict.FAILED)
    assert made.admit(10.9) == Refused(state=BreakerState.OPEN, until=11.0)
    settle(made, 11.0, Verdict.SUCCEEDED, Verdict.SUCCEEDED)
    assert [(change.after, change.cause) for change in changes] == [
        (BreakerState.OPEN, "failure_rate"),
        (BreakerState.HALF_OPEN, "failure_rate"),
        (BreakerState.CLOSED, "recovered"),
    ]


def test_an_outage_after_many_good_calls_opens_it_before_half_the_window_is_bad() -> None:
    made = Breaker(BreakerSettings(failures_in_a_row=10), draw=lambda: 0.5)
    settle(made, 0.0, *[Verdict.SUCCEEDED] * 1000)
    settle(made, 1.0, *[Verdict.FAILED] * 9)
    settle(made, 1.0, Verdict.SUCCEEDED)
    settle(made, 1.0, *[Verdict.FAILED] * 9)
    assert made.state is BreakerState.CLOSED
    settle(made, 1.0, Verdict.FAILED)
    assert made.view(1.0).cause == "failures_in_a_row"


def test_a_probe_that_fails_opens_it_for_longer() -> None:
    made = opened()
    settle(made, 10.0, Verdict.FAILED)
    assert made.view(10.0).until == 30.0
    assert made.view(10.0).cause == "probe_failed"


def test_a_quiet_while_begins_a_new_row_of_openings() -> None:
    made = opened()
    settle(made, 10.0, Verdict.FAILED)
    settle(made, 30.0, Verdict.SUCCEEDED, Verdict.SUCCEEDED)
    settle(made, 500.0, Verdict.FAILED, Verdict.FAILED)
    assert made.view(500.0).until == 510.0


def test_slow_calls_open_it_too() -> None:
    made = breaker()
    settle(made, 0.0, Verdict.SUCCEEDED, Verdict.SUCCEEDED, elapsed=6.0)
    assert (made.state, made.view(0.0).cause) == (BreakerState.OPEN, "slow_calls")


def test_a_slow_probe_does_not_close_it() -> None:
    made = opened()
    settle(made, 10.0, Verdict.SUCCEEDED, elapsed=6.0)
    assert (made.state, made.view(10.0).cause) == (BreakerState.OPEN, "probe_slow")


def test_old_failures_are_forgotten() -> None:
    made = breaker()
    settle(made, 0.0, Verdict.FAILED)
    settle(made, 100.0, Verdict.FAILED)
    assert made.state is BreakerState.CLOSED


def test_a_late_success_of_before_the_trip_closes_nothing() -> None:
    made = breaker()
    late = [let_through(made, 0.0) for _ in range(5)]
    settle(made, 1.0, Verdict.FAILED, Verdict.FAILED)
    let_through(made, 11.0)
    for permit in late:
        permit.settle(Verdict.SUCCEEDED, now=11.0)
    assert made.state is BreakerState.HALF_OPEN


def test_a_late_failure_of_before_the_trip_keeps_nothing_open() -> None:
    made = breaker()
    late = let_through(made, 0.0)
    settle(made, 1.0, Verdict.FAILED, Verdict.FAILED)
    settle(made, 11.0, Verdict.SUCCEEDED, Verdict.SUCCEEDED)
    late.settle(Verdict.FAILED, now=12.0)
    settle(made, 12.0, Verdict.SUCCEEDED)
    assert made.state is BreakerState.CLOSED


def test_a_cancelled_probe_gives_its_permit_back() -> None:
    made = opened()
    with let_through(made, 10.0), let_through(made, 10.0):
        assert isinstance(made.admit(10.0), Refused)
    assert made.probes_out == 0
    assert isinstance(made.admit(10.0), Permit)


def test_a_permit_that_was_lost_blocks_only_for_its_lease() -> None:
    made = opened()
    lost = [let_through(made, 10.0), let_through(made, 10.0)]
    assert isinstance(made.admit(69.0), Refused)
    assert isinstance(made.admit(70.0), Permit)
    lost[0].settle(Verdict.FAILED, now=71.0)
    assert made.state is BreakerState.HALF_OPEN


def test_a_throttle_without_a_hint_counts_as_a_failure() -> None:
    made = breaker()
    settle(made, 0.0, Verdict.THROTTLED, Verdict.THROTTLED)
    assert made.view(0.0).cause == "failure_rate"


def test_a_hint_is_believed_only_so_far() -> None:
    made = breaker()
    made.trip(0.0, 86_400 * 365)
    assert made.view(0.0).until == SETTINGS.longest_trip.total_seconds()


def test_a_shorter_hint_does_not_shorten_an_open_time() -> None:
    made = opened()
    made.trip(1.0, 2.0)
    assert made.view(1.0).until == 10.0


def test_a_misconfigured_target_is_out_until_someone_acts() -> None:
    made = breaker()
    settle(made, 0.0, Verdict.MISCONFIGURED)
    assert made.admit(1e9) == Refused(state=BreakerState.MISCONFIGURED, cause="credential")
    assert made.view(1e9).cause == "credential"
    made.trip(1.0, 5.0)
    assert made.state is BreakerState.MISCONFIGURED
    made.reset(2.0)
    assert isinstance(made.admit(2.0), Permit)


def test_a_forced_call_that_succeeds_lets_probes_in_at_once() -> None:
    made = opened()
    forced = made.admit(1.0, forced=True)
    assert isinstance(forced, Permit)
    assert isinstance(made.admit(1.0, forced=True), Refused), "only one at a time"
    forced.settle(Verdict.SUCCEEDED, now=2.0)
    assert made.state is BreakerState.HALF_OPEN


def test_a_forced_call_that_fails_changes_nothing() -> None:
    made = opened()
    before = made.view(2.0)
    forced = made.admit(1.0, forced=True)
    assert isinstance(forced, Permit)
    forced.settle(Verdict.FAILED, now=2.0)
    assert made.view(2.0) == before


def test_no_call_is_forced_against_a_hint() -> None:
    made = breaker()
    made.trip(0.0, 60.0)
    assert made.admit(1.0, forced=True) == Refused(state=BreakerState.OPEN, until=60.0, held=True)


def test_a_forced_call_that_succeeds_does_not_lift_a_hint_that_came_meanwhile() -> None:
    made = opened()
    forced = made.admit(1.0, forced=True)
    assert isinstance(forced, Permit)
    made.trip(1.5, 60.0)
    forced.settle(Verdict.SUCCEEDED, now=2.0)
    assert isinstance(made.admit(30.0), Refused)


@pytest.mark.parametrize("wrong", [{"probes": 0}, {"minimum_calls": 0}, {"failure_rate": 0.0}, {"jitter": 1.0}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        BreakerSettings(**wrong)  # type: ignore[arg-type] # as a table of wrong values


GPT = TargetKey(credential="env:A", provider="openai", origin="https://openai.example", model="gpt")
MINI = TargetKey(credential="env:A", provider="openai", origin="https://openai.example", model="mini")
OTHER = TargetKey(credential="env:B", provider="openai", origin="https://openai.example", model="gpt")


def board(changes: list[BreakerChanged] | None = None) -> BreakerBoard:
    settings = BoardSettings(target=SETTINGS, origin=BreakerSettings(minimum_calls=4, jitter=0))
    return BreakerBoard(settings, draw=lambda: 0.5, notify=(lambda _: None) if changes is None else changes.append)


def call(board: BreakerBoard, key: TargetKey, error: str, now: float = 0.0) -> None:
    admission = board.admit(key, now)
    assert isinstance(admission, Admission)
    with admission:
        status = 500 if error == "http_500" else 0
        verdict = Verdict.FAILED if error else Verdict.SUCCEEDED
        admission.settle(CallEnd(verdict=verdict, now=now, error=error, http_status=status), elapsed=0.0)


def test_a_broken_model_takes_no_other_model_and_no_other_credential_with_it() -> None:
    made = board()
    call(made, GPT, "http_500")
    call(made, GPT, "http_500")
    assert isinstance(made.admit(GPT, 0.0), Refused)
    assert isinstance(made.admit(MINI, 0.0), Admission)
    assert isinstance(made.admit(OTHER, 0.0), Admission)


def test_an_endpoint_that_cannot_be_reached_is_out_for_all_its_models() -> None:
    changes: list[BreakerChanged] = []
    made = board(changes)
    for key in (GPT, MINI, OTHER, TargetKey(credential="", provider="x", origin=GPT.origin, model="y")):
        call(made, key, "connect")
    fresh = TargetKey(credential="", provider="x", origin=GPT.origin, model="never called")
    assert isinstance(made.admit(fresh, 0.0), Refused)
    assert made.view(fresh, 0.0).cause == "endpoint_failure_rate"
    assert [change.key for change in changes] == [GPT.origin]


def test_an_endpoint_that_answers_with_errors_is_not_out() -> None:
    made = board()
    for model in "abcdefgh":
        call(made, TargetKey(credential="", provider="x", origin=GPT.origin, model=model), "http_500")
    assert isinstance(made.admit(GPT, 0.0), Admission)


def test_a_target_that_refuses_gives_the_endpoints_permit_back() -> None:
    made = board()
    call(made, GPT, "http_500")
    call(made, GPT, "http_500")
    origin = made._origin(GPT.origin)
    for _ in range(2):
        permit = origin.admit(0.0)
        assert isinstance(permit, Permit)
        permit.settle(Verdict.FAILED, now=0.0)
    assert isinstance(made.admit(GPT, 6.0), Refused)
    assert (origin.state, origin.probes_out) == (BreakerState.HALF_OPEN, 0)


def test_breakers_of_targets_that_are_gone_are_forgotten() -> None:
    made = board()
    call(made, GPT, "http_500")
    call(made, GPT, "http_500")
    made.retain([MINI])
    assert isinstance(made.admit(GPT, 0.0), Admission)


def test_an_operator_can_take_a_target_back_in() -> None:
    made = board()
    call(made, GPT, "http_500")
    call(made, GPT, "http_500")
    made.reset(GPT, 1.0)
    assert isinstance(made.admit(GPT, 1.0), Admission)
