"""Ed25519 by libsodium: signing, verifying, and the names of keys."""

import hashlib

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from turnout_wire.signature import Signature

SEED_BYTES = 32
"""Length of a private key's seed."""


def key_id_of(public_key: bytes) -> str:
    """A key's id: the first 16 hex digits of SHA-256 over the public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


class Ed25519Signer:
    """Signs with one private key, which no representation of this object shows.

    Raises:
        ValueError: the seed does not have 32 bytes.
    """

    __slots__ = ("_key", "key_id", "public_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._key = SigningKey(seed)
        self.public_key = bytes(self._key.verify_key)
        self.key_id = key_id_of(self.public_key)

    def sign(self, message: bytes) -> Signature:
        """The signature over `message`."""
        return Signature(key_id=self.key_id, value=self._key.sign(message).signature)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is by `public_key` over exactly `message`; False as well where a length is wrong.

    libsodium also refuses points of small order and values that are not in their canonical form.
    """
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True
