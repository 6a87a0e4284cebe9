"""Whether a decision may run here and now: the steps, in their order."""

from collections.abc import Mapping
from datetime import datetime

from dataplane.permit import steps
from dataplane.permit.context import Context
from dataplane.permit.model import PermittedDecision
from dataplane.permit.presented import Presented, Sealed
from dataplane.permit.refusal import Refusal
from dataplane.snapshot.model import Key
from turnout_wire.payload_type import MAX_PAYLOAD_BYTES, PayloadType
from turnout_wire.signature import Verifier


def authenticate(
    sealed: Sealed, keys: Mapping[str, Key], *, expected: PayloadType, verifier: Verifier, now: datetime
) -> Key | Refusal:
    """The key that signed exactly these bytes as `expected`, or the first reason to believe nothing of them.

    Nothing is parsed before this has passed. It serves every payload type.
    """
    refusal = steps.envelope_rules(sealed, MAX_PAYLOAD_BYTES[expected]) or steps.payload_type(sealed, expected)
    if refusal is not None:
        return refusal
    key = steps.known_key(sealed, keys)
    if isinstance(key, Refusal):
        return key
    return steps.key_in_force(key, now) or steps.signature(sealed, key, verifier) or key


def verify(
    presented: Presented, keys: Mapping[str, Key], context: Context, now: datetime
) -> PermittedDecision | Refusal:
    """The decision, now counted as run once, or the first reason why it may not run.

    Whoever gets a decision and does not begin to run it gives the run back with `context.guard.release`.
    The guard comes last, so that nothing that is refused takes up its room.
    """
    key = authenticate(presented.sealed, keys, expected=PayloadType.DECISION, verifier=context.verifier, now=now)
    if isinstance(key, Refusal):
        return key
    decision = context.read(presented.sealed.payload)
    if isinstance(decision, Refusal):
        return decision
    return (
        steps.issuer(decision, key)
        or steps.features(decision, context.features)
        or steps.audience(decision, context.pool)
        or steps.life(decision)
        or steps.time_window(decision, now)
        or steps.tenant(decision, presented)
        or steps.presenter(decision, presented)
        or steps.digest(decision, presented)
        or context.guard.admit(decision, now)
        or decision
    )
