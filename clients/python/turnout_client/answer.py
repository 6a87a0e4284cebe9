"""Answers, the events of a streamed answer, and what a worker states about a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from turnout_client.decision import Decision
from turnout_client.money import usd
from turnout_client.words import AttemptOutcome, FinishReason, RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. Cached ones are part of the input, reasoning is part of the output.

    `estimated` if the provider gave no counts.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a tool by the model; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str

    def parsed(self) -> Any:
        """The arguments as a value. Raises json.JSONDecodeError, for models do write broken JSON."""
        return json.loads(self.arguments or "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """What the model thought before it went on; it can go back only by the `protocol` that it came by.

    `signature` is the provider's seal on it; `redacted` is what only the provider can read, instead of a text.
    """

    text: str = ""
    signature: bytes = b""
    redacted: bytes = b""
    protocol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of one target. `error` is one word, such as `connect`; empty if all went well."""

    number: int
    deployment: str
    model: str
    outcome: AttemptOutcome
    error: str
    http_status: int
    started_at: datetime | None
    duration: timedelta
    time_to_first_token: timedelta | None
    usage: Usage
    cost_nanousd: int
    cost_estimated: bool
    provider_request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedTarget:
    """A target of the plan that was not called, and why, such as `breaker_open`."""

    deployment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A worker's statement about all attempts of one run of a decision."""

    receipt_id: str
    decision_id: str
    worker: str
    result: RunResult
    error_reason: str
    attempts: tuple[Attempt, ...]
    skipped: tuple[SkippedTarget, ...]
    cost_nanousd: int
    cost_estimated: bool
    started_at: datetime | None
    duration: timedelta
    time_to_first_token: timedelta | None
    finish_reason: FinishReason
    snapshot_version: int

    @property
    def served_by(self) -> Attempt | None:
        """The attempt that gave the answer."""
        return next((made for made in reversed(self.attempts) if made.outcome is AttemptOutcome.SUCCEEDED), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """More text of the answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """More of the tool call number `index`, from 0; `id` and `name` come with its first event."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingDelta:
    """More of what the model thinks: pieces of its text, then its seal; or something redacted, whole."""

    text: str
    signature: bytes = b""
    redacted: bytes = b""
    protocol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The answer is whole; always the last event."""

    reason: FinishReason
    receipt: Receipt
    provider_model: str = ""
    provider_response_id: str = ""


Event = Delta | ToolCallDelta | ThinkingDelta | Usage | Finish
"""What a streamed answer consists of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, the decision that it came by, and the worker's receipt for it."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    usage: Usage
    decision: Decision
    receipt: Receipt
    provider_model: str = ""
    provider_response_id: str = ""
    thinking: tuple[Thinking, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def decision_id(self) -> str:
        """The decision's id, under which every log line and span is found."""
        return self.decision.decision_id

    @property
    def model(self) -> str:
        """The model that answered: the decision's first, or a fallback."""
        served = self.receipt.served_by
        return served.model if served else self.decision.model

    @property
    def deployment(self) -> str:
        """The deployment that answered."""
        served = self.receipt.served_by
        return served.deployment if served else self.decision.deployment

    @property
    def reason(self) -> str:
        """Why the decision's first target, in one sentence."""
        return self.decision.reason

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every call that was made, in order."""
        return self.receipt.attempts

    @property
    def cost_nanousd(self) -> int:
        """What all attempts cost together."""
        return self.receipt.cost_nanousd

    @property
    def cost_usd(self) -> Decimal:
        """The same in dollars."""
        return usd(self.receipt.cost_nanousd)

    @property
    def latency(self) -> timedelta:
        """From the run's begin to the last byte, as the worker measured it."""
        return self.receipt.duration

    @property
    def ttft(self) -> timedelta | None:
        """From the run's begin to the first content, as the worker measured it."""
        return self.receipt.time_to_first_token

    @property
    def message(self) -> Mapping[str, object]:
        """The answer as a message to append to the conversation, for the next turn."""
        calls = [{"type": "tool_call", "id": c.id, "name": c.name, "arguments": c.arguments} for c in self.tool_calls]
        spoken = [{"type": "text", "text": self.text}] if self.text or not calls else []
        thoughts = [{"type": "thinking", **asdict(thought)} for thought in self.thinking]
        return {"role": "assistant", "content": [*thoughts, *spoken, *calls]}

    def json(self) -> Any:
        """The text as a JSON value, for answers in a JSON format. Raises json.JSONDecodeError."""
        return json.loads(self.text)
