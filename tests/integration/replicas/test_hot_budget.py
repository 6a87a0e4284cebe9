"""Several control planes spend one budget on one PostgreSQL: it holds to the last nano-dollar, whoever is killed."""

from tests.support.hot_budget import HELD, Load, Verdict, check_then_add, drive

LIMIT = 1_000_000


def check(verdict: Verdict) -> None:
    assert verdict.highest <= verdict.limit
    assert verdict.balance.spent <= verdict.limit
    assert verdict.balance.spent == verdict.receipts + verdict.estimated
    assert verdict.balance.reserved == verdict.open_sum == 0


async def test_a_budget_that_two_processes_exhaust_is_never_overspent(empty_postgres: str) -> None:
    verdict = await drive(Load(url=empty_postgres, limit=LIMIT, processes=2, clients=50))
    check(verdict)
    assert verdict.balance.spent > 0.9 * LIMIT
    assert all(share.refused for share in verdict.shares)


async def test_a_budget_holds_though_a_process_is_killed_while_it_spends(empty_postgres: str) -> None:
    check(await drive(Load(url=empty_postgres, limit=LIMIT, processes=2, clients=50, kill_at=LIMIT // 3)))


async def test_looking_first_and_adding_then_overspends(empty_postgres: str) -> None:
    limit = 200 * HELD
    assert await check_then_add(empty_postgres, limit=limit, clients=20, spent=limit - HELD) > limit
