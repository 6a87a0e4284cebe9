"""Traces of the demonstration, collected by a sink of its own."""

import asyncio
from collections.abc import Collection, Sequence
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
        for decision_id in (wanted, *all_decisions):
            trace_id = await self._trace_id(decision_id)
            if trace_id:
                return [span for span in self.sink.spans if span.trace_id == trace_id]
        return []

    async def _trace_id(self, decision_id: str) -> str:
        """The trace in which the decision was made and run, once both have come."""

        def complete(spans: Sequence[ReceivedSpan]) -> bool:
            services = {span.service for span in spans if span.attributes.get("turnout.decision.id") == decision_id}
            return {"turnout-control-plane", "turnout-worker"} <= services

        try:
            await self.sink.until(complete, _PATIENCE)
        except TimeoutError:
            return ""
        of_decision = (span for span in self.sink.spans if span.attributes.get("turnout.decision.id") == decision_id)
        return next((span.trace_id for span in of_decision), "")

    async def stop(self) -> None:
        """Stop collecting."""
        await asyncio.to_thread(self.client.close)
        await self.sink.stop()


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
