"""One process on SQLite drives a budget to exhaustion with a hundred clients."""

from pathlib import Path

from controlplane.store.address import address
from controlplane.store.check import check, whole
from tests.support.hot_budget import HELD, Load, drive

ROOM = 1_500


async def test_a_hundred_clients_exhaust_a_budget_on_sqlite_without_overspending_it(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'turnout.db'}"
    verdict = await drive(Load(url=url, limit=ROOM * HELD, processes=1))
    assert verdict.highest <= verdict.limit
    assert verdict.limit * 0.9 < verdict.balance.spent <= verdict.limit
    assert verdict.balance.spent == verdict.receipts + verdict.estimated
    assert verdict.balance.reserved == verdict.open_sum == 0
    assert whole(await check(address(url)))
