"""Signatures that this process made lately, so that it need not check them when they come back."""

import hashlib
from collections import OrderedDict

from turnout_wire.ed25519 import key_id_of
from turnout_wire.signature import Signature, Signer, Verifier

REMEMBERED = 16_384
"""Signatures that are remembered: some 4 MB. A receipt comes seconds after its decision."""


class OwnSignatures:
    """A Signer that remembers what it signed, and a Verifier that takes as good what it remembers and checks the rest.

    Checking an Ed25519 signature takes longest of all that is done with a receipt, and nearly every receipt carries a decision
    of the same process. Bounded; the oldest goes first.
    """

    def __init__(self, signer: Signer, verify: Verifier, most: int = REMEMBERED) -> None:
        self._signer = signer
        self._verify = verify
        self._most = most
        self._made: OrderedDict[bytes, None] = OrderedDict()

    def sign(self, message: bytes) -> Signature:
        """See Signer."""
        signature = self._signer.sign(message)
        self._made[_digest(signature.key_id, message, signature.value)] = None
        if len(self._made) > self._most:
            self._made.popitem(last=False)
        return signature

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """See Verifier."""
        return _digest(key_id_of(public_key), message, signature) in self._made or self._verify(
            public_key, message, signature
        )


def _digest(key_id: str, message: bytes, signature: bytes) -> bytes:
    """Of all three; key id and signature have lengths of their own, so that nothing can be moved from one to another."""
    return hashlib.sha256(b"%b %d %b%b" % (key_id.encode(), len(signature), signature, message)).digest()
