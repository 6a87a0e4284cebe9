"""Which forms the prompts of a table have: those that offer answers to choose from are told by how many they offer."""

import numpy as np
from numpy.typing import NDArray

from controlplane.learning.model import FORMS, UNIT

Matrix = NDArray[np.float64]
Whole = NDArray[np.int64]

FAINT = 0.1
"""What a table counts for a form that it does not have, beside 1 for its most usual one."""

PLAIN = 2
"""Prompts that offer fewer answers have no form that tells where they are from."""

TELLING = 2
"""A form is fully known that is so many times rarer in a table than the table's most usual one, or more usual."""


def shares(forms: Whole, tables: Whole) -> Matrix:
    """How usual each form is in each table (forms x tables), as a share of how usual the table's most usual one is."""
    number = int(tables.max()) + 1
    counts = np.bincount(forms * number + tables, minlength=FORMS * number).reshape(FORMS, number)
    found: Matrix = counts / np.maximum(counts.max(axis=0), 1)
    return found


def listened(usual: Matrix) -> Matrix:
    """How far each table is listened to on a request of each form, in UNITs: all alike if none has it."""
    found: Matrix = np.round((usual + FAINT) / (usual.max(axis=1, keepdims=True) + FAINT) * UNIT)
    return found


def familiar(usual: Matrix) -> Matrix:
    """How familiar a request is at least by its form, in UNITs."""
    found: Matrix = np.floor(np.minimum(usual.max(axis=1) * TELLING, 1.0) * UNIT)
    found[:PLAIN] = 0.0
    return found
