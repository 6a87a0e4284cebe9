"""Budgets as entries of a document."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from controlplane.budget.model import Budget, BudgetName, Dimension, Measure, Window
from controlplane.catalog.document.node import At
from controlplane.catalog.document.problem import ProblemKind
from controlplane.catalog.document.read import Field, each, optional, record, required
from controlplane.catalog.document.scalar import integer, name_like, number, text, usd, word_of
from controlplane.catalog.entry import model_name
from controlplane.policy.entry import workload_name

MAX_BUDGETS = 500
MAX_NAMES = 1_000
MAX_USD = 1_000_000_000
MAX_COUNT = 10**15
MAX_ALERTS = 10
MAX_ALERT = 10.0

_ALLOWED = "lower case letters, digits, `.`, `_` and `-`, a letter or digit first"
budget_name = name_like(r"[a-z0-9][a-z0-9._-]{0,126}", "budget", _ALLOWED)
_dimension = word_of(Dimension, "dimension")
_share = number(0.0, MAX_ALERT)

LIMITS: Mapping[str, Measure] = MappingProxyType(
    {"limit_usd": Measure.COST, "limit_requests": Measure.REQUESTS, "limit_tokens": Measure.TOKENS}
)
"""The fields of which a budget has exactly one, and what each counts."""


def _alerts(at: At) -> tuple[float, ...]:
    shares = each(_share, limit=MAX_ALERTS)(at)
    for lower, higher in pairwise(shares):
        if higher <= lower:
            raise at.refuse(
                ProblemKind.OUT_OF_RANGE, f"{higher} comes after {lower}", "put the shares in ascending order"
            )
    return shares


BUDGET_FIELDS: Mapping[str, Field] = {
    "name": required(budget_name),
    "limit_usd": optional(usd(MAX_USD)),
    "limit_requests": optional(integer(0, MAX_COUNT)),
    "limit_tokens": optional(integer(0, MAX_COUNT)),
    "window": required(word_of(Window, "window")),
    "tenants": optional(each(text, limit=MAX_NAMES)),
    "teams": optional(each(text, limit=MAX_NAMES)),
    "workloads": optional(each(workload_name, limit=MAX_NAMES)),
    "keys": optional(each(text, limit=MAX_NAMES)),
    "models": optional(each(model_name, limit=MAX_NAMES)),
    "per": optional(each(_dimension, limit=len(Dimension))),
    "alerts": optional(_alerts),
}


def read_budget(at: At) -> Budget:
    """The budget at `at`. Raises Refused."""
    fields = record(at, BUDGET_FIELDS, noun="budget")
    measure, limit = _limit(at, fields)
    budget = Budget(
        name=BudgetName(fields["name"]),
        limit=limit,
        measure=measure,
        window=fields["window"],
        per=frozenset(fields.get("per", ())),
        tenants=frozenset(fields.get("tenants", ())),
        teams=frozenset(fields.get("teams", ())),
        workloads=frozenset(fields.get("workloads", ())),
        keys=frozenset(fields.get("keys", ())),
        models=frozenset(fields.get("models", ())),
    )
    return replace(budget, alerts=fields["alerts"]) if "alerts" in fields else budget


def _limit(at: At, fields: Mapping[str, Any]) -> tuple[Measure, int]:
    given = [name for name in LIMITS if name in fields]
    if not given:
        ways = ", ".join(f"`{name}`" for name in LIMITS)
        raise at.refuse(ProblemKind.MISSING_FIELD, f"the budget `{fields['name']}` has no limit", f"add one of {ways}")
    if len(given) > 1:
        reason = f"the budget `{fields['name']}` has `{given[0]}` and `{given[1]}`"
        raise at.down(given[1]).refuse(
            ProblemKind.NO_EFFECT, reason, "make a budget of each: all that apply hold together"
        )
    return LIMITS[given[0]], fields[given[0]]
