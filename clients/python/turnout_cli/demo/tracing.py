"""Traces of the demonstration, collected by a sink of its own."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from turnout_wire.otlp import ClientTracing, trace_client
from turnout_wire.sink import ReceivedSpan, Sink

_PATIENCE = 5.0
"""Seconds that exporters may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTracing:
    """The sink, and what makes processes export to it."""

    sink: Sink
    client: ClientTracing
    environment: dict[str, str]

    async def trace_of(self, all_decisions: Collection[str], wanted: str) -> Sequence[ReceivedSpan]:
        """The whole trace of the decision `wanted`, or of another one of the demonstration if that one was not sampled."""
        await asyncio.to_thread(self.client.flush)
        try:
            await self.sink.until(lambda spans: bool(_complete(spans)), _PATIENCE)
        except TimeoutError:
            return []
        await self._settle(wanted)
        traces = _complete(self.sink.spans)
        chosen = traces.get(wanted) or next(trace for decision, trace in traces.items() if decision in all_decisions)
        return [span for span in self.sink.spans if span.trace_id == chosen]

    async def _settle(self, wanted: str) -> None:
        """Give the wanted one a moment: exporters send every half second."""
        with suppress(TimeoutError):
            await self.sink.until(lambda spans: wanted in _complete(spans), 1.5)

    async def stop(self) -> None:
        """Stop collecting."""
        await asyncio.to_thread(self.client.close)
        await self.sink.stop()


def _complete(spans: Iterable[ReceivedSpan]) -> dict[str, str]:
    """Trace by decision, of the decisions whose making and running have both come."""
    services: dict[str, set[str]] = {}
    traces: dict[str, str] = {}
    for span in spans:
        decision = str(span.attributes.get("turnout.decision.id", ""))
        services.setdefault(decision, set()).add(span.service)
        traces[decision] = span.trace_id
    return {decision: traces[decision] for decision, seen in services.items() if decision and len(seen) > 1}


async def start_tracing(sampled: float) -> DemoTracing:
    """Start a sink and let this process trace the share `sampled` of its requests to it."""
    sink = Sink()
    endpoint = f"http://127.0.0.1:{await sink.start()}"
    return DemoTracing(
        sink=sink,
        client=trace_client("turnout-demo", endpoint, sampled),
        environment={
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_INSECURE": "true",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        },
    )
