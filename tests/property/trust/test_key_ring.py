"""However keys are rotated, whatever was signed verifies for as long as it lives, unless its key was revoked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.signing import life
from controlplane.signing.model import Key, KeyRing, KeyState
from dataplane.permit import steps
from dataplane.snapshot import model as worker
from turnout_wire.failure import Failure
from turnout_wire.payload_type import CLOCK_SKEW, MAX_DECISION_LIFE

START = datetime(2026, 1, 15, 12, tzinfo=UTC)
NO_TIME = timedelta(0)

changes = st.lists(
    st.tuples(
        st.sampled_from(["prepare", "activate", "revoke", "prune"]),
        st.integers(min_value=0, max_value=5),
        st.timedeltas(min_value=timedelta(0), max_value=timedelta(minutes=20)) | st.just(timedelta(0)),
    ),
    max_size=25,
)


def begun() -> KeyRing:
    ring = life.prepare(KeyRing(), public_key=bytes(32), issuer="turnout-test", now=START)
    return life.activate(ring, ring.keys[0].key_id, now=START, lead=timedelta(0))


def step(ring: KeyRing, what: str, which: int, now: datetime, number: int) -> KeyRing:
    key = ring.keys[which % len(ring.keys)]
    try:
        match what:
            case "prepare":
                return life.prepare(ring, public_key=number.to_bytes(32), issuer="turnout-test", now=now)
            case "activate":
                return life.activate(ring, key.key_id, now=now)
            case "revoke":
                return life.revoke(ring, key.key_id, now=now)
            case _:
                return life.prune(ring, now=now)
    except Failure as failure:
        assert failure.reason == "KEY_STATE"  # noqa: PT017 - most sequences have a step that is refused
        return ring


def lives(sequence: list[tuple[str, int, timedelta]]) -> Iterator[tuple[KeyRing, datetime]]:
    """The ring after each step, and when that was."""
    ring, now = begun(), START
    yield ring, now
    for number, (what, which, after) in enumerate(sequence, start=1):
        now += after
        ring = step(ring, what, which, now, number)
        yield ring, now


def as_worker_sees(key: Key) -> worker.Key:
    return worker.Key(
        key_id=key.key_id,
        public_key=key.public_key,
        issuer=key.issuer,
        state=worker.KeyState(key.state),
        not_before=key.not_before,
        not_after=key.not_after,
    )


@given(changes)
def test_there_is_always_one_active_key_and_one_to_sign_with(sequence: list[tuple[str, int, timedelta]]) -> None:
    version = 0
    for ring, now in lives(sequence):
        assert [key.state for key in ring.keys].count(KeyState.ACTIVE) == 1
        key = life.signing_key(ring, now)
        assert key is not None
        assert key.key_id in life.private_keys(ring, now)
        assert steps.key_in_force(as_worker_sees(key), now) is None
        assert ring.version >= version
        version = ring.version


@given(changes)
@example(
    [("prepare", 0, NO_TIME)] * 3
    + [("activate", 1, NO_TIME), ("activate", 3, NO_TIME), ("prepare", 0, timedelta(seconds=605, microseconds=1))]
    + [("activate", 2, NO_TIME), ("prune", 0, NO_TIME)]
)
def test_what_was_signed_verifies_until_it_has_expired(sequence: list[tuple[str, int, timedelta]]) -> None:
    signed: list[tuple[Key, datetime]] = []
    for ring, now in lives(sequence):
        known = {key.key_id: as_worker_sees(key) for key in ring.keys}
        for signer, at in signed:
            if now < at + MAX_DECISION_LIFE + CLOCK_SKEW:
                key = known[signer.key_id]
                assert key.state is worker.KeyState.REVOKED or steps.key_in_force(key, now) is None
        current = life.signing_key(ring, now)
        assert current is not None
        signed.append((current, now))


@given(changes)
def test_a_revoked_key_never_comes_back(sequence: list[tuple[str, int, timedelta]]) -> None:
    revoked: set[str] = set()
    for ring, _ in lives(sequence):
        again = {key.key_id for key in ring.keys if key.state is not KeyState.REVOKED}
        assert not revoked & again
        revoked |= {key.key_id for key in ring.keys if key.state is KeyState.REVOKED}
