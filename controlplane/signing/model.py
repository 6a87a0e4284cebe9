"""Verification keys and the ring that they form, as immutable values; private keys are never part of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

KeyId = NewType("KeyId", str)


class KeyState(StrEnum):
    """The life of a key."""

    PREPARED = "prepared"
    ACTIVE = "active"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A verification key: 32 bytes of Ed25519, and its window.

    `signs_from` is a little later than its activation: until then the key before it signs, so that verifiers hear of
    the change before they see it used. It is None before activation.
    """

    key_id: KeyId
    public_key: bytes
    issuer: str
    state: KeyState
    not_before: datetime
    not_after: datetime | None = None
    signs_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """All keys that verifiers need, oldest first. `version` grows with every change; 0 is the ring without keys.

    At most one key is ACTIVE, and exactly one as soon as there has been one.
    """

    version: int = 0
    keys: tuple[Key, ...] = ()
