"""Minimises the loss of a multinomial logistic regression, the same way each time."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 120


def descended(
    inputs: NDArray[np.float32],
    offset: NDArray[np.float32],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    ridge: NDArray[np.float32],
) -> Floats:
    """The minimum of the weighted cross-entropy plus ridge, by Adam (Kingma and Ba 2015) with a step that falls as a cosine."""
    found = np.zeros((inputs.shape[1], targets.shape[1]), np.float32)
    mean, square = np.zeros_like(found), np.zeros_like(found)
    for step in range(1, STEPS + 1):
        chances = _softmax(inputs @ found + offset)
        slope = inputs.T @ ((chances - targets) * weights[:, None]) + ridge[:, None] * found
        mean = 0.9 * mean + 0.1 * slope
        square = 0.98 * square + 0.02 * slope * slope
        rate = 0.025 * (1 + math.cos(math.pi * step / STEPS)) + 1e-4
        found -= np.float32(rate) * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.98**step)) + 1e-8)
    return found.astype(np.float64)


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    softmax: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return softmax
