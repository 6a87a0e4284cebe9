"""What a run is given and what it gives."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    EmbedRequest,
    EmbedResponse,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    Usage,
    UsageReport,
    Verbatim,
)
from dataplane.execution.receipt import Receipt
from dataplane.permit.model import PermittedDecision
from dataplane.provider.model import Original
from dataplane.snapshot.model import WorkerSnapshot
from turnout_wire.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A decision that may be run, the request that it is for, and the snapshot to run it with.

    `time_left` is what the caller's deadline leaves, None without one. `envelope` is the serialized signed decision; it
    goes into the receipt unread. `original` is the request as its caller wrote it, where a gateway read it.
    With `embed` vectors are wanted and no answer; `request` is then empty.
    """

    decision: PermittedDecision
    request: ChatRequest
    snapshot: WorkerSnapshot
    time_left: timedelta | None = None
    envelope: bytes = b""
    original: Original | None = None
    embed: EmbedRequest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run for which budgets hold something begins: the id that its receipt will have, and when it must have ended."""

    decision_id: str
    receipt_id: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The answer is whole; `usage` is flagged as estimated where the provider gave none. `body`: see ProviderResponse."""

    finished: Finished
    usage: Usage
    receipt: Receipt
    response: ChatResponse | None = None
    vectors: EmbedResponse | None = None
    body: bytes = b""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Whose content is about to come: `attempts` so far, this one included, and the seconds that they took up to now."""

    deployment: str
    model: str
    attempts: int
    calling: float


Content = TextDelta | ToolCallDelta | ThinkingDelta | Verbatim
"""What is forwarded as it comes; never empty. An answer that is passed on as it came is Verbatim throughout: then what came
before the first content comes with it, and the provider's last event before Completed.
"""

RunEvent = Content | UsageReport | Completed | Failed | Broken
"""Content, then at most one UsageReport, then exactly one of Completed, Failed (only without content) and Broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The whole answer, or the failure: one of the two is there. `vectors` are the answer where those were wanted."""

    receipt: Receipt
    response: ChatResponse | None = None
    failure: Failure | None = None
    vectors: EmbedResponse | None = None
    body: bytes = b""
