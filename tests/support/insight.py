"""A small database, facts and a log for tests of figures."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from controlplane.audit.leaf import from_microseconds
from controlplane.audit.model import Kind
from controlplane.insight.contribution import COUNTERS
from controlplane.insight.facts import (
    CallFact,
    DecisionFact,
    Fact,
    FeedbackFact,
    Place,
    Price,
    RefusalFact,
    Route,
    RunFact,
    RunResult,
    Tokens,
    Told,
)
from controlplane.insight.projector import Pace, Projector, Source
from controlplane.insight.rollups import Rollups
from controlplane.store.protocols import Database, Statement, StoredEntry, StoreUnavailable, Value
from controlplane.store.schema import creation

NOON = 1_763_726_400_000_000
"""2025-11-21 12:00 UTC in microseconds."""
MINUTE = 60_000_000
CHEAP, DEAR = Route(model="small", deployment="small-a"), Route(model="large", deployment="large-a")
PRICE = Price(input=2_000_000_000, output=8_000_000_000, cached=1_000_000_000, written=2_500_000_000)


class TinyDatabase:
    """A Database in memory. `fail_at` makes the write of that number fail before it, or after it was committed."""

    def __init__(self, path: str = ":memory:") -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.executescript(creation("sqlite"))
        self.writes = 0
        self.fail_before: set[int] = set()
        self.fail_after: set[int] = set()

    async def fetch(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """See Database."""
        return self.connection.execute(sql, values).fetchall()

    async def write(self, statements: Sequence[Statement]) -> None:
        """See Database."""
        self.writes += 1
        if self.writes in self.fail_before:
            raise StoreUnavailable("before")
        self.connection.execute("BEGIN")
        try:
            for statement in statements:
                self.connection.executemany(statement.sql, statement.rows)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        if self.writes in self.fail_after:
            raise StoreUnavailable("after")

    def all(self, sql: str, *values: Value) -> list[tuple[Value, ...]]:
        """Rows, at once."""
        return self.connection.execute(sql, values).fetchall()


def counted(database: TinyDatabase) -> dict[str, int]:
    """All counters and tallies over everything, hours left out that days repeat; only those that are not zero."""
    sums = ", ".join(f"SUM({name})" for name in COUNTERS)
    counters = zip(COUNTERS, database.all(f"SELECT {sums} FROM rollup WHERE width <> 3600")[0], strict=True)  # noqa: S608 - names of ours
    tallies = database.all("SELECT name, SUM(count) FROM tally WHERE width <> 3600 GROUP BY name")
    return {str(name): int(value) for name, value in [*counters, *tallies] if value}


class Log:
    """Facts as a log; entries are numbers, and `read` knows what each says."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.facts = list(facts)

    async def entries(self, start: int, limit: int) -> Sequence[StoredEntry]:
        """See Entries.in_order."""
        return [self._entry(index) for index in range(start, min(start + limit, len(self.facts)))]

    async def size(self) -> int:
        """Entries in it."""
        return len(self.facts)

    def read(self, entry: StoredEntry) -> Told:
        """The fact."""
        assert entry.index is not None
        return told(self.facts[entry.index])

    def _entry(self, index: int) -> StoredEntry:
        return StoredEntry(
            seq=index, index=index, kind=Kind.ALERT, ref=str(index), decision_id="", at=from_microseconds(NOON), leaf=b"",
            salt=b"", body=b"",
        )  # fmt: skip

    def projector(self, database: Database, *, batch: int = 1000, features: int = 1000) -> Projector:
        """One that folds it."""
        source = Source(entries=self.entries, size=self.size, read=self.read)
        return Projector(source, Rollups(database), pace=Pace(batch=batch, features=features))


def told(fact: Fact) -> Told:
    """An entry that says `fact`."""
    return Told(at_us=NOON, fact=fact)


async def folded(facts: Iterable[Fact], *, batch: int = 1000) -> TinyDatabase:
    """A database with everything folded."""
    database = TinyDatabase()
    projector = Log(facts).projector(database, batch=batch)
    while await projector.step():
        pass
    return database


def decision(number: int = 0, at_us: int = NOON, **fields: object) -> DecisionFact:
    """A decision for the cheap model."""
    base = DecisionFact(
        decision_id=f"d{number:06d}", at_us=at_us,
        place=Place(tenant="acme", workload="support", owner="team-a", feature="search", task_type="qa", complexity="simple"),
        route=CHEAP, policy="default", reason="cheapest", confidence_ppm=900_000, low_confidence=False, baseline=PRICE,
        unit=number, adopted=False,
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]


def run(number: int = 0, run_id: str = "", **fields: object) -> RunFact:
    """A good run of the cheap model for a decision: 1,000 tokens in, 100 out, 1 ¢."""
    used = Tokens(input=1000, output=100)
    base = RunFact(
        run_id=run_id or f"r{number:06d}", decision_id=f"d{number:06d}", at_us=NOON, result=RunResult.SUCCEEDED, error="",
        cost_nanousd=10_000_000, estimated_nanousd=0, tokens=used, answer=used, answered_by=CHEAP,
        calls=(CallFact(route=CHEAP, answered=True, failed=False),), finish=None, latency_us=800_000, first_token_us=200_000,
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]


def failed_run(number: int = 0, run_id: str = "") -> RunFact:
    """A run without an answer."""
    call = CallFact(route=CHEAP, answered=False, failed=True)
    return run(
        number, run_id, result=RunResult.FAILED, error="TARGETS_EXHAUSTED", cost_nanousd=0, tokens=Tokens(), answer=None,
        answered_by=None, calls=(call,), latency_us=5_000_000, first_token_us=None,
    )  # fmt: skip


def feedback(number: int = 0, order: int = 0, giver: str = "app", **fields: object) -> FeedbackFact:
    """Good feedback."""
    base = FeedbackFact(
        decision_id=f"d{number:06d}", giver=giver, order=order, quality_ppm=900_000, success=None, label=""
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def refusal(at_us: int = NOON, reason: str = "BUDGET_EXHAUSTED") -> RefusalFact:
    """A refusal."""
    return RefusalFact(at_us=at_us, place=Place(tenant="acme", workload="support"), reason=reason)
