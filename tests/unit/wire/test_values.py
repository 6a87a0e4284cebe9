"""Identifiers, digests, times and log lines."""

import hashlib
import json
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure
from turnout_wire.logs import JsonLines, start_logs
from turnout_wire.pae import pae, pae_header
from turnout_wire.times import delta, duration, moment, timestamp
from turnout_wire.uuid7 import RANDOM_BITS, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)
BITS = st.integers(0, 2**RANDOM_BITS - 1)
MOMENTS = st.integers(0, 253_402_300_799_999_999).map(lambda us: EPOCH + timedelta(microseconds=us))


# --- uuid7 -------------------------------------------------------------------------------------------------


def test_the_example_of_the_standard_comes_out() -> None:
    """RFC 9562, appendix A.6."""
    moment_of_it = datetime(2022, 2, 22, 14, 22, 22, tzinfo=timezone(timedelta(hours=-5)))
    random_bits = (0xCC3 << 62) | 0x18C4DC0C0C07398F
    assert uuid7(moment_of_it, random_bits) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(MOMENTS, BITS)
def test_identifiers_are_uuids_of_version_7_that_tell_their_time(now: datetime, bits: int) -> None:
    made = uuid.UUID(uuid7(now, bits))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(MOMENTS, MOMENTS, BITS, BITS)
def test_identifiers_sort_by_their_time(one: datetime, other: datetime, bits: int, more: int) -> None:
    if other - one >= timedelta(milliseconds=1):
        assert uuid7(one, bits) < uuid7(other, more)


@given(BITS, BITS)
def test_every_random_bit_counts(bits: int, more: int) -> None:
    assert (uuid7(NOW, bits) == uuid7(NOW, more)) is (bits == more)


@pytest.mark.parametrize(
    ("now", "bits"),
    [(datetime(2026, 1, 1), 0), (datetime(1969, 12, 31, tzinfo=UTC), 0), (NOW, -1), (NOW, 2**RANDOM_BITS)],  # noqa: DTZ001
)
def test_what_makes_no_identifier_is_refused(now: datetime, bits: int) -> None:
    with pytest.raises(ValueError, match="uuid7 needs"):
        uuid7(now, bits)


# --- what is signed and digested ---------------------------------------------------------------------------


def test_the_encoding_is_that_of_dsse() -> None:
    """The example of DSSE's protocol document."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_lengths_are_in_bytes() -> None:
    assert pae("ü", "ü€".encode()) == "DSSEv1 2 ü 5 ü€".encode()


@given(st.text(max_size=20), st.binary(max_size=50), st.text(max_size=20), st.binary(max_size=50))
def test_nothing_else_has_the_same_encoding(kind: str, body: bytes, other: str, more: bytes) -> None:
    assert (pae(kind, body) == pae(other, more)) is ((kind, body) == (other, more))


@given(st.text(max_size=20), st.binary(max_size=50))
def test_the_digest_is_over_the_encoding(kind: str, body: bytes) -> None:
    assert request_digest(kind, body) == hashlib.sha256(pae(kind, body)).digest()
    assert pae(kind, body) == pae_header(kind, len(body)) + body


# --- times -------------------------------------------------------------------------------------------------


@given(st.timedeltas(timedelta(0), timedelta(days=100_000)))
def test_durations_come_back_as_they_went(span: timedelta) -> None:
    assert delta(duration(span), "x") == span


@pytest.mark.parametrize("message", [Duration(seconds=10**15), Duration(seconds=-(10**15))])
def test_a_duration_out_of_range_is_told_by_its_field(message: Duration) -> None:
    with pytest.raises(Failure, match=r"limits\.deadline") as refused:
        delta(message, "limits.deadline")
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "limits.deadline")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_no_duration_and_no_time_does_anything_but_pass_or_be_refused(seconds: int, nanos: int) -> None:
    assert read(lambda: delta(Duration(seconds=seconds, nanos=nanos), "x")) != ""
    assert read(lambda: moment(Timestamp(seconds=seconds, nanos=nanos), "x")) != ""


def read(what: Callable[[], object]) -> object:
    """What was read, or the field that a refusal names."""
    try:
        return what()
    except Failure as failure:
        return failure.field


def test_a_time_is_read_in_utc() -> None:
    message = Timestamp()
    message.FromDatetime(NOW)
    assert moment(message, "x") == NOW
    assert moment(message, "x").tzinfo is UTC


# --- logs --------------------------------------------------------------------------------------------------


def line_of(message: str, *values: object, **extra: object) -> dict[str, object]:
    record = logging.LogRecord("turnout.test", logging.WARNING, __file__, 1, message, values, None)
    record.__dict__.update(extra)
    return dict(json.loads(JsonLines("worker").format(record)))


def test_a_line_says_when_who_how_bad_and_what_and_carries_its_decision() -> None:
    line = line_of("run %s", "ended", decision_id="d-1", attempts=2)
    assert datetime.fromisoformat(str(line.pop("time"))).tzinfo is not None
    assert line == {
        "level": "warning",
        "service": "worker",
        "logger": "turnout.test",
        "message": "run ended",
        "decision_id": "d-1",
        "attempts": 2,
    }


def test_whatever_is_logged_stays_one_line() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, 'two\nlines {"level": "error"}', (), None)
    text = JsonLines("worker").format(record)
    assert "\n" not in text
    assert json.loads(text)["level"] == "info"


def test_what_is_no_json_is_logged_as_text() -> None:
    assert line_of("x", when=NOW)["when"] == str(NOW)


def test_an_exception_is_logged_with_its_trace() -> None:
    failed = ValueError("why")
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), (ValueError, failed, None))
    line = json.loads(JsonLines("worker").format(record))
    assert "ValueError at" in line["exception"]


def test_logs_of_the_level_and_above_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        start_logs("control-plane", "warning")
        logging.getLogger("turnout.test").info("quiet")
        logging.getLogger("turnout.test").warning("loud")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    said = [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    assert said == ["loud"]


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_for_the_wire_is_what_protobuf_itself_makes_of_it(at: datetime) -> None:
    expected = Timestamp()
    expected.FromDatetime(at)
    assert timestamp(at) == expected
    assert moment(timestamp(at), "at") == at
