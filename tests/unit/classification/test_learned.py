"""The learned rung goes on from the rules, says why it is silent, and decides by whole numbers alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification import structural
from controlplane.classification.heads import ROWS, SURE_ROW, UNIT, Calibration, Heads
from controlplane.classification.ladder import ByRules
from controlplane.classification.learned import ByLearned, others
from controlplane.classification.model import Classification, Silence
from controlplane.classification.rules import NoHint, classify
from controlplane.classification.stored import ABOUT, NUMBERS, WeightsUnfit, read, write
from controlplane.classification.votes import COMPLEXITIES, DOMAINS, TASKS
from tests.unit.classification.rule_sets import rule_set, table
from turnout_features import Embedding, Features

ENCODER, DIMENSIONS = "test-1", 4
PLAIN = Calibration(
    task_temperature=1.0,
    complexity_temperature=1.0,
    leads=(1024, 1024),
    same=(0, 0),
    reached=(UNIT, 2 * UNIT, 3 * UNIT),
    chances=(300_000, 500_000, 700_000, 900_000),
)
RULES = table(patterns={"maybe": {"task_type=qa": 1.0}, "sure": {"task_type=translation": 9.0}})


def heads(rows: dict[int, dict[int, int]] | None = None, signals: tuple[str, ...] = ("maybe",)) -> Heads:
    """Weights that are 0 but for `rows` (row → input → weight); a vote counts what it says."""
    first = DIMENSIONS + len(structural.NAMES)
    weights = np.zeros((ROWS, first + len(signals)))
    for row, inputs in (rows or {}).items():
        for place, weight in inputs.items():
            weights[row, place] = weight
    return Heads(
        digest="",
        encoder=ENCODER,
        dimensions=DIMENSIONS,
        signals={name: first + number for number, name in enumerate(signals)},
        weights=weights,
        bias=np.zeros(ROWS),
        votes=np.full(ROWS, float(round(UNIT / 1000))),
        calibration=PLAIN,
    )


NOTHING = NoHint()
CODE = TASKS.index(TaskType.CODE)
TEXT_IS_CODE = {CODE: {0: 2000}}


def features(*signals: str, values: tuple[int, ...] | None = (100, 0, 0, 0), encoder: str = ENCODER) -> Features:
    embedding = None if values is None else Embedding(encoder=encoder, values=np.array(values, np.int8).tobytes())
    return Features(
        signals=signals, rule_set_digest=RULES.digest, characters=50, last_user_tokens=12, embedding=embedding
    )


def asked(found: Features, known: Heads, hint: NoHint = NOTHING) -> Classification | Silence:
    return ByLearned(known)(found, rule_set(), hint, classify(found, RULES, hint))


def answered(found: Features, known: Heads, hint: NoHint = NOTHING) -> Classification:
    answer = asked(found, known, hint)
    assert isinstance(answer, Classification)
    return answer


def test_the_text_outweighs_what_the_rules_only_guess() -> None:
    assert classify(features("maybe"), RULES).task_type is TaskType.QA
    found = answered(features("maybe"), heads(TEXT_IS_CODE))
    assert (found.task_type, found.classifier) == (TaskType.CODE, "learned")
    assert answered(features("maybe"), heads()).task_type is TaskType.QA


def test_what_the_rules_are_sure_of_outweighs_the_text() -> None:
    assert answered(features("sure"), heads(TEXT_IS_CODE)).task_type is TaskType.TRANSLATION


def test_what_the_caller_says_is_taken_as_said() -> None:
    told = answered(features("maybe"), heads(TEXT_IS_CODE), NoHint(task_type=TaskType.CHAT))
    assert told.task_type is TaskType.CHAT
    both = NoHint(task_type=TaskType.CHAT, complexity=Complexity.EXPERT)
    assert answered(features(), heads(), both).confidence == 1.0
    assert answered(features(), heads(), both).classifier == "hint"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (features(values=None), "the features have no embedding"),
        (features(encoder="other-2"), "the embedding is of the encoder other-2, not test-1"),
        (features(values=(1, 2)), "the embedding has 2 dimensions, not 4"),
    ],
)
def test_without_an_embedding_that_it_knows_it_is_silent(found: Features, reason: str) -> None:
    answer = asked(found, heads())
    assert isinstance(answer, Silence)
    assert answer.reason == reason


def test_without_the_votes_of_the_rules_it_is_silent() -> None:
    assert ByLearned(heads())(features(), rule_set(), NoHint(), None) == Silence("the rules did not count their votes")


def test_an_explanation_names_what_moved_the_answer_after_what_moved_the_rules() -> None:
    maybe = DIMENSIONS + len(structural.NAMES)
    found = answered(features("maybe"), heads({CODE: {0: 2000, maybe: 1000}}))
    told = {(signal.name, signal.votes_for): signal.weight for signal in found.signals}
    assert told["maybe", "task_type=qa"] == 1.0
    assert told["learned.text", "task_type=code"] == round(100 * 2000 / UNIT, 3)
    assert told["learned.maybe", "task_type=code"] == round(structural.ON * 1000 / UNIT, 3)


def test_a_domain_is_named_where_it_has_more_than_none_has() -> None:
    medical = len(TASKS) + len(COMPLEXITIES) + 1 + DOMAINS.index(Domain.MEDICAL)
    assert answered(features(), heads()).domain is None
    assert answered(features(), heads({medical: {0: 1100}})).domain is None
    assert answered(features(), heads({medical: {0: 1200}})).domain is Domain.MEDICAL


def test_totals_are_whole_numbers_and_so_the_same_in_every_order() -> None:
    chance = np.random.default_rng(5)
    known = heads()
    weights = chance.integers(-32767, 32767, known.weights.shape).astype(np.float64)
    found = features("maybe", values=(127, -128, 55, -1))
    assert found.embedding is not None
    inputs = np.zeros(weights.shape[1])
    inputs[:DIMENSIONS] = np.frombuffer(found.embedding.values, np.int8)
    places, values = others(found, known)
    inputs[[DIMENSIONS + place for place in places]] = values
    exact = [sum(int(a) * int(b) for a, b in zip(row, inputs, strict=True)) for row in weights]
    order = chance.permutation(len(inputs))
    assert (weights @ inputs).tolist() == exact
    assert (weights[:, order] @ inputs[order]).tolist() == exact


def test_the_wider_the_lead_the_surer() -> None:
    sure = [answered(features(), heads({CODE: {0: weight}})).confidence for weight in (500, 1000, 2000)]
    assert sure == [0.3, 0.5, 0.9]


def test_the_last_row_says_how_sure_to_be_of_such_requests() -> None:
    known = {CODE: {0: 1000}}
    assert answered(features(), heads({**known, SURE_ROW: {0: 1000}})).confidence == 0.9
    assert answered(features(), heads({**known, SURE_ROW: {0: -1000}})).confidence == 0.3


def test_it_is_surer_where_the_rules_alone_say_the_same() -> None:
    told = replace(PLAIN, same=(UNIT, 0))
    qa = replace(heads({TASKS.index(TaskType.QA): {0: 100}}), calibration=told)
    code = replace(heads({CODE: {0: 2000}}), calibration=told)
    assert answered(features("maybe"), qa).confidence == 0.7
    assert answered(features("maybe"), replace(qa, calibration=PLAIN)).confidence == 0.5
    assert (
        answered(features("maybe"), code).confidence
        == answered(features("maybe"), replace(code, calibration=PLAIN)).confidence
    )


def test_where_the_caller_says_one_axis_the_chance_is_that_of_the_other() -> None:
    known = heads({CODE: {0: 2000}})
    assert answered(features(), known, NoHint(task_type=TaskType.CODE)).confidence == 0.25
    assert answered(features(), known, NoHint(complexity=Complexity.SIMPLE)).confidence > 0.7


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    known = heads(TEXT_IS_CODE)
    write(tmp_path, known)
    found = read(tmp_path)
    assert found.weights.tolist() == known.weights.tolist()
    assert (found.signals, found.calibration) == (known.signals, known.calibration)


def test_a_flipped_bit_in_the_weights_is_refused(tmp_path: Path) -> None:
    write(tmp_path, heads(TEXT_IS_CODE))
    raw = bytearray((tmp_path / NUMBERS).read_bytes())
    raw[7] ^= 1
    (tmp_path / NUMBERS).write_bytes(raw)
    with pytest.raises(WeightsUnfit, match="digest"):
        read(tmp_path)


def test_weights_of_other_structural_features_are_refused(tmp_path: Path) -> None:
    write(tmp_path, heads())
    about = tmp_path / ABOUT
    about.write_text(about.read_text("utf-8").replace('"turns"', '"twists"'), "utf-8")
    with pytest.raises(WeightsUnfit, match="structural"):
        read(tmp_path)


def test_logarithms_of_counts_rise_evenly() -> None:
    assert [structural.log2(count) for count in (0, 1, 2, 3, 7, 1023)] == [0, 8, 12, 16, 24, 80]


def test_there_is_a_number_for_every_name() -> None:
    assert len(structural.numbers(Features())) == len(structural.NAMES)


def test_rules_are_asked_first_and_their_votes_are_handed_on() -> None:
    earlier = ByRules()(features("maybe"), rule_set(patterns={"maybe": {"task_type=qa": 1.0}}), NoHint())
    assert len(earlier.votes) == len(TASKS) + len(COMPLEXITIES) + len(DOMAINS)
