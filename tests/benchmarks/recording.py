"""DecideRoute with each durability on each store, beside a control plane that writes nothing: `python -m tests.benchmarks.recording`."""

import asyncio
import json
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc.aio

from tests.benchmarks.measure import Call, Saturated, at_rate, middle, saturate
from tests.benchmarks.planes import requests
from tests.support.postgres import running_postgres
from turnout.routing.v1 import routing_pb2
from turnout_cli.demo.catalog import CREDENTIAL, PROVIDERS, sandbox_catalog
from turnout_cli.processes import Processes, Program, Running

ROUNDS, CALLS, CONCURRENCY = 3, 1500, 16
HALF_LOAD_S = 5.0
NOWHERE = "http://127.0.0.1:9"
"""Where nobody is called: only decisions are made."""
BUDGET = {"name": "all", "limit_usd": 1_000_000, "window": "total"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way of writing down. `store` is `none`, `sqlite` or `postgres`."""

    name: str
    store: str
    durability: str = "before_reply"
    budget: bool = False


VARIANTS = (
    Variant(name="no store", store="none"),
    Variant(name="SQLite, async", store="sqlite", durability="async"),
    Variant(name="SQLite, before_reply", store="sqlite"),
    Variant(name="SQLite, before_reply, one budget", store="sqlite", budget=True),
    Variant(name="PostgreSQL, async", store="postgres", durability="async"),
    Variant(name="PostgreSQL, before_reply", store="postgres"),
    Variant(name="PostgreSQL, before_reply, one budget", store="postgres", budget=True),
)


def catalog(variant: Variant) -> str:
    """The packaged catalog with one policy that writes down as `variant` says."""
    written = json.loads(sandbox_catalog(dict.fromkeys(PROVIDERS, NOWHERE)))
    written["policies"] = [{"name": "recorded", "strategy": "cheapest", "durability": variant.durability}]
    written["workloads"] = [{"name": "default", "owner": "bench", "policy": "recorded", "baseline": "gpt-4o"}]
    return json.dumps(written | ({"budgets": [BUDGET]} if variant.budget else {}))


@dataclass(slots=True, kw_only=True)
class Measured:
    """A running control plane, how it is called, and what was measured so far."""

    variant: Variant
    running: Running
    call: Call
    rounds: list[Saturated]


def written(folder: Path, variant: Variant) -> None:
    """The folder with its catalog."""
    folder.mkdir()
    (folder / "turnout.yaml").write_text(catalog(variant))


async def started(
    variant: Variant, folder: Path, address: str, processes: Processes, stack: AsyncExitStack
) -> Measured:
    """A control plane, ready to be called."""
    written(folder, variant)
    state = folder / "state"
    module = "tests.benchmarks.unrecorded" if variant.store == "none" else "controlplane"
    told = ["--listen", "127.0.0.1:0", "--state", str(state), "--catalog", str(folder / "turnout.yaml")]
    running = await processes.start(
        Program(
            name=variant.name,
            module=module,
            arguments=[*told, "--store", address, "--log-level", "warning"],
            log=folder / "log",
            environment={**os.environ, CREDENTIAL: "x"},
        )
    )
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(running.address))
    rpc = channel.unary_unary(
        "/turnout.routing.v1.RoutingService/DecideRoute",
        request_serializer=routing_pb2.DecideRouteRequest.SerializeToString,
        response_deserializer=routing_pb2.DecideRouteResponse.FromString,
    )
    metadata = (("authorization", f"Bearer {(state / 'tokens' / 'local').read_text()}"),)
    asked = requests()
    turn = iter(range(10**12))
    return Measured(
        variant=variant,
        running=running,
        call=lambda: rpc(asked[next(turn) % len(asked)], metadata=metadata, timeout=30),
        rounds=[],
    )


Row = tuple[str, ...]
HEADER: Row = (
    "writing down",
    "server CPU µs a call",
    "calls/s",
    "p50 / p99 ms",
    "at half its load p50 / p99 ms",
    "CPU ratio",
)


async def run() -> tuple[Row, list[Row]]:
    """Each in turn, several times; figures are medians, ratios those of the same round."""
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as name, running_postgres(durable=True) as server:
        async with Processes() as processes, AsyncExitStack() as stack:
            measured = []
            for number, variant in enumerate(VARIANTS):
                address = await server.database() if variant.store == "postgres" else ""
                folder = Path(name) / str(number)
                measured.append(await started(variant, folder, address, processes, stack))
            for _ in range(ROUNDS + 1):
                for one in measured:
                    one.rounds.append(await saturate(one.call, one.running.pid, CALLS, CONCURRENCY))
                    print(".", end="", file=sys.stderr, flush=True)
            return HEADER, [await row(one, measured[0]) for one in measured]


async def row(one: Measured, floor: Measured) -> Row:
    """One line of the table."""
    figures = middle(one.rounds[1:])
    half = await at_rate(one.call, figures.per_second / 2, HALF_LOAD_S)
    ratio = median(mine.cpu_us / least.cpu_us for mine, least in zip(one.rounds[1:], floor.rounds[1:], strict=True))
    return (
        one.variant.name,
        f"{figures.cpu_us:.0f}",
        f"{figures.per_second:.0f}",
        f"{figures.p50_ms:.1f} / {figures.p99_ms:.1f}",
        f"{half[0]:.1f} / {half[1]:.1f}",
        f"{ratio:.2f}",
    )


if __name__ == "__main__":
    from tests.benchmarks.__main__ import table

    print(table(*asyncio.run(run())))
