"""Plain metrics as OpenTelemetry's SDK exports them: counters and gauges by observing, histograms beside them.

The SDK has no histogram that is observed, and its own costs nine microseconds a value.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)

from turnout_wire.metrics import Counter, Distribution, PlainMetrics, Series
from turnout_wire.metrics import Gauge as PlainGauge
from turnout_wire.metrics import Histogram as PlainHistogram


def observe(metrics: PlainMetrics, meter: Meter) -> None:
    """Make an instrument of `meter` for every counter and gauge, also for those that come later."""

    def made(new: Counter | PlainGauge) -> None:
        if isinstance(new, Counter):
            meter.create_observable_counter(new.name, callbacks=[_counted(new)], unit=new.unit)
        else:
            meter.create_observable_gauge(new.name, callbacks=[_shown(new)], unit=new.unit)

    metrics.on_new(made)


def _counted(counter: Counter) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(value, dict(series)) for series, value in counter.read().items()]


def _shown(gauge: PlainGauge) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(value, dict(attributes)) for value, attributes in gauge.read()]


class HistogramsToo:
    """An exporter that adds histograms to what the reader brings, for `inner`; their sums begin at `began`, in nanoseconds."""

    def __init__(self, inner: MetricExporter, metrics: PlainMetrics, began: int) -> None:
        self._inner = inner
        self._metrics = metrics
        self._began = began
        # What the reader asks of an exporter beside its methods.
        self._preferred_temporality = inner._preferred_temporality
        self._preferred_aggregation = inner._preferred_aggregation

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **more: Any) -> MetricExportResult:
        """See MetricExporter."""
        now, (first, *others) = time.time_ns(), metrics_data.resource_metrics
        scope, *scopes = first.scope_metrics
        added = [_metric(histogram, self._began, now) for histogram in list(self._metrics.histograms.values())]
        whole = replace(first, scope_metrics=[replace(scope, metrics=[*scope.metrics, *added]), *scopes])
        return self._inner.export(MetricsData(resource_metrics=[whole, *others]), timeout_millis, **more)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """See MetricExporter."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
        """See MetricExporter."""
        self._inner.shutdown(timeout_millis, **more)


def _metric(histogram: PlainHistogram, began: int, now: int) -> Metric:
    read: Mapping[Series, Distribution] = histogram.read()
    points = [_point(series, found, histogram.bounds, began, now) for series, found in read.items()]
    data = Histogram(data_points=points, aggregation_temporality=AggregationTemporality.CUMULATIVE)
    return Metric(name=histogram.name, description="", unit=histogram.unit, data=data)


def _point(series: Series, found: Distribution, bounds: tuple[float, ...], began: int, now: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=dict(series),
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=found.count,
        sum=found.total,
        bucket_counts=found.buckets,
        explicit_bounds=bounds,
        min=found.least,
        max=found.greatest,
    )
