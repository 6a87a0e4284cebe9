"""Faults strike as often, as many times and as long as they are set to, and repeat with the seed."""

from typing import Any

import pytest

from dataplane.provider.sandbox.document import DocumentError
from dataplane.provider.sandbox.fault import (
    MAX_FAULTS,
    Fault,
    FaultKind,
    arm,
    described,
    read_fault,
    read_faults,
    strike,
)


def struck(fault: Fault, times: list[float], *, model: str = "m", seed: int = 7) -> list[bool]:
    """Whether `fault` strikes calls of `model` at these seconds after it was set at 100."""
    armed = arm([fault], 100.0)
    hits = []
    for at in times:
        hit, armed = strike(armed, model, 100.0 + at, seed)
        hits.append(hit is not None)
    return hits


STATUS = Fault(id="f", kind=FaultKind.STATUS)


def test_a_fault_strikes_always_unless_it_is_limited() -> None:
    assert all(struck(STATUS, [0.0, 5.0, 1e6]))


def test_a_count_strikes_the_next_calls_and_no_more() -> None:
    assert struck(Fault(id="f", kind=FaultKind.STATUS, count=2), [0.0] * 4) == [True, True, False, False]


def test_a_rate_strikes_that_share_of_the_calls() -> None:
    hits = struck(Fault(id="f", kind=FaultKind.STATUS, rate=0.3), [0.0] * 3_000)
    assert 0.27 < sum(hits) / len(hits) < 0.33


def test_a_rate_repeats_with_the_seed() -> None:
    fault = Fault(id="f", kind=FaultKind.STATUS, rate=0.5)
    assert struck(fault, [0.0] * 50, seed=1) == struck(fault, [0.0] * 50, seed=1)
    assert struck(fault, [0.0] * 50, seed=1) != struck(fault, [0.0] * 50, seed=2)


def test_a_count_with_a_rate_counts_what_was_struck() -> None:
    assert sum(struck(Fault(id="f", kind=FaultKind.STATUS, rate=0.5, count=3), [0.0] * 100)) == 3


def test_a_window_opens_and_closes() -> None:
    fault = Fault(id="f", kind=FaultKind.STATUS, from_s=10.0, for_s=5.0)
    assert struck(fault, [0.0, 9.9, 10.0, 14.9, 15.0]) == [False, False, True, True, False]


def test_a_fault_of_one_model_leaves_the_others_alone() -> None:
    fault = Fault(id="f", kind=FaultKind.STATUS, model="m")
    assert struck(fault, [0.0]) == [True]
    assert struck(fault, [0.0], model="n") == [False]


def test_the_first_fault_that_strikes_wins() -> None:
    first, second = Fault(id="a", kind=FaultKind.HANG, count=1), Fault(id="b", kind=FaultKind.EMPTY)
    armed = arm([first, second], 0.0)
    hit, armed = strike(armed, "m", 0.0, 7)
    assert hit == first
    hit, armed = strike(armed, "m", 0.0, 7)
    assert hit == second
    assert [one.hits for one in armed] == [1, 1]


def test_a_fault_is_shown_as_it_was_set_with_what_it_did() -> None:
    armed = arm([Fault(id="f", kind=FaultKind.STATUS, status=429, retry_after_s=2.0)], 0.0)
    _, armed = strike(armed, "m", 0.0, 7)
    assert described(armed[0]) == {
        "id": "f",
        "kind": "status",
        "status": 429,
        "retry_after_s": 2.0,
        "seen": 1,
        "hits": 1,
    }


def test_faults_without_an_id_are_numbered() -> None:
    assert [fault.id for fault in read_faults([{"kind": "hang"}, {"kind": "reset", "id": "x"}, {"kind": "empty"}])] == [
        "0",
        "x",
        "2",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "explode"}, "faults[0].kind: 'explode' is not one of"),
        ({}, "faults[0].kind: is missing"),
        ({"kind": "hang", "when": 1}, "faults[0].when: is not known; the fields are after_chunks, "),
        ({"kind": "hang", "rate": 1.5}, "faults[0].rate: 1.5 is above 1.0"),
        ({"kind": "hang", "rate": float("nan")}, "faults[0].rate: nan is below 0.0"),
        ({"kind": "hang", "rate": "often"}, "faults[0].rate: expected a number, got a string"),
        ({"kind": "hang", "count": 1.5}, "faults[0].count: expected a whole number, got a number"),
        ({"kind": "hang", "count": True}, "faults[0].count: expected a whole number, got true or false"),
        ({"kind": "hang", "count": -1}, "faults[0].count: -1 is below 0"),
        ({"kind": "hang", "status": 500}, "faults[0].status: does not belong to a fault of kind hang"),
        ({"kind": "status", "status": 418}, "faults[0].status: 418 is not one of 400, "),
        ({"kind": "status", "model": 4}, "faults[0].model: expected a string, got a whole number"),
        ("hang", "faults[0]: expected a mapping, got a string"),
    ],
)
def test_a_wrong_fault_is_refused_with_its_field(data: Any, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_faults([data])
    assert str(caught.value).startswith(message)


def test_an_id_stands_for_one_fault_only() -> None:
    with pytest.raises(DocumentError, match="'a' is there twice"):
        read_faults([{"kind": "hang", "id": "a"}, {"kind": "reset", "id": "a"}])


def test_there_is_room_for_a_limited_number_of_faults() -> None:
    assert len(read_faults([{"kind": "hang"}] * MAX_FAULTS)) == MAX_FAULTS
    with pytest.raises(DocumentError, match="201 faults are more than 200"):
        read_faults([{"kind": "hang"}] * (MAX_FAULTS + 1))


def test_whole_numbers_are_taken_where_a_number_is_wanted() -> None:
    assert read_fault({"kind": "status", "retry_after_s": 3}, "", "x").retry_after_s == 3.0
