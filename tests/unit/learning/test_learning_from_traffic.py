"""Learning from its own traffic, a deployment leaves a model where it fails and keeps it where it does not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.traffic import BASE, ROUND, Deployment, Truth, catalog

FAILING: Truth = {
    ("support", "small"): 0.4, ("search", "small"): 0.95,
    ("support", "middle"): 0.95, ("search", "middle"): 0.95,
    ("support", "large"): 0.99, ("search", "large"): 0.99,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def share(answered: Sequence[str], name: str) -> float:
    return answered.count(name) / len(answered)


@pytest.mark.parametrize("seed", range(4))
def test_a_model_far_below_its_score_in_one_workload_is_left_there_and_kept_elsewhere(folder: Path, seed: int) -> None:
    one = Deployment(catalog=catalog(folder), truth=FAILING, chance=np.random.default_rng(seed))
    one.go_on(12)
    support, search = one.answered["support"], one.answered["search"]
    assert set(support[:ROUND]) == {"small"}
    assert share(support[4 * ROUND :], "small") == 0
    assert share(search, "small") > 0.9
    good = [result.score for result in one.results if result.workload == "support"]
    assert np.mean(good[4 * ROUND :]) > 0.9


def test_without_learning_the_failing_model_goes_on_answering(folder: Path) -> None:
    """The control."""
    one = Deployment(catalog=catalog(folder), truth=FAILING, chance=np.random.default_rng(0), learned=BASE)
    one.go_on(12, learns=False)
    assert share(one.answered["support"], "small") == 1


def test_a_few_bad_answers_of_a_good_model_do_not_drive_it_away(folder: Path) -> None:
    truth = {**FAILING, ("support", "small"): 0.95}
    one = Deployment(catalog=catalog(folder), truth=truth, chance=np.random.default_rng(1))
    one.go_on(12)
    assert share(one.answered["support"], "small") > 0.9
