"""What a request was taken for, as values."""

from dataclasses import dataclass, field
from datetime import timedelta

from controlplane.catalog.model import Complexity, Domain, TaskType
from turnout_wire.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Something found in a request, what it spoke for (`axis=value`) and how much."""

    name: str
    votes_for: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """How near a request is to the semantic route that it is nearest to. `similarity` and `threshold` are -1 to 1."""

    route: str
    similarity: float
    threshold: float

    @property
    def reached(self) -> bool:
        """Whether it is near enough to belong to the route."""
        return self.similarity >= self.threshold


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a classifier says nothing."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What one classifier said and how long it took. The answer is None where it was silent, and `silence` says why.

    `nearest` is from the one that looks for semantic routes, near enough or not.
    """

    classifier: str
    took: timedelta
    answer: "Classification | None" = None
    silence: str = ""
    nearest: Nearness | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What a request was taken for.

    `confidence` is the estimated chance, 0 to 1, that both task type and complexity are right; `classifier` is the rung that
    answered: `rules`, `learned` or `hint`. `rungs` are all that were asked, where somebody wants to know. `votes` are what
    the rules counted, in thousandths, for the next rung to go on from; they are no part of what was found.
    """

    task_type: TaskType
    complexity: Complexity
    domain: Domain | None
    confidence: float
    classifier: str
    signals: tuple[Signal, ...] = ()
    rungs: tuple[Rung, ...] = ()
    votes: tuple[int, ...] = field(default=(), compare=False, repr=False)
    nearest: Nearness | None = None
    """The semantic route that it is nearest to; None if it was compared with none."""

    @property
    def route(self) -> str:
        """The semantic route that it belongs to; empty if it belongs to none."""
        return self.nearest.route if self.nearest is not None and self.nearest.reached else ""
