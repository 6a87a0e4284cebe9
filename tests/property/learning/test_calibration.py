"""A calibrated worth reaches its target at least as often as it says, whatever the data; without the correction it does not."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.learning.training.calibration import Losses, bound, chance_of_missing, fixed_sequence, needed

CONFIDENCE = 0.9
WITHIN = 0.03
REPEATS = 300
WORTHS = tuple(range(20, 0, -1))


def choices(source: np.random.Generator, count: int) -> list[Losses]:
    """Losses at each of WORTHS: the lower it is, the more prompts go to the weak model, which does worse on the harder ones."""
    hard = source.random(count)
    strong = (source.random(count) < 0.95 - 0.2 * hard).astype(float)
    weak = (source.random(count) < 0.95 - 0.6 * hard).astype(float)
    seen = np.clip(hard + source.normal(0, 0.15, count), 0, 1)
    return [np.where(seen < 1 - worth / len(WORTHS), strong - weak, 0.0) for worth in WORTHS]


@pytest.fixture(scope="module")
def truth() -> list[float]:
    """The mean loss at each worth, from very many prompts."""
    return [float(each.mean()) for each in choices(np.random.default_rng(99), 400_000)]


def misses(truth: Sequence[float], kept: Callable[[list[Losses]], int], count: int) -> float:
    """The share of tables of `count` prompts on which what is kept misses the target in truth."""
    source = np.random.default_rng(7)
    found = [kept(choices(source, count)) for _ in range(REPEATS)]
    return sum(bool(each) and truth[each - 1] > WITHIN for each in found) / REPEATS


def calibrated(losses: list[Losses]) -> int:
    """How many worths the calibration keeps."""
    return fixed_sequence(WORTHS, losses, WITHIN, CONFIDENCE).kept


def by_the_mean_alone(losses: list[Losses]) -> int:
    """How many would be kept by looking at the losses as if they were the truth."""
    return max((at for at, each in enumerate(losses, start=1) if each.mean() <= WITHIN), default=0)


@pytest.mark.parametrize("count", [300, 1500])
def test_the_target_is_missed_no_more_often_than_the_confidence_lets_it(truth: Sequence[float], count: int) -> None:
    assert truth[0] <= 0 < WITHIN < truth[-1]
    assert misses(truth, calibrated, count) <= 1 - CONFIDENCE


@pytest.mark.parametrize("count", [300, 1500])
def test_without_the_correction_it_is_missed_far_more_often(truth: Sequence[float], count: int) -> None:
    """The control: the same data and the same target, with the mean loss taken for the truth."""
    assert misses(truth, by_the_mean_alone, count) > 2 * (1 - CONFIDENCE)


def test_with_enough_prompts_something_is_found_and_more_prompts_find_lower_worths(truth: Sequence[float]) -> None:
    reached = sum(each <= WITHIN for each in truth)
    few, many = (
        np.mean([calibrated(choices(np.random.default_rng(seed), count)) for seed in range(20)])
        for count in (500, 8000)
    )
    assert 0 < few < many <= reached


losses = st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, -1.0, 0.5, -0.25]), min_size=1, max_size=200).map(np.array)


@settings(max_examples=50, deadline=None)
@given(losses, st.floats(0.001, 0.5), st.floats(0.5, 0.999))
def test_a_chance_is_a_chance_whatever_the_losses(found: Losses, within: float, confidence: float) -> None:
    chance = chance_of_missing(found, within, confidence)
    assert 0 < chance <= 1
    assert np.isfinite(chance)


@pytest.mark.parametrize("share", [WITHIN, 0.1, 0.4])
def test_a_true_hypothesis_is_rejected_no_more_often_than_the_level(share: float) -> None:
    """Losses whose mean is exactly at the target."""
    source = np.random.default_rng(3)
    rejected = 0
    for _ in range(500):
        drawn = source.choice([1.0, -1.0, 0.0], size=400, p=[(share + WITHIN) / 2, (share - WITHIN) / 2, 1 - share])
        rejected += chance_of_missing(drawn, WITHIN, CONFIDENCE) <= 1 - CONFIDENCE
    assert rejected / 500 <= 1 - CONFIDENCE


def test_the_run_ends_at_the_first_worth_that_may_miss_though_later_ones_would_pass() -> None:
    good, bad = np.zeros(2000), np.full(2000, 0.5)
    found = fixed_sequence((3, 2, 1), [good, bad, good], WITHIN, CONFIDENCE)
    assert (found.kept, found.found) == (1, found.steps[0])
    assert fixed_sequence((3, 2), [bad, good], WITHIN, CONFIDENCE).found is None


def test_it_is_told_how_many_prompts_would_do_and_when_none_would() -> None:
    count = needed(np.zeros(50), 0.02, 0.95)
    assert count is not None
    assert fixed_sequence((1,), [np.zeros(count)], 0.02, 0.95).kept == 1
    assert fixed_sequence((1,), [np.zeros(count // 2)], 0.02, 0.95).kept == 0
    assert needed(np.full(50, 0.1), 0.02, 0.95) is None


def test_the_bound_agrees_with_the_test() -> None:
    found = choices(np.random.default_rng(1), 1000)[10]
    reach = bound(found, CONFIDENCE)
    assert reach > found.mean()
    assert (
        chance_of_missing(found, reach + 1e-3, CONFIDENCE)
        <= 1 - CONFIDENCE
        < chance_of_missing(found, reach - 1e-3, CONFIDENCE)
    )
