"""Figures as people read them."""

import pytest

from controlplane.decision.model import QualityFloor
from controlplane.decision.wording import apart, clipped, dollars, floor_source, names, quality, seconds


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [
        (0, "$0"),
        (1, "$0.0000000010"),
        (67_500, "$0.000068"),
        (135_000, "$0.00014"),
        (99_999, "$0.00010"),
        (1_500_000_000, "$1.50"),
        (12_345_678_900, "$12.35"),
        (999_999_999, "$1.00"),
    ],
)
def test_an_amount_has_two_digits_that_count_and_cents_at_least(nanousd: int, text: str) -> None:
    assert dollars(nanousd) == text


def test_a_quality_has_two_decimals_and_a_third_where_it_needs_it() -> None:
    assert [quality(value) for value in (0.8, 0.955, 1.0, 0.0)] == ["0.80", "0.955", "1.00", "0.00"]


def test_a_time_has_one_decimal() -> None:
    assert seconds(1.25) == "1.2 s"


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        (1_000_000, 999_999, ("$0.00100000", "$0.000999999")),
        (2_000_000, 1_000_000, ("$0.0020", "$0.0010")),
        (135_000, 135_001, ("$0.000135000", "$0.000135001")),
        (5, 5, ("$0.0000000050", "$0.0000000050")),
    ],
)
def test_two_amounts_that_differ_never_look_alike(one: int, other: int, texts: tuple[str, str]) -> None:
    """Nor like one number written in two ways."""
    assert apart(dollars, one, other) == texts


def test_two_qualities_get_as_many_digits_as_tell_them_apart() -> None:
    assert apart(quality, 0.94996, 0.95) == ("0.94996", "0.9500")


def test_names_come_in_order_and_twenty_at_most() -> None:
    assert names({"b", "a"}) == "a, b"
    many = names(f"model-{number:02}" for number in range(25))
    assert many.startswith("model-00, ")
    assert many.endswith("model-19 and 5 more")


def test_it_is_said_who_asks_for_a_floor() -> None:
    sources = [
        floor_source(QualityFloor(quality=0.5, source=source)) for source in ("complexity", "override", "request")
    ]
    assert sources == ["the policy", "an override", "the request"]


def test_a_text_that_is_too_long_ends_with_an_ellipsis() -> None:
    assert clipped("12345", 5) == "12345"
    assert clipped("123456", 5) == "1234…"
