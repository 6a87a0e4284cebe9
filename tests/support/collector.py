"""A collector that keeps every byte that came, and a caller whose own spans go there too."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from turnout_wire.sink import ReceivedSpan, Sink


class Collector(Sink):
    """A sink that remembers what it was sent as it was sent, and which metrics each service gave."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[bytes] = []
        self.named: dict[str, dict[str, metrics_pb2.Metric]] = {}

    async def take_spans(self, resources: Iterable[trace_pb2.ResourceSpans]) -> None:
        """Keep and count spans."""
        kept = list(resources)
        self.raw.extend(resource.SerializeToString() for resource in kept)
        await super().take_spans(kept)

    async def take_metrics(self, resources: Iterable[metrics_pb2.ResourceMetrics]) -> None:
        """Keep metrics; of each the newest, for they count from the start of their process."""
        kept = list(resources)
        self.raw.extend(resource.SerializeToString() for resource in kept)
        for resource in kept:
            names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            known = self.named.setdefault(names["service.name"], {})
            known.update({metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics})
        await super().take_metrics(kept)

    async def received(self, enough: Callable[[Sequence[ReceivedSpan]], bool]) -> None:
        """Wait until the spans are enough. Raises TimeoutError, with the spans that came as a note."""
        try:
            await self.until(enough, 20)
        except TimeoutError as late:
            late.add_note("\n".join(f"{span.service} {span.name} {span.attributes}" for span in self.spans))
            raise

    async def counted(self, service: str, *names: str) -> None:
        """Wait until a service gave all these metrics. Raises TimeoutError."""
        await self.received(lambda _: set(names) <= set(self.named.get(service, {})))

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """The spans of one trace by their begin."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.start_ns)

    def points(self, service: str, name: str) -> list[tuple[dict[str, object], Any]]:
        """The data points of a metric, each with its attributes."""
        metric = self.named[service][name]
        data = getattr(metric, metric.WhichOneof("data") or "")
        return [({pair.key: _value(pair.value) for pair in point.attributes}, point) for point in data.data_points]


def _value(value: Any) -> object:
    return getattr(value, value.WhichOneof("value"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A running collector, what makes processes export to it, and the tracer of a caller that exports too."""

    collector: Collector
    variables: Mapping[str, str]
    tracer: Tracer
    flush: Callable[[], object]

    async def all_of(self, trace_id: str, count: int) -> list[ReceivedSpan]:
        """The spans of a trace once there are so many. Raises TimeoutError."""
        await asyncio.to_thread(self.flush)
        await self.collector.received(lambda _: len(self.collector.trace(trace_id)) >= count)
        return self.collector.trace(trace_id)


@asynccontextmanager
async def watching() -> AsyncIterator[Watching]:
    """Start a collector on a port that the system gives."""
    collector = Collector()
    endpoint = f"http://127.0.0.1:{await collector.start()}"
    provider = TracerProvider(resource=Resource.create({"service.name": "caller"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_METRIC_EXPORT_INTERVAL": "200",
    }
    try:
        yield Watching(
            collector=collector,
            variables=variables,
            tracer=provider.get_tracer("caller"),
            flush=provider.force_flush,
        )
    finally:
        await asyncio.to_thread(provider.shutdown)
        await collector.stop()
