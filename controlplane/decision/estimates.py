"""What a request is expected to cost and to take on a deployment."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from controlplane.catalog.model import Complexity, TaskType
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

# Tokens of a usual answer, from simple to expert. A prior until lengths are learned. `reasoning` and `qa` are rounded
# medians of instruction-tuned models of 2024: 130-200 tokens on GSM8K, 270-650 on MATH level 5 (ZeroEval), 170-350 on
# MMLU-Pro. `chat` is around the mean of 214 tokens in LMSYS-Chat-1M (arXiv 2309.11998, table 1). The others are set by
# judgement, so that the order between kinds of work is right.
_BASE: Mapping[TaskType, Mapping[Complexity, int]] = MappingProxyType(
    {
        task: MappingProxyType(dict(zip(Complexity, lengths, strict=True)))
        for task, lengths in {
            TaskType.CHAT: (80, 200, 400, 600),
            TaskType.QA: (80, 200, 350, 500),
            TaskType.SUMMARIZATION: (80, 150, 300, 500),
            TaskType.CODE: (150, 350, 700, 1200),
            TaskType.REASONING: (150, 250, 450, 650),
            TaskType.CREATIVE: (200, 450, 800, 1200),
            TaskType.EXTRACTION: (50, 100, 200, 350),
            TaskType.TRANSLATION: (20, 20, 20, 20),
        }.items()
    }
)

# Tokens of the answer for each token of the last user message, where the answer carries a part of it.
_SHARE: Mapping[TaskType, float] = MappingProxyType(
    {TaskType.TRANSLATION: 1.1, TaskType.EXTRACTION: 0.2, TaskType.SUMMARIZATION: 0.1}
)


def expected_output(task: TaskType, complexity: Complexity, features: Features) -> int:
    """Tokens that a usual answer has: a length for the kind of work and, for some, a share of the last message."""
    return _BASE[task][complexity] + int(_SHARE.get(task, 0.0) * features.last_user_tokens)


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

    An answer of `n` tokens takes `first + n · (usual − first) / 300`. Before anything is measured, `first` is 0.3 of `usual`.
    Measurements move both from the prior to the measured medians by `samples / (samples + 20)`: shrinkage, so that one slow
    call does not condemn a deployment.
    """
    first = FIRST_TOKEN_SHARE * usual
    if measured is not None:
        trust = measured.samples / (measured.samples + PRIOR_SAMPLES)
        first += trust * (measured.time_to_first_token.total_seconds() - first)
        usual += trust * (measured.latency.total_seconds() - usual)
    return first, max(usual - first, 0.0) / USUAL_OUTPUT_TOKENS
