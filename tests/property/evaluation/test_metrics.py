import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from turnout_cli.evaluation.metrics import Pair, measures

RESULTS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-5, 5)), min_size=4, max_size=60)


def made(rows: list[tuple[bool, bool, int]]) -> tuple[Pair, np.ndarray]:
    weak, strong, scores = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    ones = np.ones(len(rows))
    return Pair(weak=weak, strong=strong, weak_cost=ones, strong_cost=2 * ones), scores


@given(RESULTS)
def test_no_order_beats_the_oracle(rows: list[tuple[bool, bool, int]]) -> None:
    pair, scores = made(rows)
    assume(pair.gain.sum() > 0)
    assert measures(scores, pair)["apgr"] <= measures(pair.gain, pair)["apgr"] + 1e-9


@given(RESULTS)
def test_only_the_order_of_scores_counts(rows: list[tuple[bool, bool, int]]) -> None:
    pair, scores = made(rows)
    assume(pair.gain.sum() > 0)
    assert measures(scores, pair) == measures(np.exp(scores) * 7 - 3, pair)


@given(RESULTS)
def test_an_order_and_its_opposite_are_one_together(rows: list[tuple[bool, bool, int]]) -> None:
    pair, scores = made(rows)
    assume(pair.gain.sum() > 0)
    assert abs(measures(scores, pair)["apgr"] + measures(-scores, pair)["apgr"] - 1) < 1e-9


@given(RESULTS)
def test_a_constant_score_is_random_for_any_results(rows: list[tuple[bool, bool, int]]) -> None:
    pair, scores = made(rows)
    assume(pair.gain.sum() > 0)
    assert measures(np.zeros_like(scores), pair)["apgr"] == 0.5
