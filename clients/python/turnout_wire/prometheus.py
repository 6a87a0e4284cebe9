"""Metrics of a process as Prometheus reads them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from turnout_wire.dev import DEV, loopback, meant_for_us
from turnout_wire.failure import Failure
from turnout_wire.metrics import Attributes, Counter, Gauge, Histogram, Metrics, Series
from turnout_wire.server import Principal

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_UNITS: Mapping[str, str] = {"s": "seconds", "1": "", "{token}": ""}
"""What is written for OpenTelemetry's units; the others stand as they are."""


class Exposition:
    """Writes what was counted, and what the process takes of its machine."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(cast("Collector", _Reading(metrics)))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """In the text format, version 0.0.4."""
        return generate_latest(self._registry)


class _Reading:
    """What prometheus_client asks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before it is counted."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything, by name."""
        for counter in list(self._metrics.counters.values()):
            yield _counter(counter)
        for gauge in list(self._metrics.gauges.values()):
            yield _gauge(gauge)
        for histogram in list(self._metrics.histograms.values()):
            yield _histogram(histogram)


def _counter(counter: Counter) -> Metric:
    read = counter.read()
    names = _names(read)
    family = CounterMetricFamily(_name(counter.name, counter.unit), counter.name, labels=_labels(names))
    for series, value in read.items():
        family.add_metric(_values(names, series), value)
    return family


def _gauge(gauge: Gauge) -> Metric:
    read = [(value, tuple(attributes.items())) for value, attributes in gauge.read()]
    names = _names(series for _, series in read)
    family = GaugeMetricFamily(_name(gauge.name, gauge.unit), gauge.name, labels=_labels(names))
    for value, series in read:
        family.add_metric(_values(names, series), value)
    return family


def _histogram(histogram: Histogram) -> Metric:
    read = histogram.read()
    names = _names(read)
    family = HistogramMetricFamily(_name(histogram.name, histogram.unit), histogram.name, labels=_labels(names))
    for series, distribution in read.items():
        below, buckets = 0, []
        for bound, count in zip((*histogram.bounds, float("inf")), distribution.buckets, strict=True):
            below += count
            buckets.append(("+Inf" if bound == float("inf") else f"{float(bound)!r}", float(below)))
        family.add_metric(_values(names, series), buckets=buckets, sum_value=distribution.total)
    return family


def _name(name: str, unit: str) -> str:
    word = _UNITS.get(unit, unit)
    plain = name.replace(".", "_")
    return f"{plain}_{word}" if word else plain


def _names(series: Iterable[Series]) -> list[str]:
    """All attributes that some series has, in order: of one that has it not the label is empty, which is the same to Prometheus."""
    return sorted({name for one in series for name, _ in one})


def _labels(names: Iterable[str]) -> list[str]:
    return [name.replace(".", "_") for name in names]


def _values(names: Iterable[str], series: Series) -> list[str]:
    found: Attributes = dict(series)
    return [_text(found.get(name, "")) for name in names]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Scrape:
    """Answers a scraper, if it may read.

    Without a token it may where the server listens on loopback, if it asks by a name of this machine, and wherever that was
    `opened`; else it takes a token of any role: figures tell of models, workloads, budgets and money.
    """

    def __init__(
        self, metrics: Metrics, authenticate: Callable[[str], Principal | None], *, address: str, opened: bool
    ) -> None:
        """`address` is where the server listens, `host:port`."""
        self._exposition = Exposition(metrics)
        self._authenticate = authenticate
        self._local = loopback(address.rpartition(":")[0])
        self._opened = opened

    def __call__(self, authorization: str, host: str) -> bytes:
        """The text, for what a request has as `authorization` and `host`. Raises Failure UNAUTHENTICATED."""
        if not (self._opened or (self._local and meant_for_us(host))):
            scheme, _, token = authorization.partition(" ")
            if self._authenticate(token if scheme.lower() == "bearer" else "") in (None, DEV):
                told = "metrics are for callers with a token here; send one as `authorization: Bearer TOKEN`"
                raise Failure("UNAUTHENTICATED", told)
        return self._exposition.text()
