"""What the second tier gains and takes: `python -m tests.benchmarks.second_tier held_out.jsonl [BELOW]`, with turnout[use] installed."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time

from controlplane.catalog.load import load
from controlplane.classification.accepting import accepted
from controlplane.classification.model import Classification
from controlplane.classification.rules import NoHint
from controlplane.classification.semantic_encoder import SemanticEncoder
from controlplane.policy.model import ClassifierKind, RuleSetName
from turnout_cli.evaluation.class_rows import labelled_rows
from turnout_cli.evaluation.classify import Figures, Taken, classified, figures
from turnout_features.encoding import asked
from turnout_features.looks import looks

BELOW = 0.7
SHOWN = ("task_type", "task_type_or_as_right", "complexity", "domain", "calibration_error")


class Second:
    """Asks the second tier where the ladder is less sure than `below`, and counts how often and how long."""

    def __init__(self, below: float) -> None:
        self._below = below
        self._classify = SemanticEncoder()
        self._rules = load(None).rule_sets[RuleSetName("default")]
        self.times: list[float] = []

    def __call__(self, taken: Taken) -> Taken:
        """The same row with the better answer."""
        if taken.found.confidence >= self._below:
            return taken
        text = asked(looks(taken.row.conversation))
        start = process_time()
        answer = self._classify.of_text(text, taken.features, self._rules, NoHint(), taken.found)
        found = accepted(answer, self._classify.name, NoHint(), taken.found)
        self.times.append(process_time() - start)
        return replace(taken, found=found) if isinstance(found, Classification) else taken


def rows(first: Figures, second: Figures) -> Iterator[str]:
    """The cells of one part."""
    yield f"{first.part:30}{first.prompts:7}"
    for name in SHOWN:
        yield f"{getattr(first, name):7.3f} → {getattr(second, name):.3f}"


def main() -> None:
    """Print figures without and with it, set by set."""
    below = float(sys.argv[2]) if len(sys.argv) > 2 else BELOW
    second = Second(below)
    first = classified(labelled_rows(Path(sys.argv[1]), "set"), tuple(ClassifierKind), lambda _what, _share: None)
    both = [second(one) for one in first]
    for part in [*sorted({one.row.part for one in first}), "all"]:
        among = [number for number, one in enumerate(first) if part in {one.row.part, "all"}]
        told = [figures(part, [taken[number] for number in among]) for taken in (first, both)]
        print("  ".join(rows(told[0], told[1])))
    times = sorted(second.times)
    middle, late = times[len(times) // 2] * 1e3, times[len(times) * 95 // 100] * 1e3
    print(f"asked about {len(times) / len(first):.2f}: {middle:.1f} ms in the middle, {late:.1f} ms for one in twenty")


if __name__ == "__main__":
    main()
