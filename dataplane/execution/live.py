"""One call of a provider while it runs: its time limits, how it ends, what it costs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, cast

from dataplane.chat.model import (
    ChatResponse,
    EmbedRequest,
    EmbedResponse,
    Finished,
    FinishReason,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    Told,
    ToolCall,
    ToolCallDelta,
    Usage,
    UsageReport,
    Verbatim,
)
from dataplane.execution.account import Account
from dataplane.execution.alarm import Alarm
from dataplane.execution.clock import Clock
from dataplane.execution.cost import Charge, charge
from dataplane.execution.crash import log_crash
from dataplane.execution.gate import Admitted
from dataplane.execution.observer import AttemptEnded, AttemptScope
from dataplane.execution.output import utf8_size
from dataplane.execution.receipt import AttemptRecord
from dataplane.execution.run import Content
from dataplane.execution.step import Attempt, Called
from dataplane.execution.verdict import ADDRESS_REFUSED, TIMEOUTS, CallEnd, end_of_cut, end_of_failure
from dataplane.provider.model import Call, CallFailure, EmbedCall, Embedder, Provider, Verdict

LOG = logging.getLogger(__name__)

SLACK = 0.01
"""Seconds by which a provider's timer may ring before ours, where both have the same limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """`patience`: a call that the run's own limits cut earlier says nothing about its target.

    `close_within`: time that an adapter has to close a stream.
    """

    patience: timedelta = timedelta(seconds=3)
    close_within: timedelta = timedelta(seconds=5)


class LiveCall:
    """Iterate over the content of one call; afterwards `called` says how it ended.

    Content comes only from a stream; a whole answer is in `response` at the end. On leaving the context, whatever the
    cause, the provider's stream is closed, the call is charged and recorded, and its permits are given back.
    """

    def __init__(
        self,
        attempt: Attempt,
        admitted: Admitted,
        *,
        provider: Provider,
        account: Account,
        scope: AttemptScope,
        clock: Clock,
        started_at: datetime,
        settings: CallSettings,
        streaming: bool,
    ) -> None:
        self._attempt = attempt
        self._admitted = admitted
        self._provider = provider
        self._account = account
        self._scope = scope
        self._clock = clock
        self._settings = settings
        self._streaming = streaming
        self._started_at = started_at
        self._started = clock.monotonic()
        self._own_total = admitted.deployment.timeouts.total.total_seconds()
        self._events: AsyncIterator[StreamEvent] | None = None
        self._first_content: float | None = None
        self._bytes = 0
        self._held: list[Verbatim] = []
        self._request_id = ""
        self._end: CallEnd | None = None
        self._alarm = Alarm(self._limit() - self._started)
        self.usage: Usage | None = None
        self.finished: Finished | None = None
        self.response: ChatResponse | None = None
        self.vectors: EmbedResponse | None = None
        self.body = b""
        self.cost_nanousd = 0

    @property
    def attempt(self) -> Attempt:
        """What the plan asked for."""
        return self._attempt

    @property
    def answering(self) -> Self:
        """The call that gives the content: this one."""
        return self

    @property
    def succeeded(self) -> bool:
        """Whether the answer is whole."""
        return self._end is not None and self._end.verdict is Verdict.SUCCEEDED

    def overtaken(self) -> None:
        """Another call answers; this one is over, unless it was before."""
        if self._end is None:
            now = self._clock.monotonic()
            self._end = CallEnd(verdict=Verdict.IGNORED, now=now, error="overtaken", cut=True)

    @property
    def called(self) -> Called:
        """How the call ended and what it cost, once its context is left. Raises RuntimeError before."""
        if self._end is None:
            raise RuntimeError("the call is not over")
        return Called(end=self._end, cost_nanousd=self.cost_nanousd, reference=self._admitted.reference)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._end is None:
            self._end = self._abandoned(error)
        self._alarm.stop()
        try:
            await self._close()
        finally:
            self._settle(self._end)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Content:
        """The next content that is not empty. Raises StopAsyncIteration when the call is over."""
        while self._end is None:
            event = await self._advance()
            if isinstance(event, Verbatim):
                passed = self._passed(event)
                if passed is not None:
                    return passed
            elif event is not None and self._heard(event):
                return event  # type: ignore[return-value]  # what is heard as content is content
        raise StopAsyncIteration

    def _heard(self, event: Told) -> bool:
        """Take in what the answer tells; whether it is content."""
        match event:
            case TextDelta(text=said) | ThinkingDelta(text=said) if said:
                pass
            case ThinkingDelta(signature=sign, redacted=hidden) if sign or hidden:
                said = ""
            case ToolCallDelta(id=key, name=name, arguments=arguments) if key or name or arguments:
                said = name + arguments
            case UsageReport(usage=usage):
                self.usage = usage
                return False
            case Finished() as finished:
                self.finished = finished
                return False
            case _:
                return False
        if self._first_content is None:
            self._first_content = self._clock.monotonic()
            self._alarm.set(self._limit() - self._first_content)
        self._bytes += utf8_size(said)
        return True

    def _passed(self, event: Verbatim) -> Verbatim | None:
        """What may be passed on now: everything once there is content, nothing before, for until then another target may answer."""
        for told in event.tells:
            self._heard(told)
        if self._first_content is not None and not self._held:
            return event
        self._held.append(event)
        if self._first_content is None and self.finished is None:
            return None
        held, self._held = self._held, []
        return Verbatim(
            data=b"".join(each.data for each in held), tells=tuple(told for each in held for told in each.tells)
        )

    async def _advance(self) -> StreamEvent | None:
        """The next event within the time limit; None when the call is over, and then its end is known."""
        try:
            with self._alarm:
                return await self._receive()
        except StopAsyncIteration:
            self._end = self._whole()
        except CallFailure as failure:
            self._end = self._whole() if self.finished else self._failed(failure)
        except Exception as error:  # noqa: BLE001 - an adapter's bug must not cost the run its receipt
            self._end = self._whole() if self.finished else self._cut() if self._alarm.rung else self._crashed(error)
        return None

    async def _receive(self) -> StreamEvent:
        if self._events is not None:
            return await anext(self._events)
        with self._scope.current():
            event = await (self._open() if self._streaming else self._generate())
        self._admitted.reached(self._clock.monotonic())
        return event

    async def _open(self) -> StreamEvent:
        self._events = self._provider.stream(self._call())
        return await anext(self._events)

    async def _embed(self, texts: EmbedRequest) -> StreamEvent:
        call = self._call()
        embedder = cast("Embedder", self._provider)  # a worker that is asked for vectors has one that makes them
        answer = await embedder.embed(
            EmbedCall(
                deployment=call.deployment,
                request=texts,
                credential=call.credential,
                total=call.total,
                original=call.original,
            )
        )
        self.vectors = answer.response
        self.body = answer.body
        self.usage = answer.response.usage
        self._request_id = answer.provider_request_id
        self.finished = Finished(reason=FinishReason.STOP, provider_model=answer.response.provider_model)
        raise StopAsyncIteration

    async def _generate(self) -> StreamEvent:
        if self._account.run.embed is not None:
            return await self._embed(self._account.run.embed)
        answer = await self._provider.generate(self._call())
        self.response = response = answer.response
        self.body = answer.body
        self.usage = response.usage
        self._request_id = answer.provider_request_id
        self._bytes = sum(utf8_size(_said(part)) for part in response.parts)
        self.finished = Finished(
            reason=response.finish_reason,
            provider_model=response.provider_model,
            provider_response_id=response.provider_response_id,
        )
        raise StopAsyncIteration

    def _call(self) -> Call:
        deployment, request = self._admitted.deployment, self._account.run.request
        limits = (
            deployment.max_output_tokens,
            request.max_output_tokens,
            self._account.run.decision.limits.max_output_tokens,
        )
        return Call(
            deployment=deployment,
            request=request,
            credential=self._admitted.credential,
            max_output_tokens=min(limit for limit in limits if limit),
            total=timedelta(
                seconds=min(self._attempt.left if self._streaming else self._attempt.share, self._own_total)
            ),
            original=self._account.run.original,
            heard=self._admitted.heard,
        )

    def _limit(self) -> float:
        """When the call must be over, or must have given its first content, on the monotonic clock."""
        waits_for_content = not self._streaming or self._first_content is None
        return self._started + min(self._attempt.share if waits_for_content else self._attempt.left, self._own_total)

    def _whole(self) -> CallEnd:
        if self.finished is None:
            return self._failed(CallFailure(Verdict.FAILED, "stream_cut"))
        return CallEnd(
            verdict=Verdict.SUCCEEDED,
            now=self._clock.monotonic(),
            http_status=200,
            provider_request_id=self._request_id,
            committed=self._first_content is not None,
        )

    def _failed(self, failure: CallFailure) -> CallEnd:
        now = self._clock.monotonic()
        if failure.error == ADDRESS_REFUSED:
            LOG.warning("a call was refused: %s", failure.message)
        if failure.error in TIMEOUTS and now >= self._limit() - SLACK:
            return self._cut()
        return end_of_failure(failure, now=now, committed=self._first_content is not None)

    def _cut(self) -> CallEnd:
        now = self._clock.monotonic()
        own = now - self._started >= self._own_total - SLACK
        return end_of_cut(
            now=now,
            elapsed=now - self._started,
            patience=0.0 if own else self._settings.patience.total_seconds(),
            streaming=self._streaming,
            committed=self._first_content is not None,
        )

    def _abandoned(self, error: BaseException | None) -> CallEnd:
        if isinstance(error, Exception):
            return self._crashed(error)
        return CallEnd(
            verdict=Verdict.IGNORED,
            now=self._clock.monotonic(),
            error="cancelled",
            committed=self._first_content is not None,
        )

    def _crashed(self, error: Exception) -> CallEnd:
        log_crash("an attempt crashed", error, decision_id=self._account.run.decision.decision_id)
        return CallEnd(
            verdict=Verdict.FAILED,
            now=self._clock.monotonic(),
            error="internal",
            committed=self._first_content is not None,
        )

    async def _close(self) -> None:
        close = getattr(self._events, "aclose", None)
        if close is None:
            return
        try:
            async with asyncio.timeout(self._settings.close_within.total_seconds()):
                await close()
        except Exception as error:  # noqa: BLE001 - the call is over; how its stream closes changes nothing
            log_crash("a stream did not close", error, decision_id=self._account.run.decision.decision_id)

    def _settle(self, end: CallEnd) -> None:
        charged = charge(
            end,
            self.usage,
            streamed_bytes=self._bytes,
            target=self._attempt.target,
            price=self._admitted.deployment.price,
        )
        self.usage = charged.usage
        self.cost_nanousd = charged.cost_nanousd
        until = end.now if self._first_content is None else self._first_content
        with self._admitted:
            self._admitted.settle(end, elapsed=until - self._started)
        record = self._record(end, charged)
        self._account.attempts.append(record)
        self._scope.end(
            AttemptEnded(decision_id=self._account.run.decision.decision_id, record=record, committed=end.committed)
        )

    def _record(self, end: CallEnd, charged: Charge) -> AttemptRecord:
        first = self._first_content
        return AttemptRecord(
            number=self._attempt.number,
            deployment=self._attempt.target.deployment,
            model=self._attempt.target.model,
            outcome=end.verdict,
            started_at=self._started_at,
            duration=timedelta(seconds=end.now - self._started),
            error=end.error,
            http_status=end.http_status,
            time_to_first_token=None if first is None else timedelta(seconds=first - self._started),
            usage=charged.usage,
            cost_nanousd=charged.cost_nanousd,
            cost_estimated=charged.estimated,
            provider_request_id=end.provider_request_id,
            retry_after=None if end.retry_after is None else timedelta(seconds=end.retry_after),
            hedged=self._attempt.hedged,
        )


def _said(part: Text | ToolCall | Thinking) -> str:
    return part.name + part.arguments if isinstance(part, ToolCall) else part.text
