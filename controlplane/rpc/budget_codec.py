"""Budgets between the wire and the use cases."""

from datetime import datetime

from controlplane.access.model import Role
from controlplane.budget.alert_log import Alert, AlertQuery
from controlplane.budget.commands import Paging
from controlplane.budget.concern import Viewer, Wanted
from controlplane.budget.model import Budget, Dimension, Measure, Window
from controlplane.budget.status import Status, begin
from controlplane.budget.thresholds import shares_ppm
from controlplane.rpc.enums import numbers
from turnout.budget.v1 import budget_pb2
from turnout_wire.server import Principal
from turnout_wire.times import moment

_MEASURES = numbers(Measure, budget_pb2.Measure, "MEASURE")
_WINDOWS = numbers(Window, budget_pb2.Window, "WINDOW")
_DIMENSIONS = numbers(Dimension, budget_pb2.Dimension, "DIMENSION")
_LARGEST = 2**63 - 1


def viewer(asks: Principal) -> Viewer:
    """Who asks: an operator sees every tenant."""
    return Viewer(tenant=None if Role.OPERATOR in asks.roles else asks.tenant, key=asks.name)


def wanted(message: budget_pb2.Filter) -> Wanted:
    """Which accounts are asked for."""
    return Wanted(
        name_prefix=message.name_prefix,
        tenant=message.tenant,
        team=message.team,
        workload=message.workload,
        key=message.key,
    )


def paging(message: budget_pb2.ListBudgetsRequest | budget_pb2.GetBudgetRequest) -> Paging:
    """Which page is asked for."""
    return Paging(size=message.page_size, token=message.page_token)


def alert_query(message: budget_pb2.ListAlertsRequest, asks: Principal) -> AlertQuery:
    """Which alerts are asked for. Raises Failure INVALID_FIELD."""
    return AlertQuery(
        wanted=wanted(message.filter),
        viewer=viewer(asks),
        since=moment(message.since, "since") if message.HasField("since") else None,
        size=message.page_size,
        token=message.page_token,
    )


def budget_message(budget: Budget) -> budget_pb2.Budget:
    """A budget as it is configured."""
    return budget_pb2.Budget(
        name=budget.name,
        measure=_MEASURES[budget.measure],
        window=_WINDOWS[budget.window],
        limit=budget.limit,
        per=[_DIMENSIONS[each] for each in sorted(budget.per)],
        tenants=sorted(budget.tenants),
        teams=sorted(budget.teams),
        workloads=sorted(budget.workloads),
        keys=sorted(budget.keys),
        models=sorted(budget.models),
        alerts_ppm=shares_ppm(budget),
    )


def status_message(status: Status) -> budget_pb2.BudgetStatus:
    """How an account stands."""
    budget, forecast = status.budget, status.forecast
    message = budget_pb2.BudgetStatus(
        budget=budget.name,
        account=status.account.id,
        measure=_MEASURES[budget.measure],
        window=_WINDOWS[budget.window],
        limit=budget.limit,
        spent=status.balance.spent,
        reserved=status.balance.reserved,
        remaining=_bounded(status.remaining),
        utilisation_ppm=_bounded(status.utilisation_ppm),
        forecast=_bounded(forecast.spent) if forecast is not None else None,
        passed_ppm=status.passed_ppm,
    )
    _put_window(message, begin(status.account.window_start), status.ends_at)
    if forecast is not None and forecast.exceeds_at is not None:
        message.forecast_exceeds_at.FromDatetime(forecast.exceeds_at)
    return message


def alert_message(alert: Alert) -> budget_pb2.Alert:
    """An alert that was raised."""
    message = budget_pb2.Alert(
        budget=alert.budget,
        account=alert.account.id,
        threshold_ppm=alert.threshold_ppm,
        measure=_MEASURES[alert.measure],
        window=_WINDOWS[alert.window],
        limit=alert.limit,
        spent=alert.balance.spent,
    )
    message.at.FromDatetime(alert.at)
    _put_window(message, begin(alert.account.window_start), alert.ends_at)
    return message


def _put_window(
    message: budget_pb2.BudgetStatus | budget_pb2.Alert, began: datetime | None, ends_at: datetime | None
) -> None:
    if began is not None:
        message.window_start.FromDatetime(began)
    if ends_at is not None:
        message.window_ends_at.FromDatetime(ends_at)


def _bounded(figure: int) -> int:
    """As near as the contract's numbers come."""
    return max(min(figure, _LARGEST), -_LARGEST)
