"""What must hold of semantic routes for all texts and vectors."""

from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.classification.model import Nearness
from controlplane.classification.semantic import SHIFT, STATIC, STATIC_FACTOR, Matcher, similarities
from controlplane.classification.semantic_fit import fit
from controlplane.classification.semantic_threshold import KEPT_WEIGHT, Score, thresholds
from tests.support.routes import HELPDESK, embedded, encoder, route_set
from turnout_features.model import Embedding

vectors = st.binary(min_size=512, max_size=512)
scores = st.lists(st.integers(-1_000_000, 1_000_000), min_size=1, max_size=30)


@cache
def helpdesk() -> Matcher:
    return fit(route_set(), encoder(), encoder().name)


@given(vectors)
def test_similarities_are_those_of_integers_without_bounds(values: bytes) -> None:
    matcher, vector = helpdesk(), np.frombuffer(values, np.int8)
    weighed = [int(value) * (STATIC_FACTOR if place < STATIC else 1) for place, value in enumerate(vector)]
    exact = [
        (sum(int(weight) * value for weight, value in zip(row, weighed, strict=True)) - int(bias)) >> SHIFT
        for row, bias in zip(matcher.weights, matcher.bias, strict=True)
    ]
    assert similarities(matcher, vector).tolist() == exact


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_a_text_has_the_same_route_whatever_was_asked_before_it(texts: list[str]) -> None:
    matcher = helpdesk()
    together = [matcher(embedded(text)) for text in texts]
    assert [matcher(embedded(text)) for text in reversed(texts)] == together[::-1]


@given(vectors, st.integers(-1_000_000, 1_000_000), st.integers(0, 500_000))
def test_a_higher_threshold_lets_nothing_more_in(values: bytes, threshold: int, more: int) -> None:
    asked = Embedding(encoder=encoder().name, values=values)
    low = replace(helpdesk(), thresholds=(threshold,) * len(HELPDESK))(asked)
    high = replace(helpdesk(), thresholds=(threshold + more,) * len(HELPDESK))(asked)
    if isinstance(low, Nearness) and isinstance(high, Nearness):
        assert low.route == high.route
        assert low.reached >= high.reached
    else:
        assert low == high


@settings(max_examples=200)
@given(scores, scores)
def test_no_threshold_balances_better_than_the_fitted_one(own: list[int], strangers: list[int]) -> None:
    (fitted,) = thresholds(
        1,
        [Score(route=0, similarity=each) for each in own],
        [Score(route=0, similarity=each) for each in strangers],
    )

    def gain(bar: int) -> int:
        kept, gone = sum(each >= bar for each in own), sum(each < bar for each in strangers)
        return KEPT_WEIGHT * kept * len(strangers) + gone * len(own)

    assert gain(fitted) >= max(gain(bar) for bar in (*own, *strangers))
