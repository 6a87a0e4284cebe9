"""Whatever is presented, the permit answers; and whatever was changed, it refuses."""

from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from dataplane.permit.model import PermittedDecision
from dataplane.permit.presented import Presented, Sealed
from dataplane.permit.refusal import Refusal
from dataplane.permit.verify import verify
from tests.conformance.vectors import context, load, reader
from tools.envelope_cases import GOOD, decision, encoded
from turnout.routing.v1.decision_pb2 import RouteDecision
from turnout_wire import strict
from turnout_wire.pae import pae
from turnout_wire.payload_type import PayloadType
from turnout_wire.signature import Signature

VECTOR = load("good")
RIGHT = VECTOR.steps[0].presented
KEY_ID = next(iter(VECTOR.keys))
SHAPE = strict.shape_of(RouteDecision.DESCRIPTOR)

signatures = st.builds(
    Signature, key_id=st.just(KEY_ID) | st.text(max_size=70), value=st.binary(min_size=60, max_size=66)
)
sealed = st.builds(
    Sealed,
    payload_type=st.sampled_from(PayloadType) | st.text(max_size=130),
    payload=st.just(GOOD.payload) | st.binary(max_size=100),
    signatures=st.just(GOOD.signatures) | st.lists(signatures, max_size=2).map(tuple),
)
instants = st.datetimes(timezones=st.just(UTC))


def judge(presented: Presented, now: datetime = VECTOR.steps[0].now) -> PermittedDecision | Refusal:
    return verify(presented, VECTOR.keys, context(VECTOR), now)


@given(
    st.builds(
        Presented,
        sealed=sealed,
        content_type=st.text(),
        body=st.binary(max_size=20),
        tenant=st.text(),
        presenter=st.text(),
    ),
    instants,
)
def test_anything_is_answered(presented: Presented, now: datetime) -> None:
    found = judge(presented, now)
    assert isinstance(found, PermittedDecision) == (presented == RIGHT)


@given(st.integers(min_value=0, max_value=8 * (len(GOOD.payload) + 64) - 1))
def test_any_bit_that_is_turned_is_found(bit: int) -> None:
    both = bytearray(GOOD.payload + GOOD.signatures[0].value)
    both[bit // 8] ^= 1 << bit % 8
    payload, value = bytes(both[:-64]), bytes(both[-64:])
    changed = replace(
        RIGHT.sealed, payload=payload, signatures=(Signature(key_id=GOOD.signatures[0].key_id, value=value),)
    )
    assert isinstance(judge(replace(RIGHT, sealed=changed)), Refusal)


@given(instants)
def test_any_time_is_compared(now: datetime) -> None:
    assert isinstance(judge(RIGHT, now), PermittedDecision | Refusal)


pieces = st.sampled_from([b"", b"\x00", b"\x48\x07", b"\x48\x87\x00", b"\xa2\x06\x01x", b"\x32\x02\x08\x01"])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A decision with a cut, an overwritten byte, and something inserted and appended."""
    data = encoded(decision())
    at = draw(st.integers(min_value=0, max_value=len(data)))
    byte = draw(st.binary(max_size=1))
    return data[:at] + draw(pieces) + byte + data[at + len(byte) :] + draw(pieces)


@given(mutated() | st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    assert isinstance(reader()(payload), PermittedDecision | Refusal)


@given(mutated())
def test_what_passes_quickly_would_pass_the_scan(payload: bytes) -> None:
    try:
        message = RouteDecision.FromString(payload)
    except DecodeError:
        return
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) == payload:
        strict.scan(payload, SHAPE)


texts = st.text(max_size=4)
short = st.binary(max_size=4)


@given(texts, short, texts, short)
def test_no_two_things_have_the_same_encoding(one: str, payload: bytes, other: str, another: bytes) -> None:
    assert (pae(one, payload) == pae(other, another)) == ((one, payload) == (other, another))
