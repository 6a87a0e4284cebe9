"""What the parts of deciding cost, without the call around them: `python -m tests.benchmarks.ladder`."""

import gc
from collections.abc import Callable, Mapping
from statistics import median
from time import process_time

from controlplane.catalog.load import load
from controlplane.classification.rules import NoHint
from controlplane.classification.standard import ladder
from controlplane.decision.engine import decide
from controlplane.decision.index import index
from controlplane.decision.model import Request
from controlplane.learning.training.written import written
from controlplane.policy.model import ClassifierKind, RuleSetName
from controlplane.routing.worked_out import compiled
from tests.benchmarks.decide import request, snapshots
from tests.support.catalogs import NOW
from turnout_embedding import load as load_encoder
from turnout_features import extract

PROMPTS = 400
ROUNDS = 15


def microseconds(parts: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """CPU time for one prompt, round by round, the parts in turns: so other work on the machine falls on all of them."""
    took: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(ROUNDS + 1):
        for name, work in parts.items():
            start = process_time()
            work()
            took[name].append((process_time() - start) / PROMPTS * 1e6)
    return {name: rounds[1:] for name, rounds in took.items()}


def main() -> None:
    """Print what each part of deciding takes, for prompts as people write them."""
    rules = load(None).rule_sets[RuleSetName("default")]
    patterns, encoder, classify = compiled(rules), load_encoder(), ladder()
    talks = [one.conversation for one in list(written())[:PROMPTS]]
    known = snapshots()["all measured"]
    indexed = index(known)
    features = [extract(talk, patterns, encode=encoder) for talk in talks]
    asked = request("cheapest")

    def taken(kinds: tuple[ClassifierKind, ...]) -> list[Request]:
        return [
            Request(features=one, classification=classify(one, rules, NoHint(), kinds), policy=asked.policy)
            for one in features
        ]

    every, rules_only = tuple(ClassifierKind), (ClassifierKind.RULES,)
    requests = taken(every)
    gc.freeze()
    parts = {
        "features": lambda: [extract(talk, patterns) for talk in talks],
        "features and embedding": lambda: [extract(talk, patterns, encode=encoder) for talk in talks],
        "rules": lambda: [classify(one, rules, NoHint(), rules_only) for one in features],
        "rules and learned": lambda: [classify(one, rules, NoHint(), every) for one in features],
        "deciding": lambda: [decide(one, known, now=NOW, draw=0.4, indexed=indexed) for one in requests],
    }
    took = microseconds(parts)
    for name, rounds in took.items():
        print(f"{name:24} {min(rounds):8.1f} µs at least, {median(rounds):8.1f} in the middle")
    less = [sum(each) for each in zip(took["features"], took["rules"], took["deciding"], strict=True)]
    more = [
        sum(each)
        for each in zip(took["features and embedding"], took["rules and learned"], took["deciding"], strict=True)
    ]
    ratio = median(one / two for one, two in zip(more, less, strict=True))
    print(f"with the learned rung {ratio:.2f} times what it takes with the rules alone")


if __name__ == "__main__":
    main()
