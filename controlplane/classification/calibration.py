"""Turns a lead in votes into the chance that the winner is right."""

from math import exp

TASK = (0.0, 1.0)
COMPLEXITY = (0.0, 1.0)

WIDEST = 6.0
"""A wider lead says no more."""


def task_chance(lead: float) -> float:
    """Chance, 0 to 1, that the task type with the most votes is right, from its lead in logits over the next."""
    return _logistic(lead, *TASK)


def complexity_chance(lead: float) -> float:
    """The same for the complexity."""
    return _logistic(lead, *COMPLEXITY)


def _logistic(lead: float, start: float, slope: float) -> float:
    return 1 / (1 + exp(-(start + slope * min(lead, WIDEST))))
