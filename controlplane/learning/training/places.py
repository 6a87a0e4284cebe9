"""Where the texts of training lie, and from which nearness on others are taken to be like them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.model import DENSEST, EVEN, UNIT
from controlplane.learning.training.ridge import centres

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]

CENTRES = 24
"""Places of each table."""

STRANGE = (12.0, 28.0)
"""Percentages of the texts of training: what is farther from its place than the first share is strange, nearer than the second not."""

FAR = (12.0, 28.0)
"""The same for how far it is from all places, whatever others of its place are."""

COMPANY = 10.0
"""Texts that weigh as much as all others do, where it is told how near texts lie to one place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the texts of training lie, by row, and below which nearness to each a text is strange and from which it is familiar."""

    centres: Matrix
    strange: Matrix
    familiar: Matrix

    @classmethod
    def of(cls, rows: Matrix, tables: Whole, parts: Whole, seed: int) -> "Places":
        """How near new texts of the same kind lie to a place is measured on a part that the places were not chosen by.

        Some kinds lie close together and some far apart, so that nearness is counted in deviations of those of the same place.
        """
        plain = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        apart = parts == 0 if (parts != 0).any() and (parts == 0).any() else np.ones(len(rows), dtype=bool)
        chosen = apart if apart.all() else ~apart
        found = np.concatenate(
            [centres(plain[chosen & (tables == table)], CENTRES, seed) for table in np.unique(tables[chosen])]
        )
        near = rows[apart] @ found.T * UNIT
        at, most = near.argmax(axis=1), near.max(axis=1)
        middle = (_sums_at(at, most, len(found)) + COMPANY * most.mean()) / (_sums_at(at, None, len(found)) + COMPANY)
        squares = _sums_at(at, (most - middle[at]) ** 2, len(found)) + COMPANY * most.var()
        spread = np.sqrt(squares / (_sums_at(at, None, len(found)) + COMPANY))
        low, high = np.percentile((most - middle[at]) / np.maximum(spread[at], 1e-9), STRANGE)
        least, enough = np.percentile(most, FAR)
        strange = np.floor(np.maximum(middle + low * spread, least))
        familiar = np.floor(np.maximum(middle + high * spread, enough))
        return cls(centres=found, strange=strange, familiar=np.maximum(familiar, strange + 1))


def _sums_at(places: Whole, values: Matrix | None, count: int) -> Matrix:
    return np.bincount(places, values, count).astype(np.float64)


def densities(tables: Whole, rows: Matrix, places: Places | None) -> Matrix:
    """How densely prompts of each table lie at each place (places x tables), in EVENs of what they would if they lay evenly at all;
    one place if texts have none.
    """
    number = int(tables.max()) + 1
    at = np.zeros(len(tables), dtype=np.int64) if places is None else (rows @ places.centres.T).argmax(axis=1)
    count = 1 if places is None else len(places.centres)
    found = np.bincount(at * number + tables, minlength=count * number).reshape(count, number)
    even: Matrix = np.round(found * (EVEN * count) / np.maximum(found.sum(axis=0), 1))
    return np.minimum(even, DENSEST)
