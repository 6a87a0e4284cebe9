"""The rung that finds the semantic route of a request, beside those that find what kind of work it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from controlplane.classification.model import Classification, Nearness, Rung, Silence
from turnout_features.model import Embedding

SEMANTIC = "semantic"

Match = Callable[[Embedding | None], Nearness | Silence]
"""The route that a vector is nearest to, or why none can be said."""


def on_route(
    taken: Classification, embedding: Embedding | None, match: Match, seconds: Callable[[], float], *, told: bool
) -> Classification:
    """`taken` with the semantic route, and with `told` what the rung said. `seconds` is a clock that only goes forward."""
    start = seconds()
    answer = match(embedding)
    took = timedelta(seconds=seconds() - start)
    nearest = answer if isinstance(answer, Nearness) else None
    if not told:
        return taken if nearest is None else replace(taken, nearest=nearest)
    rung = Rung(classifier=SEMANTIC, took=took, silence=_silence(answer), nearest=nearest)
    return replace(taken, nearest=nearest, rungs=(*taken.rungs, rung))


def _silence(answer: Nearness | Silence) -> str:
    if isinstance(answer, Silence):
        return answer.reason
    return "" if answer.reached else f"none is near enough: {answer.route} asks for {answer.threshold:.2f}"
