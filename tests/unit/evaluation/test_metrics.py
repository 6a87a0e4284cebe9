import numpy as np
import pytest

from turnout_cli.evaluation.metrics import Pair, aiq, bootstrap, curve, hull, measures, saved


def pair(weak: list[float], strong: list[float]) -> Pair:
    count = len(weak)
    return Pair(weak=np.array(weak), strong=np.array(strong), weak_cost=np.zeros(count), strong_cost=np.ones(count))


FOUR = pair([0, 0, 1, 1], [1, 1, 1, 1])
"""The first two prompts need the strong model; the gap is one half."""


def test_an_order_that_sends_first_what_needs_it_recovers_the_gap_with_half_of_the_calls() -> None:
    found = measures(np.array([4.0, 3.0, 2.0, 1.0]), FOUR)
    # Triangle of width 1/2 and height 1, then a rectangle: 1/4 + 1/2.
    assert found["apgr"] == pytest.approx(0.75)
    assert found["cpt50"] == pytest.approx(0.25)
    assert found["cpt80"] == pytest.approx(0.4)


def test_the_opposite_order_loses_what_the_first_won() -> None:
    found = measures(np.array([1.0, 2.0, 3.0, 4.0]), FOUR)
    assert found["apgr"] == pytest.approx(0.25)
    assert found["cpt50"] == pytest.approx(0.75)


def test_equal_scores_are_exactly_random() -> None:
    found = measures(np.zeros(4), FOUR)
    assert found["apgr"] == 0.5
    assert found["cpt50"] == 0.5
    assert found["cpt80"] == pytest.approx(0.8)
    assert found["cost_apgr"] == 0.5


def test_a_tie_is_a_straight_line_between_its_ends() -> None:
    found = curve(np.array([2.0, 1.0, 1.0, 0.0]), FOUR)
    assert found.calls.tolist() == [0.0, 0.25, 0.75, 1.0]
    assert found.gained.tolist() == [0.0, 0.5, 1.0, 1.0]


def test_a_prompt_that_the_strong_model_spoils_lets_the_oracle_exceed_one() -> None:
    spoiled = pair([0, 1, 0, 1], [1, 0, 1, 1])
    found = measures(spoiled.gain, spoiled)
    assert found["apgr"] > 1


def test_cost_is_counted_where_the_strong_model_is_dear() -> None:
    dear = Pair(
        weak=np.array([0.0, 0.0]), strong=np.array([1.0, 1.0]), weak_cost=np.zeros(2), strong_cost=np.array([3.0, 1.0])
    )
    assert measures(np.array([2.0, 1.0]), dear)["cost_apgr"] == pytest.approx(0.375)
    assert measures(np.array([1.0, 2.0]), dear)["cost_apgr"] == pytest.approx(0.625)
    assert measures(np.array([1.0, 2.0]), dear)["apgr"] == 0.5


def test_the_hull_leaves_out_what_a_lottery_of_others_beats() -> None:
    costs, qualities = hull(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.1, 1.0, 0.9]))
    assert costs.tolist() == [0.0, 2.0]
    assert qualities.tolist() == [0.0, 1.0]


def test_aiq_is_the_mean_height_of_the_hull() -> None:
    assert aiq(np.array([0.0, 2.0]), np.array([0.0, 1.0]), 0.0, 2.0) == pytest.approx(0.5)
    assert aiq(np.array([0.0, 2.0]), np.array([0.0, 1.0]), 0.0, 4.0) == pytest.approx(0.75)


def test_what_is_saved_is_told_against_the_dearest() -> None:
    costs, qualities = np.array([0.0, 2.0]), np.array([0.5, 1.0])
    assert saved(costs, qualities, 0.75, 2.0) == pytest.approx(0.5)
    assert saved(costs, qualities, 1.1, 2.0) == 0.0


def test_an_interval_holds_its_value_and_is_the_same_for_the_same_seed() -> None:
    rng = np.random.default_rng(3)
    many = pair(rng.integers(0, 2, 300).tolist(), [1.0] * 300)
    scores = rng.random(300)
    first, second = bootstrap(scores, many, 50, 1), bootstrap(scores, many, 50, 1)
    assert first == second
    assert all(at.low <= at.value <= at.high for name, at in first.items() if name == "apgr")
