"""What a request was taken for, as values."""

from dataclasses import dataclass

from controlplane.catalog.model import Complexity, Domain, TaskType


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something found in a request, what it spoke for (`axis=value`) and how much."""

    name: str
    votes_for: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a request was taken for.

    `confidence` is the estimated chance, 0 to 1, that both task type and complexity are right; `classifier` is the rung that
    answered: `rules` or `hint`.
    """

    task_type: TaskType
    complexity: Complexity
    domain: Domain | None
    confidence: float
    classifier: str
    signals: tuple[Signal, ...] = ()
