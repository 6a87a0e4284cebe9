"""A drill in virtual time: 40 clients for half an hour, with an outage in the middle."""

import asyncio
import random
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field

from dataplane.execution.breaker import BreakerState
from dataplane.execution.gate import TargetState
from dataplane.execution.receipt import RunResult
from dataplane.execution.run import Broken, Completed, Failed
from dataplane.provider.model import Verdict
from tests.support.runs import Rig, Script, answer, call_failure, deployment, failure, throttled
from tests.support.virtual_time import pause, run

CLIENTS = 40
LENGTH = 1800.0
OUTAGE = (1 / 3, 2 / 3)
"""Begin and end, as shares of the length."""

TARGETS = ("a", "b", "c")


@dataclass
class Drill:
    """What came of it."""

    ends: Counter[str] = field(default_factory=Counter)
    calls: list[tuple[str, float]] = field(default_factory=list)
    results: list[tuple[RunResult, int, float]] = field(default_factory=list)
    changes: list[tuple[float, str, BreakerState]] = field(default_factory=list)
    ended_healthy: bool = False
    costs: int = 0
    billed: int = 0


def world(draw: random.Random, length: float) -> dict[str, object]:
    """`a` is out for a third of the time, `b` is throttled now and then, `c` is slow; all of them fail a little."""

    def script(name: str) -> Script:
        loop_time = asyncio.get_running_loop().time()
        if name == "a" and OUTAGE[0] <= loop_time / length < OUTAGE[1]:
            return failure("http_503", after=draw.uniform(0.01, 0.2))
        luck = draw.random()
        if luck < 0.01:
            return (0.5, *answer("half")[:2], call_failure("stream_cut"))
        if luck < 0.02:
            return failure("http_500")
        if name == "b" and luck < 0.04:
            return throttled(draw.uniform(0.5, 5))
        return answer("one", "two", "three", after=draw.uniform(0.3, 3.0 if name == "c" else 1.0))

    return {name: (lambda name=name: script(name)) for name in TARGETS}


def drill(seed: int, length: float = LENGTH) -> Drill:
    """Run it."""

    async def client(rig: Rig, draw: random.Random, told: Drill) -> None:
        await pause(draw.uniform(0, 5))
        while rig.clock.monotonic() < length:
            async with aclosing(rig.runner.stream(rig.run(*TARGETS))) as stream:
                gives_up = draw.random() < 0.02
                async for event in stream:
                    if isinstance(event, Completed | Failed | Broken):
                        told.ends[type(event).__name__] += 1
                    elif gives_up:
                        told.ends["Left"] += 1
                        break
            await pause(draw.uniform(5, 35))

    async def main() -> Drill:
        draw, told = random.Random(seed), Drill()  # noqa: S311 - repeatable by seed, no secret
        deployments = [deployment(name, max_concurrency=60) for name in TARGETS]
        rig = Rig(world(draw, length), seed=seed, deployments=deployments)  # type: ignore[arg-type] # a function for each
        await asyncio.gather(*(client(rig, random.Random(seed * 1000 + n), told) for n in range(CLIENTS)))  # noqa: S311
        told.calls = rig.provider.calls
        told.results = [(r.result, r.cost_nanousd, r.duration.total_seconds()) for r in rig.receipts]
        told.changes = [(c.change.now, str(c.key), c.change.after) for c in rig.recorder.changes]
        told.ended_healthy = all(health.state is TargetState.CLOSED for health in rig.gate.health(rig.snapshot))
        told.billed = sum(
            attempt.outcome is Verdict.SUCCEEDED for receipt in rig.receipts for attempt in receipt.attempts
        )
        assert rig.provider.in_flight == 0
        return told

    return run(main())


def test_an_outage_is_ridden_out() -> None:
    told = drill(1)
    runs = sum(told.ends.values())
    assert runs == len(told.results) > 3_000, "one receipt for each run"
    assert told.ends["Failed"] < 0.002 * runs, "only where two targets in a row failed by chance"
    assert told.ends["Broken"] < 0.02 * runs
    during = [name for name, at in told.calls if OUTAGE[0] <= at / LENGTH < OUTAGE[1]]
    assert during.count("a") < 0.02 * len(during), "the outage was probed, not hammered"
    after = [name for name, at in told.calls if at / LENGTH >= OUTAGE[1] + 0.1]
    assert after.count("a") > 0.9 * len(after), "traffic came back"
    assert told.ended_healthy
    assert told.billed == told.ends["Completed"]


def test_the_drill_repeats_by_its_seed() -> None:
    first = drill(2, length=200)
    assert first == drill(2, length=200)
    assert first.results != drill(3, length=200).results
