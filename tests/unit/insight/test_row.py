"""What is known of a decision as text, also of rows that an older version wrote."""

import json

from controlplane.insight.contribution import Known, contribute, signals_of
from controlplane.insight.contribution import Sums as Added
from controlplane.insight.row import from_text, to_text
from tests.support.insight import decision, feedback, run

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
