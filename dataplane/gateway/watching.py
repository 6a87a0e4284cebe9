"""Each request as a span and as figures; no text of anybody's."""

from collections.abc import Callable, Mapping

from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from dataplane.chat.model import ChatRequest, ChatResponse
from dataplane.execution.receipt import Receipt
from dataplane.execution.run import Run, RunEvent
from dataplane.rpc.content import Content
from dataplane.rpc.tracing import link_to_decision
from turnout_wire.telemetry import DECISION_ID, Telemetry, incoming, outgoing


class Watch:
    """One request, from its head to its end."""

    def __init__(self, span: Span, traceparent: str, content: Content) -> None:
        self.traceparent = traceparent
        self.decision_id = ""
        self.error = ""
        self._span = span
        self._content = content
        self._listener = content.listen(INVALID_SPAN)

    def decided(self, run: Run) -> None:
        """A decision was made and verified."""
        self.decision_id = run.decision.decision_id
        link_to_decision(self._span, run.decision)
        if isinstance(run.request, ChatRequest):
            self._content.asked(self._span, run.request)
        self._listener = self._content.listen(self._span)

    def heard(self, event: RunEvent) -> None:
        """More of a stream."""
        self._listener.hear(event)

    def answered(self, response: ChatResponse) -> None:
        """A whole answer."""
        self._content.answered(self._span, response)

    def ended(self, receipt: Receipt) -> None:
        """The run is over."""
        self.error = receipt.error_reason

    def close(self, status: int) -> None:
        """The request was answered with `status`, 0 if its caller went away: end the span."""
        if self._span is INVALID_SPAN:
            return
        self._span.set_attribute("http.response.status_code", status)
        if self.decision_id:
            self._span.set_attribute(DECISION_ID, self.decision_id)
        if self.error:
            self._span.set_attribute("error.type", self.error)
            self._span.set_status(Status(StatusCode.ERROR, self.error))
        self._span.end()


class Watching:
    """Makes the spans, and counts."""

    def __init__(self, telemetry: Telemetry, content: Content, seconds: Callable[[], float]) -> None:
        self._telemetry = telemetry
        self._content = content
        self._seconds = seconds

    def begin(self, route: str, method: str, headers: Mapping[str, str]) -> Watch:
        """A request came; `route` is its path as a template."""
        if not self._telemetry.enabled:
            return Watch(INVALID_SPAN, headers.get("traceparent", "")[:64], self._content)
        span = self._telemetry.tracer.start_span(
            f"{method} {route}",
            context=incoming(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": route},
        )
        traceparent = outgoing(span).get("traceparent", "") if span.is_recording() else headers.get("traceparent", "")
        return Watch(span, traceparent[:64], self._content)

    def end(self, watch: Watch, route: str, status: int, started: float) -> None:
        """It was answered with `status`, 0 if its caller went away."""
        facts: dict[str, str | int] = {"http.route": route, "http.response.status_code": status}
        if watch.error:
            facts["error.type"] = watch.error
        self._telemetry.metrics.record("http.server.request.duration", self._seconds() - started, facts)
        watch.close(status)
