"""Which semantic route a request is nearest to: one product of integers, the same on every machine."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controlplane.classification.model import Nearness, Silence
from turnout_features.model import Embedding

Integers = NDArray[np.integer[Any]]

STATIC = 256
"""The dimensions that tell what a text is about; those after them tell how it is spelled."""

STATIC_FACTOR = 2
"""How much more the first ones count. Spelling finds names and rare words, and misleads as often where it counts in full."""

LENGTH = 572
"""The length of a weighed vector: each part is made 256 long by the encoder, so that it is the root of (2 · 256)² + 256²."""

UNIT = 1_000_000
"""Similarities are counted in millionths."""

_NO_VECTOR = Silence("the request has no vector")
_FOREIGN = Silence("the vector is of another encoder than the examples")
_EMPTY = Silence("the text has no words")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matcher:
    """A route set, worked out for one encoder.

    `weights` has a row for each of `routes` and then one for each entry of `against`: the counter-examples of the route at that
    index. A row times a weighed vector, less its `bias`, is a similarity in UNIT · 2**SHIFT. `thresholds` are in UNIT.
    """

    encoder: str
    routes: tuple[str, ...]
    against: tuple[int, ...]
    weights: NDArray[np.int32]
    bias: NDArray[np.int64]
    thresholds: tuple[int, ...]

    def __call__(self, embedding: Embedding | None) -> Nearness | Silence:
        """The route that the request is nearest to, near enough or not; the first of several."""
        if embedding is None:
            return _NO_VECTOR
        if embedding.encoder != self.encoder or len(embedding.values) != self.weights.shape[1]:
            return _FOREIGN
        vector = np.frombuffer(embedding.values, np.int8)
        if not vector.any():
            return _EMPTY
        found = similarities(self, vector)
        best = int(found.argmax())
        return Nearness(
            route=self.routes[best],
            similarity=min(max(int(found[best]), -UNIT), UNIT) / UNIT,
            threshold=self.thresholds[best] / UNIT,
        )


SHIFT = 6
"""Binary places that products have more than UNIT."""


def similarities(matcher: Matcher, vector: NDArray[np.int8]) -> NDArray[np.int64]:
    """How near `vector` is to each route, in UNIT. Where counter-examples are nearer than the route, as much is taken off."""
    # einsum, because it multiplies integers three times faster than `@` does. No sum reaches 2**31: a weighed vector is at
    # most 4,544 long whoever sent it, and a row of weights UNIT · 2**SHIFT / LENGTH.
    products: NDArray[np.int64] = (np.einsum("ij,j->i", matcher.weights, weighed(vector)) - matcher.bias) >> SHIFT
    found = products[: len(matcher.routes)]
    for row, route in enumerate(matcher.against, start=len(matcher.routes)):
        found[route] -= max(products[row] - found[route], 0)
    return found


def weighed(vectors: NDArray[np.int8]) -> NDArray[np.int32]:
    """Vectors of an encoder, one or a row each, with their first part counted STATIC_FACTOR times."""
    made = vectors.astype(np.int32)
    made[..., :STATIC] *= STATIC_FACTOR
    return made
