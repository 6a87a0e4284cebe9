"""A rule set worked out for counting: what each signal adds to each value of the three axes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Self

from controlplane.catalog.model import Complexity, Domain, TaskType
from controlplane.classification.model import Signal
from controlplane.policy.model import FeatureRule, RuleSet, Vote
from turnout_features.extraction import BODY, EARLIER, SYSTEM
from turnout_features.model import Features

TASKS, COMPLEXITIES, DOMAINS = tuple(TaskType), tuple(Complexity), tuple(Domain)

PLACES: Mapping[str, float] = {"": 1.0, SYSTEM: 0.7, EARLIER: 0.6, BODY: 0.25}
"""How much a signal counts by where it was found: in what is asked it counts in full."""

UNIT = 1_000
"""Votes are counted in thousandths: sums of integers do not depend on their order."""

_AXES: Mapping[str, tuple[StrEnum, ...]] = {"task_type": TASKS, "complexity": COMPLEXITIES, "domain": DOMAINS}
_SLOTS = {place: slot for slot, place in enumerate((axis, str(value)) for axis in _AXES for value in _AXES[axis])}
SLOTS = len(_SLOTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What one signal adds: (slot, thousandths) pairs, and the same for people to read."""

    adds: tuple[tuple[int, int], ...]
    told: tuple[Signal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A comparison of one feature, and what it adds where it holds."""

    feature: str
    at_least: float
    below: float
    ballot: Ballot


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTable:
    """The votes of the rule set with `digest`; `by_signal` has every signal with the prefix of every place."""

    digest: bytes
    priors: tuple[int, ...]
    by_signal: Mapping[str, Ballot]
    conditions: tuple[Condition, ...]
    compared: Callable[[Features], Sequence[float]]
    """What `conditions` compare, in their order: all values at once, for they are read in every decision."""

    @classmethod
    def of(cls, rule_set: RuleSet) -> Self:
        """Work out `rule_set`; done once for each."""
        priors = [0] * SLOTS
        for slot, weight in _ballot("", rule_set.priors, 1.0).adds:
            priors[slot] += weight
        by_signal = {
            place + rule.signal: _ballot(place + rule.signal, rule.votes, factor)
            for rule in rule_set.patterns
            for place, factor in PLACES.items()
        }
        conditions = tuple(_condition(rule) for rule in rule_set.conditions)
        return cls(
            digest=rule_set.digest,
            priors=tuple(priors),
            by_signal=by_signal,
            conditions=conditions,
            compared=_compared([condition.feature for condition in conditions]),
        )


def _ballot(signal: str, votes: Iterable[Vote], factor: float) -> Ballot:
    counted = [(vote, vote.weight * factor) for vote in votes]
    return Ballot(
        adds=tuple((_SLOTS[vote.axis, vote.value], round(weight * UNIT)) for vote, weight in counted),
        told=tuple(
            Signal(name=signal, votes_for=f"{vote.axis}={vote.value}", weight=round(weight, 3))
            for vote, weight in counted
        ),
    )


def _compared(names: Sequence[str]) -> Callable[[Features], Sequence[float]]:
    if len(names) < 2:
        # One name alone would give its value, and not a sequence.
        return lambda features: [getattr(features, name) for name in names]
    return attrgetter(*names)


def _condition(rule: FeatureRule) -> Condition:
    return Condition(
        feature=rule.feature,
        at_least=float("-inf") if rule.at_least is None else rule.at_least,
        below=float("inf") if rule.below is None else rule.below,
        ballot=_ballot(rule.signal, rule.votes, 1.0),
    )
