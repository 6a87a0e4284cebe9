"""A signature, who makes it and who checks it, whatever the keys are kept in."""

from dataclasses import dataclass
from typing import Protocol

from turnout_wire.quick import quick


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """The place of an envelope among all that were signed at once, and the hashes beside the way up to their root."""

    leaf_index: int
    tree_size: int
    path: tuple[bytes, ...]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature (64 bytes for Ed25519) by the key `key_id`; with an inclusion it is over the root that its path leads to."""

    key_id: str
    value: bytes
    inclusion: Inclusion | None = None


class Signer(Protocol):
    """Signs with the key of the moment; the answer says which one that was, for it may change between two calls."""

    def sign(self, message: bytes) -> Signature:
        """The signature over `message`."""
        ...


class Verifier(Protocol):
    """Checks signatures; one call, so that a function will do."""

    def __call__(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is by `public_key` over exactly `message`; False as well where a length is wrong."""
        ...
