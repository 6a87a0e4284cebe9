"""What of a streamed answer has come so far."""

from dataclasses import dataclass, field

from turnout_client.answer import (
    Answer,
    Delta,
    Event,
    Finish,
    Receipt,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from turnout_client.decision import Decision
from turnout_client.error_codec import error
from turnout_client.errors import StreamBroken, TurnoutError
from turnout_wire.failure import Failure


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Transcript:
    """Gathers events into an answer, or into what is told of a broken one."""

    def __init__(self, decision: Decision | None = None) -> None:
        self.decision = decision
        self._text: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._thinking: list[Thinking] = []
        self._usage: Usage | None = None
        self._finish: Finish | None = None

    def take(self, event: Event) -> None:
        """Note one event."""
        match event:
            case Delta(text=text):
                self._text.append(text)
            case ToolCallDelta():
                self._take_call(event)
            case ThinkingDelta():
                self._take_thinking(event)
            case Usage():
                self._usage = event
            case Finish():
                self._finish = event

    def _take_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.setdefault(delta.index, _Call())
        call.id = call.id or delta.id
        call.name = call.name or delta.name
        call.arguments.append(delta.arguments)

    def _take_thinking(self, delta: ThinkingDelta) -> None:
        """A seal, or something redacted, ends a thought; text after it begins the next one."""
        last = self._thinking[-1] if self._thinking else None
        if last is None or last.signature or last.redacted or delta.redacted:
            self._thinking.append(_thought("", delta))
        else:
            self._thinking[-1] = _thought(last.text, delta)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls so far, in the order of their index."""
        return tuple(
            ToolCall(id=call.id, name=call.name, arguments="".join(call.arguments))
            for _, call in sorted(self._calls.items())
        )

    @property
    def decision_id(self) -> str:
        """The decision's id; empty before there is one."""
        return self.decision.decision_id if self.decision else ""

    def answer(self) -> Answer | None:
        """The whole answer; None before it is whole."""
        if self.decision is None or self._finish is None:
            return None
        return Answer(
            text=self.text,
            tool_calls=self.tool_calls,
            finish_reason=self._finish.reason,
            usage=self._usage or _last_usage(self._finish.receipt) or Usage(),
            decision=self.decision,
            receipt=self._finish.receipt,
            provider_model=self._finish.provider_model,
            provider_response_id=self._finish.provider_response_id,
            thinking=tuple(self._thinking),
        )

    def broken(self, failure: Failure, receipt: Receipt | None = None) -> TurnoutError:
        """What to raise: StreamBroken once there is content, the exception of the reason before."""
        cause = error(failure, decision_id=self.decision_id, receipt=receipt)
        if not (self._text or self._calls or isinstance(cause, StreamBroken)):
            return cause
        told = StreamBroken(failure, decision_id=cause.decision_id, receipt=cause.receipt)
        told.text, told.tool_calls = self.text, self.tool_calls
        told.usage = self._usage or _last_usage(cause.receipt)
        told.__cause__ = None if isinstance(cause, StreamBroken) else cause
        return told


def _thought(before: str, delta: ThinkingDelta) -> Thinking:
    return Thinking(
        text=before + delta.text, signature=delta.signature, redacted=delta.redacted, protocol=delta.protocol
    )


def _last_usage(receipt: Receipt | None) -> Usage | None:
    return receipt.attempts[-1].usage if receipt and receipt.attempts else None
