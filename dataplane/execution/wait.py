"""Waiting before a target is called again, with tenacity."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from dataplane.execution.budget import RetryBudgets
from dataplane.execution.clock import Clock
from dataplane.execution.step import Done, Wait, WaitFor


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitSettings:
    """Full jitter: uniform between 0 and `base` × 2^(tries - 1), `cap` at most. At most `tries` calls of one target.

    Source of the rule: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    base: timedelta = timedelta(milliseconds=200)
    cap: timedelta = timedelta(seconds=5)
    tries: int = 3


class Waiting:
    """Waits as a plan asks, or says that it may not.

    A wait lasts the longer of full jitter and the server's hint. None begins after too many tries, that would not end
    before the deadline, or that the target's retry budget does not cover; the budget is asked last, so that a wait that
    is denied for another reason spends nothing. `draw` is uniform in [0, 1); `sleep` takes seconds.
    """

    def __init__(
        self,
        settings: WaitSettings,
        *,
        budgets: RetryBudgets,
        clock: Clock,
        draw: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._budgets = budgets
        self._clock = clock
        self._draw = draw
        self._retrying = AsyncRetrying(
            retry=retry_if_result(lambda result: isinstance(result, Wait)),
            wait=self._longer_of_jitter_and_hint,
            stop=self._denied,
            sleep=sleep,
            retry_error_callback=lambda _: None,
        )

    async def __call__(self, wait: Wait) -> Done:
        """Wait. To tenacity `wait` is the result of the try that just ended, and the next one is not made here."""
        results: Iterator[Wait | bool] = iter((wait, True))

        async def result() -> Wait | bool:
            return next(results)

        allowed: object = await self._retrying(result)
        return Done(now=self._clock.monotonic(), denied=not allowed)

    def _longer_of_jitter_and_hint(self, state: RetryCallState) -> float:
        wait = _asked(state)
        doubled: timedelta = self._settings.base * (1 << max(wait.tries - 1, 0))
        return max(self._draw() * min(doubled, self._settings.cap).total_seconds(), wait.hint)

    def _denied(self, state: RetryCallState) -> bool:
        wait = _asked(state)
        if wait.tries >= self._settings.tries or state.upcoming_sleep >= wait.left:
            return True
        if wait.purpose is WaitFor.OPENING:
            return False
        now = self._clock.monotonic()
        return not self._budgets.of(wait.target.deployment, now).take(now)


def _asked(state: RetryCallState) -> Wait:
    wait = state.outcome.result() if state.outcome else None
    if not isinstance(wait, Wait):
        raise TypeError(f"a wait was expected, not {type(wait).__name__}")
    return wait
