"""What a model of one protocol thought, in the mouth of another protocol: it comes back as what it was."""

from dataplane.snapshot.model import WireProtocol

_MARK = "turnout."
_PROTOCOLS = frozenset(WireProtocol)


def sealed(signature: str, protocol: str, own: WireProtocol) -> str:
    """`signature` as the face of `own` hands it out: its own as it is, another's with the name of its protocol before it.

    SDKs hand signatures back unread. So the next request tells which deployments can take the thinking, and with what seal.
    """
    return signature if protocol in ("", own) else f"{_MARK}{protocol}.{signature}"


def opened(seal: str, own: WireProtocol) -> tuple[str, str]:
    """The signature in what `sealed` made, and the protocol that it is of."""
    if seal.startswith(_MARK):
        protocol, dot, signature = seal.removeprefix(_MARK).partition(".")
        if dot and protocol in _PROTOCOLS:
            return signature, protocol
    return seal, own
