"""How caches do is told by figures, whichever caches there are."""

from controlplane.routing.remembered import Remembered
from turnout_embedding import load
from turnout_wire.caches import Counted, watch_caches
from turnout_wire.metrics import PlainMetrics


class Shared:
    """A cache that others fill too."""

    hits, misses, cached = 2, 1, None


def read(metrics: PlainMetrics, name: str) -> dict[tuple[object, ...], float]:
    """What a gauge gives, by the values of its attributes."""
    return {tuple(of.values()): value for value, of in metrics.gauges[name].read()}


def test_hits_misses_and_entries_are_figures() -> None:
    metrics, cache = PlainMetrics(), Remembered[str, int](2)
    watch_caches(metrics, lambda: {"reading": cache})
    cache.find("a")
    cache.keep("a", 1)
    cache.find("a")
    cache.find("a")
    assert read(metrics, "turnout.cache.lookups") == {("reading", "hit"): 2, ("reading", "miss"): 1}
    assert read(metrics, "turnout.cache.entries") == {("reading",): 1}


def test_a_cache_that_comes_later_is_told_of_once_it_is_there() -> None:
    metrics, caches = PlainMetrics(), dict[str, Counted]()
    watch_caches(metrics, lambda: dict(caches), {"turnout.worker": "w"})
    assert read(metrics, "turnout.cache.lookups") == {}
    caches["word"] = encode = load()
    encode("one two two three")
    encode("three two")
    assert read(metrics, "turnout.cache.lookups") == {("w", "word", "hit"): 3, ("w", "word", "miss"): 3}
    assert read(metrics, "turnout.cache.entries") == {("w", "word"): 3}


def test_of_a_cache_that_others_fill_too_nobody_says_how_much_it_keeps() -> None:
    metrics = PlainMetrics()
    watch_caches(metrics, lambda: {"answer": Shared()})
    assert read(metrics, "turnout.cache.lookups") == {("answer", "hit"): 2, ("answer", "miss"): 1}
    assert read(metrics, "turnout.cache.entries") == {}
