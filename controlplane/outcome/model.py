"""Receipts as the control plane reads them."""

from dataclasses import dataclass
from datetime import timedelta

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
class ReceiptFacts:
    """A receipt. `planned` are the deployments of the decision that came with it, None if its envelope does not verify."""

    receipt_id: str
    decision_id: str
    worker: str
    result: str
    attempts: tuple[AttemptFacts, ...]
    cost_nanousd: int
    planned: frozenset[str] | None
