"""The projector folds each entry once, whatever fails in between."""

import asyncio

import pytest

from controlplane.insight.facts import Fact, Place
from controlplane.insight.fold import SOON_US
from controlplane.insight.projector import OTHER, Pace, Projector, Source
from controlplane.insight.rollups import Cursor, Rollups, advance
from controlplane.store.protocols import StoredEntry, StoreUnavailable
from tests.support.insight import NOON, Log, TinyDatabase, counted, decision, feedback, folded, refusal, run

FACTS: list[Fact] = [
    *(decision(number) for number in range(10)),
    *(run(number) for number in range(10)),
    *(feedback(number, number) for number in range(10)),
    refusal(),
]


async def drained(projector: Projector, turns: int = 100) -> None:
    """Turn until there is nothing left."""
    for _ in range(turns):
        await projector.turn()


@pytest.mark.parametrize("write", range(1, 9))
@pytest.mark.parametrize("committed", [False, True])
async def test_a_crash_at_any_write_counts_nothing_twice_and_loses_nothing(write: int, committed: bool) -> None:
    database = TinyDatabase()
    (database.fail_after if committed else database.fail_before).add(write)
    for _ in range(3):  # a process that ends and begins anew each time knows nothing but what is stored
        await drained(Log(FACTS).projector(database, batch=4), turns=4)
    await drained(Log(FACTS).projector(database, batch=4))
    assert database.writes >= write
    assert counted(database) == counted(await folded(FACTS))


async def test_two_projectors_at_the_same_place_count_once() -> None:
    database = TinyDatabase()
    log = Log(FACTS)
    await asyncio.gather(*(drained(log.projector(database, batch=3)) for _ in range(2)))
    assert counted(database) == counted(await folded(FACTS))


async def test_of_two_that_go_on_from_the_same_place_only_one_can() -> None:
    database, cursor = TinyDatabase(), Cursor(generation=0, next_index=0)
    await database.write(advance(cursor, 5))
    with pytest.raises(Exception, match="UNIQUE"):
        await database.write(advance(cursor, 5))
    assert await Rollups(database).cursor() == Cursor(generation=1, next_index=5)


async def test_without_its_generation_the_second_would_count_again() -> None:
    """The control: the same two writes without the guard."""
    database = TinyDatabase()
    changes = advance(Cursor(generation=0, next_index=0), 5)[1:]
    await database.write(changes)
    await database.write(changes)
    assert database.writes == 2


async def test_progress_tells_how_far_behind_the_figures_are() -> None:
    projector = Log(FACTS).projector(TinyDatabase(), batch=11)
    await projector.step()
    assert (projector.progress.folded, projector.progress.behind) == (11, 20)
    await drained(projector)
    assert (projector.progress.folded, projector.progress.behind) == (31, 0)


async def test_it_goes_on_at_once_while_there_is_more_and_waits_when_there_is_not() -> None:
    projector = Log(FACTS).projector(TinyDatabase(), batch=30)
    assert [await projector.turn() for _ in range(2)] == [0.0, Pace().idle]


async def test_a_store_that_fails_is_asked_again_later() -> None:
    database = TinyDatabase()
    database.fail_before = {1, 2}
    projector = Log(FACTS).projector(database)
    assert [await projector.turn() for _ in range(3)] == [Pace().again, Pace().again, Pace().idle]
    assert projector.progress.failures == 2
    assert counted(database) == counted(await folded(FACTS))


class BadLog(Log):
    """A log with an entry that nobody can read, and one that no database takes."""

    def read(self, entry: StoredEntry) -> object:  # type: ignore[override]
        """See Log."""
        if entry.index == 3:
            raise ValueError("not a record")
        return super().read(entry)


async def test_an_entry_that_cannot_be_read_is_passed_over_and_counted() -> None:
    database, dropped = TinyDatabase(), dict[str, int]()
    log = BadLog(FACTS)
    source = Source(entries=log.entries, size=log.size, read=log.read)  # type: ignore[arg-type]
    await drained(Projector(source, Rollups(database), on_dropped=lambda kind, count: dropped.update({kind: count})))
    assert counted(database)["decided"] == 9
    assert dropped == {"unreadable": 1}
    assert await Rollups(database).dropped() == {"unreadable": 1}


async def test_an_entry_that_no_database_takes_does_not_stop_those_after_it() -> None:
    database = TinyDatabase()
    poison = run(4, cost_nanousd=2**70)
    await drained(Log([*FACTS[:14], poison, *FACTS[15:]]).projector(database))
    assert counted(database)["executed"] == 9
    assert await Rollups(database).dropped() == {"unreadable": 1}


async def test_features_beyond_the_bound_are_counted_together() -> None:
    database = TinyDatabase()
    facts: list[Fact] = [decision(at, place=Place(feature=f"feature-{at}")) for at in range(6)]
    await drained(Log(facts[:3]).projector(database, features=4))
    # Another process goes on, and knows from the tables which features there are.
    whole = Log(facts)
    await drained(whole.projector(database, features=4))
    names = {str(row[0]) for row in database.all("SELECT DISTINCT feature FROM segment")}
    assert names == {"feature-0", "feature-1", "feature-2", "feature-3", OTHER}
    assert (await Rollups(database).dropped())["features"] == 2
    assert counted(database)["decided"] == 6


async def test_an_empty_log_writes_nothing() -> None:
    database = TinyDatabase()
    await drained(Log([]).projector(database))
    assert database.writes == 0


@pytest.mark.parametrize(("gap", "signals"), [(SOON_US, 1), (SOON_US + 1, 0)])
async def test_asking_the_same_again_soon_is_a_signal_also_over_batches(gap: int, signals: int) -> None:
    facts: list[Fact] = [decision(1, NOON, unit=7), decision(2, NOON + gap, unit=7), decision(3, NOON + 1, unit=8)]
    database = await folded(facts, batch=1)
    assert counted(database).get("signal:retried_soon", 0) == signals


async def test_more_runs_than_are_kept_of_a_decision_are_counted_as_dropped() -> None:
    facts: list[Fact] = [decision(), *(run(0, f"run-{at:02d}") for at in range(20))]
    database = await folded(facts, batch=3)
    assert counted(database)["calls"] == 16
    assert (await Rollups(database).dropped())["observations"] == 4


async def test_the_loop_follows_a_log_until_it_is_cancelled() -> None:
    waited = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds:
            waited.set()
        await asyncio.sleep(0)

    database, log = TinyDatabase(), Log(FACTS)
    source = Source(entries=log.entries, size=log.size, read=log.read)
    task = asyncio.create_task(Projector(source, Rollups(database), pace=Pace(batch=5), sleep=sleep).run())
    await waited.wait()
    task.cancel()
    assert counted(database)["decided"] == 10


async def test_a_failing_store_is_told_to_whoever_asks_for_one_step() -> None:
    database = TinyDatabase()
    database.fail_before = {1}
    with pytest.raises(StoreUnavailable):
        await Log(FACTS).projector(database).step()
