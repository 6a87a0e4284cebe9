"""Bytes that mean different things to different parsers are found."""

import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import DoubleValue

from tools.envelope_cases import GOOD, decision, encoded
from turnout.inference.v1.inference_pb2 import StreamGenerateResponse
from turnout.routing.v1.decision_pb2 import RouteDecision
from turnout.trust.v1.keys_pb2 import KeySet
from turnout_wire import strict

SHAPE = strict.shape_of(RouteDecision.DESCRIPTOR)
TENANT, PROPENSITY, VERSION = b"\x22", b"\x90\x01", b"\x48"
LARGEST = b"\xff" * 9 + b"\x01"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        encoded(decision()),
        VERSION + LARGEST,
        PROPENSITY + b"\xff\xff\xff\xff\x0f",
        VERSION + b"\x00",
        b"\x70" + b"\xff" * 9 + b"\x01",  # stage -1: ten bytes, as every serializer writes a negative enum
        b"\xa0\x06\x07",  # unknown, a number
        b"\xa1\x06" + bytes(8),  # unknown, 64 bits
        b"\xa5\x06" + bytes(4),  # unknown, 32 bits
        b"\xa2\x06\x01\xff\xa2\x06\x01\xff",  # unknown, twice: it may be repeated
        b"\x8a\x01\x03\x1a\x01\x01",  # reason.notices, packed
    ],
)
def test_bytes_with_one_meaning_pass(payload: bytes) -> None:
    strict.scan(payload, SHAPE)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (VERSION, "snapshot_version is a number that is cut short"),
        (VERSION + b"\x80", "snapshot_version is a number that is cut short"),
        (VERSION + b"\x87\x00", "snapshot_version .* not in its shortest form"),
        (VERSION + b"\xff" * 9 + b"\x02", "snapshot_version .* not in its shortest form"),
        (VERSION + b"\xff" * 10 + b"\x01", "snapshot_version .* cut short"),
        (VERSION + b"\xff" * 60_000, "snapshot_version .* cut short"),
        (b"\x80", "a tag .* cut short"),
        (b"\xc8\x00\x07", "a tag .* not in its shortest form"),
        (b"\x00", "number 0"),
        (b"\x02\x00", "number 0"),
        (b"\x80\x80\x80\x80\x10\x00", "number 536870912"),
        (VERSION + b"\x07" + VERSION + b"\x07", "snapshot_version comes twice"),
        (b"\x32\x04\x08\x01\x08\x02", "issued_at.seconds comes twice"),
        (TENANT + b"\x05abc", "tenant ends before its length"),
        (b"\x25" + bytes(3), "tenant has the number 4 and the wire type 5"),
        (b"\xa5\x06" + bytes(3), "100 ends before its length"),
        (b"\xa3\x06\xa4\x06", "100 has the wire type 3"),
        (b"\xa6\x06", "100 has the wire type 6"),
        (b"\xa0\x06\x87\x00", "100 is a number .* not in its shortest form"),
        (PROPENSITY + b"\x80\x80\x80\x80\x10", "propensity_ppm is too large"),
        (b"\x70\x80\x80\x80\x80\x08", "stage is too large"),
        (b"\x8a\x01\x04\x1a\x02\x81\x00", "reason.notices is a number that"),
        (b"\x8a\x01\x02\x18\x01", "reason.notices has the number 3 and the wire type 0"),
    ],
)
def test_bytes_with_two_meanings_are_refused(payload: bytes, message: str) -> None:
    with pytest.raises(strict.AmbiguousBytesError, match=message):
        strict.scan(payload, SHAPE)


def test_what_the_serializer_writes_itself_is_not_scanned() -> None:
    strict.check(GOOD.payload, RouteDecision.FromString(GOOD.payload), {})


def test_anything_else_is_scanned() -> None:
    payload = GOOD.payload + VERSION + b"\x87\x00"
    with pytest.raises(strict.AmbiguousBytesError, match="shortest form"):
        strict.check(payload, RouteDecision.FromString(payload), SHAPE)


def test_unknown_fields_do_not_pass_unseen_because_the_parser_keeps_them() -> None:
    payload = GOOD.payload + b"\xa0\x06\x87\x00"
    message = RouteDecision.FromString(payload)
    assert message.SerializeToString(deterministic=True) == payload
    with pytest.raises(strict.AmbiguousBytesError, match="100 is a number"):
        strict.check(payload, message, SHAPE)


@pytest.mark.parametrize("message", [DoubleValue, Struct, StreamGenerateResponse])
def test_a_message_of_a_kind_that_is_not_signed_has_no_shape(message: type) -> None:
    with pytest.raises(TypeError, match=r"signed bytes do not hold|contains itself"):
        strict.shape_of(message.DESCRIPTOR)  # type: ignore[attr-defined]  # every message has one


def test_other_messages_have_a_shape() -> None:
    assert strict.shape_of(KeySet.DESCRIPTOR)[2].repeated
