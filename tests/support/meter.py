"""A meter that counts in plain numbers, and lets a test wait until something was counted."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from turnout_wire.telemetry import Metrics, Telemetry

Attributes = Mapping[str, str | int | float | bool]


class Meter:
    """What was counted, by name and attributes."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, dict[str, Any], float]] = []
        self._gauges: dict[str, Callable[[Any], Any]] = {}
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def telemetry(self) -> Telemetry:
        """Telemetry that counts here, and traces nothing."""
        return Telemetry(metrics=Metrics(self))

    def total(self, name: str, **attributes: object) -> float:
        """What `name` was counted up to where all `attributes` hold; dots of names are written as underscores."""
        wanted = {f"turnout.{key}": value for key, value in attributes.items()}
        return sum(value for counted, has, value in self.counted if counted == name and wanted.items() <= has.items())

    async def until(self, name: str, least: float = 1, seconds: float = 20, **attributes: object) -> None:
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

    def create_counter(self, name: str, unit: str) -> "_Instrument":  # noqa: ARG002 - as OpenTelemetry calls it
        """As a meter of OpenTelemetry."""
        return _Instrument(name, self)

    create_histogram = create_counter

    def create_observable_gauge(self, name: str, callbacks: Sequence[Callable[[Any], Any]], unit: str = "1") -> None:  # noqa: ARG002
        """As a meter of OpenTelemetry."""
        (self._gauges[name],) = callbacks

    def gauge(self, name: str) -> list[tuple[float, dict[str, Any]]]:
        """What a gauge shows now."""
        return [(seen.value, dict(seen.attributes)) for seen in self._gauges[name](None)]

    def count(self, name: str, value: float, attributes: dict[str, Any]) -> None:
        """Keep one count."""
        self.counted.append((name, attributes, value))
        self._wake()


class _Instrument:
    def __init__(self, name: str, meter: Meter) -> None:
        self._name = name
        self._meter = meter

    def add(self, value: float, attributes: dict[str, Any]) -> None:
        self._meter.count(self._name, value, attributes)

    record = add
