"""What a worker knows of itself when it judges a decision."""

from dataclasses import dataclass
from typing import Protocol

from dataplane.permit.model import PermittedDecision
from dataplane.permit.refusal import Refusal
from dataplane.permit.replay import ReplayGuard
from turnout_wire.signature import Verifier


class DecisionReader(Protocol):
    """Parses the bytes of a decision, strictly."""

    def __call__(self, payload: bytes) -> PermittedDecision | Refusal:
        """The decision, or DECISION_MALFORMED."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A worker: its pool, the features of decisions that it knows, and what it verifies with. Made once."""

    pool: str
    features: frozenset[str]
    read: DecisionReader
    verifier: Verifier
    guard: ReplayGuard
