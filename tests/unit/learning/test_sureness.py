"""How sure one may be is fitted so that it never falls, and says about what comes true."""

import numpy as np

from controlplane.learning.training.sureness import isotonic


def chance_of(said: float, reached: list[float], chances: list[float]) -> float:
    return chances[int(np.searchsorted(reached, said, side="right"))]


def test_the_chance_never_falls_and_has_one_step_more_than_places() -> None:
    draws = np.random.default_rng(3)
    said = draws.normal(size=2_000)
    right = (draws.random(2_000) < 0.5).astype(np.float64)
    reached, chances = isotonic(said, right, np.ones(2_000))
    assert len(chances) == len(reached) + 1
    assert chances == sorted(chances)
    assert reached == sorted(reached)


def test_it_says_what_comes_true() -> None:
    draws = np.random.default_rng(4)
    said = draws.normal(size=8_000)
    true = 1 / (1 + np.exp(-2 * said))
    right = (draws.random(8_000) < true).astype(np.float64)
    reached, chances = isotonic(said[:4_000], right[:4_000], np.ones(4_000))
    for low, high in ((-1.5, -0.5), (-0.5, 0.5), (0.5, 1.5)):
        among = [number for number in range(4_000, 8_000) if low <= said[number] < high]
        told = sum(chance_of(float(said[number]), reached, chances) for number in among) / len(among)
        assert abs(told - right[among].mean()) < 0.05


def test_what_counts_nothing_moves_nothing() -> None:
    said, right = np.arange(200.0), np.repeat([0.0, 1.0], 100)
    shares = np.concatenate([np.ones(200), np.zeros(50)])
    more = isotonic(np.append(said, np.full(50, 250.0)), np.append(right, np.zeros(50)), shares)
    reached, chances = isotonic(said, right, np.ones(200))
    assert more[0][: len(reached)] == reached
    assert np.allclose(more[1][: len(chances) - 1], chances[:-1])
