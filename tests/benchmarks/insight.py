"""Folding and reports over a million decisions on SQLite: `python -m tests.benchmarks.insight`."""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from controlplane.insight.contribution import Sums
from controlplane.insight.facts import Fact, Place, Route
from controlplane.insight.fold import Changes, fold
from controlplane.insight.keeping import Keeping
from controlplane.insight.report import DAY, HOUR, Dimension, Reports, Window
from controlplane.insight.rollups import Cursor, Rollups, as_int
from controlplane.store.open import open_store
from tests.benchmarks.planes import Row
from tests.support.insight import Log, decision, feedback, run, told

DECISIONS, FOLDED, DAYS = 1_000_000, 20_000, 30
NOW = 1_763_856_000
"""2025-11-23 00:00 UTC in seconds."""
WORKLOADS, MODELS, TENANTS = 12, 6, 3
TASKS = ("chat", "qa", "summarization", "code", "reasoning", "creative", "extraction", "translation")
LEVELS = ("simple", "moderate", "complex", "expert")


def place_of(draw: random.Random) -> tuple[Place, Route]:
    """A workload has two kinds of work, two grades and three models of its own."""
    workload = draw.randrange(WORKLOADS)
    place = Place(
        tenant=f"tenant-{draw.randrange(TENANTS)}",
        workload=f"workload-{workload}",
        owner=f"team-{workload % 4}",
        feature=f"feature-{workload}-{draw.randrange(2)}",
        task_type=TASKS[(workload + draw.randrange(2)) % len(TASKS)],
        complexity=LEVELS[(workload + draw.randrange(2)) % len(LEVELS)],
    )
    model = (workload + draw.randrange(3)) % MODELS
    return place, Route(model=f"model-{model}", deployment=f"deployment-{model}")


def facts(first: int, count: int, total: int, draw: random.Random) -> Iterator[Fact]:
    """Decisions evenly over the days, each with a run, some with feedback."""
    for number in range(first, first + count):
        place, route = place_of(draw)
        at_us = (NOW - DAYS * DAY + number * DAYS * DAY // total) * 1_000_000
        yield decision(number, at_us, place=place, route=route)
        latency = int(draw.lognormvariate(13.5, 0.6))
        ran = run(number, answered_by=route, latency_us=latency, first_token_us=latency // 4)
        yield replace(ran, calls=(replace(ran.calls[0], route=route),), cost_nanousd=draw.randrange(10**7))
        if number % 20 == 0:
            yield feedback(number, number, quality_ppm=draw.randrange(10**6))


async def fill(rollups: Rollups) -> None:
    """Fold one day and write it once for each day: the rows are as many as if each had been folded by itself.

    The list of decisions is left out: reports do not read it.
    """
    one_day = DECISIONS // DAYS
    draw = random.Random(1)  # noqa: S311 - no secret
    changes = fold([told(fact) for fact in facts(0, one_day, DECISIONS, draw)], {})
    cursor = Cursor(generation=0, next_index=0)
    for day in range(DAYS):
        cursor = await rollups.save(shifted(changes, day * DAY), cursor, cursor.next_index + one_day, {})


def shifted(changes: Changes, seconds: int) -> Changes:
    """The same figures, so much later."""
    sums = Sums()
    sums.counters = {replace(cell, begins=cell.begins + seconds): each for cell, each in changes.sums.counters.items()}
    sums.tallies = {
        (replace(cell, begins=cell.begins + seconds), name): count
        for (cell, name), count in changes.sums.tallies.items()
    }
    samples = {replace(cell, begins=cell.begins + seconds): each for cell, each in changes.samples.items()}
    return replace(changes, rows={}, sums=sums, samples=samples)


async def fold_rate(folder: Path) -> tuple[float, float]:
    """Entries a second that a projector folds into an empty store, list of decisions and all; milliseconds of a batch."""
    store = await open_store(f"sqlite:{folder / 'fold.db'}")
    log = Log(facts(0, FOLDED, DECISIONS, random.Random(2)))  # noqa: S311 - no secret
    projector = log.projector(store.database)
    began, batches = time.perf_counter(), 0
    while await projector.step():
        batches += 1
    seconds = time.perf_counter() - began
    await store.close()
    return len(log.facts) / seconds, seconds / batches * 1000


async def timed(reports: Reports, span: Window, *by: Dimension) -> tuple[float, int, int]:
    """Seconds for a report, its rows, and the decisions in it."""
    began = time.perf_counter()
    report = await reports.report(span, by, {})
    return time.perf_counter() - began, len(report.rows), report.totals["decided"]


async def run_all() -> tuple[Row, list[Row]]:
    """The table: what, seconds, rows, decisions."""
    with tempfile.TemporaryDirectory() as name:
        rate, batch = await fold_rate(Path(name))
        store = await open_store(f"sqlite:{Path(name) / 'report.db'}")
        began = time.perf_counter()
        await fill(Rollups(store.database))
        filled = time.perf_counter() - began
        keeping = Keeping(store.database, store.entries.erase, clock=lambda: datetime.fromtimestamp(NOW, UTC))
        began = time.perf_counter()
        await keeping.round()
        compacted = time.perf_counter() - began
        reports = Reports(store.database)
        month = Window(since=NOW - DAYS * DAY, until=NOW, bucket=DAY)
        asked = {
            "totals": (month, ()),
            "by model": (month, (Dimension.MODEL,)),
            "by workload and model": (month, (Dimension.WORKLOAD, Dimension.MODEL)),
            "by day": (month, (Dimension.TIME,)),
            "by day and model": (month, (Dimension.TIME, Dimension.MODEL)),
            "by hour, last day": (Window(since=NOW - DAY, until=NOW, bucket=HOUR), (Dimension.TIME,)),
        }
        rows: list[Row] = [
            (f"fold: {rate:,.0f} entries/s, {batch:.0f} ms a batch", "", "", ""),
            (f"filling {filled:.0f} s, making what is older than two days wider {compacted:.0f} s", "", "", ""),
        ]
        for what, (span, by) in asked.items():
            seconds, count, decided = await timed(reports, span, *by)
            rows.append((what, f"{seconds:.2f}", str(count), f"{decided:,}"))
        cells = as_int((await store.database.fetch("SELECT COUNT(*) FROM rollup"))[0][0])
        rows.append((f"rollup rows: {cells:,}", "", "", ""))
        await store.close()
    return ("report over 1,000,000 decisions on SQLite", "s", "rows", "decisions"), rows


def main() -> None:
    """Print the table."""
    header, rows = asyncio.run(run_all())
    for row in (header, *rows):
        print(" | ".join(row))


if __name__ == "__main__":
    main()
