"""DecideRoute beside a bare echo, Generate beside a direct call, memory and start of each process."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import aiohttp
import grpc
import grpc.aio

from tests.benchmarks.measure import Call, Saturated, at_rate, cpu_seconds, memory_mb, middle, saturate
from turnout.inference.v1 import chat_pb2, inference_pb2, payload_pb2
from turnout.routing.v1 import routing_pb2
from turnout_cli.demo.catalog import CREDENTIAL, PROVIDERS, sandbox_catalog
from turnout_cli.demo.prompts import read_prompts
from turnout_cli.processes import Processes, Program, Running
from turnout_cli.stack import LOOPBACK, Stack, StackSettings, start_stack
from turnout_wire.chat_payload import CHAT_REQUEST

ROUNDS, CALLS, CONCURRENCY = 5, 3000, 16
BATCH = 14
"""Requests of a DecideRoutes; the packaged prompts are 13 times as many."""
Row = tuple[str, ...]
Table = tuple[Row, list[Row]]
"""A header and its rows."""
Asked = routing_pb2.DecideRouteRequest


def requests() -> list[Asked]:
    """The packaged prompts, each as what asks for a decision: texts of many lengths, kinds and languages.

    Not one text over and over: what reads text would then only ever walk where it has walked before.
    """
    roles = {"system": chat_pb2.ROLE_SYSTEM, "user": chat_pb2.ROLE_USER, "assistant": chat_pb2.ROLE_ASSISTANT}
    asked = []
    for prompt in read_prompts(None):
        messages = [
            chat_pb2.Message(role=roles[said["role"]], parts=[chat_pb2.Part(text=said["content"])])
            for said in prompt.messages
        ]
        body = chat_pb2.ChatRequest(messages=messages).SerializeToString()
        payload = payload_pb2.Payload(content_type=CHAT_REQUEST, body=body)
        asked.append(Asked(payload=payload, hints=routing_pb2.Hints(feature="bench")))
    return asked


class Bench:
    """One run: everything is started once, and what is compared is measured in turns."""

    def __init__(self, stack: Stack, sandbox: Running, processes: Processes, folder: Path) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.processes = processes
        self.folder = folder
        token = stack.token_file.read_text().strip()
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.asked = requests()

    def decider(self, channel: grpc.aio.Channel) -> Callable[[Asked], Awaitable[routing_pb2.DecideRouteResponse]]:
        """DecideRoute."""
        rpc = channel.unary_unary(
            "/turnout.routing.v1.RoutingService/DecideRoute",
            request_serializer=routing_pb2.DecideRouteRequest.SerializeToString,
            response_deserializer=routing_pb2.DecideRouteResponse.FromString,
        )
        return lambda asked: rpc(asked, metadata=self.metadata, timeout=30)

    async def decide(self) -> list[Row]:
        """DecideRoute beside the echo, which gets the same requests and answers as many bytes as a decision usually has."""
        async with grpc.aio.insecure_channel(self.stack.control.address) as channel:
            decide = self.decider(channel)
            size = int(median([(await decide(asked)).ByteSize() for asked in self.asked]))
            echo = await self.processes.start(self._echo(size))
            bodies = [asked.SerializeToString() for asked in self.asked]
            async with grpc.aio.insecure_channel(echo.address) as other:
                bare: Any = other.unary_unary("/bench.Echo/Call")
                return await self._compare(
                    _in_turn(decide, self.asked),
                    _in_turn(lambda body: bare(body, metadata=self.metadata, timeout=30), bodies),
                    echo,
                    int(median(map(len, bodies))),
                    size,
                )

    async def decide_many(self) -> list[Row]:
        """DecideRoutes with BATCH requests in each call; figures for each decision."""
        batches = list(batched(self.asked, BATCH))
        async with grpc.aio.insecure_channel(self.stack.control.address) as channel:
            rpc = channel.unary_unary(
                "/turnout.routing.v1.RoutingService/DecideRoutes",
                request_serializer=routing_pb2.DecideRoutesRequest.SerializeToString,
                response_deserializer=routing_pb2.DecideRoutesResponse.FromString,
            )
            calls = [routing_pb2.DecideRoutesRequest(requests=batch) for batch in batches]
            call = _in_turn(lambda asked: rpc(asked, metadata=self.metadata, timeout=30), calls)
            rounds = [await saturate(call, self.stack.control.pid, CALLS // BATCH, 2) for _ in range(ROUNDS)]
        ours = middle(rounds)
        latencies = f"{ours.p50_ms:.2f} / {ours.p99_ms:.2f} the call"
        figures = (f"{ours.cpu_us / BATCH:.0f}", f"{ours.per_second * BATCH:.0f}", latencies)
        return [(f"DecideRoutes, each of {BATCH} in a call", *figures, "", "")]

    async def _compare(
        self,
        decide: Call,
        echo_call: Call,
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
            (
                f"echo, usually {sent} B in, {size} B out",
                *_figures(floor),
                f"{floor_half[0]:.2f} / {floor_half[1]:.2f}",
                "1",
            ),
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
                ready = [(asked, await decide(asked)) for asked in islice(cycle(self.asked), calls)]
                rounds.append(await saturate(self._generator(channel, ready), worker.pid, calls, CONCURRENCY))
        ours, floor = middle(rounds), middle(floors)
        return [
            ("Generate", *_figures(ours)),
            ("direct call (CPU of the sandbox itself)", *_figures(floor)),
        ]

    def _generator(self, channel: grpc.aio.Channel, ready: list[tuple[Asked, routing_pb2.DecideRouteResponse]]) -> Call:
        rpc = channel.unary_unary(
            "/turnout.inference.v1.InferenceService/Generate",
            request_serializer=inference_pb2.GenerateRequest.SerializeToString,
            response_deserializer=inference_pb2.GenerateResponse.FromString,
        )

        def call() -> Awaitable[object]:
            asked, decided = ready.pop()
            request = inference_pb2.GenerateRequest(decision=decided.decision, payload=asked.payload)
            return rpc(request, metadata=self.metadata, timeout=30)

        return call

    def _direct(self, session: aiohttp.ClientSession) -> Call:
        bodies = [{"model": "gpt-4o-mini", "messages": list(prompt.messages)} for prompt in read_prompts(None)]
        url = f"{self.sandbox.address}/v1/chat/completions"

        async def call(body: object) -> object:
            async with session.post(url, json=body, headers={"authorization": "Bearer x"}) as response:
                return await response.json()

        return _in_turn(call, bodies)

    def memory(self) -> list[Row]:
        """Resident memory of each process after all that."""
        named = {"control plane": self.stack.control, "worker": self.stack.workers[0], "sandbox": self.sandbox}
        return [(name, *(f"{mb:.0f}" for mb in memory_mb(running.pid))) for name, running in named.items()]


Given = TypeVar("Given")


def batched(items: Sequence[Given], size: int) -> Iterator[Sequence[Given]]:
    """`items` in groups of `size`, the last one perhaps smaller."""
    return (items[first : first + size] for first in range(0, len(items), size))


def _in_turn(call: Callable[[Given], Awaitable[object]], given: Sequence[Given]) -> Call:
    """`call` with one after another of `given`, and again from the first."""
    turns = cycle(given)
    return lambda: call(next(turns))


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
        arguments=[*arguments, "--token-file", str(stack.state / "tokens" / "worker"), "--allow-network", LOOPBACK[0]],
        log=folder / "worker.log",
        environment=_environment(),
    )


def _environment() -> dict[str, str]:
    return {**os.environ, CREDENTIAL: "sandbox"}


async def run() -> dict[str, Table]:
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
            decided = [*await bench.decide(), *await bench.decide_many()]
            generated = await bench.generate()
            saturated = ("", "server CPU µs a call", "calls/s", "p50 / p99 ms")
            return {
                "Deciding": ((*saturated, "at half load p50 / p99 ms", "CPU ratio"), decided),
                "Executing": (saturated, generated),
                "Memory": (("process", "resident MB", "peak MB"), bench.memory()),
                "Start": (("process", "s until ready", "CPU s"), started),
            }


if __name__ == "__main__":
    asyncio.run(run())
