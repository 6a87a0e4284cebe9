"""Alerts as they are kept in the log."""

import json
from dataclasses import dataclass
from datetime import datetime

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.audit.model import Entry, Kind
from controlplane.budget.concern import Circle, Viewer, Wanted, circle_of, sees, wants
from controlplane.budget.model import Account, AccountId, Balance, Budget, BudgetName, Measure, Window
from controlplane.catalog.page import DEFAULT_SIZE, LARGEST_SIZE, Page, place_of, token_of
from controlplane.store.protocols import Database, Value
from turnout_wire.failure import Failure

LISTING = "alerts"
_BATCH = 500
# Names are looked for in the kind's own part of an index; alerts are few.
_NEWEST = (
    "SELECT seq, at_us, body FROM entry WHERE kind = 'alert' AND seq < ? AND at_us >= ? AND body IS NOT NULL "
    "ORDER BY seq DESC LIMIT ?"
)
_END = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A share of a limit that was spent. `circle` is for whom the budget is; `limit` and `balance` are of that time."""

    at: datetime
    budget: BudgetName
    circle: Circle
    account: Account
    threshold_ppm: int
    measure: Measure
    window: Window
    ends_at: datetime | None
    limit: int
    balance: Balance


def alert_of(
    budget: Budget, account: Account, share_ppm: int, balance: Balance, when: tuple[datetime, datetime | None]
) -> Alert:
    """The alert that `share_ppm` of an account is spent; `when` it was seen, and its window ends."""
    at, ends_at = when
    return Alert(
        at=at,
        budget=budget.name,
        circle=circle_of(budget),
        account=account,
        threshold_ppm=share_ppm,
        measure=budget.measure,
        window=budget.window,
        ends_at=ends_at,
        limit=budget.limit,
        balance=balance,
    )


def alert_entry(alert: Alert, salt: bytes) -> Entry:
    """Its entry: named by account, window and share, so that the log takes it once. The body is canonical JSON."""
    body = {
        "account": alert.account.id,
        "budget": alert.budget,
        "ends_at_us": microseconds(alert.ends_at) if alert.ends_at is not None else None,
        "keys": sorted(alert.circle.keys),
        "limit": alert.limit,
        "measure": alert.measure,
        "reserved": alert.balance.reserved,
        "spent": alert.balance.spent,
        "tenants": sorted(alert.circle.tenants),
        "threshold_ppm": alert.threshold_ppm,
        "window": alert.window,
        "window_start": alert.account.window_start,
    }
    return Entry(
        kind=Kind.ALERT,
        ref=f"{alert.account.id} {alert.account.window_start} {alert.threshold_ppm}",
        decision_id="",
        at=alert.at,
        salt=salt,
        body=json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(),
    )


def read_alert(at: datetime, body: bytes) -> Alert:
    """The inverse of `alert_entry`."""
    said = json.loads(body)
    return Alert(
        at=at,
        budget=BudgetName(said["budget"]),
        circle=Circle(tenants=frozenset(said["tenants"]), keys=frozenset(said["keys"])),
        account=Account(id=AccountId(said["account"]), window_start=said["window_start"]),
        threshold_ppm=said["threshold_ppm"],
        measure=Measure(said["measure"]),
        window=Window(said["window"]),
        ends_at=from_microseconds(said["ends_at_us"]) if said["ends_at_us"] is not None else None,
        limit=said["limit"],
        balance=Balance(spent=said["spent"], reserved=said["reserved"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts. `since` None means all; `size` 0 means 100."""

    wanted: Wanted
    viewer: Viewer
    since: datetime | None = None
    size: int = 0
    token: str = ""


class AlertLog:
    """Reads alerts back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, query: AlertQuery) -> Page[Alert]:
        """Newest first. Raises StoreUnavailable; Failure PAGE_TOKEN_INVALID."""
        size = min(query.size or DEFAULT_SIZE, LARGEST_SIZE)
        before = _place(query.token)
        found: list[tuple[int, Alert]] = []
        while len(found) <= size and before:
            rows = await self._database.fetch(_NEWEST, before, _since(query), _BATCH)
            found += [(seq, alert) for seq, alert in map(_row, rows) if _asked(query, alert)]
            before = _row(rows[-1])[0] if len(rows) == _BATCH else 0
        more = len(found) > size
        token = token_of(str(found[size - 1][0]), LISTING) if more else ""
        return Page(entries=tuple(alert for _, alert in found[:size]), next_page_token=token)


def _asked(query: AlertQuery, alert: Alert) -> bool:
    named = alert.budget.startswith(query.wanted.name_prefix)
    return named and wants(query.wanted, alert.account.id) and sees(query.viewer, alert.circle, alert.account.id)


def _since(query: AlertQuery) -> int:
    return microseconds(query.since) if query.since is not None else 0


def _place(token: str) -> int:
    if not token:
        return _END
    place = place_of(token, LISTING)
    if not place.isdecimal() or int(place) > _END:
        raise Failure("PAGE_TOKEN_INVALID", "this is no page token of alerts: begin again without", field="page_token")
    return int(place)


def _row(row: tuple[Value, ...]) -> tuple[int, Alert]:
    seq, at, body = row
    if not isinstance(seq, int) or not isinstance(at, int) or not isinstance(body, bytes):
        raise TypeError("an alert is not stored as it was written")
    return seq, read_alert(from_microseconds(at), body)
