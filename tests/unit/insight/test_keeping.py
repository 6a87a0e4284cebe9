"""Buckets grow coarser with age without losing anything, and what is too old is dropped and counted."""

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.insight.facts import Fact
from controlplane.insight.keeping import Keeping, Retention, Rhythm
from controlplane.insight.report import DAY, HOUR, Dimension, Report, Reports, Window
from controlplane.insight.rollups import Rollups
from controlplane.store.protocols import Statement, StoreUnavailable
from tests.support.insight import CHEAP, DEAR, MINUTE, NOON, Log, TinyDatabase, counted, decision, folded, refusal, run

START = datetime.fromtimestamp(NOON / 1e6, UTC)
COUNT = 300


def facts(seed: int = 1) -> list[Fact]:
    """Decisions over two days, with latencies that are known."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    made: list[Fact] = [refusal(NOON + 5 * MINUTE)]
    for number in range(COUNT):
        at_us, route = NOON + number * 2880 * MINUTE // COUNT, draw.choice([CHEAP, DEAR])
        made.append(decision(number, at_us, route=route))
        made.append(run(number, answered_by=route, latency_us=draw.randrange(10**7), first_token_us=number))
    return made


class Kept:
    """A keeping with a clock, over a database."""

    def __init__(self, database: TinyDatabase, **retention: object) -> None:
        self.now = START
        self.erased: list[int] = []
        self.heard: dict[str, int] = {}
        self.keeping = Keeping(
            database, self.erase, clock=lambda: self.now, retention=replace(Retention(), **retention),  # type: ignore[arg-type]
            rhythm=Rhythm(batch=7), on_dropped=lambda kind, count: self.heard.update({kind: count}),
        )  # fmt: skip

    async def erase(self, seqs: Collection[int]) -> int:
        """As Entries.erase."""
        self.erased += seqs
        return len(seqs)

    async def after(self, age: timedelta) -> None:
        """A round, so long after the first decision."""
        self.now = START + age
        await self.keeping.round()


async def report(database: TinyDatabase) -> Report:
    """By model, over everything."""
    span = Window(since=0, until=NOON // 10**6 // DAY * DAY + 400 * DAY, bucket=DAY)
    return await Reports(database).report(span, (Dimension.MODEL,), {})


def widths(database: TinyDatabase) -> set[object]:
    """Of the buckets there are."""
    tables = ("rollup", "tally", "sketch")
    return {row[0] for table in tables for row in database.all(f"SELECT DISTINCT width FROM {table}")}  # noqa: S608


@pytest.mark.parametrize(
    ("age", "wide"), [(timedelta(days=5), {HOUR, DAY}), (timedelta(days=40), {DAY})], ids=["hours", "days"]
)
async def test_compaction_keeps_totals_and_percentiles(age: timedelta, wide: set[object]) -> None:
    database = await folded(facts())
    before, counters = await report(database), counted(database)
    cells = len(database.all("SELECT * FROM rollup"))
    await Kept(database).after(age)
    after = await report(database)
    assert widths(database) == wide
    assert len(database.all("SELECT * FROM rollup WHERE width <> 3600")) < cells / 3
    assert counted(database) == counters
    for old, new in zip(
        [before.totals, *(row[1] for row in before.rows)], [after.totals, *(row[1] for row in after.rows)], strict=True
    ):
        assert (new.counters, new.tallies) == (old.counters, old.tallies)
        if old.latency:
            assert new.latency
            assert (new.latency.count, new.latency.mean) == (old.latency.count, old.latency.mean)


async def test_percentiles_stay_within_the_sketchs_error_however_often_it_is_merged() -> None:
    database = await folded(facts())
    exact = sorted(fact.latency_us for fact in facts() if hasattr(fact, "latency_us"))
    kept = Kept(database)
    for days in (3, 5, 31, 40):
        await kept.after(timedelta(days=days))
    found = (await report(database)).totals.latency
    assert found
    for rank, value in ((0.5, found.p50), (0.9, found.p90), (0.99, found.p99)):
        microseconds = value / timedelta(microseconds=1)
        real = sum(one <= microseconds for one in exact) / len(exact)
        assert abs(real - rank) < 0.03


async def test_what_comes_late_into_a_bucket_that_was_made_wider_is_added() -> None:
    early = [fact for fact in facts() if not hasattr(fact, "run_id")]
    late = [fact for fact in facts() if hasattr(fact, "run_id")]
    database, log = TinyDatabase(), Log(early)
    await log.projector(database, batch=10_000).step()
    kept = Kept(database)
    await kept.after(timedelta(days=10))
    log.facts += late
    await log.projector(database, batch=10_000).step()
    await kept.after(timedelta(days=10))
    assert widths(database) == {HOUR, DAY}
    assert counted(database) == counted(await folded(facts()))


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3])
async def test_a_crash_while_compacting_loses_and_doubles_nothing(write: int, committed: bool) -> None:
    database = await folded(facts())
    counters = counted(database)
    at = database.writes + write
    (database.fail_after if committed else database.fail_before).add(at)
    kept = Kept(database)
    with pytest.raises(StoreUnavailable):
        await kept.after(timedelta(days=40))
    assert counted(database) == counters
    await kept.after(timedelta(days=40))
    assert counted(database) == counters
    assert widths(database) == {DAY}


async def test_a_projector_goes_on_after_a_compaction() -> None:
    log = Log(facts())
    database = TinyDatabase()
    projector = log.projector(database, batch=300)
    await projector.step()
    await Kept(database).after(timedelta(days=34))
    while await projector.step():
        pass
    assert counted(database) == counted(await folded(facts()))


async def test_old_decisions_and_rollups_are_dropped_and_counted() -> None:
    database = await folded(facts())
    kept = Kept(database)
    await kept.after(timedelta(days=36))
    assert kept.heard["decisions"] == COUNT / 2
    await kept.after(timedelta(days=500))
    assert database.all("SELECT * FROM decision_row UNION ALL SELECT * FROM decision_row") == []
    assert not widths(database)
    assert database.all("SELECT * FROM segment") == []
    assert (await Rollups(database).dropped())["decisions"] == COUNT
    assert kept.heard["rollups"] > 0


async def test_no_more_decisions_are_kept_than_there_may_be() -> None:
    database = await folded(facts())
    await Kept(database, most_decisions=100).after(timedelta(days=2))
    rows = database.all("SELECT COUNT(*), MIN(at_us) FROM decision_row")
    assert rows[0][0] == 100
    assert (await Rollups(database).dropped())["decisions"] == COUNT - 100


async def test_receipts_of_decisions_that_never_come_are_dropped_after_a_day() -> None:
    database = await folded([run(1, at_us=NOON), decision(2)])
    kept = Kept(database)
    await kept.after(timedelta(hours=23))
    assert not kept.heard
    await kept.after(timedelta(hours=25))
    assert kept.heard == {"orphans": 1}
    assert database.all("SELECT decision_id FROM decision_row") == [("d000002",)]


def us(age: timedelta) -> int:
    """So long before the start."""
    return NOON - age // timedelta(microseconds=1)


async def test_bodies_request_ids_reservations_and_documents_are_dropped_in_their_time() -> None:
    database = TinyDatabase()
    old, young = us(timedelta(days=91)), us(timedelta(days=1))
    entries = [(number, kind, str(number), at, b"", b"x") for number, (kind, at) in enumerate(
        [("decision", old), ("receipt", old), ("snapshot", old), ("decision", young)], start=1)]  # fmt: skip
    await database.write(
        [
            Statement(
                sql="INSERT INTO entry (seq, kind, ref, decision_id, at_us, leaf, body) VALUES (?, ?, ?, '', ?, ?, ?)",
                rows=entries,
            ),
            Statement(
                sql="INSERT INTO request VALUES ('t', 'p', ?, x'00', 'd', ?)",
                rows=[("a", us(timedelta(hours=2))), ("b", us(timedelta(minutes=2)))],
            ),
            Statement(
                sql="INSERT INTO reservation VALUES (?, ?, ?, '{}')",
                rows=[("a", "settled", us(timedelta(days=8))), ("b", "open", us(timedelta(days=8))), ("c", "expired", NOON)],
            ),
            Statement(sql="INSERT INTO document VALUES (?, 'catalog', x'00')", rows=[(b"1",), (b"2",), (b"3",)]),
            Statement(sql="INSERT INTO document_use VALUES (?, ?)", rows=[(b"1", old), (b"2", young)]),
        ]
    )  # fmt: skip
    kept = Kept(database)
    await kept.after(timedelta(0))
    assert kept.erased == [1, 2]
    assert database.all("SELECT request_id FROM request") == [("b",)]
    assert database.all("SELECT decision_id FROM reservation ORDER BY 1") == [("b",), ("c",)]
    assert database.all("SELECT digest FROM document ORDER BY 1") == [(b"2",), (b"3",)]
    assert kept.heard == {"bodies": 2, "documents": 1, "requests": 1, "reservations": 1}


async def test_bodies_can_be_kept_for_ever() -> None:
    database = TinyDatabase()
    kept = Kept(database, bodies=None)
    await kept.after(timedelta(days=4000))
    assert not kept.erased
