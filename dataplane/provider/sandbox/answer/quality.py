"""Whether an answer is good, and what is wrong with it when it is not."""

from enum import StrEnum

from dataplane.provider.sandbox.draws import Draws


class Quality(StrEnum):
    """What the header `x-sandbox-quality` says."""

    GOOD = "good"
    POOR = "poor"


class Flaw(StrEnum):
    """What is wrong with a poor answer."""

    REFUSES = "refuses"
    TRUNCATED = "truncated"
    OFF_TOPIC = "off_topic"


_FLAWS = tuple(Flaw)


def flaw(quality: float, draws: Draws) -> Flaw | None:
    """None with probability `quality`, otherwise one of the flaws."""
    return None if draws.unit() < quality else draws.pick(_FLAWS)
