"""Why a decision may not run here and now."""

from dataclasses import dataclass
from enum import StrEnum

from turnout_wire.failure import Failure


class RefusalReason(StrEnum):
    """The public reasons, in the order in which they are found."""

    ENVELOPE_MALFORMED = "ENVELOPE_MALFORMED"
    PAYLOAD_TYPE_UNKNOWN = "PAYLOAD_TYPE_UNKNOWN"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_REVOKED = "KEY_REVOKED"
    KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
    KEY_EXPIRED = "KEY_EXPIRED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    DECISION_MALFORMED = "DECISION_MALFORMED"
    ISSUER_MISMATCH = "ISSUER_MISMATCH"
    FEATURE_UNSUPPORTED = "FEATURE_UNSUPPORTED"
    AUDIENCE_MISMATCH = "AUDIENCE_MISMATCH"
    DECISION_NOT_YET_VALID = "DECISION_NOT_YET_VALID"
    DECISION_EXPIRED = "DECISION_EXPIRED"
    TENANT_MISMATCH = "TENANT_MISMATCH"
    PRESENTER_MISMATCH = "PRESENTER_MISMATCH"
    DIGEST_MISMATCH = "DIGEST_MISMATCH"
    DECISION_REPLAYED = "DECISION_REPLAYED"
    REPLAY_GUARD_FULL = "REPLAY_GUARD_FULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The first reason that was found, and one sentence with the way out."""

    reason: RefusalReason
    message: str

    def failure(self) -> Failure:
        """What the caller is told."""
        return Failure(self.reason, self.message)
