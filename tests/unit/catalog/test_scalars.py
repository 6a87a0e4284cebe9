"""Single values of a document, and the texts that they are written back as."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from controlplane.catalog.document.node import At, Scalar
from controlplane.catalog.document.problem import ProblemKind, Refused
from controlplane.catalog.document.read import Reader
from controlplane.catalog.document.scalar import (
    duration,
    duration_text,
    flag,
    integer,
    number,
    number_text,
    text,
    text_or_empty,
    usd,
    usd_text,
)

MONEY = usd(1_000_000)
SPAN = duration(timedelta(0), timedelta(hours=1))
QUALITY = number(0.0, 1.0)


def at(written: str, *, quoted: bool = False) -> At:
    return At(source="turnout.yaml", path="field", line=7, node=Scalar(text=written, line=7, quoted=quoted))


@pytest.mark.parametrize(
    ("written", "nanousd"),
    [
        ("0", 0),
        ("2.50", 2_500_000_000),
        ("0.075", 75_000_000),
        ("0.000000001", 1),
        ("999999.999999999", 999_999_999_999_999),
        ("0.30000000000000000", 300_000_000),
        ("1000000", 1_000_000_000_000_000),
        ("1e-09", 1),
        ("2.5E+2", 250_000_000_000),
    ],
)
def test_money_is_exact(written: str, nanousd: int) -> None:
    assert MONEY(at(written)) == nanousd
    assert Decimal(usd_text(nanousd)) == Decimal(written)
    assert MONEY(at(usd_text(nanousd))) == nanousd


def test_a_price_that_went_through_a_double_would_be_another_price() -> None:
    assert MONEY(at("1.001")) == 1_001_000_000
    assert int(float("1.001") * 10**9) != 1_001_000_000


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        ("800ms", 800_000),
        ("2s", 2_000_000),
        ("1.5s", 1_500_000),
        ("0.5ms", 500),
        ("1m", 60_000_000),
        ("1h", 3_600_000_000),
    ],
)
def test_a_duration_has_a_unit(written: str, microseconds: int) -> None:
    span = timedelta(microseconds=microseconds)
    assert SPAN(at(written)) == span
    assert SPAN(at(duration_text(span))) == span


@pytest.mark.parametrize("written", ["2", "2 s", "2sec", "-2s", "s", "", "2d"])
def test_a_duration_without_its_unit_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="a duration is wanted"):
        SPAN(at(written))


@pytest.mark.parametrize(
    ("written", "value"), [("0.85", 0.85), ("1", 1.0), ("0.850", 0.85), ("-0", 0.0), ("+0.5", 0.5)]
)
def test_a_number_has_one_value_however_it_is_written(written: str, value: float) -> None:
    assert QUALITY(at(written)) == value
    assert str(QUALITY(at(written))) == str(value)
    assert QUALITY(at(number_text(value))) == value


@pytest.mark.parametrize("written", ["nan", ".inf", "1e-1", "0x1", "0,5", "", "0.8.5"])
def test_what_is_no_plain_number_is_refused(written: str) -> None:
    with pytest.raises(Refused, match="a number is wanted"):
        QUALITY(at(written))


def test_digits_may_be_grouped() -> None:
    assert integer(0, 10**9)(at("128_000")) == 128_000


@pytest.mark.parametrize("read", [integer(0, 10), flag])
def test_a_number_or_a_flag_in_quotes_is_a_text(read: Reader[Any]) -> None:
    with pytest.raises(Refused, match="not a text in quotes"):
        read(at("1" if read is not flag else "true", quoted=True))


@pytest.mark.parametrize("written", ["yes", "on", "1", "y"])
def test_only_true_and_false_are_flags(written: str) -> None:
    with pytest.raises(Refused, match="true or false"):
        flag(at(written))


@pytest.mark.parametrize("written", ["", "~", "null"])
def test_nothing_is_no_text(written: str) -> None:
    with pytest.raises(Refused, match="a text is wanted"):
        text(at(written))


def test_null_in_quotes_is_a_text() -> None:
    assert text(at("null", quoted=True)) == "null"


def test_an_empty_text_must_be_in_quotes() -> None:
    assert text_or_empty(at("", quoted=True)) == ""
    with pytest.raises(Refused):
        text_or_empty(at(""))


@pytest.mark.parametrize("written", ["a\nb", "a\x7f", "\u202eabc"])
def test_a_text_has_only_characters_that_can_be_seen(written: str) -> None:
    with pytest.raises(Refused, match="cannot be printed"):
        text(at(written, quoted=True))


def test_a_text_has_a_longest_length() -> None:
    with pytest.raises(Refused) as caught:
        text(at("a" * 5_000))
    assert [problem.kind for problem in caught.value.problems] == [ProblemKind.TOO_LONG]
