"""Bodies that come compressed though nobody asked for it."""

import zlib
from collections.abc import Callable

from dataplane.provider.transport import TransportFailure, Trouble

Decode = Callable[[bytes], bytes]

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
MOST_AT_ONCE = 16 * 1024 * 1024
"""Bytes that one piece may become at most, so that a small one cannot fill the memory."""


def decoder(encoding: str) -> Decode | None:
    """What unpacks a body; None where there is nothing to unpack. Raises TransportFailure for what is not known."""
    kind = encoding.strip().lower()
    if kind in ("", "identity"):
        return None
    if kind not in _WINDOWS:
        raise TransportFailure(Trouble.MALFORMED, f"the answer is packed as {kind[:32]!r}, and was asked for as it is")
    unpacking = zlib.decompressobj(_WINDOWS[kind])

    def unpack(data: bytes) -> bytes:
        try:
            unpacked = unpacking.decompress(data, MOST_AT_ONCE)
        except zlib.error as error:
            raise TransportFailure(Trouble.MALFORMED, f"the answer does not unpack: {error}") from None
        if unpacking.unconsumed_tail:
            raise TransportFailure(
                Trouble.MALFORMED, f"a piece of the answer unpacks to more than {MOST_AT_ONCE} bytes"
            )
        return unpacked

    return unpack
