"""Alerts in every kind of store: written once, read back newest first, page by page."""

from datetime import UTC, datetime, timedelta

from controlplane.audit.model import Kind
from controlplane.budget.alert_log import AlertLog, AlertQuery, alert_entry, alert_of
from controlplane.budget.concern import ALL, Viewer, Wanted
from controlplane.budget.model import Account, AccountId, Balance, Budget, BudgetName, Dimension, Window
from controlplane.journal.model import Append, Recorded
from controlplane.store.protocols import Store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUDGET = Budget(name=BudgetName("each"), limit=100, window=Window.TOTAL, per=frozenset({Dimension.TENANT}))
OPERATOR = Viewer(tenant=None, key="operator")


def append(tenant: str, share_ppm: int, minutes: int) -> Append:
    account = Account(id=AccountId(f"each{{tenant={tenant}}}"), window_start=0)
    alert = alert_of(BUDGET, account, share_ppm, Balance(spent=99), (NOON + timedelta(minutes=minutes), None))
    return Append(entry=alert_entry(alert, bytes(16)))


async def test_an_alert_is_taken_once_whoever_raises_it(store: Store) -> None:
    first = await store.writer.run([append("a", 500_000, 0)])
    again = await store.writer.run([append("a", 500_000, 5), append("a", 800_000, 5)])
    assert first.results == [Recorded()]
    assert again.results == [Recorded(fresh=False), Recorded()]
    found = await AlertLog(store.database).newest(AlertQuery(wanted=ALL, viewer=OPERATOR))
    assert [(alert.threshold_ppm, alert.at) for alert in found.entries] == [
        (800_000, NOON + timedelta(minutes=5)),
        (500_000, NOON),
    ]
    assert await store.entries.get(Kind.ALERT, "each{tenant=a} 0 500000") is not None


async def test_alerts_are_found_by_time_tenant_and_name_over_pages_and_batches(store: Store) -> None:
    await store.writer.run([append("ab"[number % 2], number, number) for number in range(1_100)])
    log = AlertLog(store.database)
    late = AlertQuery(wanted=ALL, viewer=OPERATOR, since=NOON + timedelta(minutes=1_090), size=1_000)
    assert [alert.threshold_ppm for alert in (await log.newest(late)).entries] == list(range(1_099, 1_089, -1))
    seen: list[int] = []
    token = ""
    while True:
        page = await log.newest(AlertQuery(wanted=Wanted(tenant="b"), viewer=OPERATOR, size=400, token=token))
        seen += [alert.threshold_ppm for alert in page.entries]
        token = page.next_page_token
        if not token:
            break
    assert seen == list(range(1_099, 0, -2))
    own = AlertQuery(wanted=ALL, viewer=Viewer(tenant="a", key="app"), size=1_000)
    assert {alert.account.id for alert in (await log.newest(own)).entries} == {"each{tenant=a}"}
    assert not (await log.newest(AlertQuery(wanted=Wanted(name_prefix="x"), viewer=OPERATOR))).entries


async def test_an_alert_whose_body_was_erased_is_left_out(store: Store) -> None:
    await store.writer.run([append("a", 500_000, 0)])
    entry = await store.entries.get(Kind.ALERT, "each{tenant=a} 0 500000")
    assert entry is not None
    await store.entries.erase([entry.seq])
    assert not (await AlertLog(store.database).newest(AlertQuery(wanted=ALL, viewer=OPERATOR))).entries
