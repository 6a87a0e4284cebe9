"""What only a store on PostgreSQL does: telling others, leading, and outliving its server."""

import asyncio

import pytest

from controlplane.audit.model import Kind
from controlplane.store import postgres_topics
from controlplane.store.postgres import PostgresStore, open_postgres
from controlplane.store.postgres_session import Patience, Server
from controlplane.store.protocols import Checkpoint, Statement, StoreUnavailable
from tests.support.journal import NOON, append, hold, issue, request, settle
from tests.support.postgres import PostgresServer, running_postgres

WITHIN = 60.0
QUICK = Patience(connect=1.0, statement=1.0)


def checkpoint(size: int) -> Checkpoint:
    return Checkpoint(size=size, root=bytes(32), at=NOON, note=f"log\n{size}\n")


async def test_a_notification_wakes_the_other_one_long_before_it_would_look(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_topics, "LOOK", 10 * WITHIN)
    one, two = await open_postgres(empty_postgres), await open_postgres(empty_postgres)
    heard = asyncio.create_task(two.changed("catalog"))
    async with asyncio.timeout(WITHIN):
        while not heard.done():  # the other one may not listen yet
            await one.notify("catalog")
            await asyncio.wait([heard], timeout=0.05)
    await asyncio.gather(one.close(), two.close())


async def test_what_is_told_between_two_waits_is_not_missed(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_postgres(empty_postgres)
    first = asyncio.create_task(store.changed("catalog"))
    async with asyncio.timeout(WITHIN):
        while not first.done():
            await store.notify("catalog")
            await asyncio.wait([first], timeout=0.05)
        monkeypatch.setattr(postgres_topics, "LOOK", 10 * WITHIN)
        await store.notify("catalog")
        await asyncio.sleep(0)
        await store.changed("catalog")
    await store.close()


async def test_one_leads_and_another_one_follows_it_when_its_connection_is_lost(
    empty_postgres: str, postgres_server: PostgresServer
) -> None:
    one, two = await open_postgres(empty_postgres), await open_postgres(empty_postgres)
    async with one.tree.lead() as leading:
        assert leading
        async with two.tree.lead() as also:
            assert not also
        await postgres_server.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        async with asyncio.timeout(WITHIN), two.tree.lead() as then:
            assert then
    await asyncio.gather(one.close(), two.close())


async def test_who_leads_leaves_in_peace_when_its_connection_was_lost_and_it_has_not_heard_of_it() -> None:
    with running_postgres() as server:
        store = await open_postgres(await server.database(), quick=QUICK)
        async with store.tree.lead() as leading:
            assert leading
            server.kill()  # blocks: this loop reads nothing of it before it leaves
        server.start()
        async with store.tree.lead() as again:
            assert again
        await store.close()


async def test_a_place_is_given_once_whoever_believes_to_lead(empty_postgres: str) -> None:
    one, two = await open_postgres(empty_postgres), await open_postgres(empty_postgres)
    await one.writer.run([append(Kind.KEYS, "a"), append(Kind.KEYS, "b")])
    seqs = [entry.seq for entry in await two.tree.unsequenced(10)]
    await two.tree.extend(0, [(seqs[0], bytes(32))], [], checkpoint(1))
    with pytest.raises(StoreUnavailable, match="another replica was first"):
        await one.tree.extend(0, [(seqs[1], bytes(32))], [], checkpoint(1))
    assert await one.tree.index_of(seqs) == {seqs[0]: 0}
    await asyncio.gather(one.close(), two.close())


async def test_a_request_that_two_decide_at_the_same_time_has_one_decision(empty_postgres: str) -> None:
    stores = [await open_postgres(empty_postgres) for _ in range(2)]
    for number in range(20):
        asked = [request(f"r{number}", f"d{number}-{name}") for name in range(2)]
        outcomes = await asyncio.gather(
            *(store.writer.run([issue(one.decision_id, asked=one)]) for store, one in zip(stores, asked, strict=True))
        )
        decided = sorted(type(outcome.results[0]).__name__ for outcome in outcomes)
        assert decided == ["AlreadyDecided", "Recorded"]
        found = [await store.ledger.request("acme", "app", f"r{number}") for store in stores]
        assert found[0] == found[1]
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_receipt_that_two_are_told_at_the_same_time_is_booked_once(empty_postgres: str) -> None:
    stores = [await open_postgres(empty_postgres) for _ in range(2)]
    await stores[0].writer.run([issue(f"d{number}", hold(10)) for number in range(20)])
    for number in range(20):
        await asyncio.gather(*(store.writer.run([settle(f"d{number}", f"d{number}/1", 7)]) for store in stores))
    ((spent, reserved),) = await stores[0].database.fetch("SELECT spent, reserved FROM balance")
    assert (spent, reserved) == (20 * 7, 0)
    await asyncio.gather(*(store.close() for store in stores))


async def written(store: PostgresStore, ref: str) -> bool:
    try:
        await store.writer.run([append(Kind.KEYS, ref)])
        await store.database.fetch("SELECT 1")
    except StoreUnavailable:
        return False
    return True


async def test_a_server_that_comes_back_is_used_again() -> None:
    with running_postgres() as server:
        store = await open_postgres(await server.database(), quick=QUICK)
        assert await written(store, "before")
        server.kill()
        assert not await written(store, "meanwhile")
        server.start()
        assert await written(store, "after")
        assert await store.entries.get("keys", "before")
        await store.close()


async def test_a_group_that_waits_for_a_lock_too_long_is_told_so(empty_postgres: str) -> None:
    store = await open_postgres(empty_postgres, quick=QUICK)
    await store.writer.run([issue("d1", hold(10))])
    other = await Server(url=empty_postgres).connect()
    async with other.transaction():
        await other.execute("SELECT * FROM balance FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await store.writer.run([issue("d2", hold(10))])
    await other.close()
    await store.writer.run([issue("d2", hold(10))])
    await store.close()


async def test_a_replica_that_says_nothing_more_loses_its_locks(empty_postgres: str) -> None:
    store = await open_postgres(empty_postgres)
    await store.writer.run([issue("d1", hold(10))])
    silent = await Server(url=empty_postgres, patience=QUICK).connect()
    await silent.execute("BEGIN")
    await silent.execute("SELECT * FROM balance FOR UPDATE")
    await store.writer.run([issue("d2", hold(10))])
    silent.terminate()
    await store.close()


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(StoreUnavailable) as unavailable:
        await open_postgres("postgresql://turnout:hunter2@127.0.0.1:1/turnout")
    assert "hunter2" not in str(unavailable.value) + repr(Server(url="postgresql://turnout:hunter2@host/turnout"))


async def test_a_url_that_cannot_be_read_is_told_without_the_password() -> None:
    with pytest.raises(ValueError, match="percent-encoded") as invalid:
        await open_postgres("postgresql://turnout:hunter/2@host/turnout")
    assert "hunter" not in str(invalid.value)


async def test_both_writers_begin_an_empty_database_at_the_same_time(empty_postgres: str) -> None:
    stores = await asyncio.gather(*(open_postgres(empty_postgres) for _ in range(4)))
    await stores[0].database.write(
        [Statement(sql="INSERT INTO setting (name, version, body) VALUES (?, ?, ?)", rows=[("a", 1, b"")])]
    )
    assert await stores[1].database.fetch("SELECT name FROM setting WHERE name <> '?'") == [("a",)]
    await asyncio.gather(*(store.close() for store in stores))
