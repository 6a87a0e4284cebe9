"""The breakers of all targets: a fine one for each, and a coarse one for each endpoint."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import Self

from dataplane.execution.breaker import (
    Breaker,
    BreakerSettings,
    BreakerState,
    BreakerView,
    Change,
    Permit,
    Refused,
)
from dataplane.execution.verdict import CallEnd, reachability
from dataplane.provider.model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetKey:
    """What fails together: one model of one provider at one endpoint under one credential.

    `credential` is the reference, never the secret; `origin` is scheme, host and port.
    """

    credential: str
    provider: str
    origin: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSettings:
    """Settings of the fine and of the coarse breakers; the coarse ones count only whether anything answers at all."""

    target: BreakerSettings = field(default_factory=BreakerSettings)
    origin: BreakerSettings = field(
        default_factory=lambda: BreakerSettings(
            minimum_calls=10, slow_after=timedelta.max, open_cap=timedelta(seconds=30)
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerChanged:
    """A breaker changed its state; `key` is the target's, or the endpoint's origin for a coarse one."""

    key: TargetKey | str
    change: Change


class Admission:
    """Leave for one call from both breakers; given back on leaving the context unless it was settled."""

    __slots__ = ("_origin", "_target")

    def __init__(self, target: Permit, origin: Permit) -> None:
        self._target = target
        self._origin = origin

    def reached(self, now: float) -> None:
        """The endpoint began to answer: all that its own breaker wants to know, and long before the answer's end."""
        self._origin.settle(Verdict.SUCCEEDED, now=now)

    def settle(self, end: CallEnd, *, elapsed: float) -> None:
        """Say how the call ended; `elapsed` is seconds to the first content, or to the end where none came."""
        self._target.settle(
            end.verdict, now=end.now, elapsed=elapsed, retry_after=end.retry_after, cause=end.error or end.verdict
        )
        self._origin.settle(reachability(end), now=end.now, cause=end.error)

    def leave(self) -> None:
        """Give both permits back; only the first time counts."""
        self._target.give_back()
        self._origin.give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()


class BreakerBoard:
    """Every breaker of a worker. The clock is an argument of each call, in monotonic seconds."""

    def __init__(
        self,
        settings: BoardSettings,
        *,
        draw: Callable[[], float],
        notify: Callable[[BreakerChanged], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._draw = draw
        self._notify = notify
        self._targets: dict[TargetKey, Breaker] = {}
        self._origins: dict[str, Breaker] = {}

    def admit(self, key: TargetKey, now: float, *, forced: bool = False) -> Admission | Refused:
        """Leave for one call of `key`, or why not; the coarse breaker is asked first."""
        origin = self._origin(key.origin).admit(now, forced=forced)
        if isinstance(origin, Refused):
            return origin
        target = self._target(key).admit(now, forced=forced)
        if isinstance(target, Refused):
            origin.give_back()
            return target
        return Admission(target, origin)

    def view(self, key: TargetKey, now: float) -> BreakerView:
        """The state of `key`: that of its endpoint where that is what keeps calls away."""
        target = self._target(key).view(now)
        if target.state is BreakerState.MISCONFIGURED or key.origin not in self._origins:
            return target
        origin = self._origins[key.origin].view(now)
        if origin.state is BreakerState.OPEN and (origin.until or 0.0) > (target.until or 0.0):
            return replace(origin, cause=f"endpoint_{origin.cause}")
        return target

    def reset(self, key: TargetKey, now: float) -> None:
        """Take `key` back in: someone has acted, such as by renewing its credential."""
        self._target(key).reset(now)

    def retain(self, keys: Collection[TargetKey]) -> None:
        """Forget every breaker that is for none of `keys`: those of a new snapshot."""
        origins = {key.origin for key in keys}
        wanted = set(keys)
        self._targets = {key: breaker for key, breaker in self._targets.items() if key in wanted}
        self._origins = {origin: breaker for origin, breaker in self._origins.items() if origin in origins}

    def _target(self, key: TargetKey) -> Breaker:
        if (breaker := self._targets.get(key)) is None:
            breaker = self._targets[key] = self._make(self._settings.target, key)
        return breaker

    def _origin(self, origin: str) -> Breaker:
        if (breaker := self._origins.get(origin)) is None:
            breaker = self._origins[origin] = self._make(self._settings.origin, origin)
        return breaker

    def _make(self, settings: BreakerSettings, key: TargetKey | str) -> Breaker:
        def tell(change: Change) -> None:
            self._notify(BreakerChanged(key=key, change=change))

        return Breaker(settings, draw=self._draw, notify=tell)
