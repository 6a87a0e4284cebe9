"""The static encoder: a text as a vector of bytes, quickly and the same everywhere."""

from turnout_embedding.encoder import DIMENSIONS, Encoder
from turnout_embedding.hashing import HASHED
from turnout_embedding.weights import STATIC, read

__all__ = ["DIMENSIONS", "HASHED", "STATIC", "Encoder", "load"]


def load() -> Encoder:
    """An encoder with the weights of this package. Keep it: it takes some milliseconds, and it remembers words."""
    return Encoder(read())
