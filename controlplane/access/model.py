"""Callers and their roles as values."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do."""

    CALLER = "caller"
    """Ask for decisions and run them."""
    WORKER = "worker"
    """Receive snapshots and report receipts."""
    OPERATOR = "operator"
    """Change catalog and keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who may call: known by SHA-256 of a token with at least 128 random bits, so no salt is needed."""

    name: str
    tenant: str
    token_sha256: bytes
    roles: frozenset[Role]
