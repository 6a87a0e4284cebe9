"""A deployment in simulation: it decides, is told how good answers were, learns from all of that, and decides by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from controlplane.catalog.load import load
from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification
from controlplane.decision.engine import decide
from controlplane.decision.index import SnapshotIndex, index
from controlplane.decision.model import Origin, Request
from controlplane.learning.model import PPM, Learned
from controlplane.learning.quality import outlook
from controlplane.learning.training.own import Result, experience, nothing_learned
from controlplane.snapshot.model import Catalog, Snapshot
from tests.support.backbone import deployment, document, model, replaced
from tests.support.catalogs import NOW, snapshot
from turnout_features.model import Features

USUAL = Features(last_user_tokens=60, input_tokens=64, characters=300)
QA = Classification(
    task_type=TaskType.QA, complexity=Complexity.MODERATE, domain=None, confidence=0.9, classifier="rules"
)
BASE = nothing_learned("reading")

ROUND = 10
"""Requests of each workload between two trainings."""

Truth = Mapping[tuple[str, str], float]
"""The share of good answers by workload and model."""


@cache
def catalog(folder: Path) -> Catalog:
    """Three models at rising prices, two workloads that take the cheapest which is good enough."""
    far = "http://127.0.0.1:1"
    names = {"small": (1, 0.95), "middle": (5, 0.95), "large": (10, 0.99)}
    whole = document(
        far,
        models=[model(name, usd, quality) for name, (usd, quality) in names.items()],
        deployments=[deployment(name, "first", far) for name in names],
        workloads=[
            {"name": "support", "owner": "care", "policy": "cheap", "baseline": "large", "when": {"features": ["s"]}},
            {"name": "search", "owner": "platform", "policy": "cheap", "baseline": "large"},
        ],
        policies=[{"name": "cheap", "strategy": "cheapest"}],
    )
    return load(replaced(folder / "turnout.yaml", whole))


@dataclass(slots=True, kw_only=True)
class Deployment:
    """It answers as `truth` has it; `answered` are the models that did, by workload, in order."""

    catalog: Catalog
    truth: Truth
    chance: np.random.Generator
    learned: Learned | None = None
    results: list[Result] = field(default_factory=list)
    answered: dict[str, list[str]] = field(default_factory=lambda: {"support": [], "search": []})

    def go_on(self, rounds: int, *, learns: bool = True) -> None:
        """Serve so many rounds, and train after each."""
        for _ in range(rounds):
            shown = snapshot(replace(self.catalog, learned=self.learned))
            ready = index(shown)
            for at in range(2 * ROUND):
                self._serve(("support", "search")[at % 2], shown, ready)
            if learns:
                self.learn()

    def learn(self) -> None:
        """Train on everything that was ever said."""
        found = experience(self.results, frozenset({"small", "middle", "large"}))
        self.learned = replace(BASE, experience=found)

    def _serve(self, workload: str, shown: Snapshot, ready: SnapshotIndex) -> None:
        features = replace(USUAL, last_user_tokens=int(self.chance.integers(20, 400)))
        origin = Origin(feature="s" if workload == "support" else "")
        request = Request(features=features, classification=QA, origin=origin, tenant="acme", key="app")
        made = decide(request, shown, now=NOW, draw=float(self.chance.random()), indexed=ready)
        assert made.workload == workload
        self.answered[workload].append(str(made.targets[0].model))
        self.say(workload, self.answered[workload][-1], features)

    def say(self, workload: str, name: str, features: Features = USUAL) -> None:
        """What somebody says of an answer of `name`."""
        score = float(self.chance.random() < self.truth[workload, name])
        usual = dict(self.catalog.models)[name].quality_for(QA.task_type)  # type: ignore[index]
        expected = outlook(BASE, features, QA).of(name, usual).quality / PPM
        self.results.append(Result(workload=workload, task="qa", model=name, score=score, expected=expected))
