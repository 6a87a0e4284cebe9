"""Times and durations in messages are those that protobuf itself would write."""

from datetime import UTC, datetime, timedelta, timezone

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from turnout_wire.times import put_duration, put_moment

ZONES = st.sampled_from((UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5, minutes=45))))


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001 - zones are drawn
def test_a_moment_is_written_as_protobuf_writes_it(moment: datetime) -> None:
    ours, theirs = Timestamp(), Timestamp()
    put_moment(ours, moment)
    theirs.FromDatetime(moment)
    assert ours == theirs


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3_000_000)))
def test_a_duration_is_written_as_protobuf_writes_it(delta: timedelta) -> None:
    ours, theirs = Duration(), Duration()
    put_duration(ours, delta)
    theirs.FromTimedelta(delta)
    assert ours == theirs
