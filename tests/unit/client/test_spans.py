"""How long to wait, for people."""

from datetime import timedelta

import pytest

from turnout_cli.app import span, told
from turnout_wire.failure import Failure


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.01, "0.1 s"), (0.5, "0.5 s"), (9.94, "10 s"), (10, "10 s"), (59.2, "60 s"), (120, "120 s"), (121, "3 min"), (7200, "120 min"),
     (7201, "3 h"), (86_399.5, "24 h"), (3 * 86_400, "72 h"), (30 * 86_400, "30 days")],
)  # fmt: skip
def test_a_time_is_said_in_a_fitting_unit_and_never_shorter_than_it_is(seconds: float, said: str) -> None:
    assert span(timedelta(seconds=seconds)) == said


def test_a_failure_tells_when_to_try_again_if_somebody_said() -> None:
    assert told(Failure("RATE_LIMITED", "no room", retry_after=timedelta(seconds=42))).endswith(
        "no room (try again in 42 s)"
    )
    assert told(Failure("RATE_LIMITED", "no room")) == "RATE_LIMITED: no room"
