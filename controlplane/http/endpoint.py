"""One path: the servicer's method inside the same layers as over gRPC, with reading before it and writing after it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from controlplane.http.failures import JSON, answer, refusal
from controlplane.http.gate import Gate
from controlplane.http.reading import from_json, from_query
from controlplane.http.routes import Route
from controlplane.http.watching import HttpTelemetry
from turnout_wire.dev import meant_for_us
from turnout_wire.failure import Failure
from turnout_wire.layers import Access, RequestIds, Validation
from turnout_wire.server import REQUEST_ID, Call, Context, Handler, Method, Service, compose, method_of

_log = logging.getLogger(__name__)

DECISION_ID = "x-turnout-decision-id"
SECONDS = 30.0
"""Time for a request, for HTTP callers send no deadline."""


class HttpContext:
    """What layers ask of a gRPC call, for a request over HTTP."""

    def __init__(self, headers: Mapping[str, str], until: float) -> None:
        """`until` is a time of the running loop."""
        self._headers = headers
        self._until = until

    def invocation_metadata(self) -> Sequence[tuple[str, str]]:
        """The headers, in lower case."""
        return tuple(self._headers.items())

    def time_remaining(self) -> float:
        """Seconds until the request is given up."""
        return self._until - asyncio.get_running_loop().time()


class Reading:
    """Makes the method's request out of the HTTP request, once access is granted: strangers cannot make us read."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def wrap(self, method: Method, inner: Handler) -> Handler:
        """See Layer."""

        async def query(request: Request, call: Call) -> Message | None:
            asked = request.query_params
            absent = [(name, value) for name, value in self._route.defaults if name not in asked]
            given = [*request.path_params.items(), *asked.multi_items(), *absent]
            return await inner(from_query(method.request_type, given), call)

        async def body(request: Request, call: Call) -> Message | None:
            if request.query_params:
                raise Failure("INVALID_FIELD", "parameters: this path takes none; put fields into the body")
            whole = await _body(request, self._route.most)
            return await inner(from_json(method.request_type, whole, self._route.written), call)

        return query if self._route.verb == "GET" else body


async def _body(request: Request, most: int) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Failure("CONTENT_TYPE_UNKNOWN", f"`{kind[:64]}` is not taken here; send content-type: {JSON}")
    whole = bytearray()
    try:
        async for chunk in request.stream():
            whole += chunk
            if len(whole) > most:
                raise Failure("PAYLOAD_TOO_LARGE", f"the body is larger than {most} bytes; send less text")
    except ClientDisconnect as gone:
        raise Failure("CANCELLED", "the caller went away") from gone
    return bytes(whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What all endpoints share."""

    access: Access
    validation: Validation
    telemetry: HttpTelemetry
    gate: Gate
    dev: bool = False
    """Whether callers without a token are let in: then only under the names of this machine."""
    seconds: float = SECONDS


class Endpoint:
    """Answers one route."""

    def __init__(self, route: Route, service: Service, around: Around) -> None:
        """Raises KeyError if the contract or the table of access lacks the method."""
        name = route.method.rpartition("/")[2]
        self._route = route
        self._method = method_of(service.descriptor.methods_by_name[name])
        layers = (RequestIds(), around.access, Reading(route), around.validation)
        self._handle: Handler = compose(self._method, getattr(service.servicer, name), layers)
        self._around = around

    async def __call__(self, request: Request) -> Response:
        """The answer, whatever happens."""
        until = asyncio.get_running_loop().time() + self._around.seconds
        context = cast("Context", HttpContext(request.headers, until))  # all that the layers here ask of one
        call = Call(self._method, context)
        with self._around.telemetry.request(self._route, call) as seen:
            try:
                response = answer(self._route.told(await self._answered(request, call)))
            except Failure as failure:
                call.failure = failure
                response = refusal(failure)
            except Exception:  # noqa: BLE001 - the last line of defence: whatever it is, the caller gets a status
                told = {"request_id": call.request_id, "rpc": self._method.name, "decision_id": call.decision_id}
                _log.exception("internal error", extra=told)
                call.failure = Failure("INTERNAL", f"internal error; the log knows it as request {call.request_id}")
                response = refusal(call.failure)
            seen(response.status_code)
        response.headers[REQUEST_ID] = call.request_id
        if call.decision_id:
            response.headers[DECISION_ID] = call.decision_id
        return response

    async def _answered(self, request: Any, call: Call) -> Message:
        if self._around.dev and not meant_for_us(request.headers.get("host", "")):
            raise Failure(
                "ACCESS_DENIED", "this is for development: call it as 127.0.0.1 or localhost, and by no other name"
            )
        with self._around.gate:
            limit = asyncio.timeout(self._around.seconds)
            try:
                async with limit:
                    message = await self._handle(request, call)
            except TimeoutError as late:
                if not limit.expired():
                    raise
                told = f"it took longer than {self._around.seconds:g} s; ask for less, or again later"
                raise Failure("DEADLINE_EXCEEDED", told) from late
        if message is None:
            raise TypeError(f"{self._method.name} answers with a stream")
        return message
