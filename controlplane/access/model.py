"""Callers, their roles and their API keys as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

ApiKeyId = NewType("ApiKeyId", str)


class Role(StrEnum):
    """What a caller may do."""

    CALLER = "caller"
    """Ask for decisions and run them."""
    WORKER = "worker"
    """Receive snapshots and report receipts."""
    OPERATOR = "operator"
    """Change catalog, keys and callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who may call: known by SHA-256 of a token with at least 128 random bits, so no salt is needed.

    `expires_at` None means that the token lasts.
    """

    name: str
    tenant: str
    token_sha256: bytes
    roles: frozenset[Role]
    expires_at: datetime | None = None


class ApiKeyState(StrEnum):
    """Where an API key is in its life."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Change(StrEnum):
    """What was done to an API key."""

    CREATED = "created"
    ROTATED = "rotated"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The last change of a key: the how-manieth it was, what, by whom, and when."""

    number: int
    change: Change
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret as it is kept: its digest, and its last characters for recognizing it. `expires_at` None: as long as its key."""

    token_sha256: bytes
    last_characters: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of one caller, with its secrets, the newest first."""

    key_id: ApiKeyId
    name: str
    tenant: str
    roles: frozenset[Role]
    secrets: tuple[Secret, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    note: Note

    def state(self, now: datetime) -> ApiKeyState:
        """Where it is in its life."""
        if self.revoked_at is not None:
            return ApiKeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return ApiKeyState.EXPIRED
        return ApiKeyState.ACTIVE
