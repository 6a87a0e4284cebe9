"""Identifiers that sort by the time at which they were made."""

from datetime import UTC, datetime, timedelta

RANDOM_BITS = 74
"""How many random bits an identifier takes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def uuid7(now: datetime, random_bits: int) -> str:
    """A UUIDv7 in lower case: 48 bits of Unix time in milliseconds, then 74 random bits (RFC 9562, section 5.7).

    Raises:
        ValueError: `random_bits` is not in [0, 2**74), or `now` is before 1970 or not aware of its zone.
    """
    if now.tzinfo is None:
        raise ValueError("uuid7 needs a time with a zone")
    milliseconds = (now - _EPOCH) // _MILLISECOND
    if milliseconds < 0 or random_bits < 0 or random_bits >> RANDOM_BITS:
        raise ValueError(f"uuid7 needs a time from 1970 on and {RANDOM_BITS} random bits")
    first, second = random_bits >> 62, random_bits & ((1 << 62) - 1)
    digits = f"{milliseconds << 80 | 0x7 << 76 | first << 64 | 0b10 << 62 | second:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
