"""A bounded memory of prompt prefixes that were seen, as a provider's prompt cache keeps them."""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

_SLICE_CHARS = 1024


class PrefixCache:
    """Remembers up to `size` prefixes, the least recently used are forgotten.

    A prefix is remembered at the end of each part of a prompt and at every 1,024 characters inside one.
    """

    def __init__(self, size: int = 16_384) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._size = size

    def cached_share(self, model: str, parts: Sequence[str]) -> float:
        """The share in [0, 1] of the characters of `parts` that `model` has seen as a prefix; all are remembered."""
        total = sum(map(len, parts))
        return self._seen_chars(model, parts) / total if total else 0.0

    def _seen_chars(self, model: str, parts: Sequence[str]) -> int:
        running, length, seen, hit = blake2b(model.encode(), digest_size=16), 0, 0, True
        for part in parts:
            for at in range(0, max(1, len(part)), _SLICE_CHARS):
                piece = part[at : at + _SLICE_CHARS]
                running.update(piece.encode("utf-8", "surrogatepass"))
                length += len(piece)
                key = running.digest()
                hit = hit and key in self._seen
                seen = length if hit else seen
                self._remember(key)
            running.update(b"\x1f")
        return seen

    def _remember(self, key: bytes) -> None:
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
