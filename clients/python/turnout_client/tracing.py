"""W3C trace context of the caller's span, and one span around decide and generate; nothing without an SDK."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from turnout_client.errors import TurnoutError
from turnout_wire.telemetry import DECISION_ID, outgoing


class Tracing:
    """Spans by `tracer`, the global one if it is None."""

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer or trace.get_tracer("turnout_client")

    @contextmanager
    def chat(self) -> Iterator[Span]:
        """The span `turnout.chat`, a child of the current one. It is handed on and never made current: streams are closed in
        other contexts than they were begun in.
        """
        span = self._tracer.start_span("turnout.chat", kind=SpanKind.INTERNAL)
        try:
            yield span
        except TurnoutError as failed:
            span.set_attribute("error.type", failed.reason)
            span.set_status(Status(StatusCode.ERROR, failed.reason))
            raise
        finally:
            span.end()


def headers(span: Span | None) -> dict[str, str]:
    """Trace context for a call: that of `span`, or of the current one."""
    return outgoing(span or trace.get_current_span())


def note_decision(span: Span | None, decision_id: str) -> None:
    """Write the decision's id on the span of a chat."""
    if span is not None:
        span.set_attribute(DECISION_ID, decision_id)
