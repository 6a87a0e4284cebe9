"""Alerts are raised once, whoever hears of the money and however often."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controlplane.audit.model import Kind
from controlplane.budget.alert_log import read_alert
from controlplane.budget.alerts import AlertWatch
from controlplane.budget.model import Account, AccountId, Balance, Budget, BudgetName, Dimension, Window
from tests.support.books import MemoryJournal, MemoryWriter

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
DAILY = Budget(name=BudgetName("daily"), limit=1_000, window=Window.DAY)
PER_TENANT = replace(DAILY, name=BudgetName("each"), per=frozenset({Dimension.TENANT}))
ACCOUNT = Account(id=AccountId("daily"), window_start=TODAY)


class Counted:
    """Alerts that were counted."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, int]] = []

    def alert(self, budget: str, threshold_ppm: int) -> None:
        """See Told."""
        self.alerts.append((budget, threshold_ppm))


class Kept:
    """Balances that are in the store when a process starts."""

    def __init__(self, writer: MemoryWriter) -> None:
        self._writer = writer

    async def windows(self, budget: str, since: int) -> Mapping[Account, Balance]:
        """See Ledger."""
        return {
            account: balance
            for account, balance in self._writer.balances.items()
            if account.id.partition("{")[0] == budget and account.window_start >= since
        }


class Replica:
    """One control plane's watch on a journal that others may share."""

    def __init__(self, writer: MemoryWriter) -> None:
        self.counted = Counted()
        self.waited = 0
        self.watch = AlertWatch(
            MemoryJournal(writer).submit, Kept(writer), self.counted, lambda: NOW, lambda: bytes(16), sleep=self._sleep
        )

    async def _sleep(self, seconds: float) -> None:
        del seconds
        self.waited += 1
        await asyncio.sleep(0)


@asynccontextmanager
async def replica(writer: MemoryWriter, *budgets: Budget) -> AsyncIterator[Replica]:
    """A running one."""
    one = Replica(writer)
    running = asyncio.create_task(one.watch.run())
    one.watch.watch(budgets)
    await settled()
    try:
        yield one
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


def raised(writer: MemoryWriter) -> list[tuple[str, int, int]]:
    """Account, share and what was spent of each alert in the log."""
    alerts = [read_alert(entry.at, entry.body) for entry in writer.of(Kind.ALERT)]
    return [(str(alert.account.id), alert.threshold_ppm, alert.balance.spent) for alert in alerts]


async def test_each_share_is_told_once_when_it_is_spent() -> None:
    writer = MemoryWriter()
    async with replica(writer, DAILY) as one:
        for spent in (0, 499, 500, 501, 799, 1_200, 1_300):
            one.watch.heard({ACCOUNT: Balance(spent=spent)})
            await settled()
        assert raised(writer) == [("daily", 500_000, 500), ("daily", 800_000, 1_200), ("daily", 1_000_000, 1_200)]
        assert one.counted.alerts == [("daily", 500_000), ("daily", 800_000), ("daily", 1_000_000)]


async def test_what_is_only_held_raises_nothing() -> None:
    writer = MemoryWriter()
    async with replica(writer, DAILY) as one:
        one.watch.heard({ACCOUNT: Balance(spent=1, reserved=999)})
        await settled()
        assert raised(writer) == []


async def test_two_replicas_that_hear_the_same_tell_it_once() -> None:
    writer = MemoryWriter()
    async with replica(writer, DAILY) as one, replica(writer, DAILY) as other:
        for each in (one, other):
            each.watch.heard({ACCOUNT: Balance(spent=900)})
        await settled()
        assert len(raised(writer)) == 2
        assert sorted(one.counted.alerts + other.counted.alerts) == [("daily", 500_000), ("daily", 800_000)]


async def test_every_window_and_every_account_has_its_own() -> None:
    writer = MemoryWriter()
    accounts = [Account(id=AccountId(f"each{{tenant={name}}}"), window_start=TODAY) for name in ("a", "b")]
    async with replica(writer, PER_TENANT) as one:
        one.watch.heard({account: Balance(spent=500) for account in accounts})
        one.watch.heard({replace(accounts[0], window_start=TODAY - 86_400): Balance(spent=500)})
        await settled()
        assert len(raised(writer)) == 3


async def test_what_was_spent_before_the_process_began_is_found() -> None:
    writer = MemoryWriter()
    writer.balances[ACCOUNT] = Balance(spent=850)
    async with replica(writer, DAILY) as one:
        assert one.counted.alerts == [("daily", 500_000), ("daily", 800_000)]
    async with replica(writer, DAILY) as after_a_restart:
        assert after_a_restart.counted.alerts == []
    assert len(raised(writer)) == 2


async def test_a_new_share_counts_for_what_is_spent_already() -> None:
    writer = MemoryWriter()
    writer.balances[ACCOUNT] = Balance(spent=700)
    async with replica(writer, DAILY) as one:
        one.watch.watch([replace(DAILY, alerts=(0.6, 0.9))])
        await settled()
        assert one.counted.alerts == [("daily", 500_000), ("daily", 600_000)]


async def test_a_budget_that_is_gone_or_has_another_window_raises_nothing() -> None:
    writer = MemoryWriter()
    async with replica(writer, replace(DAILY, window=Window.TOTAL)) as one:
        one.watch.heard({ACCOUNT: Balance(spent=900), replace(ACCOUNT, id=AccountId("gone")): Balance(spent=900)})
        await settled()
        assert raised(writer) == []
        one.watch.heard({replace(ACCOUNT, window_start=0): Balance(spent=500)})
        await settled()
        assert raised(writer) == [("daily", 500_000, 500)]


async def test_a_store_that_fails_delays_alerts_and_loses_none() -> None:
    writer = MemoryWriter()
    async with replica(writer, DAILY) as one:
        writer.failing = True
        one.watch.heard({ACCOUNT: Balance(spent=500)})
        await settled()
        assert one.waited > 0
        assert one.counted.alerts == []
        writer.failing = False
        await settled()
        assert one.counted.alerts == [("daily", 500_000)]


async def test_what_the_log_of_the_process_says_names_account_and_share(caplog: pytest.LogCaptureFixture) -> None:
    async with replica(MemoryWriter(), DAILY) as one:
        one.watch.heard({ACCOUNT: Balance(spent=500)})
        await settled()
    (line,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert (line.__dict__["account"], line.__dict__["threshold_ppm"]) == ("daily", 500_000)


async def test_a_limit_of_nothing_alerts_when_something_is_spent() -> None:
    writer = MemoryWriter()
    async with replica(writer, replace(DAILY, limit=0)) as one:
        one.watch.heard({ACCOUNT: Balance(spent=0)})
        await settled()
        assert raised(writer) == []
        one.watch.heard({ACCOUNT: Balance(spent=1)})
        await settled()
        assert len(raised(writer)) == 3
