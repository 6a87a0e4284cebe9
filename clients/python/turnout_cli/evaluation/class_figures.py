"""How right classifications are, and how well their confidence knows it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Whether one answer was right, and how sure it was."""

    confidence: float
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of about the same confidence: how many, their mean confidence, the share of right ones."""

    count: int
    confidence: float
    right: float


def share(hits: Sequence[bool]) -> float:
    """The share of what is true; NaN of nothing."""
    return sum(hits) / len(hits) if hits else float("nan")


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """The mean F1 of the classes that occur as labels, of (label, answer) pairs; NaN without any."""
    labels, answers = Counter(label for label, _ in pairs), Counter(answer for _, answer in pairs)
    hits = Counter(label for label, answer in pairs if label == answer)
    scores = [2 * hits[name] / (labels[name] + answers[name]) for name in labels]
    return sum(scores) / len(scores) if scores else float("nan")


def bins(judged: Sequence[Judged]) -> list[Bin]:
    """Bins of equal width over the confidence, without the empty ones."""
    found: dict[int, list[Judged]] = {}
    for one in judged:
        found.setdefault(min(BINS - 1, int(one.confidence * BINS)), []).append(one)
    return [
        Bin(
            count=len(ones),
            confidence=sum(one.confidence for one in ones) / len(ones),
            right=share([one.right for one in ones]),
        )
        for _, ones in sorted(found.items())
    ]


def calibration_error(judged: Sequence[Judged]) -> float:
    """Expected calibration error (Guo et al. 2017): the mean gap between confidence and share of right answers, over `bins`."""
    if not judged:
        return float("nan")
    return sum(abs(one.right - one.confidence) * one.count for one in bins(judged)) / len(judged)


def auc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """The chance that one inside has a higher number than one outside, ties counting half; NaN if either is empty."""
    if not inside or not outside:
        return float("nan")
    ordered = sorted([(value, True) for value in inside] + [(value, False) for value in outside])
    below, won, place = 0, 0.0, 0
    while place < len(ordered):
        end = place
        while end < len(ordered) and ordered[end][0] == ordered[place][0]:
            end += 1
        tied = [inner for _, inner in ordered[place:end]]
        won += tied.count(True) * (below + tied.count(False) / 2)
        below += tied.count(False)
        place = end
    return won / (len(inside) * len(outside))


def confusion(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """How often each answer was given for each label."""
    found: dict[str, dict[str, int]] = {}
    for label, answer in pairs:
        row = found.setdefault(label, {})
        row[answer] = row.get(answer, 0) + 1
    return found
