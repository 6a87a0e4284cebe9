"""A meter that counts in plain numbers, and lets a test wait until something was counted."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from turnout_wire.metrics import Attributes, Counter, Gauge, Histogram, Observe, PlainMetrics
from turnout_wire.telemetry import Telemetry


class Meter:
    """What was counted, by name and attributes."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, dict[str, Any], float]] = []
        self.gauges: dict[str, Observe] = {}
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def telemetry(self) -> Telemetry:
        """Telemetry that counts here, and traces nothing."""
        return Telemetry(metrics=Counting(self))

    def total(self, name: str, **attributes: object) -> float:
        """What `name` was counted up to where all `attributes` hold; dots of names are written as underscores."""
        wanted = {f"turnout.{key}": value for key, value in attributes.items()}
        return sum(value for counted, has, value in self.counted if counted == name and wanted.items() <= has.items())

    async def until(self, name: str, least: float = 1, seconds: float = 60, **attributes: object) -> None:
        """Wait until `total` is at least that much. Raises TimeoutError."""

        def enough() -> bool:
            return self.total(name, **attributes) >= least

        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((enough, came))
        self._wake()
        async with asyncio.timeout(seconds):
            await came

    def _wake(self) -> None:
        for enough, came in self._waiting:
            if not came.done() and enough():
                came.set_result(None)

    def gauge(self, name: str) -> list[tuple[float, dict[str, Any]]]:
        """What a gauge shows now."""
        return [(value, dict(attributes)) for value, attributes in self.gauges[name]()]

    def count(self, name: str, value: float, attributes: dict[str, Any]) -> None:
        """Keep one count."""
        self.counted.append((name, attributes, value))
        self._wake()


class Counting:
    """Metrics that a meter keeps, and that can be read as those of a process."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._plain = PlainMetrics()

    @property
    def counters(self) -> Mapping[str, Counter]:
        """See Metrics."""
        return self._plain.counters

    @property
    def histograms(self) -> Mapping[str, Histogram]:
        """See Metrics."""
        return self._plain.histograms

    @property
    def gauges(self) -> Mapping[str, Gauge]:
        """See Metrics."""
        return self._plain.gauges

    def count(self, name: str, attributes: Attributes, value: int = 1, unit: str = "1") -> None:
        """See Metrics."""
        self._plain.count(name, attributes, value, unit)
        self._meter.count(name, value, dict(attributes))

    def record(self, name: str, value: float, attributes: Attributes, unit: str = "s") -> None:
        """See Metrics."""
        self._plain.record(name, value, attributes, unit)
        self._meter.count(name, value, dict(attributes))

    def gauge(self, name: str, read: Observe, unit: str = "1") -> None:
        """See Metrics."""
        self._plain.gauge(name, read, unit)
        self._meter.gauges[name] = read
