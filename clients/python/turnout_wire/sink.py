"""A small OTLP/gRPC collector that keeps what it receives, for showing a trace where there is no Jaeger, and for tests."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """A span as it came over the wire: ids in hex, times in nanoseconds since 1970."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    events: tuple[tuple[str, dict[str, object]], ...]
    links: tuple[tuple[str, str], ...]
    failed: bool


class Sink:
    """Takes spans and metrics, the newest `size` of each."""

    def __init__(self, size: int = 100_000) -> None:
        self.spans: deque[ReceivedSpan] = deque(maxlen=size)
        self.metrics: deque[metrics_pb2.Metric] = deque(maxlen=size)
        self._came = asyncio.Condition()
        self._server = grpc.aio.server()
        add_traces: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        add_metrics: Any = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
        add_traces(_Traces(self), self._server)
        add_metrics(_Metrics(self), self._server)

    async def start(self, address: str = "127.0.0.1:0") -> int:
        """Listen and give the port."""
        port = self._server.add_insecure_port(address)
        await self._server.start()
        return port

    async def stop(self) -> None:
        """Stop at once."""
        await self._server.stop(0)

    async def until(self, enough: Callable[[Sequence[ReceivedSpan]], bool], seconds: float) -> None:
        """Wait until what came is enough. Raises TimeoutError."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: enough(tuple(self.spans)))

    async def take_spans(self, resources: Iterable[trace_pb2.ResourceSpans]) -> None:
        """Keep spans and wake those who wait."""
        async with self._came:
            for resource in resources:
                service = str(_attributes(resource.resource.attributes).get("service.name", ""))
                self.spans.extend(_span(service, span) for scope in resource.scope_spans for span in scope.spans)
            self._came.notify_all()

    async def take_metrics(self, resources: Iterable[metrics_pb2.ResourceMetrics]) -> None:
        """Keep metrics and wake those who wait."""
        async with self._came:
            for resource in resources:
                self.metrics.extend(metric for scope in resource.scope_metrics for metric in scope.metrics)
            self._came.notify_all()


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def Export(self, request: Any, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        await self._sink.take_spans(request.resource_spans)
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def Export(self, request: Any, context: Any) -> metrics_service_pb2.ExportMetricsServiceResponse:
        await self._sink.take_metrics(request.resource_metrics)
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _span(service: str, span: trace_pb2.Span) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple((event.name, _attributes(event.attributes)) for event in span.events),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: Iterable[common_pb2.KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: common_pb2.AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
