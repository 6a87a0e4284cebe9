"""What a call must have cost, worked out anew from what it used; workers have their own sums, and these check them."""

from dataclasses import dataclass

from controlplane.catalog.model import Price

MTOK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a call used. Cached tokens, read or written, are part of the input."""

    input: int
    output: int
    cached: int = 0
    cache_write: int = 0


def cost_nanousd(used: Tokens, price: Price) -> int:
    """The cost, rounded half up once for the whole call; a cached price that is absent is the input price."""
    cached = min(used.cached, used.input)
    written = min(used.cache_write, used.input - cached)
    read, write = price.cached_input_nanousd_per_mtok, price.cache_write_nanousd_per_mtok
    total = (
        (used.input - cached - written) * price.input_nanousd_per_mtok
        + cached * (price.input_nanousd_per_mtok if read is None else read)
        + written * (price.input_nanousd_per_mtok if write is None else write)
        + used.output * price.output_nanousd_per_mtok
    )
    return (total + MTOK // 2) // MTOK
