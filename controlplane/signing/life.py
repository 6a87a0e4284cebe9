"""How a key ring may change: every step from one ring to the next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from controlplane.signing.model import Key, KeyId, KeyRing, KeyState
from turnout_wire.ed25519 import key_id_of
from turnout_wire.failure import Failure

OVERLAP = timedelta(minutes=10)
"""How long a key is known after its last signature: longer than the longest life of a decision."""

LEAD = timedelta(seconds=5)
"""How long verifiers have to learn of an activation before the key is used."""

MAX_KEYS = 64
"""What a key set may hold."""
_OPEN = datetime.max.replace(tzinfo=UTC)


def find(ring: KeyRing, key_id: KeyId) -> Key:
    """The key of that id.

    Raises:
        Failure: NOT_FOUND.
    """
    for key in ring.keys:
        if key.key_id == key_id:
            return key
    known = ", ".join(key.key_id for key in ring.keys)
    raise Failure("NOT_FOUND", f"no key {key_id!r}; there are: {known}", field="key_id")


def prepare(ring: KeyRing, *, public_key: bytes, issuer: str, now: datetime) -> KeyRing:
    """The ring with a new key that verifiers learn before anything is signed with it.

    Raises:
        Failure: KEY_STATE, the ring is full or has the key already.
    """
    key_id = KeyId(key_id_of(public_key))
    check_room(ring)
    if any(key.key_id == key_id for key in ring.keys):
        raise Failure("KEY_STATE", f"the ring has key {key_id} already; prepare another one", field="key_id")
    key = Key(key_id=key_id, public_key=public_key, issuer=issuer, state=KeyState.PREPARED, not_before=now)
    return KeyRing(version=ring.version + 1, keys=(*ring.keys, key))


def check_room(ring: KeyRing) -> None:
    """Raises Failure KEY_STATE if the ring is full."""
    if len(ring.keys) >= MAX_KEYS:
        raise Failure("KEY_STATE", f"the ring is full with {MAX_KEYS} keys; wait until retired or revoked keys run out")


def activate(
    ring: KeyRing, key_id: KeyId, *, now: datetime, lead: timedelta = LEAD, overlap: timedelta = OVERLAP
) -> KeyRing:
    """The ring in which a prepared key is active and the one before it retired.

    For `lead` the retired key goes on signing; for `overlap` after that it still verifies.

    Raises:
        Failure: NOT_FOUND; KEY_STATE, the key is not prepared.
    """
    key = find(ring, key_id)
    if key.state is not KeyState.PREPARED:
        raise _wrong_state(key, "only a prepared key can be activated; prepare one first")
    # Never before the key that it follows, even if the clock stepped back in between.
    signs_from = max([now + lead, *map(_signs_from, _signers(ring))])
    active = replace(key, state=KeyState.ACTIVE, not_before=now, signs_from=signs_from)
    keys = (_retired(other, signs_from + overlap) if other.state is KeyState.ACTIVE else other for other in ring.keys)
    return _changed(KeyRing(version=ring.version, keys=tuple(keys)), active)


def revoke(ring: KeyRing, key_id: KeyId, *, now: datetime, overlap: timedelta = OVERLAP) -> KeyRing:
    """The ring in which nothing that the key signed verifies any more; unchanged if that is so already.

    The key stays listed for `overlap`, so that verifiers name the true reason.

    Raises:
        Failure: NOT_FOUND; KEY_STATE, the key is active.
    """
    key = find(ring, key_id)
    if key.state is KeyState.REVOKED:
        return ring
    if key.state is KeyState.ACTIVE:
        raise _wrong_state(key, "activate another key first, then revoke this one")
    return _changed(ring, replace(key, state=KeyState.REVOKED, not_after=now + overlap))


def prune(ring: KeyRing, *, now: datetime) -> KeyRing:
    """The ring without the keys whose time is over; the same ring if there are none."""
    kept = tuple(key for key in ring.keys if key.not_after is None or now <= key.not_after)
    return ring if len(kept) == len(ring.keys) else KeyRing(version=ring.version + 1, keys=kept)


def signing_key(ring: KeyRing, now: datetime) -> Key | None:
    """The key to sign with: the one activated last whose `signs_from` has come, else the first that will sign."""
    signers = _signers(ring)
    ready = [key for key in signers if _signs_from(key) <= now]
    return max(ready, key=_turn) if ready else min(signers, key=_turn, default=None)


def private_keys(ring: KeyRing, now: datetime) -> frozenset[KeyId]:
    """The keys whose private halves are needed from `now` on; those of all others are to be destroyed."""
    prepared = {key.key_id for key in ring.keys if key.state is KeyState.PREPARED}
    current = signing_key(ring, now)
    since = now if current is None else _signs_from(current)
    return frozenset(prepared | {key.key_id for key in _signers(ring) if _signs_from(key) >= since})


def _signers(ring: KeyRing) -> list[Key]:
    return [key for key in ring.keys if key.state in (KeyState.ACTIVE, KeyState.RETIRED)]


def _signs_from(key: Key) -> datetime:
    return key.signs_from or key.not_before


def _turn(key: Key) -> tuple[datetime, bool, datetime]:
    """Of keys that sign from the same moment on, for they were activated within one lead, the one that was activated last."""
    return _signs_from(key), key.state is KeyState.ACTIVE, key.not_after or _OPEN


def _retired(key: Key, not_after: datetime) -> Key:
    return replace(key, state=KeyState.RETIRED, not_after=not_after)


def _changed(ring: KeyRing, key: Key) -> KeyRing:
    keys = tuple(key if other.key_id == key.key_id else other for other in ring.keys)
    return KeyRing(version=ring.version + 1, keys=keys)


def _wrong_state(key: Key, way_out: str) -> Failure:
    return Failure(
        "KEY_STATE",
        f"key {key.key_id} is {key.state}: {way_out}",
        field="key_id",
        metadata={"key_id": key.key_id, "state": key.state},
    )
