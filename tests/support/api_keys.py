"""API keys over the wire, for tests."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.backbone import Backbone, Control, generate
from tests.support.line import Line
from turnout.access.v1 import access_pb2

ACKS = "turnout.snapshot.acknowledgements"


async def created(operator: Line, name: str = "app", **more: Any) -> access_pb2.CreateApiKeyResponse:
    """A new key; `more` are fields of the request, `expires_at` a time."""
    expires_at: datetime | None = more.pop("expires_at", None)
    request = access_pb2.CreateApiKeyRequest(name=name, **more)
    if expires_at is not None:
        request.expires_at.FromDatetime(expires_at)
    response: access_pb2.CreateApiKeyResponse = await operator(request)
    return response


async def rotated(operator: Line, key_id: str, overlap: timedelta | None = None) -> access_pb2.RotateApiKeyResponse:
    """A new secret."""
    request = access_pb2.RotateApiKeyRequest(key_id=key_id)
    if overlap is not None:
        request.overlap.FromTimedelta(overlap)
    response: access_pb2.RotateApiKeyResponse = await operator(request)
    return response


async def caught_up(planes: Backbone) -> None:
    """The worker has what the control plane publishes now."""
    version = (await planes.snapshot()).version
    while (await planes.runner(generate(await planes.decide()))).receipt.snapshot_version < version:
        await planes.control.meter.until(ACKS, planes.control.meter.total(ACKS) + 1)


def line_of(control: Control, secret: str) -> Line:
    """A connection of whoever has that secret, closed with the control plane."""
    control.lines.append(Line(control.address, secret))
    return control.lines[-1]
