"""`/metrics` of a worker."""

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.scraping import Scraping
from tests.support.asgi import Conversation
from turnout_wire.failure import Failure


def scrape(authorization: str, host: str) -> bytes:
    """One who may read."""
    if authorization != "Bearer key":
        raise Failure("UNAUTHENTICATED", "send a token with the role metrics")
    return f"up 1 # {host}".encode()


async def scraped(**headers: str) -> Conversation:
    asked = Conversation("GET", "/metrics", headers=headers)
    await Scraping(scrape, "text/plain; version=0.0.4")(Exchange(asked.scope, asked.receive, asked.send))
    return asked


async def test_who_may_read_gets_the_figures_as_text() -> None:
    told = await scraped(authorization="Bearer key", host="worker:7521")
    assert (told.status, told.body) == (200, b"up 1 # worker:7521")
    assert told.headers["content-type"] == "text/plain; version=0.0.4"


async def test_who_may_not_is_told_how_to() -> None:
    for headers in ({}, {"authorization": "Bearer other"}):
        told = await scraped(**headers)
        assert (told.status, told.headers["www-authenticate"]) == (401, "Bearer")
        assert told.value["error"] == {"reason": "UNAUTHENTICATED", "message": "send a token with the role metrics"}
