from dataclasses import replace

import numpy as np
import pytest

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification
from controlplane.learning.artefact import ArtefactInvalid, decode, encode
from controlplane.learning.fingerprint import fingerprints, known
from controlplane.learning.model import (
    DENSEST,
    EVEN,
    LONGEST,
    PPM,
    STRAIGHT,
    UNIT,
    Calibration,
    Experience,
    Learned,
    Length,
)
from controlplane.learning.quality import UNFAMILIAR, Outlook, outlook
from controlplane.learning.structure import NAMES, hardness, log2, structure
from controlplane.learning.training import boosting
from controlplane.learning.training.forms import familiar, listened, shares
from controlplane.learning.training.lesson import Lesson
from controlplane.learning.training.places import Places, densities
from controlplane.learning.training.quality import train
from turnout_features.model import Embedding, Features

ENCODER = "test-1"
PLAIN = Classification(
    task_type=TaskType.QA, complexity=Complexity.MODERATE, domain=None, confidence=0.9, classifier="rules"
)


def lesson(count: int = 400, *, holes: bool = False) -> Lesson:
    """Texts on two sides of the first dimension; the small model fails on one of them."""
    rng = np.random.default_rng(5)
    embeddings = rng.integers(-40, 41, (count, 8)).astype(np.int8)
    hard = embeddings[:, 0] > 0
    scores = np.stack(
        [np.where(hard, rng.random(count) < 0.2, rng.random(count) < 0.9), rng.random(count) < 0.9], axis=1
    )
    scores = scores.astype(np.float64)
    if holes:
        scores[rng.random(scores.shape) < 0.3] = np.nan
    return Lesson(
        encoder=ENCODER,
        embeddings=embeddings,
        structure=np.array([structure(features(row.tolist()), PLAIN) for row in embeddings]),
        forms=np.zeros(count, dtype=np.int64),
        tables=np.zeros(count, dtype=np.int64),
        subjects=(embeddings[:, 1] > 0).astype(np.int64),
        groups=np.arange(count),
        tasks=np.zeros(count, dtype=np.int64),
        models=["small", "large"],
        scores=scores,
        lengths=np.full(scores.shape, np.nan),
    )


def features(values: list[int], encoder: str = ENCODER) -> Features:
    embedding = Embedding(encoder=encoder, values=np.array(values, dtype=np.int8).tobytes())
    return Features(last_user_tokens=60, input_tokens=64, characters=300, embedding=embedding)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return train(lesson())


HARD, EASY = features([37, 5, 33, -19, -11, 31, -25, -35]), features([-37, 0, -13, -5, 35, -24, 2, -14])


def test_the_small_model_is_expected_to_fail_where_it_failed(learned: Learned) -> None:
    hard, easy = outlook(learned, HARD, PLAIN), outlook(learned, EASY, PLAIN)
    assert hard.of("small", 0.5).quality < easy.of("small", 0.5).quality - 200_000
    assert hard.of("large", 0.5).quality > hard.of("small", 0.5).quality


def test_names_are_the_same_in_any_case(learned: Learned) -> None:
    found = outlook(learned, HARD, PLAIN)
    assert found.of("SMALL", 0.1) == found.of("small", 0.9)


def test_a_model_without_results_has_its_own_score(learned: Learned) -> None:
    found = outlook(learned, replace(HARD, embedding=None), PLAIN)
    low, high = found.of("other", 0.3), found.of("other", 0.9)
    assert low.quality < high.quality
    assert low.high - low.low > 0


def test_an_interval_holds_what_is_expected_and_is_wide_where_nothing_is_known(learned: Learned) -> None:
    known, unknown = outlook(learned, HARD, PLAIN), outlook(learned, features([1] * 8, "another"), PLAIN)
    for found in (known, unknown):
        prospect = found.of("small", 0.5)
        assert 0 <= prospect.low <= prospect.quality <= prospect.high <= PPM
    assert unknown.trust == 0
    prospect = unknown.of("small", 0.5)
    assert prospect.high - prospect.quality > UNFAMILIAR


def test_without_a_known_embedding_only_the_kind_of_work_and_the_length_count(learned: Learned) -> None:
    strange, absent = (
        outlook(learned, features([1] * 8, "another"), PLAIN),
        outlook(learned, replace(HARD, embedding=None), PLAIN),
    )
    assert strange.of("small", 0.5) == absent.of("small", 0.5)


def test_harder_work_widens_the_gap_where_nothing_is_known_of_the_text(learned: Learned) -> None:
    def gap(task: TaskType) -> int:
        found = outlook(learned, replace(HARD, embedding=None), replace(PLAIN, task_type=task))
        return found.of("large", 0.5).quality - found.of("small", 0.5).quality

    assert gap(TaskType.REASONING) > gap(TaskType.QA) > gap(TaskType.CREATIVE)


def test_a_text_far_from_all_of_training_is_judged_without_its_words(learned: Learned) -> None:
    far = features([0, 1, 0, -1, 0, 1, 0, 0])
    assert outlook(learned, far, PLAIN).trust == 0
    assert outlook(learned, HARD, PLAIN).trust == 1000
    assert outlook(learned, far, PLAIN).of("small", 0.5) == outlook(learned, replace(far, embedding=None), PLAIN).of(
        "small", 0.5
    )


def test_a_kind_of_work_that_was_hardly_learned_is_judged_without_its_words(learned: Learned) -> None:
    creative = replace(PLAIN, task_type=TaskType.CREATIVE)
    assert outlook(learned, HARD, creative).trust == 0
    assert outlook(learned, HARD, PLAIN).trust == 1000


def test_a_vector_longer_than_any_of_the_encoder_is_judged_without_its_words(learned: Learned) -> None:
    """Its products might not be exact, and then a replay on another machine might differ."""
    assert outlook(learned, features([127] * 8), PLAIN).trust > 0
    wide = replace(learned, heads=replace(learned.heads, weights=np.ones((34, 512), dtype=np.float32)))  # type: ignore[type-var]
    assert outlook(wide, features([127] * 512), PLAIN).trust == 0


def test_products_of_lines_and_embeddings_are_exact_in_whatever_order_they_are_summed(learned: Learned) -> None:
    assert learned.heads is not None
    lengths = np.linalg.norm(learned.heads.weights.astype(np.float64), axis=1)
    assert lengths.max() <= STRAIGHT
    assert STRAIGHT * LONGEST < 1 << 24
    assert (learned.heads.weights == np.round(learned.heads.weights)).all()


def test_of_many_alike_models_one_with_few_results_shares_what_is_learned_of_all() -> None:
    """Directions carry what is common to all; the model of which a tenth of the results is known follows."""
    rng = np.random.default_rng(8)
    one = lesson()
    hard = one.embeddings[:, 0] > 0
    scores = (rng.random((len(one), 8)) < np.where(hard, 0.3, 0.9)[:, None]).astype(np.float64)
    scores[rng.random(len(one)) < 0.9, 0] = np.nan
    found = train(
        replace(one, models=[f"m{at}" for at in range(8)], scores=scores, lengths=np.full(scores.shape, np.nan))
    )
    assert (
        outlook(found, HARD, PLAIN).of("m0", 0.5).quality < outlook(found, EASY, PLAIN).of("m0", 0.5).quality - 100_000
    )


def test_among_short_requests_the_longer_are_no_harder_and_among_others_they_are() -> None:
    def hard(tokens: int) -> int:
        return hardness(Features(last_user_tokens=tokens, input_tokens=tokens, characters=tokens * 4), PLAIN)

    assert hard(5) == hard(30) < hard(100) < hard(1000)


def test_the_length_of_formulas_tells_nothing_of_their_hardness() -> None:
    def hard(tokens: int) -> int:
        return hardness(Features(last_user_tokens=tokens, input_tokens=tokens, characters=tokens * 2), PLAIN)

    assert hard(100) == hard(1000)


def test_the_same_request_has_the_same_outlook(learned: Learned) -> None:
    assert [outlook(learned, HARD, PLAIN).of("small", 0.5) for _ in range(3)] == [
        outlook(learned, HARD, PLAIN).of("small", 0.5)
    ] * 3


def test_tables_with_holes_are_learned_from() -> None:
    found = outlook(train(lesson(holes=True)), HARD, PLAIN)
    assert found.of("small", 0.5).quality < found.of("large", 0.5).quality


def test_no_scores_at_all_are_refused() -> None:
    empty = lesson(20)
    with pytest.raises(ValueError, match="no prompt has a score"):
        train(replace(empty, scores=np.full(empty.scores.shape, np.nan)))


def test_a_model_is_the_same_after_it_was_written_and_read(learned: Learned) -> None:
    content = encode(learned)
    again = decode(content)
    assert encode(again) == content
    assert len(again.digest) == 32
    for one in (HARD, EASY):
        assert outlook(again, one, PLAIN).of("small", 0.5) == outlook(learned, one, PLAIN).of("small", 0.5)


def test_what_a_deployment_found_itself_is_kept_with_the_model(learned: Learned) -> None:
    found = replace(
        learned,
        lengths={"qa|small": Length(low=10, middle=60, high=300, mean=90)},
        experience={"support||small": Experience(shift=-40_000, spread=12_000, results=85)},
        calibrations=(
            Calibration(
                workload="support",
                reference="large",
                within_ppm=20_000,
                confidence_ppm=950_000,
                worth_nanousd=7_000_000,
                models=("large", "small"),
                prices=((2_500_000_000, 10_000_000_000), (150_000_000, 600_000_000)),
                prompts=812,
                loss_ppm=4_000,
            ),
        ),
    )
    again = decode(encode(found))
    assert (again.lengths, again.experience, again.calibrations) == (
        found.lengths,
        found.experience,
        found.calibrations,
    )


@pytest.mark.parametrize(
    "spoil", [lambda one: one[:-3], lambda one: b"x" + one, lambda one: one[:40], lambda one: one + b"12345678"]
)
def test_bytes_that_are_cut_or_altered_are_refused(learned: Learned, spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(ArtefactInvalid):
        decode(spoil(encode(learned)))


def test_logarithms_grow_with_their_number() -> None:
    found = [log2(number) for number in range(3000)]
    assert found == sorted(found)
    assert [log2(0), log2(1), log2(3), log2(1023)] == [0, 64, 128, 640]


def test_every_place_of_the_structure_has_a_name() -> None:
    assert len(structure(HARD, PLAIN)) == len(NAMES)


def test_a_model_knows_which_prompts_it_was_trained_on_and_no_others(learned: Learned) -> None:
    again = decode(encode(replace(learned, seen=fingerprints([b"one", b"two", b""]))))
    assert len(again.seen) == 2
    (first, other) = (Features(embedding=Embedding(encoder="e", values=each)) for each in (b"one", b"three"))
    assert known(first, again.seen)
    assert not known(other, again.seen)
    assert not known(Features(), again.seen)


def test_training_notes_what_it_was_trained_on(learned: Learned) -> None:
    assert all(
        known(Features(embedding=Embedding(encoder=ENCODER, values=each.tobytes())), learned.seen)
        for each in lesson().embeddings
    )


def expected(found: Learned, embedding: list[int], model: str = "small") -> int:
    return outlook(found, features(embedding), PLAIN).of(model, 0.5).quality


def trusted(found: Learned, embedding: list[int]) -> bool:
    return outlook(found, features(embedding), PLAIN).trust == 1000


def of_chance(count: int = 400) -> Lesson:
    """Results that nothing of the text tells."""
    one = lesson(count)
    return replace(one, scores=(np.random.default_rng(2).random(one.scores.shape) < 0.6).astype(np.float64))


def test_where_texts_tell_nothing_of_results_trees_are_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def apart(found: Learned) -> float:
        return float(np.std([expected(found, row.tolist()) for row in lesson().embeddings[:100]]))

    held_back = apart(train(of_chance()))
    monkeypatch.setattr(boosting, "_shrinks", lambda aims, _heights: np.ones(len(aims.tables)))
    assert held_back < 0.7 * apart(train(of_chance())), "control: as they were grown they tell texts apart"


def two_tables() -> Lesson:
    """Two tables about texts that lie apart; the small model answers all of one and none of the other."""
    one = lesson()
    second = one.embeddings[:, 0] > 0
    scores = np.stack([np.where(second, 0.0, 1.0), np.full(len(one), 0.5)], axis=1)
    moved = one.embeddings.copy()
    moved[:, 0] = np.where(second, 60, -60)
    return replace(one, embeddings=moved, scores=scores, tables=second.astype(np.int64), subjects=np.full(len(one), -1))


def test_what_a_table_shows_of_a_model_counts_where_the_texts_of_that_table_lie() -> None:
    tables = two_tables()
    found = train(tables)
    here, there = (
        next(row.tolist() for row in tables.embeddings[tables.tables == table] if trusted(found, row.tolist()))
        for table in (0, 1)
    )
    assert expected(found, here) > 900_000
    assert expected(found, there) < 100_000
    anywhere = replace(found, forest=replace(found.forest, densities=np.full_like(found.forest.densities, EVEN)))
    assert expected(anywhere, here) < 700_000, "control: both tables are listened to, whatever the text"
    assert expected(anywhere, there) > 300_000


def exams(count: int = 400) -> Lesson:
    """Two tables about the same texts, one with four answers to choose from and one with ten, in which results are the other way round."""
    one = lesson(count)
    second = np.arange(count) % 2 == 1
    scores = np.where(second[:, None], 1.0 - one.scores, one.scores)
    return replace(one, scores=scores, tables=second.astype(np.int64), forms=np.where(second, 10, 4))


def offering(found: Learned, options: int, embedding: list[int]) -> Outlook:
    return outlook(found, replace(features(embedding), answer_options=options), PLAIN)


def test_a_table_counts_for_requests_that_offer_as_many_answers_as_its_own() -> None:
    tables = exams()
    found = train(tables)
    rows = [row.tolist() for row in tables.embeddings[:100] if trusted(found, row.tolist())]
    hard = [row for row in rows if row[0] > 10]

    def small(learned: Learned, options: int) -> float:
        return float(np.mean([offering(learned, options, row).of("small", 0.5).quality for row in hard]))

    assert small(found, 4) < 0.6 * small(found, 10)
    alike = replace(found, forest=replace(found.forest, forms=np.full_like(found.forest.forms, UNIT)))
    assert abs(small(alike, 4) - small(alike, 10)) < 20_000, "control: both tables are listened to, whatever is offered"
    assert abs(small(found, 5) - small(alike, 5)) < 20_000, "a form that nobody has tells nothing"


def test_a_request_of_a_telling_form_that_was_learned_from_is_familiar_wherever_it_lies() -> None:
    found = train(exams())
    strange = [1, 0, 0, 0, 0, 0, 0, 0]
    assert [offering(found, options, strange).trust for options in (0, 4, 5, 10)] == [0, 1000, 0, 1000]
    plain = train(lesson())
    assert offering(plain, 0, strange).trust == 0, "without answers to choose from, all requests look alike"


def test_forms_count_by_how_usual_they_are_beside_the_most_usual_of_the_table() -> None:
    forms = np.array([4] * 90 + [5] * 9 + [12] * 20 + [0] * 20)
    usual = shares(forms, np.array([0] * 99 + [1] * 40))
    assert usual[[0, 4, 5, 12]].round(2).tolist() == [[0.0, 1.0], [1.0, 0.0], [0.1, 0.0], [0.0, 1.0]]
    assert listened(usual)[[0, 3, 5]].tolist() == [[91, 1000], [1000, 1000], [1000, 500]]
    assert familiar(usual)[[0, 3, 4, 5, 12]].tolist() == [0, 0, 1000, 200, 1000]


def test_one_feature_beyond_all_of_training_moves_no_more_than_the_farthest_there(learned: Learned) -> None:
    """A straight line would go on for ever."""
    long = replace(HARD, last_user_tokens=200_000, input_tokens=200_000, characters=800_000)
    shift = outlook(learned, long, PLAIN).shifts[0] - outlook(learned, HARD, PLAIN).shifts[0]
    assert abs(shift) < 100_000


def test_a_table_is_listened_to_by_how_densely_it_lies_not_by_how_large_it_is() -> None:
    """Places of the first table, of the second, and of neither; one of the tables is ten times the other."""
    rows = np.eye(3)[[0] * 90 + [2] * 10 + [1] * 10]
    tables = np.array([0] * 100 + [1] * 10)
    places = Places(centres=np.eye(3), strange=np.zeros(3), familiar=np.ones(3))
    assert densities(tables, rows, places).tolist() == [[270, 0], [0, 300], [30, 0]]
    assert densities(tables, rows, None).tolist() == [[EVEN, EVEN]]
    many = replace(places, centres=np.eye(200))
    assert densities(np.zeros(5, dtype=np.int64), np.eye(200)[[0] * 5], many).max() == DENSEST
