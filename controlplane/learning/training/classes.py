"""Reads labelled prompts as production reads requests: features, embedding, votes of the rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from controlplane.catalog.load import load
from controlplane.classification.model import Classification
from controlplane.classification.rules import classify
from controlplane.classification.votes import VoteTable
from controlplane.learning.training.example import Example
from controlplane.learning.training.public import public
from controlplane.learning.training.written import demo, written
from controlplane.policy.model import RuleSetName
from turnout_embedding import load as load_encoder
from turnout_features import Embedding, Encode, Features, RulePatterns, extract


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A labelled prompt after it was read."""

    example: Example
    features: Features
    embedding: Embedding
    by_rules: Classification


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reads requests: the packaged rule set and the packaged encoder."""

    patterns: RulePatterns
    table: VoteTable
    encode: Encode

    @classmethod
    def packaged(cls) -> Self:
        """The rules and the encoder of this software."""
        rules = load(None).rule_sets[RuleSetName("default")]
        patterns = RulePatterns.compiled([(rule.signal, rule.regex) for rule in rules.patterns], rules.digest)
        return cls(patterns=patterns, table=VoteTable.of(rules), encode=load_encoder())

    def __call__(self, example: Example) -> Read:
        """Read one."""
        features = extract(example.conversation, self.patterns, encode=self.encode)
        assert features.embedding is not None  # noqa: S101 - made by the encoder above
        return Read(
            example=example,
            features=features,
            embedding=features.embedding,
            by_rules=classify(features, self.table),
        )


def gathered(data: Path, *, each: int) -> Iterator[Example]:
    """Everything that is labelled: what was written for this project, and `each` of every part of the public sets in `data`."""
    yield from written()
    yield from demo()
    yield from public(data, each=each)
