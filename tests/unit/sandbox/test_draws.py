"""Draws are repeatable, and spread as they should."""

from statistics import fmean, median

from dataplane.provider.sandbox.draws import Draws, digest


def test_a_digest_is_the_same_in_every_process() -> None:
    assert digest(7, "gpt-4o", "What is a turnout?") == 649933293497525304


def test_parts_are_kept_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_the_same_state_gives_the_same_numbers() -> None:
    assert [Draws(5).unit() for _ in range(3)] == [Draws(5).unit() for _ in range(3)]


def test_first_draws_of_different_digests_are_uniform() -> None:
    firsts = sorted(Draws(digest(7, "m", number)).unit() for number in range(4_000))
    worst = max(abs((place + 0.5) / len(firsts) - value) for place, value in enumerate(firsts))
    # Kolmogorov-Smirnov at 1 %: 1.63 / sqrt(4,000).
    assert worst < 0.026


def test_whole_numbers_stay_in_their_range() -> None:
    draws = Draws(1)
    assert {draws.between(3, 5) for _ in range(200)} == {3, 4, 5}
    assert {draws.below(3) for _ in range(200)} == {0, 1, 2}
    assert {draws.pick("ab") for _ in range(50)} == {"a", "b"}


def test_lognormal_draws_lie_around_their_median() -> None:
    draws = Draws(2)
    values = [draws.lognormal(10.0, 0.5) for _ in range(4_000)]
    assert 9.5 < median(values) < 10.5
    assert 10.8 < fmean(values) < 11.9  # exp(sigma^2 / 2) above the median
    assert draws.lognormal(10.0, 0.0) == 10.0
