"""Receipts as the control plane reads them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.audit.model import Entry
from controlplane.catalog.model import DeploymentName


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """One call of one target; `time_to_first_token` is None if no content came. Tokens are 0 where nothing was used."""

    deployment: DeploymentName
    model: str
    succeeded: bool
    outcome: str
    duration: timedelta
    time_to_first_token: timedelta | None
    input_tokens: int
    output_tokens: int
    cost_nanousd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the decision that a receipt carries says, after its signature was checked.

    `reserved`: something was held for it; `unrecorded`: it was given while the store was away. `checkpoint` is the note of the
    audit log that it carries.
    """

    targets: frozenset[str]
    tenant: str
    presenter: str
    workload: str
    issued_at: datetime
    reserved: bool
    unrecorded: bool
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFacts:
    """A receipt. `decided` is None if its envelope does not verify.

    `entry` is what is recorded of it, `decision` what is recorded of its decision if that is not known.
    """

    receipt_id: str
    decision_id: str
    worker: str
    result: str
    attempts: tuple[AttemptFacts, ...]
    cost_nanousd: int
    decided: Decided | None
    entry: Entry
    decision: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRun:
    """A run that has begun, and when it must have ended."""

    decision_id: str
    receipt_id: str
    until: datetime
