"""Budgets out of the contract's messages."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from turnout.budget.v1 import budget_pb2
from turnout_client.budget import Budget, BudgetAlert, BudgetStatus
from turnout_client.words import BudgetDimension, BudgetMeasure, BudgetWindow, reader

_PPM = 1_000_000
_measure = reader(BudgetMeasure, budget_pb2.Measure, "MEASURE")
_window = reader(BudgetWindow, budget_pb2.Window, "WINDOW")
_dimension = reader(BudgetDimension, budget_pb2.Dimension, "DIMENSION")


def budget_status(message: budget_pb2.BudgetStatus) -> BudgetStatus:
    """How an account stands."""
    return BudgetStatus(
        budget=message.budget,
        account=message.account,
        measure=_measure(message.measure),
        window=_window(message.window),
        window_start=_time(message.window_start, there=message.HasField("window_start")),
        window_ends_at=_time(message.window_ends_at, there=message.HasField("window_ends_at")),
        limit=message.limit,
        spent=message.spent,
        reserved=message.reserved,
        remaining=message.remaining,
        utilisation=message.utilisation_ppm / _PPM,
        forecast=message.forecast if message.HasField("forecast") else None,
        forecast_exceeds_at=_time(message.forecast_exceeds_at, there=message.HasField("forecast_exceeds_at")),
        passed=tuple(share / _PPM for share in message.passed_ppm),
    )


def budget(message: budget_pb2.Budget, accounts: tuple[BudgetStatus, ...]) -> Budget:
    """A budget with its accounts."""
    return Budget(
        name=message.name,
        measure=_measure(message.measure),
        window=_window(message.window),
        limit=message.limit,
        per=tuple(map(_dimension, message.per)),
        tenants=tuple(message.tenants),
        teams=tuple(message.teams),
        workloads=tuple(message.workloads),
        keys=tuple(message.keys),
        models=tuple(message.models),
        alerts=tuple(share / _PPM for share in message.alerts_ppm),
        accounts=accounts,
    )


def budget_alert(message: budget_pb2.Alert) -> BudgetAlert:
    """An alert that was raised."""
    return BudgetAlert(
        at=message.at.ToDatetime(UTC),
        budget=message.budget,
        account=message.account,
        threshold=message.threshold_ppm / _PPM,
        measure=_measure(message.measure),
        window=_window(message.window),
        window_start=_time(message.window_start, there=message.HasField("window_start")),
        window_ends_at=_time(message.window_ends_at, there=message.HasField("window_ends_at")),
        limit=message.limit,
        spent=message.spent,
    )


def _time(message: Timestamp, *, there: bool) -> datetime | None:
    return message.ToDatetime(UTC) if there else None
