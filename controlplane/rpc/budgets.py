"""BudgetService."""

from collections.abc import Callable

from controlplane.budget.commands import BudgetCommands
from controlplane.rpc.budget_codec import (
    alert_message,
    alert_query,
    budget_message,
    paging,
    status_message,
    viewer,
    wanted,
)
from controlplane.snapshot.model import Snapshot
from turnout.budget.v1 import budget_pb2
from turnout_wire.server import Call


class BudgetServicer:
    """Tells how budgets stand."""

    def __init__(self, commands: BudgetCommands, snapshot: Callable[[], Snapshot]) -> None:
        self._commands = commands
        self._snapshot = snapshot

    async def ListBudgets(self, request: budget_pb2.ListBudgetsRequest, call: Call) -> budget_pb2.ListBudgetsResponse:
        """A page of accounts."""
        version = self._snapshot().version
        found = await self._commands.list_budgets(wanted(request.filter), viewer(call.principal), paging(request))
        response = budget_pb2.ListBudgetsResponse(
            statuses=map(status_message, found.page.entries),
            next_page_token=found.page.next_page_token,
            snapshot_version=version,
        )
        response.as_of.FromDatetime(found.as_of)
        return response

    async def GetBudget(self, request: budget_pb2.GetBudgetRequest, call: Call) -> budget_pb2.GetBudgetResponse:
        """One budget."""
        version = self._snapshot().version
        budget, found = await self._commands.get_budget(request.name, viewer(call.principal), paging(request))
        response = budget_pb2.GetBudgetResponse(
            budget=budget_message(budget),
            statuses=map(status_message, found.page.entries),
            next_page_token=found.page.next_page_token,
            snapshot_version=version,
        )
        response.as_of.FromDatetime(found.as_of)
        return response

    async def ListAlerts(self, request: budget_pb2.ListAlertsRequest, call: Call) -> budget_pb2.ListAlertsResponse:
        """A page of alerts."""
        page = await self._commands.list_alerts(alert_query(request, call.principal))
        return budget_pb2.ListAlertsResponse(
            alerts=map(alert_message, page.entries), next_page_token=page.next_page_token
        )
