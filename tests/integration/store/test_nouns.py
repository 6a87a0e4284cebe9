"""Reading what was recorded, the log's tree, balances, and plain SQL, on every store."""

import asyncio
from hashlib import sha256

import pytest

from controlplane.audit.leaf import leaf
from controlplane.audit.model import Kind
from controlplane.budget.model import Account, AccountId, Balance
from controlplane.store.protocols import Checkpoint, Statement, Store, Tile
from tests.support.journal import NOON, append, hold, issue, settle

PATIENCE = 60.0


def digest(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


def checkpoint(size: int) -> Checkpoint:
    return Checkpoint(size=size, root=digest(size), at=NOON, note=f"log\n{size}\n")


async def sequence(store: Store, first: int, *tiles: Tile) -> list[tuple[int, bytes]]:
    """Give everything that waits a place."""
    leaves = [(one.seq, sha256(one.leaf).digest()) for one in await store.tree.unsequenced(1_000)]
    await store.tree.extend(first, leaves, tiles, checkpoint(first + len(leaves)))
    return leaves


async def test_entries_wait_in_the_order_in_which_they_were_recorded(store: Store) -> None:
    await store.writer.run([append(Kind.KEYS, "a"), append(Kind.KEYS, "b")])
    await store.writer.run([append(Kind.ALERT, "c")])
    waiting = await store.tree.unsequenced(10)
    assert [one.ref for one in waiting] == ["a", "b", "c"]
    assert sorted({one.seq for one in waiting}) == [one.seq for one in waiting]
    assert waiting[0].leaf == leaf(append(Kind.KEYS, "a").entry)
    assert [one.ref for one in await store.tree.unsequenced(2)] == ["a", "b"]


async def test_an_extension_gives_places_tiles_and_a_checkpoint(store: Store) -> None:
    await store.writer.run([append(Kind.KEYS, ref) for ref in "abc"])
    tile = Tile(level=1, index=0, hashes=digest(7))
    leaves = await sequence(store, 0, tile)
    assert await store.tree.unsequenced(10) == []
    assert await store.tree.index_of([seq for seq, _ in leaves]) == {seq: n for n, (seq, _) in enumerate(leaves)}
    assert await store.tree.leaf_hashes(1, 3) == [hashed for _, hashed in leaves[1:]]
    assert await store.tree.tiles([(1, 0), (0, 0)]) == {(1, 0): tile}
    assert await store.tree.newest() == checkpoint(3)
    assert [(one.index, one.ref) for one in await store.entries.in_order(1, 10)] == [(1, "b"), (2, "c")]
    kept = await store.entries.get("keys", "b")
    assert kept is not None
    assert kept.index == 1


async def test_a_tile_that_has_grown_takes_the_place_of_the_smaller_one(store: Store) -> None:
    for number in (1, 2):
        await store.writer.run([append(Kind.KEYS, str(number))])
        await sequence(store, number - 1, Tile(level=1, index=0, hashes=digest(0) * number))
    assert (await store.tree.tiles([(1, 0)]))[1, 0].hashes == digest(0) * 2


async def test_an_extension_from_a_wrong_place_changes_nothing(store: Store) -> None:
    await store.writer.run([append(Kind.KEYS, "a")])
    await sequence(store, 0)
    await store.writer.run([append(Kind.KEYS, "b")])
    (waiting,) = await store.tree.unsequenced(10)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.tree.extend(0, [(waiting.seq, digest(1))], [Tile(level=1, index=9, hashes=b"x")], checkpoint(2))
    assert await store.tree.unsequenced(10) == [waiting]
    assert await store.tree.tiles([(1, 9)]) == {}
    assert await store.tree.newest() == checkpoint(1)


async def test_an_entry_gets_one_place_only(store: Store) -> None:
    await store.writer.run([append(Kind.KEYS, "a")])
    leaves = await sequence(store, 0)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.tree.extend(1, leaves, [], checkpoint(2))
    assert await store.tree.newest() == checkpoint(1)


async def test_checkpoints_are_found_by_size_and_in_order(store: Store) -> None:
    assert await store.tree.newest() is None
    for number in range(1, 6):
        await store.writer.run([append(Kind.KEYS, str(number))])
        await sequence(store, number - 1)
    assert await store.tree.checkpoint(3) == checkpoint(3)
    assert await store.tree.checkpoint(9) is None
    assert [one.size for one in await store.tree.checkpoints(2, 2)] == [3, 4]


async def test_one_at_a_time_leads(store: Store) -> None:
    async with store.tree.lead() as first:
        assert first
    async with store.tree.lead() as again:
        assert again


async def test_erasing_leaves_the_leaf(store: Store) -> None:
    await store.writer.run([issue("d", hold(10)), settle("d", "r", 3), issue("other")])
    entries = await store.entries.of_decision("d")
    assert await store.entries.erase([one.seq for one in entries]) == 2
    erased = await store.entries.of_decision("d")
    assert [(one.seq, one.leaf, one.salt, one.body) for one in erased] == [
        (one.seq, one.leaf, None, None) for one in entries
    ]
    assert await store.entries.erase([one.seq for one in entries]) == 0
    kept = await store.entries.get("decision", "other")
    assert kept is not None
    assert kept.body == b"decision:other"
    assert len(await store.tree.unsequenced(10)) == 3


async def test_what_is_unknown_is_absent(store: Store) -> None:
    assert await store.entries.of_decision("none") == []
    assert await store.entries.of_decision("") == []
    assert await store.entries.get("decision", "none") is None
    assert await store.entries.documents([b"none"]) == {}
    assert await store.entries.documents([]) == {}
    assert await store.tree.index_of([1, 2]) == {}
    assert await store.ledger.reservations(["none"]) == {}
    assert await store.ledger.request("a", "b", "c") is None
    assert await store.ledger.balances([]) == {}
    assert await store.entries.erase([]) == 0


async def test_the_windows_of_a_budget_are_those_of_all_its_accounts_and_of_no_other(store: Store) -> None:
    named = ["daily", "daily{tenant=a}", "daily{tenant=Ö}", "daily2", "dail", "daily|", "Daily", "daily_x"]
    accounts = [Account(id=AccountId(name), window_start=start) for name in named for start in (0, 50, 100)]
    await store.writer.run([issue(f"d{n}", hold(1, account=one)) for n, one in enumerate(accounts)])
    found = await store.ledger.windows("daily", 100)
    wanted = {Account(id=AccountId(name), window_start=start) for name in named[:3] for start in (0, 100)}
    assert found == dict.fromkeys(wanted, Balance(reserved=1))


async def test_balances_of_windows_are_their_own(store: Store) -> None:
    first, second = (Account(id=AccountId("x"), window_start=start) for start in (60, 120))
    await store.writer.run([issue("a", hold(1, account=first)), issue("b", hold(2, account=second))])
    assert await store.ledger.balances([first]) == {first: Balance(reserved=1)}
    assert await store.ledger.balances([second, first]) == {first: Balance(reserved=1), second: Balance(reserved=2)}


PUT = "INSERT INTO setting (name, version, body) VALUES (?, ?, ?)"


async def test_plain_sql_keeps_every_kind_of_value(store: Store) -> None:
    values = ("Grüße 'quoted' ? \U0001f600", 2**62, bytes(range(256)))
    await store.database.write([Statement(sql=PUT, rows=[values])])
    assert await store.database.fetch("SELECT name, version, body FROM setting WHERE name = ?", values[0]) == [values]
    salt = await store.database.fetch("SELECT salt FROM entry WHERE seq = ?", 1)
    assert salt == []


async def test_statements_are_written_together_or_not_at_all(store: Store) -> None:
    rows = [("a", 1, b""), ("b", 1, b"")]
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.database.write([Statement(sql=PUT, rows=rows), Statement(sql=PUT, rows=rows[:1])])
    assert await store.database.fetch("SELECT name FROM setting") == []
    await store.database.write([Statement(sql=PUT, rows=rows), Statement(sql="DELETE FROM setting", rows=[()])])
    assert await store.database.fetch("SELECT name FROM setting") == []


async def test_reading_and_writing_at_the_same_time(store: Store) -> None:
    async def write(number: int) -> None:
        await store.database.write([Statement(sql=PUT, rows=[(f"n{number}", number, b"x" * 1_000)])])

    async def read() -> int:
        return len(await store.database.fetch("SELECT name, body FROM setting"))

    counts = await asyncio.gather(*(job for n in range(40) for job in (write(n), read())))
    assert max(count for count in counts if count is not None) <= 40
    assert await read() == 40


async def test_whoever_waits_for_a_topic_hears_of_it(store: Store) -> None:
    async def hear(topic: str) -> str:
        await store.changed(topic)
        return topic

    waiting = asyncio.create_task(hear("snapshot"))
    await asyncio.sleep(0)
    await store.notify("snapshot")
    assert await asyncio.wait_for(waiting, PATIENCE) == "snapshot"


async def test_news_that_were_missed_are_looked_for_soon(store: Store) -> None:
    await store.notify("snapshot")
    await asyncio.wait_for(store.changed("snapshot"), PATIENCE)
