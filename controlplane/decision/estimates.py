"""What a request is expected to cost and to take on a deployment."""

from collections.abc import Iterable

from controlplane.catalog.model import Complexity, TaskType
from controlplane.learning.lengths import usual_output
from controlplane.snapshot.model import Statistics
from turnout_features.model import Features

Prices = tuple[int, int]
"""Nano-dollars per million tokens, input and output."""

Speed = tuple[float, float]
"""Seconds to the first token, and seconds for each token."""

USUAL_OUTPUT_TOKENS = 300
"""The length of the answer that a model's prior latency is about."""

FIRST_TOKEN_SHARE = 0.3
"""The part of that time until the first token, which does not depend on the answer's length."""

PRIOR_SAMPLES = 20
"""How many measured attempts weigh as much as the prior."""

_PER_MTOK = 1_000_000


def expected_output(task: TaskType, complexity: Complexity, features: Features) -> int:
    """Tokens that a usual answer has, where nothing was learned."""
    return usual_output(task, complexity, features.last_user_tokens)


def costs_nanousd(prices: Iterable[Prices], input_tokens: int, output_tokens: Iterable[int]) -> list[int]:
    """What `input_tokens` and, for each price, its number of output tokens cost.

    Rounded up to whole nano-dollars, so that no estimate slips under a cap by rounding.
    """
    return [
        -(-(input_tokens * per_input + tokens * per_output) // _PER_MTOK)
        for (per_input, per_output), tokens in zip(prices, output_tokens, strict=True)
    ]


def speed(usual: float, measured: Statistics | None) -> Speed:
    """The speed of a deployment whose model usually takes `usual` seconds for an answer.

    An answer of `n` tokens takes `first + n · each`. Before anything is measured, `first` is 0.3 of `usual`, and `each` a 300th of
    the rest. Measurements move both from the prior to what was measured by `samples / (samples + 20)`: shrinkage, so that one
    slow call does not condemn a deployment. Answers that came bit by bit tell both. One that came at once tells only their sum
    for its length, so that both are as many times the prior as the sum is.
    """
    first, each = FIRST_TOKEN_SHARE * usual, (1 - FIRST_TOKEN_SHARE) * usual / USUAL_OUTPUT_TOKENS
    if measured is None:
        return first, each
    if measured.streamed is None and measured.whole is None:
        return _of_unknown_length(usual, measured)
    if (whole := measured.whole) is not None:
        supposed = first + whole.tokens * each
        times = 1 + _trust(whole.samples) * (whole.latency.total_seconds() / supposed - 1) if supposed else 1.0
        first, each = first * times, each * times
    if (streamed := measured.streamed) is not None:
        trust = _trust(streamed.samples)
        first += trust * (streamed.time_to_first_token.total_seconds() - first)
        each += trust * (streamed.per_token.total_seconds() - each)
    return first, each


def _of_unknown_length(usual: float, measured: Statistics) -> Speed:
    """Where nobody told tokens, answers are taken to have the usual length."""
    first, trust = FIRST_TOKEN_SHARE * usual, _trust(measured.samples)
    first += trust * (measured.time_to_first_token.total_seconds() - first)
    usual += trust * (measured.latency.total_seconds() - usual)
    return first, max(usual - first, 0.0) / USUAL_OUTPUT_TOKENS


def _trust(samples: int) -> float:
    return samples / (samples + PRIOR_SAMPLES)
