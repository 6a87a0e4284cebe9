"""Asking a control plane what it decided and why; answers come as plain values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from turnout.audit.v1 import audit_pb2
from turnout_wire.control_line import ControlLine, M
from turnout_wire.insights import plain

Plain = Mapping[str, Any]
MOST = 1000
"""Decisions on a page."""


class Audits:
    """Calls AuditService. Every method raises Failure; answers are as `turnout_wire.insights` tells."""

    def __init__(self, line: ControlLine) -> None:
        self._line = line

    async def decision(self, decision_id: str, why_not: Sequence[str] = ()) -> Plain:
        """A decision and everything that is recorded about it: the fields of GetDecisionResponse."""
        request = audit_pb2.GetDecisionRequest(decision_id=decision_id, why_not=why_not)
        return plain(await self._call("GetDecision", request, audit_pb2.GetDecisionResponse))

    async def decisions(self, filters: Mapping[str, Any], limit: int) -> list[Plain]:
        """At most `limit` decisions in a line each, newest first; `filters` are fields of DecisionFilter, times as datetimes."""
        found: list[Plain] = []
        request = audit_pb2.ListDecisionsRequest(filter=_filter(filters))
        while len(found) < limit:
            request.page_size = min(limit - len(found), MOST)
            page = await self._call("ListDecisions", request, audit_pb2.ListDecisionsResponse)
            found += plain(page)["decisions"]
            request.page_token = page.next_page_token
            if not request.page_token:
                break
        return found

    async def erase(self, decision_ids: Sequence[str], before: datetime | None, reason: str) -> Plain:
        """Remove bodies for good: `erased`, how many, and `ref`, the entry that says so."""
        request = audit_pb2.EraseBodiesRequest(decision_ids=decision_ids, reason=reason)
        if before is not None:
            request.before.FromDatetime(before)
        return plain(await self._call("EraseBodies", request, audit_pb2.EraseBodiesResponse))

    async def _call(self, method: str, request: Message, response: type[M]) -> M:
        return await self._line.call(f"turnout.audit.v1.AuditService/{method}", request, response)


def _filter(values: Mapping[str, Any]) -> audit_pb2.DecisionFilter:
    times = {name: value for name, value in values.items() if isinstance(value, datetime)}
    made = audit_pb2.DecisionFilter(**{name: value for name, value in values.items() if name not in times})
    for name, value in times.items():
        getattr(made, name).FromDatetime(value)
    return made
