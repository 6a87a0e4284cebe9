"""Which prompts a quality model was trained on, without keeping them: nothing may be tested on those."""

from collections.abc import Iterable
from hashlib import sha256

from turnout_features.model import Features


def fingerprint(embedding: bytes) -> int:
    """Eight bytes of the SHA-256 of an embedding: the same for the same text, and of another with no likelihood."""
    return int.from_bytes(sha256(embedding).digest()[:8], "little", signed=True)


def fingerprints(embeddings: Iterable[bytes]) -> frozenset[int]:
    """Those of prompts that have an embedding."""
    return frozenset(fingerprint(each) for each in embeddings if each)


def known(features: Features, seen: frozenset[int]) -> bool:
    """Whether a prompt is one of those."""
    return features.embedding is not None and fingerprint(features.embedding.values) in seen
