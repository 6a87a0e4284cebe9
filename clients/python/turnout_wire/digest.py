"""The digest that binds a decision to a request."""

import hashlib

from turnout_wire.pae import pae_header


def request_digest(content_type: str, body: bytes) -> bytes:
    """SHA-256 over PAE(content_type, body): 32 bytes. The body is not copied, for it may be 8 MiB."""
    hasher = hashlib.sha256(pae_header(content_type, len(body)))
    hasher.update(body)
    return hasher.digest()
