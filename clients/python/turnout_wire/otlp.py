"""The OpenTelemetry SDK, exporting over OTLP/gRPC."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import cast

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Tracer

from turnout_wire.metrics import PlainMetrics
from turnout_wire.otlp_metrics import HistogramsToo, observe

FLUSH = 2.0
"""Seconds that what is not exported yet may hold up the end of a process: exporters alone would try for ten seconds each."""


def start_export(service: str, instance: str, version: str, metrics: PlainMetrics) -> tuple[Tracer, Callable[[], None]]:
    """A tracer, and what flushes it and `metrics`, which are exported too. Endpoint, sampler and intervals come from the
    OTEL_* variables.
    """
    resource = Resource.create({"service.name": service, "service.instance.id": instance, "service.version": version})
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    exporter = cast("MetricExporter", HistogramsToo(OTLPMetricExporter(), metrics, time.time_ns()))
    readers = [PeriodicExportingMetricReader(exporter)]
    meters = MeterProvider(resource=resource, metric_readers=readers, shutdown_on_exit=False)
    observe(metrics, meters.get_meter("turnout", version))

    def close() -> None:
        _within(FLUSH, traces.shutdown, meters.shutdown)

    return traces.get_tracer("turnout", version), close


def _within(seconds: float, *ends: Callable[[], object]) -> None:
    """Run all at the same time, and leave those behind that take longer."""
    until = time.monotonic() + seconds
    threads = [Thread(target=end, daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTracing:
    """Tracing of a program that calls Turnout."""

    flush: Callable[[], object]
    close: Callable[[], None]


def trace_client(service: str, endpoint: str, sampled: float) -> ClientTracing:
    """Make this process trace the share `sampled` of its requests to `endpoint`, in the clear, as applications do that
    have set up OpenTelemetry. To be called once in a process.
    """
    provider = TracerProvider(
        resource=Resource.create({"service.name": service}), sampler=ParentBasedTraceIdRatio(sampled)
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    trace.set_tracer_provider(provider)
    return ClientTracing(flush=provider.force_flush, close=provider.shutdown)
