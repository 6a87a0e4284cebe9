"""The single steps of verification, each with the reason of its own.

Times are compared by their difference, which cannot overflow whatever a decision says.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from dataplane.permit.model import PermittedDecision
from dataplane.permit.presented import Presented, Sealed
from dataplane.permit.refusal import Refusal, RefusalReason
from dataplane.snapshot.model import Key, KeyState
from turnout_wire.batch import misshapen, signed_message
from turnout_wire.digest import request_digest
from turnout_wire.payload_type import CLOCK_SKEW, MAX_DECISION_LIFE, PayloadType
from turnout_wire.signature import Verifier

SIGNATURE_BYTES = 64
MAX_NAME_LENGTH = 128
MAX_KEY_ID_LENGTH = 64


def envelope_rules(sealed: Sealed, limit: int) -> Refusal | None:
    """Size and rules of the envelope; `limit` is the largest payload in bytes."""
    if not 0 < len(sealed.payload) <= limit:
        return _malformed(f"its payload has {len(sealed.payload)} bytes, and 1 to {limit} are allowed")
    if not 0 < len(sealed.payload_type) <= MAX_NAME_LENGTH:
        return _malformed(f"its payload_type has not 1 to {MAX_NAME_LENGTH} characters")
    if len(sealed.signatures) != 1:
        return _malformed(f"it has {len(sealed.signatures)} signatures, and exactly one is allowed")
    signature = sealed.signatures[0]
    if not 0 < len(signature.key_id) <= MAX_KEY_ID_LENGTH:
        return _malformed(f"its key_id has not 1 to {MAX_KEY_ID_LENGTH} characters")
    if len(signature.value) != SIGNATURE_BYTES:
        return _malformed(f"its signature has {len(signature.value)} bytes instead of {SIGNATURE_BYTES}")
    fault = misshapen(signature.inclusion) if signature.inclusion is not None else ""
    return _malformed(fault) if fault else None


def _malformed(what: str) -> Refusal:
    return Refusal(
        reason=RefusalReason.ENVELOPE_MALFORMED,
        message=f"The envelope is not well-formed: {what}. Send the envelope as DecideRoute gave it.",
    )


def payload_type(sealed: Sealed, expected: PayloadType) -> Refusal | None:
    """The envelope says that it holds what is expected here."""
    if sealed.payload_type == expected:
        return None
    return Refusal(
        reason=RefusalReason.PAYLOAD_TYPE_UNKNOWN,
        message=f"The envelope holds {sealed.payload_type!r} where {expected} is expected.",
    )


def known_key(sealed: Sealed, keys: Mapping[str, Key]) -> Key | Refusal:
    """The key that is said to have signed."""
    key_id = sealed.signatures[0].key_id
    return keys.get(key_id) or Refusal(
        reason=RefusalReason.KEY_UNKNOWN,
        message=f"No key {key_id!r} is known here; decide again with the control plane that this worker belongs to.",
    )


def key_in_force(key: Key, now: datetime) -> Refusal | None:
    """The key is neither revoked nor only prepared, and `now` is in its window."""
    if key.state is KeyState.REVOKED:
        return Refusal(
            reason=RefusalReason.KEY_REVOKED,
            message=f"The key {key.key_id} is revoked; decide again to get a decision by the key of now.",
        )
    if key.state is KeyState.PREPARED or key.not_before - now > CLOCK_SKEW:
        return _early_key(key)
    if key.not_after is not None and now > key.not_after:
        return Refusal(
            reason=RefusalReason.KEY_EXPIRED,
            message=f"The key {key.key_id} was valid until {_text(key.not_after)}, it is {_text(now)}; decide again.",
        )
    return None


def _early_key(key: Key) -> Refusal:
    return Refusal(
        reason=RefusalReason.KEY_NOT_YET_VALID,
        message=f"The key {key.key_id} is {key.state}, for use from {_text(key.not_before)}; decide again in a moment.",
    )


def signature(sealed: Sealed, key: Key, verifier: Verifier) -> Refusal | None:
    """The signature is by the key over exactly these bytes as this type, or over a root to which their path leads."""
    signed = sealed.signatures[0]
    message = signed_message(sealed.payload_type, sealed.payload, signed.inclusion)
    if message is not None and verifier(key.public_key, message, signed.value):
        return None
    return Refusal(
        reason=RefusalReason.SIGNATURE_INVALID,
        message=f"The signature does not fit key {key.key_id} and these bytes: something was changed; decide again.",
    )


def issuer(decision: PermittedDecision, key: Key) -> Refusal | None:
    """Who decided is who the key belongs to, and the key was in its window by then."""
    if decision.issuer != key.issuer:
        return Refusal(
            reason=RefusalReason.ISSUER_MISMATCH,
            message=f"The decision is by {decision.issuer!r}, and the key {key.key_id} belongs to {key.issuer!r}.",
        )
    if key.not_before - decision.issued_at > CLOCK_SKEW:
        return _early_key(key)
    return None


def features(decision: PermittedDecision, known: frozenset[str]) -> Refusal | None:
    """Whatever the decision restricts is understood here."""
    missing = decision.required_features - known
    if not missing:
        return None
    return Refusal(
        reason=RefusalReason.FEATURE_UNSUPPORTED,
        message=f"This worker does not know {', '.join(sorted(missing))}; send the decision to a newer worker.",
    )


def audience(decision: PermittedDecision, pool: str) -> Refusal | None:
    """The decision is for this pool."""
    if pool in decision.audiences:
        return None
    pools = ", ".join(sorted(decision.audiences))
    return Refusal(
        reason=RefusalReason.AUDIENCE_MISMATCH,
        message=f"The decision is for {pools}, and this worker is in {pool!r}; send it to a worker of its own pools.",
    )


def life(decision: PermittedDecision) -> Refusal | None:
    """The decision lives for some time, and for no more than is allowed."""
    if timedelta(0) < decision.expires_at - decision.issued_at <= MAX_DECISION_LIFE:
        return None
    return Refusal(
        reason=RefusalReason.DECISION_MALFORMED,
        message=f"The decision is not well-formed: expires_at is not within {MAX_DECISION_LIFE} after issued_at.",
    )


def time_window(decision: PermittedDecision, now: datetime) -> Refusal | None:
    """The decision was issued and has not expired, give or take the skew of two clocks."""
    if decision.issued_at - now > CLOCK_SKEW:
        return Refusal(
            reason=RefusalReason.DECISION_NOT_YET_VALID,
            message=f"The decision is of {_text(decision.issued_at)}, and here it is {_text(now)}: check the clocks.",
        )
    if now - decision.expires_at >= CLOCK_SKEW:
        return Refusal(
            reason=RefusalReason.DECISION_EXPIRED,
            message=f"The decision was valid until {_text(decision.expires_at)}, and it is {_text(now)}; decide again.",
        )
    return None


def tenant(decision: PermittedDecision, presented: Presented) -> Refusal | None:
    """The caller belongs to the tenant that it was decided for."""
    if decision.tenant == presented.tenant:
        return None
    return Refusal(
        reason=RefusalReason.TENANT_MISMATCH,
        message=f"The decision is for another tenant than {presented.tenant!r}; decide again as this caller.",
    )


def presenter(decision: PermittedDecision, presented: Presented) -> Refusal | None:
    """The caller is the one that the decision was given to."""
    if decision.presenter == presented.presenter:
        return None
    return Refusal(
        reason=RefusalReason.PRESENTER_MISMATCH,
        message=f"The decision was given to another caller than {presented.presenter!r}; decide again as this caller.",
    )


def digest(decision: PermittedDecision, presented: Presented) -> Refusal | None:
    """The request is the one that was decided on, to the byte."""
    if decision.request_digest == request_digest(presented.content_type, presented.body):
        return None
    return Refusal(
        reason=RefusalReason.DIGEST_MISMATCH,
        message="The payload is not the one that was decided on; send the same bytes and content type or decide again.",
    )


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
