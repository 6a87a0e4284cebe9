"""Where conversations were answered last, so that their providers' prompt caches can be used again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dataplane.chat.model import ChatRequest, EmbedRequest, Message, Role, Usage
from dataplane.gateway.question import Affinity

LIFE_S = 300.0
"""How long a provider keeps a prompt cache at least: five minutes at OpenAI and Anthropic, by their documentation."""
LEAST_TOKENS = 1024
"""Prompts below this are cached by none of them."""
CAPACITY = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    deployment: str
    tokens: int
    messages: int
    digest: bytes
    until: float


class Affinities:
    """Remembers, for each conversation, who answered it last; the least recently used are forgotten. `clock` is monotonic.

    A conversation is known by its session, or by how it begins where its caller names none. It only counts as going on if all
    that was sent before stands at its begin again: a cache holds prefixes.
    """

    def __init__(self, clock: Callable[[], float], capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._places: OrderedDict[bytes, _Place] = OrderedDict()

    def of(self, tenant: str, session: str, request: ChatRequest | EmbedRequest) -> Affinity | None:
        """Where to go on, or None."""
        if isinstance(request, EmbedRequest) or not self._places:
            return None
        place = self._places.get(_key(tenant, session, request))
        if place is None or place.until <= self._clock() or place.tokens < LEAST_TOKENS:
            return None
        if _digest(request.messages[: place.messages]) != place.digest:
            return None
        return Affinity(deployment=place.deployment, cached_tokens=place.tokens)

    def answered(self, tenant: str, session: str, request: ChatRequest, deployment: str, usage: Usage | None) -> None:
        """`deployment` has this request in its cache from now on."""
        if usage is None or usage.estimated or usage.input_tokens < LEAST_TOKENS:
            return
        key = _key(tenant, session, request)
        self._places[key] = _Place(
            deployment=deployment,
            tokens=usage.input_tokens,
            messages=len(request.messages),
            digest=_digest(request.messages),
            until=self._clock() + LIFE_S,
        )
        self._places.move_to_end(key)
        if len(self._places) > self._capacity:
            self._places.popitem(last=False)


def _key(tenant: str, session: str, request: ChatRequest) -> bytes:
    begin = session.encode() if session else _digest(tuple(_opening(request.messages)))
    return hashlib.blake2b(tenant.encode() + b"\0" + begin, digest_size=16).digest()


def _opening(messages: Sequence[Message]) -> Iterator[Message]:
    """All up to what the user said first: what stays the same as a conversation grows."""
    for message in messages:
        yield message
        if message.role is Role.USER:
            return


def _digest(messages: Sequence[Message]) -> bytes:
    return hashlib.blake2b(repr(messages).encode("utf-8", "replace"), digest_size=16).digest()
