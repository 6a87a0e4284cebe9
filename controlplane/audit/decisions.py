"""The list of decisions: found by what they were about and what came of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.catalog.page import DEFAULT_SIZE, LARGEST_SIZE, Page, place_of, token_of
from controlplane.store.protocols import Database, Value
from turnout_wire.failure import Failure

LISTING = "decisions"
UNEXECUTED = "none"
"""The result that is asked for to find decisions that were not executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFilter:
    """Everything that is set must hold. `until` is not in it; `id_prefix` are hexadecimal digits and hyphens."""

    since: datetime | None = None
    until: datetime | None = None
    tenant: str = ""
    workload: str = ""
    owner: str = ""
    feature: str = ""
    policy: str = ""
    model: str = ""
    deployment: str = ""
    reason: str = ""
    result: str = ""
    min_cost_nanousd: int = 0
    id_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSummary:
    """A decision in a line; `result` is empty if it was not executed."""

    decision_id: str
    at: datetime
    tenant: str
    workload: str
    owner: str
    feature: str
    policy: str
    model: str
    deployment: str
    reason: str
    result: str
    cost_nanousd: int


class DecisionIndex(Protocol):
    """Where decisions are listed."""

    async def find(self, wanted: DecisionFilter, size: int, token: str) -> Page[DecisionSummary]:
        """Newest first, at most `size` of them. Raises Failure PAGE_TOKEN_INVALID, StoreUnavailable."""
        ...


_TEXTS = ("tenant", "workload", "owner", "feature", "policy", "model", "deployment", "reason")
_COLUMNS = ("decision_id", "at_us", *_TEXTS, "result", "cost_nanousd")


class SqlDecisions:
    """The list that insight keeps in the table `decision_row`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, wanted: DecisionFilter, size: int, token: str) -> Page[DecisionSummary]:
        """See DecisionIndex."""
        size = min(size or DEFAULT_SIZE, LARGEST_SIZE)
        clauses, values = _conditions(wanted)
        if token:
            clauses.append("(at_us < ? OR (at_us = ? AND decision_id < ?))")
            at, decision_id = _place(token)
            values += [at, at, decision_id]
        sql = (
            f"SELECT {', '.join(_COLUMNS)} FROM decision_row WHERE {' AND '.join(clauses)} "  # noqa: S608 - names of ours
            "ORDER BY at_us DESC, decision_id DESC LIMIT ?"
        )
        rows = await self._database.fetch(sql, *values, size + 1)
        found = tuple(map(_summary, rows[:size]))
        last = found[-1] if len(rows) > size else None
        token = token_of(f"{microseconds(last.at)} {last.decision_id}", LISTING) if last else ""
        return Page(entries=found, next_page_token=token)


def _conditions(wanted: DecisionFilter) -> tuple[list[str], list[Value]]:
    clauses, values = ["known = 1"], list[Value]()
    for column in _TEXTS:
        if value := getattr(wanted, column):
            clauses.append(f"{column} = ?")
            values.append(value)
    bounds: list[tuple[str, Value]] = []
    if wanted.since is not None:
        bounds.append(("at_us >= ?", microseconds(wanted.since)))
    if wanted.until is not None:
        bounds.append(("at_us < ?", microseconds(wanted.until)))
    if wanted.result:
        bounds.append(("result = ?", "" if wanted.result == UNEXECUTED else wanted.result))
    if wanted.min_cost_nanousd:
        bounds.append(("cost_nanousd >= ?", wanted.min_cost_nanousd))
    if wanted.id_prefix:
        # After every digit and hyphen comes "g".
        bounds += [("decision_id >= ?", wanted.id_prefix), ("decision_id < ?", wanted.id_prefix + "g")]
    return [*clauses, *(clause for clause, _ in bounds)], [*values, *(value for _, value in bounds)]


def _place(token: str) -> tuple[int, str]:
    at, _, decision_id = place_of(token, LISTING).partition(" ")
    if not at.isdigit():
        raise Failure("PAGE_TOKEN_INVALID", "this is no page token of decisions: begin again", field="page_token")
    return int(at), decision_id


def _summary(row: tuple[Value, ...]) -> DecisionSummary:
    decision_id, at, *texts, cost = row
    names = (*_TEXTS, "result")
    return DecisionSummary(
        decision_id=str(decision_id),
        at=from_microseconds(int(at or 0)),
        cost_nanousd=int(cost or 0),
        **{name: str(text) for name, text in zip(names, texts, strict=True)},
    )
