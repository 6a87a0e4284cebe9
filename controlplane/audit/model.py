"""Entries of the audit log as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from turnout_wire.quick import quick


class Kind(StrEnum):
    """What an entry tells of; it decides how its body is read."""

    DECISION = "decision"
    REFUSAL = "refusal"
    RECEIPT = "receipt"
    STRAY = "stray"
    """A receipt that fits no decision of ours: kept for reconciling, never booked."""
    EXPIRY = "expiry"
    FEEDBACK = "feedback"
    SNAPSHOT = "snapshot"
    """A new version of catalog, policies, keys or callers."""
    KEYS = "keys"
    API_KEY = "api_key"
    """A change of an API key."""
    QUALITY_MODEL = "quality_model"
    """Another quality model in use, or none."""
    DRIFT_REFERENCE = "drift_reference"
    """A workload's drift is told from other days."""
    DRIFT_ACKNOWLEDGEMENT = "drift_acknowledgement"
    """Somebody knows of alarms of drift."""
    ALERT = "alert"
    ERASURE = "erasure"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened. `ref` names it among its kind, once; `decision_id` is empty where it is about none.

    `salt` is 16 random bytes that go into the digest of the body, so that a body that was erased cannot be guessed.
    """

    kind: Kind
    ref: str
    decision_id: str
    at: datetime
    salt: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What several entries refer to by its digest: a catalog, a view of health and statistics, or a quality model."""

    digest: bytes
    kind: str
    body: bytes
