"""The form of a private key in a file: PKCS #8 in PEM, which other tools read as well."""

import base64
import binascii
from typing import Final

from turnout_wire.ed25519 import SEED_BYTES

# SEQUENCE(version 0, algorithm id-Ed25519 1.3.101.112, OCTET STRING(OCTET STRING(32 bytes))): RFC 8410, section 7.
_PREFIX: Final = bytes.fromhex("302e020100300506032b657004220420")
_BEGIN: Final = b"-----BEGIN PRIVATE KEY-----\n"
_END: Final = b"\n-----END PRIVATE KEY-----\n"


def to_pem(seed: bytes) -> bytes:
    """The file for a seed of 32 bytes."""
    return _BEGIN + base64.b64encode(_PREFIX + seed) + _END


def from_pem(data: bytes) -> bytes:
    """The seed in a file.

    Raises:
        ValueError: it is not what `to_pem` makes; the message shows nothing of it.
    """
    problem = "not an Ed25519 private key in PKCS #8 PEM"
    if not data.startswith(_BEGIN) or not data.endswith(_END):
        raise ValueError(problem)
    try:
        der = base64.b64decode(data[len(_BEGIN) : -len(_END)], validate=True)
    except binascii.Error:
        raise ValueError(problem) from None
    if len(der) != len(_PREFIX) + SEED_BYTES or not der.startswith(_PREFIX):
        raise ValueError(problem)
    return der[len(_PREFIX) :]
