"""Measuring servers from outside: CPU by the kernel's account, memory, latencies."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_TICK = os.sysconf("SC_CLK_TCK")

Call = Callable[[], Awaitable[object]]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory now and at its peak."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated:
    """A closed loop: server CPU per call in microseconds, calls a second, latencies in milliseconds."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float


async def saturate(call: Call, pid: int, calls: int, concurrency: int) -> Saturated:
    """`calls` calls, `concurrency` at once."""
    times: list[float] = []
    left = iter(range(calls))

    async def loop() -> None:
        for _ in left:
            began = time.perf_counter()
            await call()
            times.append(time.perf_counter() - began)

    cpu, began = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(concurrency)))
    seconds = time.perf_counter() - began
    return Saturated(
        cpu_us=(cpu_seconds(pid) - cpu) / calls * 1e6,
        per_second=calls / seconds,
        p50_ms=percentile(times, 0.50),
        p99_ms=percentile(times, 0.99),
    )


async def at_rate(call: Call, per_second: float, seconds: float) -> tuple[float, float]:
    """An open loop: calls begin on time whether or not those before have ended; p50 and p99 in ms from the intended begin."""
    times: list[float] = []

    async def one(due: float) -> None:
        await call()
        times.append(time.perf_counter() - due)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = began + number / per_second
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(due))
    return percentile(times, 0.50), percentile(times, 0.99)


def percentile(times: Sequence[float], share: float) -> float:
    """By the nearest rank, in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def middle(rounds: Sequence[Saturated]) -> Saturated:
    """The median of every figure over rounds."""
    return Saturated(
        cpu_us=median(one.cpu_us for one in rounds),
        per_second=median(one.per_second for one in rounds),
        p50_ms=median(one.p50_ms for one in rounds),
        p99_ms=median(one.p99_ms for one in rounds),
    )
