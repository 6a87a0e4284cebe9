"""The OpenTelemetry SDK, exporting over OTLP/gRPC."""

from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
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
