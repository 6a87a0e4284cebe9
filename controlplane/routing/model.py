"""What is asked of routing and what it gives, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from controlplane.budget.model import Purse
from controlplane.catalog.model import Complexity, TaskType
from controlplane.decision.model import Affinity, Constraints, Decision, Operation, Origin
from turnout_features.model import Conversation, Features
from turnout_wire.quick import quick
from turnout_wire.signature import Signature


class Trace(Protocol):
    """Where the steps of a decision are noted."""

    def event(self, name: str, attributes: Mapping[str, str | int | float]) -> None:
        """Note one step."""
        ...


class NoTrace:
    """Notes nothing."""

    def event(self, name: str, attributes: Mapping[str, str | int | float]) -> None:
        """See Trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A request whose caller kept the text: features that it made, and the digest of what will be run."""

    features: Features
    request_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A request with its text. `read` parses it when it is needed; it raises Failure."""

    request_digest: bytes
    read: Callable[[], Conversation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the caller knows of the kind of work, as a Hint for classifiers; None where it does not say."""

    task_type: TaskType | None = None
    complexity: Complexity | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request to be routed. `fingerprint` is a digest of everything that was asked, empty without a request id.

    `session` and `user` tell whose request it is; nothing is decided by them.
    """

    content: Told | Shown
    tenant: str
    presenter: str
    origin: Origin = field(default_factory=Origin)
    hint: Known = field(default_factory=Known)
    constraints: Constraints = field(default_factory=Constraints)
    policy: str = ""
    pool: str = "default"
    max_runs: int = 1
    model: str = ""
    operation: Operation = Operation.CHAT
    affinity: Affinity | None = None
    session: str = ""
    user: str = ""
    request_id: str = ""
    fingerprint: bytes = b""
    traceparent: str = ""
    trace: Trace = field(default_factory=NoTrace)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedDecision:
    """A plan with what makes it a decision: identity, audience, time window, and what it was decided on."""

    decision_id: str
    issuer: str
    audiences: tuple[str, ...]
    tenant: str
    presenter: str
    issued_at: datetime
    expires_at: datetime
    request_digest: bytes
    snapshot_version: int
    snapshot_digest: bytes
    live_revision: int
    plan: Decision
    max_runs: int
    traceparent: str
    request_id: str
    checkpoint: str = ""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDecision:
    """A decision as it goes out: its serialized form, the signature over it, and what of it the control plane itself needs."""

    decision_id: str
    snapshot_version: int
    expires_at: datetime
    payload: bytes
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a caller gets. `issued` is None where the request had its decision before and gets the same one again."""

    signed: SignedDecision
    issued: IssuedDecision | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision is a function of, beside the request: time, chance, and what was read.

    `live_digest` is that of health and statistics; `purses` are the accounts of budgets that were looked at; `learned_digest` is that
    of the quality model, empty if none was in use.
    """

    decided_at: datetime
    draw: float
    snapshot_version: int
    snapshot_digest: bytes
    catalog_digest: bytes
    live_digest: bytes
    live_revision: int
    purses: tuple[Purse, ...] = ()
    learned_digest: bytes = b""


class NoEligibleTarget(Exception):
    """Nothing may serve the request; the plan's candidates say why, each."""

    def __init__(self, plan: Decision, decided_at: datetime) -> None:
        super().__init__(f"none of {len(plan.candidates)} deployments may serve the request")
        self.plan = plan
        self.decided_at = decided_at


class NoRoom(Exception):
    """Budgets have no room for the request; the plan's shortages say which."""

    def __init__(self, plan: Decision, decided_at: datetime) -> None:
        super().__init__("no room in a budget")
        self.plan = plan
        self.decided_at = decided_at
