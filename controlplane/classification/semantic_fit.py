"""Works a route set out: directions that tell its routes apart, and thresholds, both from the examples.

Whatever is computed here is the same on every machine: matrices are multiplied where all numbers are integers that a double
holds exactly, in whatever order a library adds them, and everything else is done one element after the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from controlplane.classification.semantic import LENGTH, SHIFT, UNIT, Matcher, weighed
from controlplane.classification.semantic_threshold import Score, thresholds
from controlplane.policy.model import Route, RouteSet

Matrix = NDArray[np.float64]

FINE = 8
"""Means and what differs from them are counted in eighths."""

PRECISION = 1 << 20
"""The largest element of the inverse of the scatter, which is rounded to integers."""

SCALE = (UNIT << SHIFT) / LENGTH / 2
"""The length of each of the two directions whose sum is a row of weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """All examples, a row each and weighed, and the class of each: a route, or the counter-examples of one."""

    rows: Matrix
    classes: NDArray[np.intp]
    sizes: Matrix
    sums: Matrix

    @property
    def centre(self) -> Matrix:
        """The mean of all."""
        mean: Matrix = self.sums.sum(axis=0) / len(self.rows)
        return mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Directions:
    """A row of weights for each class, its bias, and the inverse of the scatter that they were made with. All are integers."""

    weights: Matrix
    bias: Matrix
    inverse: Matrix


def fit(route_set: RouteSet, encode: Callable[[str], bytes], encoder: str) -> Matcher:
    """The matcher of `route_set` for vectors of `encoder`.

    A route's similarity is the mean of two cosines: with the mean of its examples, and with the direction that tells them from
    those of the other routes, inverse(S) · (mean − mean of all) as in linear discriminant analysis (Fisher 1936). S is the
    scatter of examples around their means, drawn towards a sphere as far as the number of examples asks for: the oracle
    approximating shrinkage of Chen, Wiesel, Eldar and Hero (2010).
    """
    routes = route_set.routes
    against = tuple(index for index, route in enumerate(routes) if route.counter_examples)
    texts = [route.examples for route in routes] + [routes[index].counter_examples for index in against]
    examples = _examples(texts, encode)
    found = _directions(examples)
    own, strangers = _scores(examples, found, len(routes), against)
    fitted = thresholds(len(routes), own, strangers)
    return Matcher(
        encoder=encoder,
        routes=tuple(str(route.name) for route in routes),
        against=against,
        weights=found.weights.astype(np.int32),
        bias=found.bias.astype(np.int64),
        thresholds=tuple(_own(route, threshold) for route, threshold in zip(routes, fitted, strict=True)),
    )


def _own(route: Route, fitted: int) -> int:
    return fitted if route.threshold is None else round(route.threshold * UNIT)


def _examples(texts: Sequence[Sequence[str]], encode: Callable[[str], bytes]) -> Examples:
    vectors = np.array([np.frombuffer(encode(text), np.int8) for those in texts for text in those])
    classes = np.repeat(np.arange(len(texts)), [len(those) for those in texts])
    rows = weighed(vectors).astype(np.float64)
    sums = np.zeros((len(texts), rows.shape[1]))
    np.add.at(sums, classes, rows)
    return Examples(rows=rows, classes=classes, sizes=np.bincount(classes).astype(np.float64)[:, None], sums=sums)


def _directions(examples: Examples) -> Directions:
    means, centre = examples.sums / examples.sizes, examples.centre
    apart = np.rint((examples.rows - means[examples.classes]) * FINE)
    inverse = _inverse(apart.T @ apart, len(examples.rows) - len(means))
    telling = np.rint(_unit(np.rint((means - centre) * FINE) @ inverse) * SCALE)
    bias = np.rint(telling @ examples.sums.sum(axis=0) / len(examples.rows))
    return Directions(weights=telling + np.rint(_unit(examples.sums) * SCALE), bias=bias, inverse=inverse)


def _inverse(scatter: Matrix, freedom: int) -> Matrix:
    """The inverse of `scatter`, shrunken, up to a factor. `freedom`: how many examples there are beyond one for each class."""
    size = len(scatter)
    trace = fsum(scatter.diagonal())
    if trace <= 0:
        return np.eye(size) * PRECISION  # one example for each: nothing is known of how they scatter
    squares = fsum((scatter * scatter).ravel())
    beyond = (freedom + 1 - 2 / size) * (squares - trace * trace / size)
    shrinkage = 1.0 if beyond <= 0 else min(((1 - 2 / size) * squares + trace * trace) / beyond, 1.0)
    shrunken = scatter * ((1 - shrinkage) * size / trace)
    shrunken[np.diag_indices(size)] += shrinkage
    inverted = _inverted(shrunken)
    rounded: Matrix = np.rint(inverted * (PRECISION / inverted.max()))
    return rounded


def _inverted(matrix: Matrix) -> Matrix:
    """By Gauss and Jordan, without pivoting, which a positive definite matrix does not need; no sums but of two numbers."""
    left = matrix.copy()
    for place in range(len(left)):
        pivot, column = left[place, place], left[:, place].copy()
        row = left[place] / pivot
        left -= column[:, None] * row
        left[place] = row
        left[:, place] = -column / pivot
        left[place, place] = 1 / pivot
    return left


def _dots(one: Matrix, other: Matrix) -> Matrix:
    """The product of each row with the row of the other, added from the first column to the last."""
    found = np.zeros(len(one))
    for column in range(one.shape[1]):
        found += one[:, column] * other[:, column]
    return found


def _unit(rows: Matrix) -> Matrix:
    """Rows of length 1; zeros stay so."""
    lengths = np.sqrt(_dots(rows, rows))
    unit: Matrix = rows / np.where(lengths > 0, lengths, 1.0)[:, None]
    return unit


def _scores(
    examples: Examples, found: Directions, routes: int, against: Sequence[int]
) -> tuple[list[Score], list[Score]]:
    """How near each example is to its route if it is left out of it, and each one to the nearest route that is not its own."""
    all_scores = (np.rint(examples.rows @ found.weights.T - found.bias)).astype(np.int64) >> SHIFT
    own, classes = _left_out(examples, found), examples.classes
    taken_off = np.zeros_like(all_scores[:, :routes])
    for row, route in enumerate(against, start=routes):
        taken_off[:, route] = np.maximum(all_scores[:, row] - all_scores[:, route], 0)
    mine = [
        Score(route=int(route), similarity=int(own[row] - taken_off[row, route]))
        for row, route in enumerate(classes)
        if route < routes and examples.sizes[route] > 1
    ]
    return mine, [*_strangers(all_scores[:, :routes] - taken_off, classes), *_counter(all_scores, classes, against)]


def _strangers(scores: NDArray[np.int64], classes: NDArray[np.intp]) -> list[Score]:
    """Examples as if their own route were not there: what is out of scope, and as near to it as can be."""
    routes = scores.shape[1]
    if routes == 1:
        return []
    found = []
    for row, own in enumerate(classes):
        if own < routes:
            others = scores[row].copy()
            others[own] = np.iinfo(np.int64).min
            best = int(others.argmax())
            found.append(Score(route=best, similarity=int(others[best])))
    return found


def _counter(scores: NDArray[np.int64], classes: NDArray[np.intp], against: Sequence[int]) -> list[Score]:
    routes = scores.shape[1] - len(against)
    return [
        Score(route=against[own - routes], similarity=int(scores[row, against[own - routes]]))
        for row, own in enumerate(classes)
        if own >= routes
    ]


def _left_out(examples: Examples, found: Directions) -> NDArray[np.int64]:
    """The similarity of each example to its class without it. The scatter has it still, which changes next to nothing."""
    rows, centre = examples.rows, examples.centre
    sums = examples.sums[examples.classes] - rows
    means = sums / np.maximum(examples.sizes[examples.classes] - 1, 1)
    telling = _unit(np.rint((means - centre) * FINE) @ found.inverse)
    near = _dots(rows - centre, telling) + _dots(rows, _unit(sums))
    return np.rint(near * SCALE).astype(np.int64) >> SHIFT
