"""Facts about a request that routing depends on, found in linear time."""

from turnout_features.encoding import Encode
from turnout_features.extraction import extract
from turnout_features.model import Conversation, Embedding, Features, OutputFormat, Patterns, Speaker, Utterance
from turnout_features.patterns import PatternError, RulePatterns
from turnout_features.tokens import CountTokens, o200k_tokens, prepare_merges

__all__ = [
    "Conversation",
    "CountTokens",
    "Embedding",
    "Encode",
    "Features",
    "OutputFormat",
    "PatternError",
    "Patterns",
    "RulePatterns",
    "Speaker",
    "Utterance",
    "extract",
    "o200k_tokens",
    "prepare_merges",
]
