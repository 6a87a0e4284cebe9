"""Answers that are kept, for requests that are the same to the byte; off unless a worker is told to."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from dataplane.chat.model import ChatRequest, FinishReason
from dataplane.permit.model import PermittedDecision

MAX_ENTRY = 1024 * 1024
"""Bytes of an answer at most."""
WHOLE = frozenset({FinishReason.STOP, FinishReason.TOOL_CALLS})
"""Ends of answers that are worth keeping: the others may end otherwise the next time."""


class Cache(Protocol):
    """Keeps answers for a while. It may forget any of them at any time, and a failure of it is a miss."""

    async def get(self, key: bytes) -> bytes | None:
        """The answer, or None."""
        ...

    async def put(self, key: bytes, answer: bytes) -> None:
        """Keep `answer`."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...

    @property
    def cached(self) -> int | None:
        """How many answers it keeps now; None if the worker does not know."""
        ...


class MemoryCache:
    """In the worker itself: at most `capacity` bytes, the least recently used go first. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float], life: float, capacity: int) -> None:
        self._clock = clock
        self._life = life
        self._capacity = capacity
        self._size = 0
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    async def get(self, key: bytes) -> bytes | None:
        """See Cache."""
        found = self._kept.get(key)
        if found is None:
            return None
        until, answer = found
        if until <= self._clock():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return answer

    async def put(self, key: bytes, answer: bytes) -> None:
        """See Cache."""
        self._drop(key)
        self._kept[key] = (self._clock() + self._life, answer)
        self._size += len(answer)
        while self._size > self._capacity:
            self._drop(next(iter(self._kept)))

    async def close(self) -> None:
        """See Cache."""
        self._kept.clear()
        self._size = 0

    @property
    def cached(self) -> int:
        """See Cache; those whose time is over are among them until they are asked for or go."""
        return len(self._kept)

    def _drop(self, key: bytes) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._size -= len(found[1])


class CountedCache:
    """A cache with counts of how often it was asked and had an answer (`hits`) or had none (`misses`)."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.hits = 0
        self.misses = 0

    async def get(self, key: bytes) -> bytes | None:
        """See Cache."""
        answer = await self._cache.get(key)
        if answer is None:
            self.misses += 1
        else:
            self.hits += 1
        return answer

    async def put(self, key: bytes, answer: bytes) -> None:
        """See Cache."""
        await self._cache.put(key, answer)

    async def close(self) -> None:
        """See Cache."""
        await self._cache.close()

    @property
    def cached(self) -> int | None:
        """See Cache."""
        return self._cache.cached


def cacheable(request: ChatRequest, *, wanted: bool | None) -> bool:
    """Whether an answer may be kept: the caller asks for it (`wanted`), or draws no tokens by chance and does not forbid it."""
    return request.sampling.temperature == 0 if wanted is None else wanted


def key_of(decision: PermittedDecision) -> bytes:
    """The tenant, the request to the byte, and the model that was decided on: what differs in any has its own answer."""
    digest = hashlib.sha256(decision.request_digest)
    for part in (decision.tenant, decision.targets[0].model):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.digest()
