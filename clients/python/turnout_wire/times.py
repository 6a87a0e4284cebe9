"""Durations and times for the wire."""

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

_MICROSECOND = timedelta(microseconds=1)


def duration(delta: timedelta) -> Duration:
    """A duration, exact to the microsecond."""
    seconds, microseconds = divmod(delta // _MICROSECOND, 1_000_000)
    return Duration(seconds=seconds, nanos=microseconds * 1000)
