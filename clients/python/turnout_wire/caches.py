"""How often caches had what was looked up in them, and how much they keep, as metrics."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from turnout_wire.metrics import Attributes, Observe


class Counted(Protocol):
    """A cache that counts how often it was asked."""

    @property
    def hits(self) -> int:
        """Lookups that found something, since the start."""
        ...

    @property
    def misses(self) -> int:
        """Those that did not."""
        ...

    @property
    def cached(self) -> int | None:
        """How much it keeps now; None if nobody here knows."""
        ...


class Gauges(Protocol):
    """Where figures are looked up whenever they are exported."""

    def gauge(self, name: str, read: Observe, unit: str = "1") -> None:
        """Report what `read` gives as `name`."""
        ...


def watch_caches(
    metrics: Gauges, caches: Callable[[], Mapping[str, Counted]], attributes: Attributes | None = None
) -> None:
    """Report each of the caches that there are by then. They are read in any thread, so `caches` gives what nobody changes."""
    of: Attributes = attributes or {}

    def lookups() -> Iterable[tuple[float, Attributes]]:
        for name, cache in caches().items():
            yield cache.hits, {**of, "turnout.cache": name, "turnout.result": "hit"}
            yield cache.misses, {**of, "turnout.cache": name, "turnout.result": "miss"}

    def entries() -> Iterable[tuple[float, Attributes]]:
        for name, cache in caches().items():
            if (kept := cache.cached) is not None:
                yield kept, {**of, "turnout.cache": name}

    metrics.gauge("turnout.cache.lookups", lookups)
    metrics.gauge("turnout.cache.entries", entries)
