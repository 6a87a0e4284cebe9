"""Keys live PREPARED, ACTIVE, RETIRED, or REVOKED, and the ring says which one signs."""

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.signing.life import (
    LEAD,
    MAX_KEYS,
    OVERLAP,
    activate,
    prepare,
    private_keys,
    prune,
    revoke,
    signing_key,
)
from controlplane.signing.model import KeyId, KeyRing, KeyState
from turnout_wire.failure import Failure
from turnout_wire.payload_type import CLOCK_SKEW, MAX_DECISION_LIFE

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def prepared(ring: KeyRing, number: int, now: datetime = NOW) -> tuple[KeyRing, KeyId]:
    ring = prepare(ring, public_key=bytes([number]) * 32, issuer="turnout-test", now=now)
    return ring, ring.keys[-1].key_id


def begun() -> tuple[KeyRing, KeyId]:
    """A ring with one key that signs."""
    ring, key_id = prepared(KeyRing(), 1)
    return activate(ring, key_id, now=NOW, lead=timedelta(0)), key_id


def rotated(now: datetime = NOW) -> tuple[KeyRing, KeyId, KeyId]:
    """A ring whose key was just replaced by another."""
    ring, first = begun()
    ring, second = prepared(ring, 2, now)
    return activate(ring, second, now=now), first, second


def states(ring: KeyRing) -> list[KeyState]:
    return [key.state for key in ring.keys]


def signer(ring: KeyRing, now: datetime) -> KeyId | None:
    key = signing_key(ring, now)
    return None if key is None else key.key_id


def test_a_new_key_is_prepared_and_does_not_sign() -> None:
    ring, first = begun()
    ring, _ = prepared(ring, 2)
    assert states(ring) == [KeyState.ACTIVE, KeyState.PREPARED]
    assert signer(ring, NOW + timedelta(days=1)) == first


def test_activating_a_key_retires_the_one_before() -> None:
    ring, _, _ = rotated()
    assert states(ring) == [KeyState.RETIRED, KeyState.ACTIVE]
    assert [key.not_after for key in ring.keys] == [NOW + LEAD + OVERLAP, None]


def test_verifiers_have_the_lead_to_learn_of_a_key_before_it_signs() -> None:
    ring, first, second = rotated()
    assert signer(ring, NOW) == signer(ring, NOW + LEAD - SECOND) == first
    assert signer(ring, NOW + LEAD) == second


def test_a_retired_key_verifies_until_all_that_it_signed_has_expired() -> None:
    assert OVERLAP > MAX_DECISION_LIFE + 2 * CLOCK_SKEW
    ring, first, _ = rotated()
    last_signature = NOW + LEAD
    (retired,) = (key for key in ring.keys if key.key_id == first)
    assert retired.not_after is not None
    assert retired.not_after > last_signature + MAX_DECISION_LIFE + CLOCK_SKEW


def test_every_change_makes_a_new_version() -> None:
    ring, _, second = rotated()
    assert ring.version == 4
    assert prune(revoke(ring, ring.keys[0].key_id, now=NOW), now=NOW + timedelta(days=1)).version == 6
    assert [key.key_id for key in prune(ring, now=NOW + timedelta(days=1)).keys] == [second]


def test_the_active_key_is_not_revoked() -> None:
    ring, first = begun()
    with pytest.raises(Failure, match="activate another key first") as caught:
        revoke(ring, first, now=NOW)
    assert (caught.value.reason, caught.value.metadata["state"]) == ("KEY_STATE", "active")


def test_a_key_that_is_revoked_within_the_lead_stops_signing_at_once() -> None:
    ring, first, second = rotated()
    ring = revoke(ring, first, now=NOW)
    assert states(ring) == [KeyState.REVOKED, KeyState.ACTIVE]
    assert signer(ring, NOW) == second
    assert private_keys(ring, NOW) == {second}


def test_revoking_twice_changes_nothing() -> None:
    ring, first, _ = rotated()
    ring = revoke(ring, first, now=NOW)
    assert revoke(ring, first, now=NOW + SECOND) is ring


def test_a_revoked_key_is_listed_until_all_that_it_signed_has_expired() -> None:
    ring, first, _ = rotated()
    ring = revoke(ring, first, now=NOW + timedelta(minutes=9))
    kept = prune(ring, now=NOW + timedelta(minutes=9) + OVERLAP)
    assert kept is ring
    assert len(prune(ring, now=NOW + timedelta(minutes=9) + OVERLAP + SECOND).keys) == 1


@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.RETIRED, KeyState.REVOKED])
def test_only_a_prepared_key_is_activated(state: KeyState) -> None:
    ring, first, second = rotated()
    if state is KeyState.REVOKED:
        ring = revoke(ring, first, now=NOW)
    with pytest.raises(Failure, match=f"is {state}: only a prepared key can be activated"):
        activate(ring, second if state is KeyState.ACTIVE else first, now=NOW)


@pytest.mark.parametrize("change", [activate, revoke])
def test_an_unknown_key_is_named(change: object) -> None:
    ring, first = begun()
    with pytest.raises(Failure, match=f"no key 'nobody'; there are: {first}") as caught:
        change(ring, KeyId("nobody"), now=NOW)  # type: ignore[operator]  # either step takes these
    assert caught.value.reason == "NOT_FOUND"


def test_a_prepared_key_may_be_revoked() -> None:
    ring, second = prepared(begun()[0], 2)
    assert states(revoke(ring, second, now=NOW)) == [KeyState.ACTIVE, KeyState.REVOKED]


def test_a_key_is_not_prepared_twice() -> None:
    ring, _ = begun()
    with pytest.raises(Failure, match="already"):
        prepared(ring, 1)


def test_a_full_ring_takes_no_key() -> None:
    ring, _ = begun()
    for number in range(2, MAX_KEYS + 1):
        ring, _ = prepared(ring, number)
    with pytest.raises(Failure, match="full") as caught:
        prepared(ring, MAX_KEYS + 1)
    assert caught.value.reason == "KEY_STATE"


def test_a_private_key_is_needed_until_it_has_signed_for_the_last_time() -> None:
    ring, first, second = rotated()
    assert private_keys(ring, NOW) == {first, second}
    assert private_keys(ring, NOW + LEAD) == {second}


def test_two_rotations_within_the_lead_sign_with_keys_that_verifiers_know() -> None:
    ring, first, second = rotated()
    ring, third = prepared(ring, 3, NOW + SECOND)
    ring = activate(ring, third, now=NOW + SECOND)
    assert [signer(ring, NOW + SECOND * after) for after in (1, 5, 6)] == [first, second, third]
    assert private_keys(ring, NOW + 5 * SECOND) == {second, third}


def test_the_active_key_follows_the_one_before_even_if_the_clock_stepped_back() -> None:
    ring, first = begun()
    ring, second = prepared(ring, 2, NOW - timedelta(hours=1))
    ring = activate(ring, second, now=NOW - timedelta(hours=1))
    assert signer(ring, NOW - SECOND) == first
    assert signer(ring, NOW) == signer(ring, NOW + timedelta(days=1)) == second
    assert ring.keys[0].not_after == NOW + OVERLAP


def test_an_empty_ring_signs_nothing() -> None:
    assert signing_key(KeyRing(), NOW) is None
    assert private_keys(KeyRing(), NOW) == frozenset()
