"""DecideRoute beside a bare echo, Generate beside a direct call, memory and start of each process."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import grpc
import grpc.aio

from tests.benchmarks.measure import Saturated, at_rate, cpu_seconds, memory_mb, middle, saturate
from turnout.inference.v1 import chat_pb2, inference_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_cli.demo.catalog import CREDENTIAL, PROVIDERS, sandbox_catalog
from turnout_cli.processes import Processes, Program, Running
from turnout_cli.stack import Stack, StackSettings, start_stack
from turnout_wire.conversation import CHAT_REQUEST

ROUNDS, CALLS, CONCURRENCY = 5, 3000, 16
PROMPT = (
    "We are moving our billing service from a monolith to two services. Explain which consistency problems we will meet "
    "when an invoice is written by one service and the payment is booked by another, and how an outbox table solves them. "
    "Keep it short, use bullet points, and say when we should rather not do it. Our stack is Python, PostgreSQL and a "
    "message queue; about forty invoices a second at the end of the month, with two engineers who will be on call for it."
)
Row = tuple[str, ...]


def request() -> tuple[payload_pb2.Payload, routing_pb2.DecideRouteRequest]:
    """A request of about 500 bytes."""
    chat = chat_pb2.ChatRequest(
        messages=[chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text=PROMPT)])]
    )
    payload = payload_pb2.Payload(content_type=CHAT_REQUEST, body=chat.SerializeToString())
    return payload, routing_pb2.DecideRouteRequest(payload=payload, hints=routing_pb2.Hints(feature="bench"))


class Bench:
    """One run: everything is started once, and what is compared is measured in turns."""

    def __init__(self, stack: Stack, sandbox: Running, processes: Processes, folder: Path) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.processes = processes
        self.folder = folder
        token = stack.token_file.read_text().strip()
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.payload, self.asked = request()

    def decider(self, channel: grpc.aio.Channel) -> Callable[[], Awaitable[routing_pb2.DecideRouteResponse]]:
        """One DecideRoute."""
        rpc = channel.unary_unary(
            "/turnout.routing.v1.RoutingService/DecideRoute",
            request_serializer=routing_pb2.DecideRouteRequest.SerializeToString,
            response_deserializer=routing_pb2.DecideRouteResponse.FromString,
        )
        return lambda: rpc(self.asked, metadata=self.metadata, timeout=30)

    async def decide(self) -> list[Row]:
        """DecideRoute beside the echo."""
        async with grpc.aio.insecure_channel(self.stack.control.address) as channel:
            decide = self.decider(channel)
            size = (await decide()).ByteSize()
            echo = await self.processes.start(self._echo(size))
            body = self.asked.SerializeToString()
            async with grpc.aio.insecure_channel(echo.address) as other:
                bare: Any = other.unary_unary("/bench.Echo/Call")
                return await self._compare(
                    decide, lambda: bare(body, metadata=self.metadata, timeout=30), echo, len(body), size
                )

    async def _compare(
        self,
        decide: Callable[[], Awaitable[object]],
        echo_call: Callable[[], Awaitable[object]],
        echo: Running,
        sent: int,
        size: int,
    ) -> list[Row]:
        decided: list[Saturated] = []
        echoed: list[Saturated] = []
        for _ in range(ROUNDS + 1):
            echoed.append(await saturate(echo_call, echo.pid, CALLS, CONCURRENCY))
            decided.append(await saturate(decide, self.stack.control.pid, CALLS, CONCURRENCY))
        ratio = median(one.cpu_us / two.cpu_us for one, two in zip(decided[1:], echoed[1:], strict=True))
        ours, floor = middle(decided[1:]), middle(echoed[1:])
        half = await at_rate(decide, ours.per_second / 2, 8.0)
        floor_half = await at_rate(echo_call, ours.per_second / 2, 8.0)
        return [
            ("DecideRoute", *_figures(ours), f"{half[0]:.2f} / {half[1]:.2f}", f"{ratio:.2f}"),
            (f"echo, {sent} B in, {size} B out", *_figures(floor), f"{floor_half[0]:.2f} / {floor_half[1]:.2f}", "1"),
        ]

    def _echo(self, size: int) -> Program:
        return Program(
            name="echo",
            module="tests.benchmarks.echo",
            arguments=["--size", str(size)],
            log=self.folder / "echo.log",
            environment=dict(os.environ),
        )

    async def generate(self) -> list[Row]:
        """Generate beside a direct call of the same sandbox model; decisions are made before the clock starts."""
        calls = 1000
        worker = self.stack.workers[0]
        async with (
            grpc.aio.insecure_channel(self.stack.control.address) as control,
            grpc.aio.insecure_channel(worker.address) as channel,
            aiohttp.ClientSession() as session,
        ):
            decide, direct = self.decider(control), self._direct(session)
            rounds, floors = [], []
            for _ in range(ROUNDS):
                floors.append(await saturate(direct, self.sandbox.pid, calls, CONCURRENCY))
                decisions = [await decide() for _ in range(calls)]
                rounds.append(await saturate(self._generator(channel, decisions), worker.pid, calls, CONCURRENCY))
        ours, floor = middle(rounds), middle(floors)
        return [
            ("Generate", *_figures(ours)),
            ("direct call (CPU of the sandbox itself)", *_figures(floor)),
        ]

    def _generator(
        self, channel: grpc.aio.Channel, decisions: list[routing_pb2.DecideRouteResponse]
    ) -> Callable[[], Awaitable[object]]:
        rpc = channel.unary_unary(
            "/turnout.inference.v1.InferenceService/Generate",
            request_serializer=inference_pb2.GenerateRequest.SerializeToString,
            response_deserializer=inference_pb2.GenerateResponse.FromString,
        )

        def call() -> Awaitable[object]:
            asked = inference_pb2.GenerateRequest(decision=decisions.pop().decision, payload=self.payload)
            return rpc(asked, metadata=self.metadata, timeout=30)

        return call

    def _direct(self, session: aiohttp.ClientSession) -> Callable[[], Awaitable[object]]:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": PROMPT}]}

        async def call() -> object:
            url = f"{self.sandbox.address}/v1/chat/completions"
            async with session.post(url, json=body, headers={"authorization": "Bearer x"}) as response:
                return await response.json()

        return call

    def memory(self) -> list[Row]:
        """Resident memory of each process after all that."""
        named = {"control plane": self.stack.control, "worker": self.stack.workers[0], "sandbox": self.sandbox}
        return [(name, *(f"{mb:.0f}" for mb in memory_mb(running.pid))) for name, running in named.items()]


def _figures(figures: Saturated) -> tuple[str, ...]:
    return f"{figures.cpu_us:.0f}", f"{figures.per_second:.0f}", f"{figures.p50_ms:.2f} / {figures.p99_ms:.2f}"


async def starts(folder: Path, processes: Processes, catalog: Path) -> list[Row]:
    """Seconds from the start of a process until it says that it is ready; wall clock and CPU, median of five."""
    walls: dict[str, list[tuple[float, float]]] = {"control plane": [], "worker": []}
    for number in range(5):
        settings = StackSettings(
            state=folder / f"start-{number}", catalog=catalog, environment=_environment(), workers=0
        )
        began = time.perf_counter()
        stack = await start_stack(processes, settings)
        walls["control plane"].append((time.perf_counter() - began, cpu_seconds(stack.control.pid)))
        began = time.perf_counter()
        worker = await processes.start(_worker(stack, folder))
        walls["worker"].append((time.perf_counter() - began, cpu_seconds(worker.pid)))
        await worker.stop()
        await stack.control.stop()
    return [
        (name, f"{median(wall for wall, _ in pairs):.2f}", f"{median(cpu for _, cpu in pairs):.2f}")
        for name, pairs in walls.items()
    ]


def _worker(stack: Stack, folder: Path) -> Program:
    arguments = ["--listen", "127.0.0.1:0", "--control", stack.control.address]
    return Program(
        name="worker",
        module="dataplane",
        arguments=[*arguments, "--token-file", str(stack.state / "tokens" / "worker")],
        log=folder / "worker.log",
        environment=_environment(),
    )


def _environment() -> dict[str, str]:
    return {**os.environ, CREDENTIAL: "sandbox"}


async def run() -> dict[str, tuple[Row, list[Row]]]:
    """Everything; a table for each question: its header and its rows."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name:
        folder = Path(name)
        async with Processes() as processes:
            sandbox = await processes.start(
                Program(
                    name="sandbox",
                    module="dataplane.provider.sandbox",
                    arguments=["--protocols", "openai,anthropic,gemini", "--port", "0", "--latency-scale", "0"],
                    log=folder / "sandbox.log",
                    environment=dict(os.environ),
                )
            )
            catalog = folder / "turnout.yaml"
            catalog.write_text(sandbox_catalog(dict.fromkeys(PROVIDERS, sandbox.address)))
            started = await starts(folder, processes, catalog)
            settings = StackSettings(
                state=folder / "state", catalog=catalog, environment=_environment(), workers=1, log_level="warning"
            )
            bench = Bench(await start_stack(processes, settings), sandbox, processes, folder)
            decided, generated = await bench.decide(), await bench.generate()
            saturated = ("", "server CPU µs a call", "calls/s", "p50 / p99 ms")
            return {
                "Deciding": ((*saturated, "at half load p50 / p99 ms", "CPU ratio"), decided),
                "Executing": (saturated, generated),
                "Memory": (("process", "resident MB", "peak MB"), bench.memory()),
                "Start": (("process", "s until ready", "CPU s"), started),
            }


if __name__ == "__main__":
    asyncio.run(run())
