"""What a run is given and what it gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dataplane.chat.model import ChatRequest, ChatResponse, Finished, TextDelta, ToolCallDelta, Usage, UsageReport
from dataplane.execution.receipt import Receipt
from dataplane.permit.model import PermittedDecision
from dataplane.snapshot.model import WorkerSnapshot
from turnout_wire.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A decision that may be run, the request that it is for, and the snapshot to run it with.

    `time_left` is what the caller's deadline leaves, None without one. `envelope` is the serialized signed decision; it
    goes into the receipt unread.
    """

    decision: PermittedDecision
    request: ChatRequest
    snapshot: WorkerSnapshot
    time_left: timedelta | None = None
    envelope: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run for which budgets hold something begins: the id that its receipt will have, and when it must have ended."""

    decision_id: str
    receipt_id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The answer is whole; `usage` is flagged as estimated where the provider gave none."""

    finished: Finished
    usage: Usage
    receipt: Receipt
    response: ChatResponse | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """There is no answer, and no content was forwarded."""

    failure: Failure
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The answer broke off after content was forwarded."""

    failure: Failure
    receipt: Receipt


Content = TextDelta | ToolCallDelta
"""What is forwarded as it comes; never empty."""

RunEvent = Content | UsageReport | Completed | Failed | Broken
"""Content, then at most one UsageReport, then exactly one of Completed, Failed (only without content) and Broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The whole answer, or the failure: one of the two is there."""

    receipt: Receipt
    response: ChatResponse | None = None
    failure: Failure | None = None
