"""Failures on the wire: one ErrorInfo each, a code for every reason, the way back, and what fits into a trailer."""

from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from tests.support.line import told_by
from turnout.routing.v1 import routing_pb2
from turnout_wire.failure import CODES, DOMAIN, Code, Failure
from turnout_wire.status import DETAILS_KEY, MAX_TRAILER_BYTES, bounded, from_call, from_status, to_status

REASONS = pytest.mark.parametrize("reason", sorted(CODES))
COMMON_HEADERS = 700
"""Bytes of the other trailing metadata, with room to spare."""


@REASONS
def test_every_reason_has_one_canonical_code_and_one_error_info(reason: str) -> None:
    found = told_by(to_status(Failure(reason, "what, and the way out")))
    assert found.reason == reason
    assert found.code.name == CODES[reason]


@REASONS
def test_every_reason_comes_back_as_the_failure_that_it_was(reason: str) -> None:
    failure = Failure(
        reason,
        "why",
        field="a.b",
        metadata={"k": "v"},
        retry_after=timedelta(seconds=1.5),
        details=(Duration(seconds=3),),
    )
    back = from_status(to_status(failure))
    assert back is not None
    assert (back.reason, back.code, back.message, back.field) == (reason, CODES[reason], "why", "a.b")
    assert (back.metadata, back.retry_after) == ({"k": "v"}, timedelta(seconds=1.5))
    assert len(back.details) == 1


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_one_of_grpcs(code: Code) -> None:
    assert grpc.StatusCode[code.value].value[0] == code_pb2.Code.Value(code.value)


def test_a_reason_that_is_not_public_cannot_be_sent() -> None:
    with pytest.raises(KeyError):
        Failure("SOMETHING_ELSE", "no")


def test_details_are_only_there_where_there_is_something_to_say() -> None:
    assert len(to_status(Failure("INTERNAL", "why")).details) == 1
    assert len(to_status(Failure("INVALID_FIELD", "why", field="x")).details) == 2
    throttled = to_status(Failure("PROVIDER_THROTTLED", "why", retry_after=timedelta(0)))
    assert [packed.TypeName() for packed in throttled.details] == ["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]


def test_a_field_is_named_with_the_message_that_explains_it() -> None:
    bad = told_by(to_status(Failure("INVALID_FIELD", "x: is wrong", field="x"))).detail(error_details_pb2.BadRequest)
    assert [(row.field, row.description) for row in bad.field_violations] == [("x", "x: is wrong")]


def foreign(domain: str, reason: str) -> Status:
    status = Status(code=code_pb2.INTERNAL, message="why")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
    return status


@pytest.mark.parametrize(
    "status", [Status(code=13), foreign("example.com", "INTERNAL"), foreign(DOMAIN, "OF_A_NEWER_SERVER")]
)
def test_a_status_that_is_not_ours_is_no_failure(status: Status) -> None:
    assert from_status(status) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, "UNREACHABLE"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
        (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED"),
        (grpc.StatusCode.DATA_LOSS, "INTERNAL"),
    ],
)
def test_an_end_without_our_details_gets_the_reason_that_fits(code: grpc.StatusCode, reason: str) -> None:
    for trailing in (
        None,
        [],
        [("x", "y")],
        [(DETAILS_KEY, b"\xff\xff")],
        [(DETAILS_KEY, Status().SerializeToString())],
    ):
        assert from_call(code, "", trailing).reason == reason
    assert from_call(code, "", None).message == code.name.lower()


def test_our_details_win_over_the_code() -> None:
    sent = to_status(Failure("NO_ELIGIBLE_TARGET", "why")).SerializeToString()
    assert from_call(grpc.StatusCode.UNKNOWN, "x", [(DETAILS_KEY, sent)]).reason == "NO_ELIGIBLE_TARGET"


@given(st.binary(max_size=200))
def test_no_bytes_in_the_trailer_break_a_client(data: bytes) -> None:
    assert from_call(grpc.StatusCode.INTERNAL, "", [(DETAILS_KEY, data)]).reason


# --- what fits ---------------------------------------------------------------------------------------------


def test_a_status_that_fits_is_left_as_it_is() -> None:
    status = to_status(Failure("INVALID_FIELD", "why", field="x", metadata={"a": "b"}))
    assert bounded(status) is status


def large(details: int) -> routing_pb2.CandidateTable:
    rows = [routing_pb2.Candidate(deployment=f"first/{number}", detail="x" * 90) for number in range(details)]
    return routing_pb2.CandidateTable(candidates=rows)


def on_the_wire(status: Status) -> int:
    """Bytes of the trailer: the status in base64, and the message percent-encoded."""
    message = sum(1 if 32 <= byte < 127 else 3 for byte in status.message.encode())
    return len(status.SerializeToString()) * 4 // 3 + message + COMMON_HEADERS


def test_the_detail_that_is_too_large_is_left_out_and_the_others_stay() -> None:
    status = to_status(Failure("NO_ELIGIBLE_TARGET", "why", field="f", details=(large(500), large(2))))
    short = bounded(status)
    found = told_by(short)
    assert (found.reason, found.message, found.field) == ("NO_ELIGIBLE_TARGET", "why", "f")
    assert len(found.detail(routing_pb2.CandidateTable).candidates) == 2
    assert found.metadata == {"details_left_out": "1"}
    assert on_the_wire(short) < 8192 < on_the_wire(status)


@given(
    message=st.text(min_size=1, max_size=3000),
    details=st.lists(st.integers(0, 80), max_size=6),
    field=st.text(max_size=100),
)
def test_whatever_a_failure_says_it_fits_into_a_trailer_and_keeps_its_reason(
    message: str, details: list[int], field: str
) -> None:
    failure = Failure("CATALOG_INVALID", message, field=field, details=tuple(map(large, details)))
    short = bounded(to_status(failure))
    assert on_the_wire(short) <= MAX_TRAILER_BYTES + COMMON_HEADERS < 8192
    assert told_by(short).reason == "CATALOG_INVALID"
    assert message.startswith(short.message.rstrip("…")[:100])
