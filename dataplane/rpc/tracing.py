"""Runs as spans and metrics, named as OpenTelemetry's GenAI conventions say.

Those conventions are in development and their Python constants are marked deprecated, so the names stand here, in one
table (github.com/open-telemetry/semantic-conventions-genai). Prompts and answers are never put on a span.
"""

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from dataplane.execution.board import BreakerChanged
from dataplane.execution.observer import (
    AttemptEnded,
    AttemptStarted,
    Committed,
    TargetSkipped,
    Waited,
)
from dataplane.execution.receipt import AttemptRecord, Receipt
from dataplane.permit.model import PermittedDecision
from dataplane.provider.model import Verdict
from turnout_wire.telemetry import DECISION_ID, Telemetry, child_context, incoming

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - the name of an attribute

_CURRENT: ContextVar[Span] = ContextVar("turnout_run_span", default=INVALID_SPAN)
"""The server span of the run that the task works on; set and read within one task, before anything is streamed."""


def link_to_decision(span: Span, decision: PermittedDecision) -> None:
    """Tie the execution to its decision: by id, and by a link, since its parent is the caller and not the decision."""
    _CURRENT.set(span)
    if not span.is_recording():
        return
    span.set_attribute(DECISION_ID, decision.decision_id)
    span.set_attribute("turnout.workload", decision.workload)
    decided = trace.get_current_span(incoming({"traceparent": decision.traceparent})).get_span_context()
    if decided.is_valid:
        span.add_link(decided)


class _AttemptSpan:
    """One call as a client span."""

    def __init__(self, span: Span, started: AttemptStarted, telemetry: Telemetry) -> None:
        self._span = span
        self._started = started
        self._telemetry = telemetry

    def current(self) -> AbstractContextManager[object]:
        """See AttemptScope."""
        if self._span is INVALID_SPAN:
            return nullcontext()
        # An exception's message is the provider's and may quote the prompt, so it stays off the span.
        return trace.use_span(self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False)

    def end(self, ended: AttemptEnded) -> None:
        """See AttemptScope."""
        record = ended.record
        if self._span.is_recording():
            self._span.set_attributes(_facts(record))
            if record.outcome is not Verdict.SUCCEEDED:
                self._span.set_status(Status(StatusCode.ERROR, record.error))
            self._span.end()
        self._measure(record)

    def _measure(self, record: AttemptRecord) -> None:
        metrics = self._telemetry.metrics
        attributes: dict[str, str] = {
            OPERATION: "chat",
            PROVIDER: self._started.deployment.provider,
            REQUEST_MODEL: record.model,
            "turnout.deployment": record.deployment,
        }
        failed = {"error.type": record.error} if record.error else {}
        metrics.record("gen_ai.client.operation.duration", record.duration.total_seconds(), {**attributes, **failed})
        if record.time_to_first_token is not None:
            seconds = record.time_to_first_token.total_seconds()
            metrics.record("gen_ai.client.operation.time_to_first_chunk", seconds, attributes)
        if record.usage is not None:
            counts = (("input", record.usage.input_tokens), ("output", record.usage.output_tokens))
            for kind, tokens in counts:
                metrics.record("gen_ai.client.token.usage", tokens, {**attributes, TOKEN_TYPE: kind}, unit="{token}")
        metrics.count("turnout.cost", attributes, record.cost_nanousd, unit="nanousd")


class RunTelemetry:
    """A span for every attempt below the run's, and what the field's dashboards expect to count."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def attempt_started(self, started: AttemptStarted) -> _AttemptSpan:
        """See RunObserver."""
        if not self._telemetry.enabled:
            return _AttemptSpan(INVALID_SPAN, started, self._telemetry)
        span = self._telemetry.tracer.start_span(
            f"chat {started.model}",
            context=_below(_CURRENT.get()),
            kind=SpanKind.CLIENT,
            attributes={
                OPERATION: "chat",
                PROVIDER: started.deployment.provider,
                REQUEST_MODEL: started.deployment.provider_model,
                DECISION_ID: started.decision_id,
                "turnout.deployment": started.deployment.name,
                "turnout.attempt": started.number,
                "turnout.attempt.forced": started.forced,
            },
        )
        return _AttemptSpan(span, started, self._telemetry)

    def committed(self, committed: Committed) -> None:
        """See RunObserver."""
        _CURRENT.get().add_event("turnout.committed", {"turnout.deployment": committed.deployment})

    def target_skipped(self, skipped: TargetSkipped) -> None:
        """See RunObserver."""
        attributes = {"turnout.deployment": skipped.deployment, "turnout.reason": str(skipped.reason)}
        _CURRENT.get().add_event("turnout.target_skipped", attributes)
        self._telemetry.metrics.count("turnout.targets.skipped", attributes)

    def waited(self, waited: Waited) -> None:
        """See RunObserver."""
        _CURRENT.get().add_event(
            "turnout.waited",
            {"turnout.deployment": waited.deployment, "turnout.wait_s": waited.duration.total_seconds()},
        )

    def breaker_changed(self, changed: BreakerChanged) -> None:
        """See RunObserver."""
        self._telemetry.metrics.count("turnout.breaker.changes", {"turnout.state": str(changed.change.after)})

    def run_ended(self, receipt: Receipt) -> None:
        """See RunObserver."""
        span = _CURRENT.get()
        if span.is_recording():
            span.set_attribute("turnout.result", str(receipt.result))
            span.set_attribute("turnout.attempts", len(receipt.attempts))
            span.set_attribute("turnout.cost_nanousd", receipt.cost_nanousd)
        self._telemetry.metrics.count("turnout.runs", {"turnout.result": str(receipt.result)})


def _below(span: Span) -> Context:
    return child_context(span)


def _facts(record: AttemptRecord) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {
        "turnout.outcome": str(record.outcome),
        "turnout.cost_nanousd": record.cost_nanousd,
    }
    if record.http_status:
        facts["http.response.status_code"] = record.http_status
    if record.error:
        facts["error.type"] = record.error
    if record.usage is not None:
        facts[INPUT_TOKENS] = record.usage.input_tokens
        facts[OUTPUT_TOKENS] = record.usage.output_tokens
        facts[CACHED_TOKENS] = record.usage.cached_input_tokens
    return facts
