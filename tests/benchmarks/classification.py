"""How right the default rules are, and how well they know it: `python -m tests.benchmarks.classification [--fit] [--speed]`."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp
from time import process_time
from typing import TypeVar

from controlplane.catalog.load import load
from controlplane.catalog.model import TaskType
from controlplane.classification.calibration import WIDEST
from controlplane.classification.model import Classification
from controlplane.classification.rules import classify, leads
from controlplane.classification.votes import COMPLEXITIES, VoteTable
from controlplane.policy.model import RuleSetName
from tests.benchmarks import labelled
from tests.benchmarks.labelled import Labelled
from turnout_features import Features, RulePatterns, extract

Item = TypeVar("Item")
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A prompt, what it was taken for, and how right that is."""

    label: Labelled
    features: Features
    taken: Classification

    @property
    def task_strict(self) -> bool:
        return self.taken.task_type is self.label.task_type

    @property
    def task_right(self) -> bool:
        return self.task_strict or self.taken.task_type in self.label.also

    @property
    def steps_off(self) -> int | None:
        if self.label.complexity is None:
            return None
        return abs(COMPLEXITIES.index(self.taken.complexity) - COMPLEXITIES.index(self.label.complexity))

    @property
    def right(self) -> bool:
        return self.task_right and not self.steps_off


class Judge:
    """Classifies with the default rules."""

    def __init__(self) -> None:
        rules = load(None).rule_sets[RuleSetName("default")]
        self.patterns = RulePatterns.compiled([(rule.signal, rule.regex) for rule in rules.patterns], rules.digest)
        self.table = VoteTable.of(rules)

    def __call__(self, prompts: Iterable[Labelled]) -> list[Judged]:
        judged = []
        for label in prompts:
            features = extract(label.conversation, self.patterns)
            judged.append(Judged(label=label, features=features, taken=classify(features, self.table)))
        return judged


def share(hits: Iterable[object]) -> float:
    """Share of what is true."""
    found = [bool(hit) for hit in hits]
    return sum(found) / max(1, len(found))


def calibration_error(judged: Sequence[Judged]) -> float:
    """Expected calibration error of `confidence` against being right on both axes, over bins of equal width."""
    bins: dict[int, list[Judged]] = {}
    for each in judged:
        bins.setdefault(min(BINS - 1, int(each.taken.confidence * BINS)), []).append(each)
    gaps = (
        abs(share(each.right for each in found) - sum(each.taken.confidence for each in found) / len(found))
        * len(found)
        for found in bins.values()
    )
    return sum(gaps) / max(1, len(judged))


def reliability(judged: Sequence[Judged]) -> str:
    """Mean confidence and share of right answers, fifth by fifth."""
    ordered = sorted(judged, key=lambda each: each.taken.confidence)
    size = -(-len(ordered) // 5)
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return "  ".join(
        f"{sum(each.taken.confidence for each in part) / len(part):.2f}→{share(each.right for each in part):.2f}"
        for part in parts
    )


def report(title: str, judged: Sequence[Judged]) -> None:
    """One block of figures."""
    graded = [each for each in judged if each.steps_off is not None]
    print(f"\n{title}: {len(judged)} prompts")
    print(
        f"  task type {share(e.task_strict for e in judged):.3f}, or one as good {share(e.task_right for e in judged):.3f}"
    )
    print(f"  taken for {shares(each.taken.task_type for each in judged)}")
    print(f"            {shares(each.taken.complexity for each in judged)}")
    if graded:
        exact, near = share(e.steps_off == 0 for e in graded), share((e.steps_off or 0) <= 1 for e in graded)
        print(f"  complexity {exact:.3f}, within one step {near:.3f}")
        print(f"  confidence: error {calibration_error(graded):.3f}; confidence→right by fifths {reliability(graded)}")


def shares(values: Iterable[str]) -> str:
    """What share each value has, the largest first."""
    counts = Counter(values)
    return ", ".join(f"{value} {count / counts.total():.2f}" for value, count in counts.most_common())


def confusion(judged: Sequence[Judged]) -> None:
    """Task types: rows are labels, columns answers."""
    counts = Counter((each.label.task_type, each.taken.task_type) for each in judged)
    print("  " + " " * 14 + " ".join(f"{task[:6]:>6}" for task in TaskType))
    for row in TaskType:
        print(f"  {row:14}" + " ".join(f"{counts[row, column] or '.':>6}" for column in TaskType))


def fitted(sources: Sequence[Sequence[tuple[float, bool]]]) -> float:
    """Slope of the logistic map from a lead to being right, by Newton's method with a light ridge.

    Each source weighs as much as any other, however many prompts it has.
    """
    slope = 1.0
    for _ in range(50):
        gradient, curvature = -0.001 * (slope - 1), 0.001
        for source in sources:
            for lead, right in source:
                x = min(lead, WIDEST)
                p = 1 / (1 + exp(-slope * x))
                gradient += (right - p) * x / len(source)
                curvature += p * (1 - p) * x * x / len(source)
        slope += gradient / curvature
    return slope


def fit(judge: Judge, sources: Sequence[Sequence[Judged]]) -> None:
    """Print the constants of controlplane/classification/calibration.py."""
    found = [[(leads(each.features, judge.table), each) for each in judged] for judged in sources]
    task = fitted([[(lead[0], each.task_right) for lead, each in source] for source in found])
    complexity = fitted([[(lead[1], each.steps_off == 0) for lead, each in source] for source in found])
    print(f"\nTASK = {task:.2f}\nCOMPLEXITY = {complexity:.2f}")


def speed(judge: Judge) -> None:
    """CPU of features and rules for texts that all differ: 500 characters, and 20,000."""
    texts = [label.conversation.utterances[0].text for label in labelled.mmlu_pro(1)]
    short = [labelled.single(text[:500].ljust(500)) for text in texts[:2_000]]
    long = [labelled.single("\n".join(texts[start : start + 60])[:20_000]) for start in range(0, 6_000, 120)]
    for title, told in (("500 characters", short), ("20,000 characters", long)):
        features = [extract(one, judge.patterns) for one in told]
        whole = _microseconds(lambda one: extract(one, judge.patterns), told)
        uncounted = _microseconds(lambda one: extract(one, judge.patterns, len), told)
        rules = _microseconds(lambda found: classify(found, judge.table), features)
        print(f"{title}: features {whole:.0f} us, {uncounted:.0f} without counting tokens; rules {rules:.0f}")


def _microseconds(work: Callable[[Item], object], items: Sequence[Item]) -> float:
    """The least CPU of five runs, for one item."""
    best = float("inf")
    for _ in range(5):
        start = process_time()
        for item in items:
            work(item)
        best = min(best, process_time() - start)
    return best / len(items) * 1e6


def main() -> None:
    """Judge and print."""
    judge = Judge()
    own = {split: judge(labelled.demo(split)) for split in ("tune", "held_out")}
    report("own prompts, held out", own["held_out"])
    confusion(own["held_out"])
    print(f"  domain {share(each.taken.domain is each.label.domain for each in own['held_out']):.3f}", end="")
    print(f", language {share(each.features.language == each.label.language for each in own['held_out']):.3f}")
    report("own prompts, tuned on", own["tune"])
    if not labelled.shared().is_dir():
        print(f"\n{labelled.shared()} is absent: no figures on public prompts")
        return
    public = {split: judge(labelled.templates(split)) for split in ("train", "held_out")}
    report("task templates, held-out families", public["held_out"])
    confusion(public["held_out"])
    report("task templates, families trained on", public["train"])
    others = {name: judge(rows) for name, rows in _others().items()}
    for name, judged in others.items():
        report(name, judged)
    if "--speed" in sys.argv:
        speed(judge)
    if "--fit" in sys.argv:
        fit(judge, [own["tune"], own["tune"], public["train"], others["gsm8k"], others["clinc150"]])


def _others() -> dict[str, Iterable[Labelled]]:
    return {
        "gsm8k": labelled.gsm8k(2),
        "mmlu_pro": labelled.mmlu_pro(10),
        "clinc150": labelled.clinc150(20),
    }


if __name__ == "__main__":
    main()
