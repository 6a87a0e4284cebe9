"""Everything that is answered over HTTP: the routes of the contract, and whether the process is up and ready."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from controlplane.http.endpoint import Around, Endpoint
from controlplane.http.failures import answer, refusal
from controlplane.http.manual import manual
from controlplane.http.routes import ROUTES, Route
from turnout_wire.dev import SAID
from turnout_wire.failure import Failure
from turnout_wire.prometheus import CONTENT_TYPE
from turnout_wire.server import Service

Ready = Callable[[], Awaitable[Mapping[str, str]]]


def api(
    services: Iterable[Service],
    around: Around,
    ready: Ready,
    scrape: Callable[[str, str], bytes],
    routes: Iterable[Route] = ROUTES,
) -> Starlette:
    """The application; `scrape` gives metrics for a request's `authorization` and `host`.

    Raises KeyError for a route whose service or method is not there, or has no rule of access.
    """
    by_name = {service.descriptor.full_name: service for service in services}
    paths = [_path(route, by_name[route.method.partition("/")[0]], around) for route in routes]
    application = Starlette(
        routes=[
            *paths,
            Path("/health", _health),
            Path("/ready", _Ready(ready, dev=around.dev).answer),
            Path("/metrics", _Metrics(scrape).answer),
            *manual(),
        ],
        exception_handlers={HTTPException: _no_such},
    )
    application.router.redirect_slashes = False
    return application


def _path(route: Route, service: Service, around: Around) -> Path:
    endpoint = Endpoint(route, service, around)

    async def respond(request: Request) -> Response:
        return await endpoint(request)

    return Path(route.path, respond, methods=[route.verb])


async def _health(_: Request) -> Response:
    return answer({"up": True})


class _Ready:
    def __init__(self, ready: Ready, *, dev: bool) -> None:
        self._ready = ready
        self._dev = dev

    async def answer(self, _: Request) -> Response:
        """503 with what is wrong, by part, unless nothing is."""
        wrong = await self._ready()
        status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
        open_to = {"dev": SAID} if self._dev else {}
        return answer({"ready": not wrong, "wrong": wrong, **open_to}, status)


class _Metrics:
    def __init__(self, scrape: Callable[[str, str], bytes]) -> None:
        self._scrape = scrape

    async def answer(self, request: Request) -> Response:
        """For Prometheus."""
        try:
            text = self._scrape(request.headers.get("authorization", ""), request.headers.get("host", ""))
        except Failure as refused:
            return refusal(refused)
        return Response(text, headers={"cache-control": "no-store", "content-type": CONTENT_TYPE})


async def _no_such(request: Request, refused: Exception) -> Response:
    """A path or a verb that is not served. Who asks from a browser's other page is told the same: nothing is allowed there."""
    if isinstance(refused, HTTPException) and refused.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (refused.headers or {}).get("Allow", "")
        told = Failure("UNIMPLEMENTED", f"{request.method} is not served here; use {allowed}")
        response = refusal(told, HTTPStatus.METHOD_NOT_ALLOWED)
        response.headers["allow"] = allowed
        return response
    served = ", ".join(sorted({route.path for route in ROUTES}))
    return refusal(
        Failure(
            "NOT_FOUND", f"{request.url.path[:200]} is not served; there are {served}, /health, /ready, /metrics, /docs"
        )
    )
