"""Percentiles of what cannot all be kept: KLL sketches (Karnin, Lang, Liberty: Optimal Quantile Approximation in Streams, 2016)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasketches import kll_floats_sketch

SIZE = 200
"""Apache DataSketches' default: the rank of a quantile is right to 1.33 % with 99 % confidence; 2 kB however many values."""
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How times are spread. `mean` is exact, the others are of the values that a sketch kept."""

    count: int
    mean: timedelta
    p50: timedelta
    p90: timedelta
    p99: timedelta


def absorbed(sketch: bytes | None, values: Iterable[int]) -> bytes:
    """A sketch with `values` in it."""
    grown = _read(sketch)
    for value in values:
        grown.update(float(value))
    return bytes(grown.serialize())


def merged(sketches: Iterable[bytes]) -> bytes:
    """One sketch of everything that is in `sketches`."""
    whole = _read(None)
    for sketch in sketches:
        whole.merge(_read(sketch))
    return bytes(whole.serialize())


def spread(sketch: bytes | None, *, count: int, total_us: int) -> Spread | None:
    """Count and mean by exact sums in microseconds, percentiles by the sketch; None if there is nothing in it."""
    if sketch is None or count == 0:
        return None
    read = _read(sketch)
    if read.is_empty():
        return None
    p50, p90, p99 = (timedelta(microseconds=round(value)) for value in read.get_quantiles(list(QUANTILES)))
    return Spread(count=count, mean=timedelta(microseconds=total_us / count), p50=p50, p90=p90, p99=p99)


def _read(sketch: bytes | None) -> "kll_floats_sketch":
    """Imported when first needed: it brings numpy, and a control plane that does not fold needs neither."""
    from datasketches import kll_floats_sketch

    return kll_floats_sketch(SIZE) if sketch is None else kll_floats_sketch.deserialize(sketch)
