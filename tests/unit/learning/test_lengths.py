"""How long answers are expected to be."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification
from controlplane.learning.artefact import decode, encode
from controlplane.learning.lengths import LONGER, WHOLE, learned_length, learned_measure, measure, times, usual_output
from controlplane.learning.model import PPM, Length
from controlplane.learning.quality import outlook
from controlplane.learning.structure import NAMES, log2
from controlplane.learning.training import lengths as training_lengths
from controlplane.learning.training.lengths import LEAST, PRIOR_ANSWERS, Answer, own_lengths
from controlplane.learning.training.lesson import Lesson
from controlplane.learning.training.quality import train
from turnout_features.model import Embedding, Features

PROMPTS = 80
RNG = np.random.default_rng(4)


def lesson(answers: dict[str, list[float]], task: TaskType = TaskType.QA, tokens: int = 50) -> Lesson:
    """Answers of so many tokens by model, one prompt a row, of one kind of work and one length of request."""
    rows = len(next(iter(answers.values())))
    structure = np.zeros((rows, len(NAMES)), dtype=np.int64)
    structure[:, NAMES.index("tokens")] = log2(tokens)
    structure[:, NAMES.index("complexity")] = tuple(Complexity).index(Complexity.MODERATE)
    structure[:, NAMES.index(f"task_{task}")] = 1
    return Lesson(
        encoder="",
        embeddings=np.empty((rows, 0), dtype=np.int8),
        structure=structure,
        forms=np.zeros(rows, dtype=np.int64),
        tables=np.zeros(rows, dtype=np.int64),
        subjects=np.full(rows, -1),
        groups=np.arange(rows),
        tasks=np.full(rows, tuple(TaskType).index(task)),
        models=sorted(answers),
        scores=RNG.random((rows, len(answers))),
        lengths=np.array([answers[name] for name in sorted(answers)]).T,
    )


def lengths(about: Lesson) -> Mapping[str, Length]:
    """Where all prompts are taken to have answers of usual length."""
    return training_lengths.lengths(about, np.ones(len(about)))


def spread(middle: float) -> list[float]:
    """Lengths from half of it to half as much more, evenly."""
    return [middle / 2 + middle * at / (PROMPTS - 1) for at in range(PROMPTS)]


def test_a_model_that_writes_more_is_expected_to() -> None:
    found = lengths(lesson({"terse": spread(60), "wordy": spread(600)}))
    assert abs(found["qa|terse"].mean - 60) < 25
    assert abs(found["qa|wordy"].mean - 600) < 25
    assert found["qa|"].mean == 330
    assert found["qa|terse"].low < 60 < found["qa|terse"].high < found["qa|wordy"].low


def test_few_answers_lean_on_what_all_models_take() -> None:
    """As many as PRIOR_ANSWERS weigh as much as those of all models."""
    seen = [3000.0] * PRIOR_ANSWERS + [float("nan")] * (PROMPTS - PRIOR_ANSWERS)
    found = lengths(lesson({"usual": spread(100), "new": seen}))
    assert found["qa|new"].mean == pytest.approx((3000 + found["qa|"].mean) / 2, abs=1)


def test_a_model_without_answers_is_expected_to_write_what_all_do() -> None:
    nothing = [float("nan")] * PROMPTS
    learned = train(lesson({"usual": spread(100), "silent": nothing}))
    assert "qa|silent" not in learned.lengths
    assert learned_length(learned, TaskType.QA, "silent") == learned.lengths["qa|"]
    assert learned_length(learned, TaskType.QA, "Usual") == learned.lengths["qa|usual"]
    assert learned_length(learned, TaskType.CHAT, "usual") is None


def test_a_few_prompts_that_were_taken_for_some_work_say_nothing_of_it() -> None:
    few = {"one": spread(100)[: LEAST - 1], "two": spread(100)[: LEAST - 1]}
    enough = {"one": spread(100)[:LEAST], "two": spread(100)[:LEAST]}
    assert not lengths(lesson(few)), "98 answers, but of 49 prompts"
    assert lengths(lesson(enough))


def test_of_a_translation_it_is_learned_how_much_longer_than_usual_it_is() -> None:
    usual = usual_output(TaskType.TRANSLATION, Complexity.MODERATE, 1_000)
    found = lengths(lesson({"one": [1.5 * usual] * PROMPTS}, TaskType.TRANSLATION, 1_000))["translation|one"]
    assert found.mean == pytest.approx(1_500, abs=15), "requests are known by the 64th of a doubling"
    longer = measure(TaskType.TRANSLATION, Complexity.MODERATE, 4_000)
    assert found.mean * longer // WHOLE == pytest.approx(1.5 * 4_420, rel=0.02)


@pytest.mark.parametrize("task", [TaskType.CODE, TaskType.QA, TaskType.CHAT])
def test_other_lengths_are_tokens(task: TaskType) -> None:
    assert {measure(task, complexity, tokens) for complexity in Complexity for tokens in (0, 9_000)} == {WHOLE}


@given(st.lists(st.integers(0, 20_000), min_size=LEAST, max_size=LEAST + 20), st.integers(1, 30))
def test_a_mean_and_a_middle_lie_between_the_least_and_the_most(answers: list[int], known: int) -> None:
    some = [float(each) if at < known else float("nan") for at, each in enumerate(answers)]
    for found in lengths(lesson({"all": [float(each) for each in answers], "some": some})).values():
        assert min(answers) <= found.low <= found.middle <= found.high <= max(answers)
        assert min(answers) <= found.mean <= max(answers)


def test_lengths_are_kept_with_the_model() -> None:
    learned = train(lesson({"terse": spread(60), "wordy": spread(600)}))
    assert (
        decode(encode(learned)).lengths
        == learned.lengths
        == lengths(lesson({"terse": spread(60), "wordy": spread(600)}))
    )
    assert learned.lengths["qa|wordy"].low < 400 < learned.lengths["qa|wordy"].mean


def answers(model: str, lengths: list[int], task: TaskType = TaskType.QA) -> list[Answer]:
    """Answers that a deployment had."""
    return [
        Answer(task=task, complexity=Complexity.MODERATE, last_user_tokens=50, model=model, tokens=tokens)
        for tokens in lengths
    ]


BEFORE = {"qa|": Length(low=10, middle=20, high=40, mean=25), "qa|terse": Length(low=5, middle=8, high=20, mean=10)}


def test_answers_that_a_deployment_had_take_the_place_of_what_tables_say() -> None:
    found = own_lengths(answers("terse", [100] * 995), BEFORE)
    assert found["qa|"] == Length(low=100, middle=100, high=100, mean=100)
    assert 99 <= found["qa|terse"].mean <= 100


def test_few_of_them_lean_on_what_tables_say_of_the_model() -> None:
    found = own_lengths([*answers("wordy", [100] * LEAST), *answers("terse", [100] * PRIOR_ANSWERS)], BEFORE)
    assert found["qa|terse"].mean == (BEFORE["qa|terse"].mean + 100) / 2
    assert found["qa|wordy"].mean > 90


def test_too_few_for_a_kind_of_work_change_nothing_of_it() -> None:
    several = [*answers("terse", [100] * (LEAST - 1)), *answers("terse", [900] * LEAST, TaskType.CODE)]
    found = own_lengths(several, BEFORE)
    assert {name: length for name, length in found.items() if name.startswith("qa|")} == BEFORE
    assert found["code|terse"].mean == found["code|"].mean == 900


def test_a_translation_is_measured_by_its_text_in_the_log_as_in_tables() -> None:
    found = own_lengths(answers("terse", [150] * LEAST, TaskType.TRANSLATION), {})
    usual = usual_output(TaskType.TRANSLATION, Complexity.MODERATE, 50)
    assert found["translation|terse"].mean == pytest.approx(150 * WHOLE / usual, abs=1)


def long_ones() -> Lesson:
    """Texts on two sides of the first dimension, with answers four times as long on one of them."""
    rng = np.random.default_rng(3)
    embeddings = rng.integers(-40, 41, (400, 8)).astype(np.int8)
    one = lesson({"terse": [50.0] * 400, "wordy": [200.0] * 400})
    times = np.where(embeddings[:, 0] > 0, 2.0, 0.5) * rng.lognormal(0, 0.2, 400)
    return replace(one, encoder="test-1", embeddings=embeddings, lengths=one.lengths * times[:, None])


def asked(first: int) -> Features:
    values = np.array([first, 5, 33, -19, -11, 31, -25, -35], dtype=np.int8).tobytes()
    return Features(
        last_user_tokens=50, input_tokens=50, characters=200, embedding=Embedding(encoder="test-1", values=values)
    )


QA = Classification(
    task_type=TaskType.QA, complexity=Complexity.MODERATE, domain=None, confidence=0.9, classifier="rules"
)


def test_an_answer_is_expected_to_be_long_where_such_texts_had_long_answers() -> None:
    found = decode(encode(train(long_ones())))
    long, short = (outlook(found, asked(first), QA).longer for first in (37, -37))
    assert long > 400_000 > -400_000 > short
    of = found.lengths["qa|wordy"].mean / WHOLE
    tokens = [of * learned_measure(found, each, TaskType.QA, Complexity.MODERATE, 50) for each in (long, short)]
    assert tokens == [pytest.approx(400, rel=0.3), pytest.approx(100, rel=0.3)]


def test_of_a_text_that_is_strange_the_usual_length_is_expected() -> None:
    found = train(long_ones())
    strange = replace(asked(37), embedding=None)
    assert outlook(found, strange, QA).longer == 0
    assert learned_measure(found, 0, TaskType.QA, Complexity.MODERATE, 50) == WHOLE


def test_own_answers_tell_the_usual_length_by_how_much_longer_theirs_were_to_be_expected() -> None:
    said = answers("long", [400] * LEAST)
    plain, told = (own_lengths([replace(each, longer=longer) for each in said], {}) for longer in (0, PPM))
    assert plain["qa|long"].mean == 400
    assert told["qa|long"].mean == 200


def test_doublings_are_powers_of_two_with_straight_lines_between() -> None:
    assert [times(each * PPM) for each in (-2, -1, 0, 1, 3)] == [PPM // 4, PPM // 2, PPM, 2 * PPM, 8 * PPM]
    assert times(PPM // 2) == 3 * PPM // 2
    assert times(99 * PPM) == PPM << LONGER
    found = [times(each) for each in range(-LONGER * PPM, LONGER * PPM, 9_999)]
    assert found == sorted(found)
