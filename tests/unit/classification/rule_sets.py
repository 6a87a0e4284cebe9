"""Small rule sets, and features that they are asked about."""

from pathlib import Path

from controlplane.catalog.load import load
from controlplane.classification.votes import VoteTable
from controlplane.policy.model import FeatureRule, PatternRule, RuleSet, RuleSetName, Vote
from turnout_features import Features

DIGEST = bytes(range(32))


def vote(text: str, weight: float) -> Vote:
    """A vote for `axis=value`."""
    axis, _, value = text.partition("=")
    return Vote(axis=axis, value=value, weight=weight)


def rule_set(
    *,
    patterns: dict[str, dict[str, float]] | None = None,
    conditions: tuple[FeatureRule, ...] = (),
    priors: dict[str, float] | None = None,
    digest: bytes = DIGEST,
) -> RuleSet:
    """A rule set whose patterns are found by their signals' names."""
    return RuleSet(
        name=RuleSetName("small"),
        digest=digest,
        patterns=tuple(
            PatternRule(signal=signal, regex=signal, votes=tuple(vote(text, weight) for text, weight in votes.items()))
            for signal, votes in (patterns or {}).items()
        ),
        conditions=conditions,
        priors=tuple(vote(text, weight) for text, weight in (priors or {}).items()),
    )


def table(
    *,
    patterns: dict[str, dict[str, float]] | None = None,
    conditions: tuple[FeatureRule, ...] = (),
    priors: dict[str, float] | None = None,
) -> VoteTable:
    """Its votes, worked out."""
    return VoteTable.of(rule_set(patterns=patterns, conditions=conditions, priors=priors))


def features(*signals: str, digest: bytes = DIGEST, characters: int = 50, code_lines: int = 0) -> Features:
    """Features of a text in which `signals` were found."""
    return Features(signals=signals, rule_set_digest=digest, characters=characters, code_lines=code_lines)


def written(tmp_path: Path, text: str) -> RuleSet:
    """The rule set `ours` of a document that extends the default one."""
    path = tmp_path / "turnout.yaml"
    path.write_text("version: 1\nextends: default\n" + text, encoding="utf-8")
    return load(path).rule_sets[RuleSetName("ours")]
