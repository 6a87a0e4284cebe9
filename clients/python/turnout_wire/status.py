"""Failures as google.rpc.Status with exactly one ErrorInfo, and back."""

from collections.abc import Iterable
from datetime import timedelta

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from turnout_wire.failure import DOMAIN, Failure

DETAILS_KEY = "grpc-status-details-bin"
"""Where gRPC carries a google.rpc.Status."""
MAX_TRAILER_BYTES = 7000
"""What a failure may take of the trailer. gRPC takes 8 KiB of metadata by default; above that a client is told of the metadata
instead of the failure.
"""
_ROOM, _MAX_MESSAGE = 100, 1000


def to_status(failure: Failure) -> status_pb2.Status:
    """The status of a failure: ErrorInfo first, then BadRequest, RetryInfo and the failure's own details."""
    status = status_pb2.Status(code=code_pb2.Code.Value(failure.code.value), message=failure.message)
    info = error_details_pb2.ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=failure.metadata)
    status.details.add().Pack(info)
    if failure.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=failure.field, description=failure.message)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    if failure.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(failure.retry_after)
        status.details.add().Pack(retry)
    for detail in failure.details:
        if isinstance(detail, Message):
            status.details.add().Pack(detail)
    return status


def bounded(status: status_pb2.Status) -> status_pb2.Status:
    """`status` as it fits into the trailing metadata of a call: the message is cut and details that are too large are left out.

    ErrorInfo stays, and says how many are missing.
    """
    if _trailer_bytes(status) <= MAX_TRAILER_BYTES:
        return status
    short = status_pb2.Status(code=status.code, message=_cut(status.message), details=status.details[:1])
    for detail in status.details[1:]:
        short.details.append(detail)
        if _trailer_bytes(short) > MAX_TRAILER_BYTES - _ROOM:
            del short.details[-1]
    info = error_details_pb2.ErrorInfo()
    short.details[0].Unpack(info)
    info.metadata["details_left_out"] = str(len(status.details) - len(short.details))
    short.details[0].Pack(info)
    return short


def _trailer_bytes(status: status_pb2.Status) -> int:
    """The message goes alone as well, with three bytes for each that is no printable ASCII, and the status in base64."""
    message = sum(1 if 0x20 <= byte < 0x7F else 3 for byte in status.message.encode())
    return message + 4 * (len(status.SerializeToString()) // 3 + 1)


def _cut(message: str) -> str:
    return message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…"


def from_status(status: status_pb2.Status) -> Failure | None:
    """The failure that a status tells of; None if it is not one of ours."""
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    reason, field, retry_after, details = "", "", None, []
    for packed in status.details:
        if packed.Unpack(info):
            reason = info.reason if info.domain == DOMAIN else reason
        elif packed.Unpack(bad):
            field = bad.field_violations[0].field if bad.field_violations else ""
        elif packed.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta()
        else:
            details.append(packed)
    return _failure(reason, status.message, field, dict(info.metadata), retry_after, tuple(details))


def _failure(
    reason: str,
    message: str,
    field: str,
    metadata: dict[str, str],
    retry_after: timedelta | None,
    details: tuple[object, ...],
) -> Failure | None:
    try:
        return Failure(reason, message, field=field, metadata=metadata, retry_after=retry_after, details=details)
    except KeyError:
        return None


_BY_STATUS = {
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
    grpc.StatusCode.UNIMPLEMENTED: "UNIMPLEMENTED",
    grpc.StatusCode.UNAVAILABLE: "UNREACHABLE",
}


def from_call(code: grpc.StatusCode, message: str, trailing: Iterable[tuple[str, str | bytes]] | None) -> Failure:
    """The failure that a gRPC call ended with; one without our ErrorInfo gets the reason that fits its code."""
    for key, value in trailing or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                failure = from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                failure = None
            if failure is not None:
                return failure
    return Failure(_BY_STATUS.get(code, "INTERNAL"), message or code.name.lower())
