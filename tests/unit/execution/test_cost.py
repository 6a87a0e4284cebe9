"""What calls cost, and what is taken where nobody says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplane.chat.model import Usage
from dataplane.execution.cost import FREE, charge, cost_nanousd
from dataplane.execution.verdict import CallEnd
from dataplane.permit.model import Target
from dataplane.provider.model import Verdict
from dataplane.snapshot.model import Price
from tests.support.runs import PRICE, target

CACHING = Price(
    input_nanousd_per_mtok=3_000_000_000,
    output_nanousd_per_mtok=15_000_000_000,
    cached_input_nanousd_per_mtok=300_000_000,
    cache_write_nanousd_per_mtok=3_750_000_000,
)


def ended(verdict: Verdict = Verdict.FAILED, *, status: int = 0, unsent: bool = False, error: str = "") -> CallEnd:
    return CallEnd(verdict=verdict, now=0.0, http_status=status, unsent=unsent, error=error)


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(input_tokens=1000, cached_input_tokens=600, cache_write_tokens=100, output_tokens=10)
    assert cost_nanousd(usage, CACHING) == 300 * 3_000 + 600 * 300 + 100 * 3_750 + 10 * 15_000


def test_without_prices_of_their_own_cached_tokens_cost_as_input() -> None:
    usage = Usage(input_tokens=1000, cached_input_tokens=600, cache_write_tokens=100)
    assert cost_nanousd(usage, PRICE) == 1000 * 2_500


def test_reasoning_tokens_are_part_of_the_output() -> None:
    assert cost_nanousd(Usage(output_tokens=10, reasoning_tokens=8), PRICE) == 10 * 10_000


@pytest.mark.parametrize(("tokens", "expected"), [(1, 0), (2, 1), (3, 1), (6, 2)])
def test_half_a_nanodollar_is_rounded_up_once_for_the_call(tokens: int, expected: int) -> None:
    assert cost_nanousd(Usage(input_tokens=tokens), Price(input_nanousd_per_mtok=250_001)) == expected


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_whatever_a_provider_reports_the_cost_is_never_negative_and_never_above_all_at_the_highest_price(
    total: int, cached: int, written: int, output: int
) -> None:
    usage = Usage(input_tokens=total, cached_input_tokens=cached, cache_write_tokens=written, output_tokens=output)
    assert 0 <= cost_nanousd(usage, CACHING) <= total * 3_750 + output * 15_000


def charged(end: CallEnd, usage: Usage | None = None, streamed: int = 0) -> tuple[int, bool]:
    charge_ = charge(end, usage, streamed_bytes=streamed, target=target("a"), price=PRICE)
    return charge_.cost_nanousd, charge_.estimated


ESTIMATE = 100 * 2_500 + 50 * 10_000


@pytest.mark.parametrize(
    ("end", "usage", "streamed", "expected"),
    [
        (ended(Verdict.SUCCEEDED), Usage(input_tokens=10, output_tokens=1), 999, (35_000, False)),
        (ended(Verdict.SUCCEEDED), Usage(output_tokens=1, estimated=True), 0, (10_000, True)),
        (ended(Verdict.SUCCEEDED), None, 41, (100 * 2_500 + 11 * 10_000, True)),
        (ended(Verdict.SUCCEEDED), None, 0, (ESTIMATE, True)),
        (ended(unsent=True, error="connect"), None, 0, (0, False)),
        (ended(status=500), None, 0, (0, False)),
        (ended(Verdict.THROTTLED, status=429), None, 0, (0, False)),
        (ended(Verdict.IGNORED, status=400), None, 0, (0, False)),
        (ended(status=504), None, 0, (ESTIMATE, True)),
        (ended(error="timeout_first_token"), None, 0, (ESTIMATE, True)),
        (ended(error="malformed", status=200), None, 0, (ESTIMATE, True)),
        (ended(Verdict.IGNORED, error="cancelled"), None, 0, (ESTIMATE, True)),
        (ended(error="stream_cut", status=200), None, 8, (100 * 2_500 + 2 * 10_000, True)),
        (ended(error="stream_cut"), Usage(input_tokens=70, output_tokens=1), 8, (70 * 2_500 + 2 * 10_000, True)),
        (ended(error="stream_cut"), Usage(input_tokens=70, output_tokens=9), 8, (70 * 2_500 + 9 * 10_000, True)),
        (ended(status=500), Usage(input_tokens=70), 0, (70 * 2_500, True)),
    ],
)
def test_each_end_is_charged_as_stated(
    end: CallEnd, usage: Usage | None, streamed: int, expected: tuple[int, bool]
) -> None:
    assert charged(end, usage, streamed) == expected


def test_a_target_without_token_estimates_is_charged_its_cost_estimate() -> None:
    bare = Target(deployment="a", model="a", provider="a", cost_nanousd=123)
    assert charge(ended(), None, streamed_bytes=0, target=bare, price=PRICE).cost_nanousd == 123


def test_what_costs_nothing_has_no_usage() -> None:
    assert charge(ended(unsent=True), None, streamed_bytes=0, target=target("a"), price=PRICE) == FREE
