"""How fast several control planes spend one budget on PostgreSQL, and one on SQLite: `python -m tests.benchmarks.hot_budget`."""

import asyncio
import sys
import tempfile

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


def told(name: str, verdict: Verdict) -> str:
    """One line."""
    rate, spent = round(verdict.pairs_per_second), verdict.balance.spent
    return f"{name}: {rate:,} reserve + settle a second; limit {verdict.limit:,}, spent {spent:,}, reserved 0"


async def main() -> None:
    """SQLite; PostgreSQL without a kill, with one, and the control."""
    with tempfile.TemporaryDirectory() as folder:
        print(told("SQLite, one process", await measure(f"sqlite:{folder}/turnout.db", processes=1)))
    with running_postgres(durable=True) as server:
        print(told("all live", await measure(await server.database())))
        print(told("one killed", await measure(await server.database(), kill_at=LIMIT // 2)))
        limit = NAIVE_PAIRS * HELD
        spent = await check_then_add(await server.database(), limit=limit, clients=NAIVE_CLIENTS)
        print(f"check, then add: limit {limit:,}, spent {spent:,}: {spent / limit - 1:.1%} too much")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
