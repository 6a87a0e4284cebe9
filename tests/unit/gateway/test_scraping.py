"""`/metrics` of a worker."""

from collections.abc import Callable

from dataplane.gateway.exchange import Exchange
from dataplane.gateway.scraping import Scraping
from tests.support.asgi import Conversation
from turnout_wire.failure import Failure

REFUSALS = {"Bearer stranger": "ACCESS_DENIED", "Bearer early": "SNAPSHOT_STALE"}


def scrape(authorization: str, host: str) -> bytes:
    """One who may read."""
    if authorization in REFUSALS:
        raise Failure(REFUSALS[authorization], "not now")
    if authorization != "Bearer key":
        raise Failure("UNAUTHENTICATED", "send a token with the role metrics")
    return f"up 1 # {host}".encode()


async def scraped(**headers: str) -> Conversation:
    asked = Conversation("GET", "/metrics", headers=headers)
    await Scraping(lambda: scrape, "text/plain; version=0.0.4")(Exchange(asked.scope, asked.receive, asked.send))
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


async def test_other_refusals_have_their_own_status_and_ask_for_no_token() -> None:
    for authorization, status in (("Bearer stranger", 403), ("Bearer early", 503)):
        told = await scraped(authorization=authorization)
        assert (told.status, told.value["error"]["reason"]) == (status, REFUSALS[authorization])
        assert "www-authenticate" not in told.headers


async def test_what_they_read_is_made_with_the_first_of_them_and_kept() -> None:
    made: list[int] = []

    def opened() -> Callable[[str, str], bytes]:
        made.append(1)
        return scrape

    scraping = Scraping(opened, "text/plain")
    assert made == []
    for _ in range(2):
        asked = Conversation("GET", "/metrics", headers={"authorization": "Bearer key"})
        await scraping(Exchange(asked.scope, asked.receive, asked.send))
    assert made == [1]
