"""Which snapshots a worker takes: a bad one is refused with its reason, and the one before stays."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dataplane.snapshot.holder import SnapshotHolder
from dataplane.sync.subscriber import Identity, SnapshotSource
from tests.support.snapshots import FIRST, SECOND, key, sealed, snapshot
from turnout.catalog.v1 import catalog_pb2
from turnout.snapshot.v1 import snapshot_pb2
from turnout.trust.v1 import envelope_pb2
from turnout_wire.ed25519 import Ed25519Signer, verify
from turnout_wire.envelope import seal
from turnout_wire.payload_type import PayloadType

Envelope = envelope_pb2.Envelope


class Time:
    """A monotonic clock."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def source(pinned: frozenset[str] = frozenset(), time: Time | None = None) -> tuple[SnapshotSource, SnapshotHolder]:
    holder = SnapshotHolder(time or Time(), timedelta(seconds=10))
    identity = Identity(worker="w", pool="default", software="1", features=(), pinned=pinned)
    return SnapshotSource(holder, identity, verify, lambda: datetime.now(UTC)), holder


def kind(answer: snapshot_pb2.StreamSnapshotsRequest) -> str | None:
    return answer.WhichOneof("kind")


def without_model() -> Envelope:
    return sealed(snapshot(2, models=[]))


def unknown_protocol() -> Envelope:
    place = catalog_pb2.Deployment(name="d", model="small", provider="p", base_url="http://x")
    place.protocol = 99  # type: ignore[assignment]  # what a newer control plane may send
    return sealed(snapshot(2, deployments=[place]))


def foreign_key_id() -> Envelope:
    wrong = key(SECOND)
    wrong.key_id = "0" * 16
    return sealed(snapshot(2, [key(FIRST), wrong]))


def flipped() -> Envelope:
    envelope = sealed(snapshot(2))
    envelope.payload = envelope.payload[:-1] + bytes([envelope.payload[-1] ^ 1])
    return envelope


def unknown_state() -> Envelope:
    new = key(SECOND)
    new.state = 99  # type: ignore[assignment]  # what a newer control plane may send
    return sealed(snapshot(2, [key(FIRST), new]))


def made_in_a_far_year() -> Envelope:
    message = snapshot(2)
    message.created_at.seconds = 10**15
    return sealed(message)


def endless_timeout() -> Envelope:
    message = snapshot(2)
    message.deployments[0].timeouts.total.seconds = 10**15
    return sealed(message)


def no_snapshot() -> Envelope:
    return seal(PayloadType.SNAPSHOT, b"\xff\xff\xff", FIRST)


def another_type() -> Envelope:
    return seal(PayloadType.DECISION, snapshot(2).SerializeToString(), FIRST)


def unsigned() -> Envelope:
    envelope = sealed(snapshot(2))
    del envelope.signatures[:]
    return envelope


def unknown_signer() -> Envelope:
    return sealed(snapshot(2), by=SECOND)


def revoked_signer() -> Envelope:
    return sealed(snapshot(2, [key(FIRST, "REVOKED")]))


BAD: dict[Callable[[], Envelope], str] = {
    without_model: "model small is not in the snapshot",
    unknown_protocol: "does not speak protocol 99",
    unknown_state: "does not know state 99",
    made_in_a_far_year: "created_at",
    endless_timeout: "timeouts.total",
    foreign_key_id: "does not belong to the public key",
    no_snapshot: "not a Snapshot",
    another_type: "PAYLOAD_TYPE_UNKNOWN",
    unsigned: "ENVELOPE_MALFORMED",
    unknown_signer: "KEY_UNKNOWN",
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_snapshot_is_refused_with_its_reason_and_the_old_one_stays(bad: Callable[[], Envelope]) -> None:
    judge, holder = source()
    judge.judge(sealed(snapshot(1)))
    answer = judge.judge(bad())
    assert kind(answer) == "nack"
    assert BAD[bad] in answer.nack.reason
    assert holder.fresh().version == 1


@pytest.mark.parametrize("bad", [flipped, revoked_signer])
def test_a_snapshot_that_was_changed_or_is_under_a_revoked_key_is_refused(bad: Callable[[], Envelope]) -> None:
    judge, holder = source()
    judge.judge(sealed(snapshot(1)))
    assert kind(judge.judge(bad())) == "nack"
    assert holder.fresh().version == 1


def test_after_a_bad_snapshot_the_next_good_one_is_taken() -> None:
    judge, holder = source()
    judge.judge(flipped())
    answer = judge.judge(sealed(snapshot(3)))
    assert (kind(answer), answer.ack.version) == ("ack", 3)
    assert holder.fresh().version == 3


def test_a_refusal_names_the_version_where_it_could_be_read() -> None:
    judge, _ = source()
    assert judge.judge(without_model()).nack.version == 2
    assert judge.judge(no_snapshot()).nack.version == 0


def test_a_reason_fits_into_its_field_however_long_it_is() -> None:
    judge, _ = source()
    long = catalog_pb2.Deployment(name="d" * 10_000, model="x")
    assert len(judge.judge(sealed(snapshot(2, deployments=[long]))).nack.reason) <= 4096


PINNED = frozenset({FIRST.key_id})


def test_a_pinned_worker_takes_its_first_snapshot_only_under_a_pinned_key() -> None:
    both = [key(FIRST), key(SECOND)]
    judge, holder = source(PINNED)
    assert kind(judge.judge(sealed(snapshot(1, both), by=SECOND))) == "nack"
    assert holder.current is None
    assert kind(judge.judge(sealed(snapshot(1, both), by=FIRST))) == "ack"


def test_a_worker_that_is_not_pinned_takes_whatever_its_control_plane_signs_with() -> None:
    judge, holder = source()
    assert kind(judge.judge(sealed(snapshot(1, [key(SECOND)]), by=SECOND))) == "ack"
    assert holder.fresh().version == 1


def test_a_pinned_worker_follows_a_rotation_and_nothing_else() -> None:
    judge, holder = source(PINNED)
    third = Ed25519Signer(bytes([3] * 32))
    judge.judge(sealed(snapshot(1, [key(FIRST), key(SECOND, "PREPARED")])))
    assert kind(judge.judge(sealed(snapshot(2, [key(third)]), by=third))) == "nack"
    assert kind(judge.judge(sealed(snapshot(2, [key(SECOND)]), by=SECOND))) == "nack", "only prepared so far"
    assert kind(judge.judge(sealed(snapshot(2, [key(FIRST, "RETIRED"), key(SECOND)]), by=FIRST))) == "ack"
    assert kind(judge.judge(sealed(snapshot(3, [key(SECOND)]), by=SECOND))) == "ack"
    assert kind(judge.judge(sealed(snapshot(4, [key(FIRST), key(SECOND)]), by=FIRST))) == "nack", "left the set"
    assert holder.fresh().version == 3


def test_a_pinned_worker_reads_nothing_of_what_it_cannot_trust() -> None:
    """The reason is the key's, although the snapshot could not be parsed either."""
    judge, _ = source(PINNED)
    judge.judge(sealed(snapshot(1)))
    answer = judge.judge(seal(PayloadType.SNAPSHOT, b"\xff", SECOND))
    assert "KEY_UNKNOWN" in answer.nack.reason


def test_a_refused_snapshot_counts_as_having_heard_of_the_control_plane() -> None:
    time = Time()
    judge, holder = source(time=time)
    judge.judge(sealed(snapshot(1)))
    time.now += 9
    judge.judge(flipped())
    time.now += 9
    assert holder.fresh().version == 1
