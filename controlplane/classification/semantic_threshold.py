"""The least similarity with which a request belongs to a route, from how near the examples are to one another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

KEPT_WEIGHT = 2
"""What keeping a request that belongs counts, where letting a stranger go counts 1: strangers among the examples are nearer than
most others will be."""

STEADY = 10
"""As many examples as it takes for a route's own mean to count half."""

UNKNOWN = 350_000
"""Where no route has a second example to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Score:
    """How near an example is to a route, by its index, in millionths."""

    similarity: int
    route: int


def thresholds(routes: int, own: Sequence[Score], strangers: Sequence[Score]) -> tuple[int, ...]:
    """For each route the threshold that balances what is kept and what is let go.

    All scores are taken as distances from what is usual at their route: its mean, drawn towards the mean of all as n / (n + STEADY)
    says, an empirical Bayes estimate (Efron and Morris 1975). On these one bar is set for all, where KEPT_WEIGHT times the share of `own`
    that is kept plus the share of `strangers` that is let go is greatest: Youden's index (1950), weighted. Of several such bars
    it is the middle one.
    """
    if not own:
        return (UNKNOWN,) * routes
    usual = _usual(routes, own)
    kept = sorted(score.similarity - usual[score.route] for score in own)
    gone = sorted(score.similarity - usual[score.route] for score in strangers) or [-max(usual)]
    bar = _bar(kept, gone)
    return tuple(each + bar for each in usual)


def _usual(routes: int, own: Sequence[Score]) -> list[int]:
    everywhere = sum(score.similarity for score in own) // len(own)
    found = [everywhere] * routes
    by_route = sorted(own, key=lambda score: score.route)
    for route, scores in groupby(by_route, key=lambda score: score.route):
        those = [score.similarity for score in scores]
        found[route] += (sum(those) - everywhere * len(those)) // (len(those) + STEADY)
    return found


def _bar(kept: Sequence[int], gone: Sequence[int]) -> int:
    """Both sorted. Between two neighbours all bars do the same, so that only those at a score need be looked at."""
    best, low, high = -1, 0, 0
    before = kept_under = gone_under = 0
    for candidate in _candidates(kept, gone):
        while kept_under < len(kept) and kept[kept_under] < candidate:
            kept_under += 1
        while gone_under < len(gone) and gone[gone_under] < candidate:
            gone_under += 1
        gain = KEPT_WEIGHT * (len(kept) - kept_under) * len(gone) + gone_under * len(kept)
        if gain > best:
            best, low, high = gain, before if kept_under or gone_under else candidate, candidate
        before = candidate
    return (low + high) // 2


def _candidates(kept: Iterable[int], gone: Iterable[int]) -> list[int]:
    return sorted({*kept, *gone})
