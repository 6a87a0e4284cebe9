"""How fast several control planes spend one budget on PostgreSQL, and one on SQLite: `python -m tests.benchmarks.hot_budget`."""

import asyncio
import tempfile

from tests.benchmarks.planes import Row
from tests.support.hot_budget import HELD, LEAST, MOST, Load, Verdict, check_then_add, drive
from tests.support.postgres import running_postgres

PROCESSES, CLIENTS = 4, 100
PAIRS = 60_000
LIMIT = PAIRS * (LEAST + MOST) // 2
NAIVE_PAIRS, NAIVE_CLIENTS = 5_000, 100


async def measure(url: str, *, processes: int = PROCESSES, kill_at: int | None = None) -> Verdict:
    """Exhaust a budget that has room for some `PAIRS` decisions; nothing may be overspent or left reserved."""
    load = Load(url=url, limit=PAIRS * HELD * 3 // 4, processes=processes, clients=CLIENTS, kill_at=kill_at)
    verdict = await drive(load)
    assert verdict.highest <= verdict.limit
    assert verdict.balance.spent == verdict.receipts + verdict.estimated
    assert verdict.balance.reserved == verdict.open_sum == 0
    return verdict


def row(name: str, verdict: Verdict) -> Row:
    """One line of the table."""
    spent = f"{verdict.balance.spent / verdict.limit:.2%}"
    return name, f"{verdict.pairs_per_second:.0f}", spent, str(verdict.balance.reserved)


HEADER: Row = ("one budget, driven to exhaustion", "reserve + settle a second", "spent of the limit", "left reserved")


async def run_all() -> tuple[Row, list[Row]]:
    """SQLite; PostgreSQL without a kill, with one, and the control."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row("SQLite, 1 process, 100 clients", await measure(f"sqlite:{folder}/turnout.db", processes=1))]
    with running_postgres(durable=True) as server:
        rows.append(row("PostgreSQL, 4 processes × 100 clients", await measure(await server.database())))
        rows.append(row("the same, one killed half way", await measure(await server.database(), kill_at=LIMIT // 2)))
        limit = NAIVE_PAIRS * HELD
        spent = await check_then_add(await server.database(), limit=limit, clients=NAIVE_CLIENTS)
        rows.append(("check, then add: the control", "", f"{spent / limit:.2%}", ""))
    return HEADER, rows


def main() -> None:
    """Print the table."""
    from tests.benchmarks.__main__ import table

    print(table(*asyncio.run(run_all())))


if __name__ == "__main__":
    main()
