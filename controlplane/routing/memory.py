"""Decisions that were given lately, so that asking again with the same request id gives the same one."""

from collections import OrderedDict
from datetime import datetime

from controlplane.routing.model import Ask, SignedDecision
from turnout_wire.failure import Failure


class DecisionMemory:
    """Bounded; the oldest goes first. What it forgets is decided anew, under a new decision id.

    `hits` and `misses` count the requests that have an id.
    """

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, str, str], tuple[bytes, SignedDecision]] = OrderedDict()
        self.hits = 0
        self.misses = 0

    @property
    def cached(self) -> int:
        """How many decisions are kept now."""
        return len(self._kept)

    def recall(self, ask: Ask, now: datetime) -> SignedDecision | None:
        """The decision that this very request got, if it still holds. Raises Failure REQUEST_ID_REUSED."""
        if not ask.fingerprint:
            return None
        decision = self._found(ask, now)
        if decision is None:
            self.misses += 1
        else:
            self.hits += 1
        return decision

    def _found(self, ask: Ask, now: datetime) -> SignedDecision | None:
        kept = self._kept.get(_key(ask))
        if kept is None:
            return None
        fingerprint, decision = kept
        if fingerprint != ask.fingerprint:
            raise reused(ask.request_id)
        return decision if decision.expires_at > now else None

    def keep(self, ask: Ask, decision: SignedDecision) -> None:
        """Remember what was given."""
        if not ask.fingerprint:
            return
        self._kept[_key(ask)] = (ask.fingerprint, decision)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _key(ask: Ask) -> tuple[str, str, str]:
    return ask.tenant, ask.presenter, ask.request_id


def reused(request_id: str) -> Failure:
    """What a caller is told who uses an id for two requests."""
    return Failure(
        "REQUEST_ID_REUSED",
        f"request_id {request_id!r} came with another request before; use a new id for a new request",
        field="request_id",
    )
