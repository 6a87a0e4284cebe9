"""A server span and a duration for every HTTP request, named as OpenTelemetry's conventions for HTTP name them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind, Status, StatusCode

from controlplane.http.routes import Route
from turnout_wire.metrics import Attributes
from turnout_wire.server import Call
from turnout_wire.telemetry import DECISION_ID, Telemetry, incoming

SERVER_FAULT = 500


class HttpTelemetry:
    """Around every request; does nothing without a collector."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    @contextmanager
    def request(self, route: Route, call: Call) -> Iterator[Callable[[int], None]]:
        """One request; give the status to what this gives."""
        started = time.perf_counter()
        attributes = {"http.request.method": route.verb, "http.route": route.path}
        call.span = self._telemetry.tracer.start_span(
            f"{route.verb} {route.path}",
            context=incoming(call.metadata),
            kind=SpanKind.SERVER,
            attributes={**attributes, "rpc.method": call.method.name},
        )

        def seen(status: int) -> None:
            told: Attributes = {**attributes, "http.response.status_code": status}
            self._telemetry.metrics.record("http.server.request.duration", time.perf_counter() - started, told)
            _describe(call, status)

        try:
            yield seen
        finally:
            call.span.end()


def _describe(call: Call, status: int) -> None:
    span = call.span
    span.set_attribute("http.response.status_code", status)
    span.set_attribute("turnout.request.id", call.request_id)
    if call.decision_id:
        span.set_attribute(DECISION_ID, call.decision_id)
    if call.failure is not None:
        span.set_attribute("error.type", call.failure.reason)
    if status >= SERVER_FAULT and call.failure is not None:
        span.set_status(Status(StatusCode.ERROR, call.failure.reason))
