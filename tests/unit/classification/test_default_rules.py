"""The packaged rules: each occurs where it should and not beside it, and votes in steps."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from controlplane.catalog.load import load
from controlplane.classification.votes import COMPLEXITIES
from controlplane.policy.model import RuleSet, RuleSetName, Vote
from turnout_features import RulePatterns

EXAMPLES: Mapping[str, tuple[str, str]] = yaml.safe_load(
    Path(__file__).with_name("rule_examples.yaml").read_text(encoding="utf-8")
)
RULES: RuleSet = load(None).rule_sets[RuleSetName("default")]


@pytest.fixture(scope="module")
def patterns() -> RulePatterns:
    return RulePatterns.compiled([(rule.signal, rule.regex) for rule in RULES.patterns], RULES.digest)


def test_every_pattern_has_examples_and_every_example_a_pattern() -> None:
    assert list(EXAMPLES) == [rule.signal for rule in RULES.patterns]


@pytest.mark.parametrize("signal", EXAMPLES)
def test_a_pattern_occurs_in_its_example_and_not_in_the_one_beside_it(patterns: RulePatterns, signal: str) -> None:
    fires, silent = EXAMPLES[signal]
    assert signal in patterns.match(fires)
    assert signal not in patterns.match(silent)


def test_no_pattern_occurs_in_nothing(patterns: RulePatterns) -> None:
    assert patterns.match("") == ()
    assert patterns.match(" \n\t ") == ()


def test_every_rule_votes() -> None:
    assert [rule.signal for rule in RULES.patterns if not any(vote.weight for vote in rule.votes)] == []
    assert [rule.signal for rule in RULES.conditions if not any(vote.weight for vote in rule.votes)] == []


def test_votes_for_complexity_rise_or_fall_step_by_step() -> None:
    """Whoever says that a request is hard says so the louder the harder; only the last step may be another one."""
    votes = {rule.signal: rule.votes for rule in RULES.patterns} | {
        rule.signal: rule.votes for rule in RULES.conditions
    }
    for signal, cast in votes.items():
        steps = [harder - easier for easier, harder in pairwise(by_complexity(cast))]
        assert all(step >= 0 for step in steps) or all(step <= 0 for step in steps), signal
        assert steps[0] == pytest.approx(steps[1]), signal


def by_complexity(votes: tuple[Vote, ...]) -> list[float]:
    weights = {vote.value: vote.weight for vote in votes if vote.axis == "complexity"}
    return [weights.get(str(complexity), 0.0) for complexity in COMPLEXITIES]
