"""What the learned classifier sees of a request beside its text: counts as whole numbers."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter

from turnout_features.model import Features, OutputFormat

COUNTS = (
    "last_user_tokens", "input_tokens", "turns", "code_blocks", "code_lines", "structured_lines", "instructions", "questions",
    "images", "tools", "tool_results", "retrieved_chunks", "max_output_tokens",
)  # fmt: skip
"""Features whose logarithm counts."""

STEPS = (4, 8, 14, 24, 40, 70, 120, 250, 600, 2000)
"""Lengths of the last message, in tokens, each of which counts when it is reached: what is asked does not grow evenly with it."""

ON = 32
"""What a feature counts that holds; about as much as a component of an embedding."""

NAMES = (
    *COUNTS,
    *(f"last_user_tokens.{step}" for step in STEPS),
    "output_format", "language.en", "language.unknown", "tool_required",
)  # fmt: skip

_REACHED = [[ON] * reached + [0] * (len(STEPS) - reached) for reached in range(len(STEPS) + 1)]
"""What STEPS count, by how many of them are reached."""

_counts: Callable[[Features], Sequence[int]] = attrgetter(*COUNTS)


def numbers(features: Features) -> list[int]:
    """The number for each of NAMES."""
    return [
        *map(log2, _counts(features)),
        *_REACHED[bisect_right(STEPS, features.last_user_tokens)],
        ON if features.output_format is not OutputFormat.TEXT else 0,
        ON if features.language == "en" else 0,
        0 if features.language else ON,
        ON if features.tool_required else 0,
    ]


def log2(count: int) -> int:
    """8 times the logarithm of `count + 1` to base 2, straight between powers of two: the same on every machine."""
    number = count + 1
    exponent = number.bit_length() - 1
    return (exponent << 3) + ((number - (1 << exponent)) << 3 >> exponent)
