"""Counts of calls over the last while, in buckets of time."""


class Window:
    """Counts of calls, failures and slow calls in the last `buckets` × `width` seconds; its size never changes."""

    __slots__ = ("_buckets", "_epoch", "_width", "calls", "failures", "slow")

    def __init__(self, *, width: float, buckets: int) -> None:
        self._width = width
        self._buckets = [(0, 0, 0)] * buckets
        self._epoch = 0
        self.calls = self.failures = self.slow = 0

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        """Count one call that ended at `now`."""
        self.move(now)
        place = self._epoch % len(self._buckets)
        calls, failures, slows = self._buckets[place]
        self._buckets[place] = (calls + 1, failures + failed, slows + slow)
        self.calls += 1
        self.failures += failed
        self.slow += slow

    def move(self, now: float) -> None:
        """Forget what is too old at `now`."""
        epoch = int(now // self._width)
        for passed in range(max(self._epoch + 1, epoch - len(self._buckets) + 1), epoch + 1):
            self._drop(passed % len(self._buckets))
        self._epoch = max(self._epoch, epoch)

    def clear(self) -> None:
        """Forget everything."""
        self._buckets = [(0, 0, 0)] * len(self._buckets)
        self.calls = self.failures = self.slow = 0

    def _drop(self, place: int) -> None:
        calls, failures, slows = self._buckets[place]
        self._buckets[place] = (0, 0, 0)
        self.calls -= calls
        self.failures -= failures
        self.slow -= slows
