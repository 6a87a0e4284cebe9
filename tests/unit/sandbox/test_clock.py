"""A clock that a test moves runs what is due, in order."""

from dataplane.provider.sandbox import ManualClock


def test_what_is_due_runs_in_order_when_the_clock_moves() -> None:
    clock, ran = ManualClock(), list[tuple[str, float]]()
    clock.call_at(2.0, lambda: ran.append(("second", clock.now())))
    clock.call_at(1.0, lambda: ran.append(("first", clock.now())))
    clock.call_at(5.0, lambda: ran.append(("later", clock.now())))
    clock.advance(3.0)
    assert ran == [("first", 1.0), ("second", 2.0)]
    assert (clock.now(), clock.pending) == (3.0, 1)


def test_what_a_callback_sets_within_the_time_runs_too() -> None:
    clock, ran = ManualClock(), list[float]()

    def again() -> None:
        clock.call_at(clock.now() + 1.0, lambda: ran.append(clock.now()))

    clock.call_at(1.0, again)
    clock.advance(2.0)
    assert ran == [2.0]


def test_a_cancelled_callback_does_not_run() -> None:
    clock, ran = ManualClock(), list[float]()
    clock.call_at(1.0, lambda: ran.append(1.0)).cancel()
    clock.advance(2.0)
    assert not ran
    assert clock.pending == 0


def test_unix_time_moves_with_the_clock() -> None:
    clock = ManualClock(unix=1_000.0)
    clock.advance(2.5)
    assert clock.unix() == 1_002.5
