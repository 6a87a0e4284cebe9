"""What every store's writer does with groups of operations."""

import asyncio
from collections import Counter
from collections.abc import Collection

import pytest

from controlplane.audit.model import Document, Kind
from controlplane.budget.model import Account, Balance
from controlplane.journal.model import AlreadyDecided, Append, Outcome, Recorded, Refused
from controlplane.store.open import open_store
from controlplane.store.protocols import Store
from tests.support.journal import (
    DAILY,
    LIFE,
    NOON,
    MemoryJournal,
    append,
    entry,
    expire,
    hold,
    issue,
    request,
    settle,
    start,
)
from tests.support.money import LIMITS, groups, story


async def used(store: Store, accounts: Collection[Account]) -> dict[Account, Balance]:
    """Balances of something; one of nothing may be kept or not, and means the same."""
    return {account: one for account, one in (await store.ledger.balances(accounts)).items() if one != Balance()}


async def agree(store: Store, memory: MemoryJournal) -> None:
    """What the store holds is what the rules alone come to."""
    assert await used(store, LIMITS) == {account: one for account, one in memory.balances.items() if one != Balance()}
    assert await store.ledger.reservations([f"d{n:02d}" for n in range(40)]) == memory.reservations
    kept = [await store.entries.get(kind, ref) for kind, ref in memory.entries]
    assert [(one.salt, one.body, one.at) for one in kept if one] == [
        (one.salt, one.body, one.at) for one in memory.entries.values()
    ]
    assert await store.entries.documents(list(memory.documents)) == memory.documents
    keys = list(memory.requests)
    assert [await store.ledger.request(key.tenant, key.presenter, key.request_id) for key in keys] == [
        memory.requests[key] for key in keys
    ]
    assert {account: held for account, held in (await store.ledger.open_sums()).items() if held} == {
        account: one.reserved for account, one in memory.balances.items() if one.reserved
    }


def nonzero(outcome: Outcome) -> dict[Account, Balance]:
    """The balances that a group touched, those of nothing aside."""
    return {account: one for account, one in outcome.balances.items() if one != Balance()}


@pytest.mark.parametrize("seed", range(5))
async def test_a_store_agrees_with_the_rules_on_every_result_and_in_the_end(store: Store, seed: int) -> None:
    memory = MemoryJournal()
    for group in groups(seed, story(seed)):
        outcome, expected = await store.writer.run(group), memory.run(group)
        assert outcome.results == expected.results
        assert nonzero(outcome) == nonzero(expected)
    await agree(store, memory)


async def test_a_story_is_not_one_sided() -> None:
    memory = MemoryJournal()
    results = [
        result for seed in range(5) for group in groups(seed, story(seed)) for result in memory.run(group).results
    ]
    told = Counter(type(result) for result in results)
    assert min(told[kind] for kind in (Recorded, Refused, AlreadyDecided)) > 10
    assert {(one.fresh, one.late, one.adopted) for one in results if isinstance(one, Recorded)} >= {
        (True, False, False), (False, False, False), (True, True, False), (True, False, True),
    }  # fmt: skip


async def test_what_was_recorded_reads_back_whole(store: Store) -> None:
    document = Document(digest=bytes(range(32)), kind="catalog", body=bytes(range(256)) * 300)
    operation = issue("d", hold(10), asked=request("once", "d"), documents=(document,))
    assert (await store.writer.run([operation])).results == [Recorded()]
    kept = await store.entries.get("decision", "d")
    assert kept is not None
    assert (kept.kind, kept.ref, kept.decision_id, kept.at) == ("decision", "d", "d", NOON)
    assert (kept.salt, kept.body, kept.index) == (operation.entry.salt, b"decision:d", None)
    assert await store.entries.documents([document.digest, b"unknown"]) == {document.digest: document}
    assert await store.ledger.request("acme", "app", "once") == operation.request
    assert await store.ledger.reservations(["d", "unknown"]) == {"d": operation.reservation}
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=10)}


async def test_what_is_refused_writes_nothing(store: Store) -> None:
    document = Document(digest=b"d" * 32, kind="catalog", body=b"{}")
    (result,) = (
        await store.writer.run([issue("d", hold(11, limit=10), asked=request("q", "d"), documents=(document,))])
    ).results
    assert isinstance(result, Refused)
    assert result.shortages[0].balance == Balance()
    assert await store.entries.get("decision", "d") is None
    assert await store.ledger.request("acme", "app", "q") is None
    assert await store.ledger.reservations(["d"]) == {}
    # PostgreSQL makes a row to lock, which says the same as none.
    assert (await store.ledger.balances([DAILY])).get(DAILY, Balance()) == Balance()
    assert await store.entries.documents([document.digest]) == {}
    assert await store.tree.unsequenced(10) == []


async def test_the_same_request_id_gives_the_decision_of_before(store: Store) -> None:
    await store.writer.run([issue("d1", hold(10), asked=request("once", "d1"))])
    (again,) = (await store.writer.run([issue("d2", hold(10), asked=request("once", "d2"))])).results
    assert isinstance(again, AlreadyDecided)
    assert (again.known, again.body) == (request("once", "d1"), b"decision:d1")
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=10)}


async def test_a_request_id_of_another_tenant_or_presenter_is_another(store: Store) -> None:
    await store.writer.run([issue("d", asked=request("once", "d"))])
    assert await store.ledger.request("other", "app", "once") is None
    assert await store.ledger.request("acme", "other", "once") is None


async def test_the_life_of_a_reservation(store: Store) -> None:
    await store.writer.run([issue("d", hold(10, estimate=4), runs=2)])
    await store.writer.run([start("d", "r1")])
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=20)}
    await store.writer.run([expire("d")])
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(spent=4)}
    (late,) = (await store.writer.run([settle("d", "r1", 9)])).results
    assert late == Recorded(late=True)
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(spent=9)}
    assert [one.kind for one in await store.entries.of_decision("d")] == ["decision", "expiry", "receipt"]


async def test_a_receipt_of_an_unknown_decision_brings_it(store: Store) -> None:
    (result,) = (await store.writer.run([settle("d", "r", 7, holds=(hold(10),))])).results
    assert result == Recorded(adopted=True)
    assert [(one.kind, one.ref) for one in await store.entries.of_decision("d")] == [
        ("decision", "d"),
        ("receipt", "r"),
    ]
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(spent=7)}


async def test_an_entry_that_is_known_is_kept_as_it_was(store: Store) -> None:
    await store.writer.run([append(Kind.KEYS, "k")])
    await store.writer.run([append(Kind.KEYS, "k"), append(Kind.ALERT, "k")])
    assert [(one.kind, one.ref) for one in await store.tree.unsequenced(10)] == [("keys", "k"), ("alert", "k")]


async def test_a_group_with_a_fault_leaves_nothing_behind(store: Store) -> None:
    faulty = issue("d2", hold(10))
    broken = entry(Kind.ALERT, "two\nlines")
    with pytest.raises(ValueError, match="line break"):
        await store.writer.run([issue("d1", hold(10)), faulty, append(Kind.KEYS, "k"), Append(entry=broken)])
    assert await used(store, [DAILY]) == {}
    assert await store.tree.unsequenced(10) == []
    assert (await store.writer.run([faulty])).results == [Recorded()]


async def test_groups_at_the_same_time_take_turns_and_never_overspend(store: Store) -> None:
    limit = 500
    outcomes = await asyncio.gather(
        *(store.writer.run([issue(f"d{g}-{n}", hold(9, limit=limit)) for n in range(5)]) for g in range(20))
    )
    taken = sum(result == Recorded() for outcome in outcomes for result in outcome.results)
    assert taken == limit // 9
    assert await store.ledger.balances([DAILY]) == {DAILY: Balance(reserved=taken * 9)}
    assert await store.ledger.open_sums() == {DAILY: taken * 9}


async def test_many_accounts_in_one_group(store: Store) -> None:
    accounts = [Account(id=DAILY.id, window_start=60 * n) for n in range(1_200)]
    await store.writer.run([issue(f"d{n}", hold(7, account=one)) for n, one in enumerate(accounts)])
    assert await store.ledger.balances(accounts) == dict.fromkeys(accounts, Balance(reserved=7))


async def test_everything_outlasts_closing(url: str) -> None:
    memory = MemoryJournal()
    for group in groups(9, story(9)):
        store = await open_store(url)
        await store.writer.run(group)
        memory.run(group)
        await store.close()
    store = await open_store(url)
    await agree(store, memory)
    await store.close()


async def test_an_empty_group_changes_nothing(store: Store) -> None:
    outcome = await store.writer.run([])
    assert (list(outcome.results), dict(outcome.balances)) == ([], {})


async def test_what_is_due_is_what_is_open_and_over_oldest_first(store: Store) -> None:
    await store.writer.run([issue(f"d{n}", hold(1), at=NOON - n * LIFE) for n in range(4)])
    await store.writer.run([settle("d2", "r", 1), expire("d1")])
    assert await store.ledger.due(NOON, 10) == ["d3"]
    assert await store.ledger.due(NOON + 2 * LIFE, 10) == ["d3", "d0"]
    assert await store.ledger.due(NOON + 2 * LIFE, 1) == ["d3"]
