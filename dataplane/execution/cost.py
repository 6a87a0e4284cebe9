"""What a call costs, in integer nano-dollars."""

from dataclasses import dataclass, replace

from dataplane.chat.model import Usage
from dataplane.execution.verdict import CallEnd
from dataplane.permit.model import Target
from dataplane.provider.model import Verdict
from dataplane.snapshot.model import Price

MTOK = 1_000_000
BYTES_PER_TOKEN = 4
"""UTF-8 bytes of text for one token, where nobody counted: right for English, and nearer than characters elsewhere."""

MAYBE_DONE = frozenset({408, 504, 524})
"""Statuses of a gateway that gave up waiting: the model behind it may have worked, and be billed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """The usage that a call is settled at, and its cost; `estimated` where the provider did not state it."""

    usage: Usage | None
    cost_nanousd: int
    estimated: bool


FREE = Charge(usage=None, cost_nanousd=0, estimated=False)


def cost_nanousd(usage: Usage, price: Price) -> int:
    """The cost of `usage`, rounded half up once for the whole call.

    Cached and cache-write tokens are part of the input and have prices of their own where the catalog has them.
    """
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    cached_price = _or(price.cached_input_nanousd_per_mtok, price.input_nanousd_per_mtok)
    write_price = _or(price.cache_write_nanousd_per_mtok, price.input_nanousd_per_mtok)
    total = (
        (usage.input_tokens - cached - written) * price.input_nanousd_per_mtok
        + cached * cached_price
        + written * write_price
        + usage.output_tokens * price.output_nanousd_per_mtok
    )
    return (total + MTOK // 2) // MTOK


def charge(end: CallEnd, usage: Usage | None, *, streamed_bytes: int, target: Target, price: Price) -> Charge:
    """What a call that ended so is settled at.

    The provider's own figures for a whole answer are taken as they are. Nothing is billed for what was never sent and
    for an error that came instead of an answer. All else may be billed, so it settles at an estimate, and is flagged: the
    input as reported or as the decision estimated it, the output as reported or as counted from what was streamed,
    whichever is more; and the decision's whole estimate where neither usage nor content was seen.
    """
    whole = end.verdict is Verdict.SUCCEEDED
    if whole and usage:
        return Charge(usage=usage, cost_nanousd=cost_nanousd(usage, price), estimated=usage.estimated)
    if not whole and not _may_be_billed(end, usage, streamed_bytes):
        return FREE
    guess = estimate(usage, streamed_bytes=streamed_bytes, target=target)
    if not usage and not streamed_bytes and not guess.input_tokens and not guess.output_tokens:
        return Charge(usage=guess, cost_nanousd=target.cost_nanousd, estimated=True)
    return Charge(usage=guess, cost_nanousd=cost_nanousd(guess, price), estimated=True)


def estimate(usage: Usage | None, *, streamed_bytes: int, target: Target) -> Usage:
    """The usage of a call that was not told, or told in part; flagged as estimated."""
    counted = -(-streamed_bytes // BYTES_PER_TOKEN)
    if usage:
        return replace(usage, output_tokens=max(usage.output_tokens, counted), estimated=True)
    output = counted or target.output_tokens
    return Usage(input_tokens=target.input_tokens, output_tokens=output, estimated=True)


def _may_be_billed(end: CallEnd, usage: Usage | None, streamed_bytes: int) -> bool:
    if end.unsent:
        return False
    if usage or streamed_bytes:
        return True
    return end.http_status < 400 or end.http_status in MAYBE_DONE


def _or(price: int | None, other: int) -> int:
    return other if price is None else price
