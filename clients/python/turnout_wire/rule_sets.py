"""Rule sets by which texts are described, as the control plane gives them: compiled once, kept by the origin of requests."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from turnout.routing.v1 import routing_pb2
from turnout_features import Encode, PatternError, RulePatterns, extract
from turnout_features.model import Conversation, Speaker, Utterance
from turnout_wire.caches import Counted
from turnout_wire.failure import Failure

if TYPE_CHECKING:
    from turnout_embedding import Encoder

Fetch = Callable[[routing_pb2.GetRuleSetRequest], Awaitable[routing_pb2.GetRuleSetResponse]]
Origin = tuple[object, ...]
Key = TypeVar("Key")
Value = TypeVar("Value")

_WARM_UP = Conversation(utterances=(Utterance(speaker=Speaker.USER, text="Hello"),))


class RuleSets:
    """Rule sets by the origin of requests, compiled once for each digest. The least recently used are forgotten.

    An origin that was not seen yet is read by the newest rule set: mostly there is one for all, and if not, the control
    plane says so.
    """

    def __init__(self, *, origins: int = 1024, rule_sets: int = 16) -> None:
        self._origins = origins
        self._rule_sets = rule_sets
        self._digests: OrderedDict[Origin, bytes] = OrderedDict()
        self._compiled: OrderedDict[bytes, RulePatterns] = OrderedDict()
        self._fetching = asyncio.Lock()
        self._encoder: Encode | None = None
        self._words: Counted | None = None
        self._loading = asyncio.Lock()

    @property
    def words(self) -> Counted | None:
        """The cache of words of what texts are embedded with, once that is loaded."""
        return self._words

    async def encoder(self) -> Encode:
        """What texts are embedded with, loaded by the first that asks: it takes a tenth of a second and 25 MiB."""
        return self._encoder or await self._first_encoder()

    async def _first_encoder(self) -> Encode:
        async with self._loading:
            if self._encoder is None:
                self._encoder = self._words = await asyncio.to_thread(_loaded)
            return self._encoder

    async def patterns(
        self, route: routing_pb2.DecideRouteRequest, fetch: Fetch, outdated: bytes | None
    ) -> RulePatterns:
        """The patterns to read a request of that origin with. Raises what `fetch` raises, and Failure."""
        origin = _origin(route)
        async with self._fetching:
            known = self._known(origin)
            if known is None or known.digest == outdated:
                known = await self._fetched(route, fetch)
            _put(self._digests, origin, known.digest, self._origins)
            _put(self._compiled, known.digest, known, self._rule_sets)
            return known

    def _known(self, origin: Origin) -> RulePatterns | None:
        newest = next(reversed(self._compiled), b"")
        return self._compiled.get(self._digests.get(origin, newest))

    async def _fetched(self, route: routing_pb2.DecideRouteRequest, fetch: Fetch) -> RulePatterns:
        response = await fetch(routing_pb2.GetRuleSetRequest(hints=route.hints, policy=route.policy, model=route.model))
        known = self._compiled.get(response.digest)
        return known if known is not None else await asyncio.to_thread(_compiled, response)


def _put(kept: OrderedDict[Key, Value], key: Key, value: Value, size: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > size:
        kept.popitem(last=False)


def _origin(route: routing_pb2.DecideRouteRequest) -> Origin:
    hints = route.hints
    return (route.policy, route.model, hints.workload, hints.feature, hints.endpoint, *sorted(hints.labels.items()))


def _loaded() -> "Encoder":
    from turnout_embedding import load  # brings numpy, which a worker without a gateway does not need

    return load()


def _compiled(response: routing_pb2.GetRuleSetResponse) -> RulePatterns:
    """Compile, and make the first features: that loads the vocabulary, for most of a second."""
    try:
        patterns = RulePatterns.compiled(((one.signal, one.regex) for one in response.patterns), response.digest)
    except PatternError as refused:
        message = (
            f"the rule set holds what this client cannot compile ({refused}); update the client or do not describe"
        )
        raise Failure("INTERNAL", message) from refused
    extract(_WARM_UP, patterns)
    return patterns
