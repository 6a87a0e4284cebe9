"""Durations and times for the wire."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from turnout_wire.failure import Failure

_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration(delta: timedelta) -> Duration:
    """A duration, exact to the microsecond."""
    return Duration(seconds=delta.days * _DAY + delta.seconds, nanos=delta.microseconds * 1000)


def put_duration(message: Duration, delta: timedelta) -> None:
    """Write a duration into a field of a message, where a nested message that is passed in would be copied."""
    message.seconds = delta.days * _DAY + delta.seconds
    message.nanos = delta.microseconds * 1000


def put_moment(message: Timestamp, moment: datetime) -> None:
    """Write a time with a zone into a field of a message, where a nested message that is passed in would be copied."""
    since = moment - _EPOCH
    message.seconds = since.days * _DAY + since.seconds
    message.nanos = since.microseconds * 1000


def delta(message: Duration, field: str) -> timedelta:
    """The duration in `field` of a message that came. Raises Failure INVALID_FIELD if it is out of range."""
    try:
        return message.ToTimedelta()
    except (ValueError, OverflowError) as error:
        raise Failure("INVALID_FIELD", f"{field}: not a duration of at most 10,000 years", field=field) from error


def moment(message: Timestamp, field: str) -> datetime:
    """The time in `field` of a message that came, in UTC. Raises Failure INVALID_FIELD if it is out of range."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Failure("INVALID_FIELD", f"{field}: not a time in the years 1 to 9999", field=field) from error


def timestamp(at: datetime) -> Timestamp:
    """A time for the wire, exact to the microsecond: what `Timestamp.FromDatetime` gives, in a tenth of its time."""
    since = at - _EPOCH
    return Timestamp(seconds=since.days * _DAY + since.seconds, nanos=since.microseconds * 1000)
