"""Turns a lead in votes into the chance that the winner is right."""

from math import exp

TASK = 2.08
COMPLEXITY = 5.16
"""Slopes, fitted by `python -m tests.benchmarks.classification --fit`."""

WIDEST = 6.0
"""A wider lead says no more."""


def task_chance(lead: float) -> float:
    """Chance that the task type with the most votes is right, from its lead in logits over the next.

    From 0.5, where two have the same votes, towards 1: Platt scaling without a bias (Platt 1999).
    """
    return _logistic(lead, TASK)


def complexity_chance(lead: float) -> float:
    """The same for the complexity. Its slope is steep, for a step from one complexity to the next takes few votes."""
    return _logistic(lead, COMPLEXITY)


def _logistic(lead: float, slope: float) -> float:
    return 1 / (1 + exp(-slope * min(max(lead, 0.0), WIDEST)))
