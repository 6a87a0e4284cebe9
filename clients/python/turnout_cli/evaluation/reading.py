"""Reads prompts as the control plane does: features with the embedding, then the ladder of classifiers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.catalog.load import load
from controlplane.classification.ladder import EVERY
from controlplane.classification.model import Classification
from controlplane.classification.rules import NoHint
from controlplane.classification.standard import ladder as standard_ladder
from controlplane.policy.model import RuleSetName
from controlplane.routing.worked_out import compiled
from turnout_embedding import load as load_encoder
from turnout_features import Encode, RulePatterns
from turnout_features.extraction import extract
from turnout_features.model import Conversation, Features, Speaker, Utterance

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A prompt as deciding sees it."""

    features: Features
    classification: Classification


def read_prompts(prompts: Sequence[str], told: Progress) -> list[Read]:
    """Each prompt as one message of a user, under the packaged rule set."""
    rule_set = load(None).rule_sets[RuleSetName("default")]
    patterns, encoder, ladder = compiled(rule_set), load_encoder(), standard_ladder()
    found: list[Read] = []
    for at, prompt in enumerate(prompts):
        if at % 256 == 0:
            told("reading", at / len(prompts))
        features = features_of(prompt, patterns, encoder)
        found.append(Read(features=features, classification=ladder(features, rule_set, NoHint(), EVERY)))
    told("reading", 1.0)
    return found


def features_of(prompt: str, patterns: RulePatterns, encoder: Encode) -> Features:
    """What is seen of `prompt` as one message of a user."""
    conversation = Conversation(utterances=(Utterance(speaker=Speaker.USER, text=prompt),))
    return extract(conversation, patterns, encode=encoder)
