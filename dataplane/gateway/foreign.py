"""What a model of one protocol thought, in the mouth of another protocol: it comes back as what it was."""

from dataplane.chat.model import Thinking
from dataplane.snapshot.model import WireProtocol

MARK = "turnout."
"""Begins a seal that a gateway wrote, which no provider can read; the name of the protocol follows."""
_PROTOCOLS = frozenset(WireProtocol)
_SIGNATURE, _REDACTED = "s", "r"


def sealed(signature: str, protocol: str, own: WireProtocol) -> str:
    """`signature` as the face of `own` hands it out: its own as it is, another's with the name of its protocol before it.

    SDKs hand seals back unread. So the next request tells which deployments can take the thinking, and with what seal.
    """
    return signature if protocol in ("", own) else _marked(protocol, signature)


def opened(seal: str, own: WireProtocol) -> tuple[str, str]:
    """The signature in what `sealed` made, and the protocol that it is of."""
    return _read(seal) or (seal, own)


def packed(thinking: Thinking, own: WireProtocol) -> str:
    """A seal that also tells signatures from redacted thinking, where a protocol has one place for both; always marked."""
    held = _REDACTED + thinking.redacted if thinking.redacted else _SIGNATURE + thinking.signature
    return _marked(thinking.protocol or own, held)


def unpacked(text: str, seal: str) -> Thinking | None:
    """The thought whose text is `text` with what `packed` made; None if that is not the seal."""
    read = _read(seal)
    if read is None:
        return None
    held, protocol = read
    if held.startswith(_REDACTED):
        return Thinking(text=text, redacted=held[1:], protocol=protocol)
    return Thinking(text=text, signature=held[1:], protocol=protocol)


def _marked(protocol: str, held: str) -> str:
    return f"{MARK}{protocol}.{held}"


def _read(seal: str) -> tuple[str, str] | None:
    if not seal.startswith(MARK):
        return None
    protocol, dot, held = seal.removeprefix(MARK).partition(".")
    return (held, protocol) if dot and protocol in _PROTOCOLS else None
