"""Answers that are kept: by tenant, to the byte, and still decided and recorded."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from fakeredis import TcpFakeServer
from prometheus_client.parser import text_string_to_metric_families

from dataplane.gateway.cache import MemoryCache
from dataplane.gateway.valkey_cache import ValkeyCache
from tests.support.api_keys import caught_up, created
from tests.support.backbone import PROMPT, backbone
from tests.support.gateway import Desk, desk

COLD = {"model": "auto", "messages": [{"role": "user", "content": PROMPT}], "temperature": 0}


@pytest.fixture
def valkey() -> Iterator[str]:
    """The address of a server that speaks Valkey's protocol."""
    server = TcpFakeServer(("127.0.0.1", 0), server_type="valkey")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"valkey://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest_asyncio.fixture(params=["memory", "valkey"])
async def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A gateway that keeps answers."""
    place = "memory:8" if request.param == "memory" else request.getfixturevalue("valkey")
    async with backbone(tmp_path, gateway="127.0.0.1:0", cache=place) as planes, desk(planes) as running:
        yield running


async def cached(gateway: Desk, headers: dict[str, str] | None = None, **more: object) -> tuple[str, str]:
    """The answer's body, and `hit` if it was kept."""
    reply = await gateway.http.post("/v1/chat/completions", json={**COLD, **more}, headers=headers or {})
    assert reply.status_code == 200, reply.text
    return reply.text, reply.headers.get("x-turnout-cache", "")


async def test_the_same_request_is_answered_without_a_call_and_costs_nothing(keeping: Desk) -> None:
    first, fresh = await cached(keeping)
    reply = await keeping.http.post("/v1/chat/completions", json=COLD)
    assert (fresh, reply.headers["x-turnout-cache"]) == ("", "hit")
    assert reply.text == first
    assert float(reply.headers["x-turnout-cost-usd"]) == 0
    assert reply.headers["x-turnout-attempts"] == "0"
    assert len(reply.headers["x-turnout-decision-id"]) == 36
    assert keeping.planes.providers.called() == ["first"]


async def test_how_often_an_answer_or_a_word_was_there_is_a_figure(keeping: Desk) -> None:
    for _ in range(3):
        await cached(keeping)
    page = await keeping.http.get("/metrics")
    families = {family.name: family.samples for family in text_string_to_metric_families(page.text)}
    found = {
        (one.labels["turnout_cache"], one.labels["turnout_result"]): one.value
        for one in families["turnout_cache_lookups"]
    }
    assert (found["answer", "hit"], found["answer", "miss"]) == (2, 1)
    assert 0 < found["word", "miss"] <= found["word", "hit"]
    entries = {one.labels["turnout_cache"]: one.value for one in families["turnout_cache_entries"]}
    in_memory = keeping.planes.worker.plane._config.cache.startswith("memory")
    assert entries.get("answer") == (1 if in_memory else None)


async def test_a_stream_is_kept_and_given_whole(keeping: Desk) -> None:
    first, fresh = await cached(keeping, stream=True)
    again, hit = await cached(keeping, stream=True)
    assert (fresh, hit) == ("", "hit")
    events = [line for line in first.splitlines() if line.startswith("data: ")]
    assert [line for line in again.splitlines() if line.startswith("data: ")] == events
    assert events[-1] == "data: [DONE]"


async def test_a_request_that_draws_by_chance_is_kept_only_if_asked_for(keeping: Desk) -> None:
    for _ in range(2):
        assert (await cached(keeping, temperature=0.7))[1] == ""
    on = {"x-turnout-cache": "on"}
    assert (await cached(keeping, on, temperature=0.7))[1] == ""
    assert (await cached(keeping, on, temperature=0.7))[1] == "hit"
    assert (await cached(keeping, {"x-turnout-cache": "off"}))[1] == ""
    assert (await cached(keeping, {"x-turnout-cache": "off"}))[1] == ""


async def test_another_request_has_its_own_answer(keeping: Desk) -> None:
    await cached(keeping)
    assert (await cached(keeping, max_tokens=5))[1] == ""


async def test_answers_of_one_tenant_are_not_for_another(keeping: Desk) -> None:
    operator = keeping.planes.control.known_line("operator")
    keys = [(await created(operator, name=name, tenant=name)).secret for name in ("acme", "globex")]
    await caught_up(keeping.planes)
    one, other = ({"authorization": f"Bearer {key}"} for key in keys)
    assert (await cached(keeping, one))[1] == ""
    assert (await cached(keeping, other))[1] == ""
    assert (await cached(keeping, one))[1] == "hit"


async def test_a_worker_that_was_not_told_to_keeps_nothing(gateway: Desk) -> None:
    for _ in range(2):
        assert (await cached(gateway))[1] == ""
    assert gateway.planes.providers.called() == ["first", "first"]


async def test_a_valkey_that_is_gone_is_a_miss_that_is_counted() -> None:
    failed: list[int] = []
    cache = ValkeyCache("valkey://127.0.0.1:1/0", 60, lambda: failed.append(1))
    assert await cache.get(b"k") is None
    await cache.put(b"k", b"v")
    await cache.close()
    assert len(failed) == 2


async def test_memory_is_bounded_and_answers_end() -> None:
    now = [0.0]
    cache = MemoryCache(lambda: now[0], life=10, capacity=10)
    await cache.put(b"a", b"12345")
    await cache.put(b"b", b"12345")
    await cache.get(b"a")
    await cache.put(b"c", b"12345")
    assert [await cache.get(key) for key in (b"a", b"b", b"c")] == [b"12345", None, b"12345"]
    now[0] = 10.0
    assert await cache.get(b"a") is None
    await asyncio.gather(cache.close())
