"""What classifying costs with the rules alone and with the learned rung: `python -m tests.benchmarks.ladder`."""

import gc
from collections.abc import Callable
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


def microseconds(work: Callable[[], object]) -> float:
    """CPU time for one prompt: the least over rounds, since other processes only ever add to it."""
    rounds = []
    for _ in range(ROUNDS):
        start = process_time()
        work()
        rounds.append((process_time() - start) / PROMPTS * 1e6)
    return min(rounds)


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
    took = {name: microseconds(work) for name, work in parts.items()}
    for name, time in took.items():
        print(f"{name:24} {time:8.1f} µs")
    less = took["features"] + took["rules"] + took["deciding"]
    more = took["features and embedding"] + took["rules and learned"] + took["deciding"]
    print(
        f"{'all, rules alone':24} {less:8.1f} µs\n{'all, with the learned':24} {more:8.1f} µs: {more / less:.2f} times"
    )


if __name__ == "__main__":
    main()
