"""Requests of a gateway as spans and as figures."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from dataplane.gateway.watching import Watching
from dataplane.rpc.content import Content
from turnout_wire.telemetry import DECISION_ID, Telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ROUTE = "/v1/chat/completions"


@pytest.fixture
def exported() -> Iterator[tuple[Telemetry, InMemorySpanExporter]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield Telemetry(tracer=provider.get_tracer("test"), enabled=True), exporter
    provider.shutdown()


def watching(telemetry: Telemetry) -> Watching:
    return Watching(telemetry, Content(wanted=False), lambda: 3.0)


def test_a_request_is_a_span_below_its_callers(exported: tuple[Telemetry, InMemorySpanExporter]) -> None:
    telemetry, exporter = exported
    watched = watching(telemetry)
    watch = watched.begin(ROUTE, "POST", {"traceparent": PARENT})
    assert watch.traceparent.split("-")[1] == PARENT.split("-")[1], "the decision belongs to the same trace"
    assert watch.traceparent != PARENT
    watch.decision_id = "d-1"
    watched.end(watch, ROUTE, 200, 1.0)
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.status.status_code) == (f"POST {ROUTE}", StatusCode.UNSET)
    assert span.attributes
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes[DECISION_ID] == "d-1"


def test_what_went_wrong_is_on_the_span_and_in_the_figures(exported: tuple[Telemetry, InMemorySpanExporter]) -> None:
    telemetry, exporter = exported
    watched = watching(telemetry)
    watch = watched.begin(ROUTE, "POST", {})
    watch.error = "BUDGET_EXHAUSTED"
    watched.end(watch, ROUTE, 429, 1.0)
    (span,) = exporter.get_finished_spans()
    assert span.status.description == "BUDGET_EXHAUSTED"
    assert _series(telemetry) == {
        (("error.type", "BUDGET_EXHAUSTED"), ("http.response.status_code", 429), ("http.route", ROUTE))
    }


def test_without_a_collector_there_are_figures_and_no_spans() -> None:
    telemetry = Telemetry(enabled=False)
    watched = watching(telemetry)
    watch = watched.begin(ROUTE, "POST", {"traceparent": PARENT})
    assert watch.traceparent == PARENT, "what a caller says of its trace goes on"
    watched.end(watch, ROUTE, 200, 1.0)
    assert _series(telemetry) == {(("http.response.status_code", 200), ("http.route", ROUTE))}


def _series(telemetry: Telemetry) -> set[tuple[tuple[str, object], ...]]:
    (histogram,) = telemetry.metrics.histograms.values()
    return {tuple(sorted(series)) for series in histogram.read()}
