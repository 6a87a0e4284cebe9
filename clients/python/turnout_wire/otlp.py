"""The OpenTelemetry SDK, exporting over OTLP/gRPC."""

from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Tracer


def start_export(service: str, instance: str, version: str) -> tuple[Tracer, Meter, Callable[[], None]]:
    """A tracer, a meter and what flushes both. Endpoint, sampler and intervals come from the OTEL_* variables."""
    resource = Resource.create({"service.name": service, "service.instance.id": instance, "service.version": version})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    metrics = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())])

    def close() -> None:
        traces.shutdown()
        metrics.shutdown()

    return traces.get_tracer("turnout", version), metrics.get_meter("turnout", version), close


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
