"""`/metrics` of a worker, for Prometheus."""

from collections.abc import Callable

from dataplane.gateway.exchange import Exchange
from dataplane.provider import json_text
from turnout_wire.failure import Failure

Scrape = Callable[[str, str], bytes]
"""The text for a request's `authorization` and `host`. Raises Failure."""


class Scraping:
    """Answers scrapers."""

    def __init__(self, scrape: Scrape, kind: str) -> None:
        self._scrape = scrape
        self._kind = kind.encode()

    async def __call__(self, exchange: Exchange) -> None:
        """The text; 401 for who may not read it."""
        headers = exchange.headers
        try:
            text = self._scrape(headers.get("authorization", ""), headers.get("host", ""))
        except Failure as refused:
            told = {"error": {"reason": refused.reason, "message": refused.message}}
            await exchange.respond(401, (("www-authenticate", "Bearer"),), json_text.write(told).encode())
            return
        await exchange.respond(200, (), text, self._kind)
