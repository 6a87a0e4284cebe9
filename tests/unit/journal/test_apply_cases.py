"""Single cases of the rules for operations."""

from datetime import timedelta

import pytest

from controlplane.audit.model import Document, Kind
from controlplane.budget.model import Account, AccountId, Balance, Measure, ReservationState
from controlplane.journal.model import AlreadyDecided, Recorded, Refused
from tests.support.journal import DAILY, LIFE, NOON, MemoryJournal, append, expire, hold, issue, request, settle, start

OTHER = Account(id=AccountId("other"), window_start=0)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def test_all_holds_are_taken_or_none(journal: MemoryJournal) -> None:
    (result,) = journal.run([issue("d", hold(10), hold(11, account=OTHER, limit=10))]).results
    assert isinstance(result, Refused)
    assert [short.hold.account for short in result.shortages] == [OTHER]
    assert journal == MemoryJournal()


def test_two_holds_on_one_account_count_together(journal: MemoryJournal) -> None:
    (result,) = journal.run([issue("d", hold(6, limit=10), hold(6, limit=10))]).results
    assert isinstance(result, Refused)
    assert result.shortages[0].hold.amount == 12


def test_a_shortage_tells_whether_waiting_helps(journal: MemoryJournal) -> None:
    journal.run([issue("a", hold(10, limit=10))])
    (waits,) = journal.run([issue("b", hold(10, limit=10))]).results
    journal.run([settle("a", "r", 10)])
    (never,) = journal.run([issue("c", hold(10, limit=10))]).results
    assert isinstance(waits, Refused)
    assert isinstance(never, Refused)
    assert [waits.shortages[0].in_flight, never.shortages[0].in_flight] == [True, False]


def test_a_decision_that_is_known_is_not_recorded_again_and_holds_nothing_more(journal: MemoryJournal) -> None:
    journal.run([issue("d", hold(10))])
    (again,) = journal.run([issue("d", hold(10))]).results
    assert again == Recorded(fresh=False)
    assert journal.balances[DAILY].reserved == 10


def test_a_decision_that_comes_after_its_receipt_holds_nothing(journal: MemoryJournal) -> None:
    (adopted,) = journal.run([settle("d", "r", 3, holds=(hold(10),))]).results
    (late,) = journal.run([issue("d", hold(10))]).results
    assert [adopted, late] == [Recorded(adopted=True), Recorded(fresh=False)]
    assert journal.balances[DAILY] == Balance(spent=3)


def test_every_run_of_an_adopted_decision_is_booked_once(journal: MemoryJournal) -> None:
    runs = [settle("d", "r1", 3, holds=(hold(10),)), settle("d", "r2", 4, holds=(hold(10),))]
    journal.run([*runs, *runs])
    assert journal.balances[DAILY] == Balance(spent=7)


def test_the_same_request_id_gives_the_decision_that_was_made(journal: MemoryJournal) -> None:
    journal.run([issue("d1", hold(10), asked=request("once", "d1"))])
    (again,) = journal.run([issue("d2", hold(10), asked=request("once", "d2"))]).results
    assert isinstance(again, AlreadyDecided)
    assert (again.known.decision_id, again.body) == ("d1", b"decision:d1")
    assert journal.balances[DAILY].reserved == 10


def test_a_request_id_is_free_again_when_its_decision_has_expired(journal: MemoryJournal) -> None:
    journal.run([issue("d1", asked=request("once", "d1"))])
    later = NOON + LIFE
    (again,) = journal.run([issue("d2", asked=request("once", "d2", expires_at=later + LIFE), at=later)]).results
    assert again == Recorded()


def test_a_request_id_with_another_request_is_told_what_it_was_used_for_even_later(journal: MemoryJournal) -> None:
    journal.run([issue("d1", asked=request("once", "d1"))])
    other = request("once", "d2", fingerprint=b"other")
    (again,) = journal.run([issue("d2", asked=other, at=NOON + 2 * LIFE)]).results
    assert isinstance(again, AlreadyDecided)
    assert again.known.fingerprint == b"same"


def test_a_run_that_began_is_booked_at_the_estimate_and_corrected_by_its_receipt(journal: MemoryJournal) -> None:
    journal.run([issue("d", hold(10, estimate=5), runs=2), start("d", "r"), expire("d")])
    assert journal.balances[DAILY] == Balance(spent=5)
    (late,) = journal.run([settle("d", "r", 8)]).results
    assert late == Recorded(late=True)
    assert journal.balances[DAILY] == Balance(spent=8)


def test_a_run_that_began_keeps_its_reservation_longer(journal: MemoryJournal) -> None:
    until = NOON + 5 * LIFE
    journal.run([issue("d", hold(10)), start("d", "r", until)])
    ends = [result for now in (NOON + 2 * LIFE, until) for result in journal.run([expire("d", now)]).results]
    assert ends == [Recorded(fresh=False), Recorded()]
    assert journal.reservations["d"].state is ReservationState.EXPIRED


def test_nothing_ends_before_its_time(journal: MemoryJournal) -> None:
    journal.run([issue("d", hold(10))])
    (early,) = journal.run([expire("d", NOON + LIFE - timedelta(microseconds=1))]).results
    assert early == Recorded(fresh=False)
    assert journal.balances[DAILY].reserved == 10


def test_the_end_of_a_reservation_is_recorded(journal: MemoryJournal) -> None:
    journal.run([issue("d", hold(10, estimate=5), runs=3), start("d", "r"), expire("d")])
    recorded = journal.entries[Kind.EXPIRY, "d"]
    assert recorded.body == (
        b'{"decision_id":"d","holds":[{"account":"daily","booked":5,"released":30,"window_start":1782864000}],'
        b'"runs_estimated":1,"runs_released":2}'
    )


def test_only_calls_of_its_model_count_for_a_hold_on_a_model(journal: MemoryJournal) -> None:
    tokens = hold(100, account=OTHER, measure=Measure.TOKENS, model="large")
    runs = [settle("d", "r1", 7, tokens=50, model="small"), settle("d", "r2", 8, tokens=40, model="large")]
    journal.run([issue("d", hold(100), tokens, runs=2), *runs])
    assert journal.balances == {DAILY: Balance(spent=15), OTHER: Balance(spent=40)}


def test_an_entry_is_kept_once(journal: MemoryJournal) -> None:
    document = Document(digest=b"d", kind="catalog", body=b"{}")
    first, second = journal.run([append(Kind.KEYS, "k", document), append(Kind.KEYS, "k")]).results
    assert [first, second] == [Recorded(), Recorded(fresh=False)]
    assert journal.documents == {b"d": document}
