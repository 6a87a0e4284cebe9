"""How long a decision takes: `python -m tests.benchmarks.decide`."""

import cProfile
import gc
import pstats
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from time import process_time
from types import MappingProxyType

from controlplane.catalog.model import Complexity, Deployment, DeploymentName, Model, ModelName, TaskType
from controlplane.classification.model import Classification
from controlplane.decision.engine import decide, explain
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.model import Request
from controlplane.policy.model import Strategy, StrategyKind
from controlplane.snapshot.model import Health, HealthState, Live, Snapshot, Statistics
from tests.support.catalogs import NOW, catalog, deployment, policy, seed_models, snapshot, workload
from turnout_features.model import Features

DEPLOYMENTS = 25
CALLS = 40
ROUNDS = 100

STRATEGIES = {
    "cheapest": Strategy(kind=StrategyKind.CHEAPEST),
    "balanced": Strategy(kind=StrategyKind.BALANCED),
    "fixed": Strategy(kind=StrategyKind.FIXED, models=tuple(ModelName(f"gpt-4o-{n}") for n in range(4))),
    "weighted": Strategy(
        kind=StrategyKind.WEIGHTED, weights=tuple((ModelName(f"gpt-4o-mini-{n}"), n + 1) for n in range(4))
    ),
}

Decide = Callable[[Request, float], object]


def models() -> list[Model]:
    """The seed models over and over under different names, with prices that differ."""
    seeds = seed_models()
    return [
        replace(
            seeds[number % len(seeds)],
            name=ModelName(f"{seeds[number % len(seeds)].name}-{number // len(seeds)}"),
            latency=seeds[number % len(seeds)].latency + timedelta(milliseconds=7 * number),
        )
        for number in range(DEPLOYMENTS)
    ]


def doubled(known: Iterable[Model]) -> list[Deployment]:
    """Two deployments for each of the models, until there are enough."""
    pairs = [
        deployment(each, name=DeploymentName(f"{each.name}@{place}")) for each in known for place in ("east", "west")
    ]
    return pairs[:DEPLOYMENTS]


def measured(deployments: Iterable[Deployment]) -> Live:
    """Health and statistics of every deployment, one of them half-open."""
    names = [each.name for each in deployments]
    health = dict.fromkeys(names, Health(state=HealthState.READY))
    health[names[0]] = Health(state=HealthState.HALF_OPEN)
    taken = Statistics(samples=80, latency=timedelta(seconds=1.1), time_to_first_token=timedelta(seconds=0.3))
    return Live(health=MappingProxyType(health), statistics=MappingProxyType(dict.fromkeys(names, taken)))


def snapshots() -> dict[str, Snapshot]:
    """The snapshots to decide with, by what is special about them."""
    known = models()
    policies = [policy(), *(policy(name, strategy=strategy) for name, strategy in STRATEGIES.items())]
    plain, pairs = map(deployment, known), doubled(known)
    workloads = [workload(baseline=ModelName("gpt-4o-0"))]
    single = catalog(models=known, deployments=plain, policies=policies, workloads=workloads)
    double = catalog(models=known, deployments=pairs, policies=policies, workloads=workloads)
    return {
        "nothing measured": snapshot(single),
        "all measured": snapshot(single, measured(single.deployments)),
        "two deployments a model": snapshot(double, measured(double.deployments)),
    }


def request(name: str) -> Request:
    """A question of moderate difficulty under the policy `name`."""
    return Request(
        features=Features(input_tokens=620, last_user_tokens=180),
        classification=Classification(
            task_type=TaskType.CODE, complexity=Complexity.MODERATE, domain=None, confidence=0.9, classifier="rules"
        ),
        policy=name,
    )


def microseconds(call: Callable[[], object]) -> float:
    """CPU time of a call: the least over rounds of the mean, since other processes only ever add to it."""
    rounds = []
    for _ in range(ROUNDS):
        start = process_time()
        for _ in range(CALLS):
            call()
        rounds.append((process_time() - start) / CALLS * 1e6)
    return min(rounds)


def row(name: str, reading: Snapshot, known: SnapshotIndex) -> str:
    """The times of one strategy on one snapshot."""
    asked = request(name)
    deciding = microseconds(lambda: decide(asked, reading, now=NOW, draw=0.37, indexed=known))
    explaining = microseconds(lambda: explain(asked, reading, now=NOW, draw=0.37, indexed=known))
    return f"{name:10} {deciding:10.1f} {explaining:10.1f}"


def profile() -> None:
    """Where the time of `cheapest` on the plain snapshot goes."""
    reading = snapshots()["nothing measured"]
    asked, known = request("cheapest"), index(reading)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(5_000):
        decide(asked, reading, now=NOW, draw=0.37, indexed=known)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Print the table; with `profile`, where the time goes."""
    if sys.argv[1:] == ["profile"]:
        profile()
        return
    gc.freeze()
    for title, reading in snapshots().items():
        known = index(reading)
        print(f"{DEPLOYMENTS} deployments, {title}: µs a call")
        print(f"{'strategy':10} {'decide':>10} {'explain':>10}")
        for name in STRATEGIES:
            print(row(name, reading, known))
        print()


if __name__ == "__main__":
    main()
