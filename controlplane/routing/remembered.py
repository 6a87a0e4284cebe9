"""What was found out about content lately, so that the same content need not be read again."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.model import Classification
from controlplane.policy.model import ClassifierKind
from turnout_features import Encode
from turnout_features.model import Features

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

READINGS = 4_096
"""Requests whose features and classification are kept: some 10 MB."""
VECTORS = 16_384
"""Texts whose vectors are kept: some 10 MB."""
SLOW_S = 0.01
"""A classification that took longer is not kept, for then a classifier may have been too late to be heard."""


class Remembered(Generic[Key, Value]):
    """At most `size` values, of which the one goes first that was not looked up for longest. Counts how often it had one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def cached(self) -> int:
        """How many values are kept now."""
        return len(self._kept)

    def find(self, key: Key) -> Value | None:
        """What is kept under `key`."""
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, value: Value) -> None:
        """Remember `value`."""
        self._kept[key] = value
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingKey:
    """All that reading a request depends on: what is said, and by what it is read. Nothing in it is a tenant's own, and nothing
    that is found depends on the tenant, so that one may have what was found for another.
    """

    request_digest: bytes
    rule_set: bytes
    route_set: bytes
    classifiers: tuple[ClassifierKind, ...]
    encoder: str
    task_type: TaskType | None
    complexity: Complexity | None


Understood = tuple[Features, Classification]
"""What a request is, and what it is taken for."""
Readings = Remembered[ReadingKey, Understood]


class RememberingEncoder:
    """An encoder that knows the vectors of texts that it had lately, by their digests: it keeps no text."""

    def __init__(self, encode: Encode, vectors: Remembered[bytes, bytes]) -> None:
        self.name = encode.name
        self._encode = encode
        self._vectors = vectors

    def __call__(self, text: str, /) -> bytes:
        """See Encode."""
        digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        found = self._vectors.find(digest)
        if found is None:
            found = self._encode(text)
            self._vectors.keep(digest, found)
        return found
