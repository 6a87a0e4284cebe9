"""`/metrics` of a worker, for Prometheus."""

from collections.abc import Callable

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.openai.errors import TELLING
from dataplane.provider import json_text
from turnout_wire.failure import Failure

Scrape = Callable[[str, str], bytes]
"""The text for a request's `authorization` and `host`. Raises Failure."""
UNAUTHENTICATED = 401


class Scraping:
    """Answers scrapers. `opened` makes what they read: with the first of them, for its library takes memory and time."""

    def __init__(self, opened: Callable[[], Scrape], kind: str) -> None:
        self._opened = opened
        self._scrape: Scrape | None = None
        self._kind = kind.encode()

    async def __call__(self, exchange: Exchange) -> None:
        """The text; for who may not read it, or not now, the status that the failure has everywhere."""
        headers = exchange.headers
        if self._scrape is None:
            self._scrape = self._opened()
        try:
            text = self._scrape(headers.get("authorization", ""), headers.get("host", ""))
        except Failure as refused:
            await _refuse(exchange, refused)
            return
        await exchange.respond(200, (), text, self._kind)


async def _refuse(exchange: Exchange, refused: Failure) -> None:
    status = TELLING[refused.reason].status
    told = {"error": {"reason": refused.reason, "message": refused.message}}
    ways = (("www-authenticate", "Bearer"),) if status == UNAUTHENTICATED else ()
    await exchange.respond(status, ways, json_text.write(told).encode())
