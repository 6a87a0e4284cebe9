"""What is asked of BudgetService; lists are read to their end."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from turnout.budget.v1 import budget_pb2
from turnout_client.budget import Budget, BudgetAlert, BudgetStatus
from turnout_client.budget_codec import budget, budget_alert, budget_status
from turnout_client.context import Caller, Context
from turnout_client.control import ControlPlane
from turnout_client.invalid import invalid, naming

PAGE = 1_000
"""What the contract gives at once at most."""


def budget_filter(**wanted: str) -> budget_pb2.Filter:
    """Which accounts are asked for. Raises InvalidRequest."""
    with naming("budgets"):
        return budget_pb2.Filter(**wanted)


class Budgets:
    """BudgetService. Every method raises TurnoutError."""

    def __init__(self, control: ControlPlane, caller: Caller) -> None:
        self._control = control
        self._caller = caller

    async def statuses(self, wanted: budget_pb2.Filter, context: Context) -> list[BudgetStatus]:
        """All accounts that are asked for."""
        request = budget_pb2.ListBudgetsRequest(filter=wanted, page_size=PAGE)
        found: list[BudgetStatus] = []
        while True:
            response: budget_pb2.ListBudgetsResponse = await self._control.call(
                lambda line: line.budgets.ListBudgets, request, context.deadline, self._caller.metadata(context)
            )
            found += map(budget_status, response.statuses)
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token

    async def budget(self, name: str, context: Context) -> Budget:
        """One budget with all its accounts."""
        request = budget_pb2.GetBudgetRequest(name=name, page_size=PAGE)
        found: list[BudgetStatus] = []
        while True:
            response: budget_pb2.GetBudgetResponse = await self._control.call(
                lambda line: line.budgets.GetBudget, request, context.deadline, self._caller.metadata(context)
            )
            found += map(budget_status, response.statuses)
            if not response.next_page_token:
                return budget(response.budget, tuple(found))
            request.page_token = response.next_page_token

    async def alerts(
        self, wanted: budget_pb2.Filter, since: datetime | None, limit: int, context: Context
    ) -> list[BudgetAlert]:
        """The newest alerts, `limit` at most."""
        if limit < 1:
            raise invalid("limit", f"ask for at least one alert, not {limit}")
        request = budget_pb2.ListAlertsRequest(filter=wanted, since=_timestamp(since))
        found: list[BudgetAlert] = []
        while True:
            request.page_size = min(limit - len(found), PAGE)
            response: budget_pb2.ListAlertsResponse = await self._control.call(
                lambda line: line.budgets.ListAlerts, request, context.deadline, self._caller.metadata(context)
            )
            found += map(budget_alert, response.alerts)
            if not response.next_page_token or len(found) >= limit:
                return found
            request.page_token = response.next_page_token


def _timestamp(since: datetime | None) -> Timestamp | None:
    if since is None:
        return None
    if since.tzinfo is None:
        raise invalid("since", "give a time with its zone, such as datetime.now(UTC)")
    message = Timestamp()
    message.FromDatetime(since.astimezone(UTC))
    return message
