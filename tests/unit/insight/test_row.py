"""What is known of a decision as text, also of rows that an older version wrote."""

import json
from datetime import UTC, datetime

import pytest

from controlplane.audit.model import Kind
from controlplane.insight.contribution import Known, contribute, signals_of
from controlplane.insight.contribution import Sums as Added
from controlplane.insight.facts import RunFact
from controlplane.insight.row import from_text, to_text
from controlplane.rpc.record_facts import told_by
from controlplane.store.protocols import StoredEntry
from tests.support.insight import decision, feedback, run
from turnout.audit.v1 import record_pb2

KNOWN = Known(decision_id="d000000", decided=decision(), runs=(run(schema_invalid=True),), feedback=(feedback(0, 1),))


def test_a_row_is_read_as_it_was_written() -> None:
    assert from_text("d000000", to_text(KNOWN)) == KNOWN


def test_a_row_from_before_answers_were_judged_has_nothing_to_say_of_them() -> None:
    state = json.loads(to_text(KNOWN))
    state[1] = [each[:13] for each in state[1]]
    (old,) = from_text("d000000", json.dumps(state)).runs
    assert old == run(schema_invalid=False)


def test_an_answer_of_the_wrong_form_is_a_signal_and_no_success() -> None:
    for invalid in (True, False):
        known = Known(decision_id="d000000", decided=decision(), runs=(run(schema_invalid=invalid),))
        added = Added()
        contribute(known, added)
        (counters,) = added.counters.values()
        assert (list(signals_of(known, known.best())) == ["schema_invalid"]) is invalid
        assert counters.get("successful", 0) == (not invalid)
        assert counters["succeeded"] == 1


@pytest.mark.parametrize(
    ("check", "invalid"), [(None, False), (0, False), (1, False), (2, True), (3, True), (99, False)]
)
def test_a_receipt_says_so_and_one_without_the_field_or_with_a_newer_word_does_not(
    check: int | None, invalid: bool
) -> None:
    record = record_pb2.ReceiptRecord()
    record.receipt.started_at.seconds = 1
    if check is not None:
        record.receipt.output_check = check  # type: ignore[assignment]  # what a newer worker may send
    at = datetime(2026, 11, 21, tzinfo=UTC)
    body = record.SerializeToString()
    entry = StoredEntry(
        seq=1, index=1, kind=Kind.RECEIPT, ref="r", decision_id="d", at=at, leaf=b"", salt=b"", body=body
    )
    fact = told_by(entry).fact
    assert isinstance(fact, RunFact)
    assert fact.schema_invalid is invalid
