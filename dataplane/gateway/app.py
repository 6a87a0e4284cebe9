"""The gateway as an ASGI application: which path is which face's, who may ask, and that every answer has an end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dataplane.execution.crash import log_crash
from dataplane.gateway.body import members
from dataplane.gateway.exchange import Exchange, Gone, Scope
from dataplane.gateway.face import Errors
from dataplane.gateway.model import BadRequest, Problem, Received
from dataplane.gateway.problems import of_failure, of_request
from dataplane.gateway.refusing import refuse
from dataplane.gateway.routes import Found, Route, find
from dataplane.gateway.watching import Watch, Watching
from turnout_wire.dev import DEV, meant_for_us
from turnout_wire.failure import Failure
from turnout_wire.server import Principal

_log = logging.getLogger(__name__)
CALLER = "caller"
"""The role that may ask."""
_FAULT = "a fault of the gateway; its log knows it"


class Serve(Protocol):
    """Answers the requests of one route."""

    async def __call__(self, exchange: Exchange, received: Received, caller: Principal, watch: Watch) -> None:
        """Answer. Raises BadRequest and Failure as long as nothing was sent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What serves a route, and the face that tells its errors. `reads`: it has a body."""

    serve: Serve
    face: Errors
    reads: bool = True


Plain = Callable[[Exchange], Awaitable[None]]
"""Answers without asking who asks: health, readiness, metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """All that the gateway serves: routes by name, and the face for what is at no path."""

    served: Mapping[Route, Served]
    plain: Mapping[str, Plain]
    authenticate: Callable[[str], Principal | None]
    watching: Watching
    strangers: Errors
    monotonic: Callable[[], float]


class Gateway:
    """An ASGI 3 application. It never raises: what goes wrong is told, and the log knows of what should not have been."""

    def __init__(self, house: House, max_concurrent: int) -> None:
        self._house = house
        self._room = max_concurrent
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def running(self) -> int:
        """Requests under way."""
        return len(self._running)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        plain = self._house.plain.get(exchange.path)
        if plain is not None:
            await self._plainly(plain, exchange)
            return
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
        try:
            await self._routed(exchange)
        finally:
            if task is not None:
                self._running.discard(task)

    async def _plainly(self, plain: Plain, exchange: Exchange) -> None:
        try:
            await plain(exchange)
        except Exception as error:  # noqa: BLE001 - who asks for health gets an answer, whatever is wrong
            log_crash("a request crashed", error, decision_id="")
            if not exchange.begun:
                await refuse(exchange, self._house.strangers, Problem(reason="INTERNAL", message=_FAULT))

    async def _routed(self, exchange: Exchange) -> None:
        found = find(exchange.method, exchange.path, exchange.headers)
        if not isinstance(found, Found):
            await refuse(exchange, self._house.strangers, Problem(reason="NOT_FOUND", message=found))
            return
        served, started = self._house.served[found.route], self._house.monotonic()
        watch = self._house.watching.begin(found.route, exchange.method, exchange.headers)
        status = await self._answered(exchange, served, found, watch)
        self._house.watching.end(watch, found.route, status, started)

    async def _answered(self, exchange: Exchange, served: Served, found: Found, watch: Watch) -> int:
        """The status that was sent; 0 if the caller went away."""
        try:
            problem = await self._problem(exchange, served, found, watch)
            if problem is not None:
                watch.error = problem.reason
                await refuse(exchange, served.face, problem)
        except asyncio.CancelledError:
            if exchange.left:
                return 0
            raise
        finally:
            exchange.leave()
        return exchange.status

    async def _problem(self, exchange: Exchange, served: Served, found: Found, watch: Watch) -> Problem | None:
        """What kept the request from its answer; None if it was answered, or if there is nobody to tell."""
        try:
            caller = self._caller(exchange)
            received = await _received(exchange, found.parameters, reads=served.reads)
            exchange.watch()
            await served.serve(exchange, received, caller, watch)
        except BadRequest as bad:
            return of_request(bad)
        except Failure as failure:
            return of_failure(failure)
        except Gone:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, its caller gets an end, and no text gets into the log
            log_crash("a request crashed", error, decision_id=watch.decision_id)
            if exchange.begun:  # the server hangs up on an answer without an end, which no SDK takes for whole
                return None
            return Problem(reason="INTERNAL", message=_FAULT)
        return None

    def _caller(self, exchange: Exchange) -> Principal:
        """Who asks. Raises Failure UNAUTHENTICATED or ACCESS_DENIED, and OVERLOADED where there is no room."""
        token = _token(exchange)
        caller = self._house.authenticate(token)
        if caller is None:
            told = "no API key" if not token else "the API key is not known, or its time is over"
            raise Failure("UNAUTHENTICATED", f"{told}; send one that `turnout key create` gave")
        if caller is DEV and not meant_for_us(exchange.headers.get("host", "")):
            told = "without an API key a request is taken for 127.0.0.1 and localhost alone, and not by another name"
            raise Failure("ACCESS_DENIED", told)
        if CALLER not in caller.roles:
            raise Failure("ACCESS_DENIED", f"{caller.name} has not the role {CALLER}; make a key with it")
        if len(self._running) > self._room:
            raise Failure("OVERLOADED", f"{self._room} requests are under way here; come back in a moment")
        return caller


def _token(exchange: Exchange) -> str:
    """The API key, wherever the protocols' SDKs put it."""
    headers = exchange.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or exchange.query.get("key", "")


async def _received(exchange: Exchange, parameters: Mapping[str, str], *, reads: bool) -> Received:
    if not reads:
        return Received(headers=exchange.headers, parameters=parameters)
    text = await exchange.text()
    value, spans = members(text)
    return Received(
        headers=exchange.headers, parameters={**exchange.query, **parameters}, text=text, value=value, spans=spans
    )
