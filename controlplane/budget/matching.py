"""Which budgets a request is paid from, and by which accounts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from controlplane.budget.model import (
    Account,
    AccountId,
    Balance,
    Budget,
    BudgetName,
    Dimension,
    Hold,
    Purse,
    Window,
)
from controlplane.budget.windows import Span, span
from turnout_wire.quick import quick

Balances = Mapping[Account, Balance]
"""The balances that are known; an account that is absent has never been used."""

EMPTY: Balances = MappingProxyType({})

_UNUSED = Balance()
_RESERVED = frozenset("%{},=")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whose request it is: for whom, who owns its workload, which workload, and who asks."""

    tenant: str
    team: str
    workload: str
    key: str


def purses(
    budgets: Iterable[Budget], bearer: Bearer, models: Iterable[str], balances: Balances, now: datetime
) -> tuple[Purse, ...]:
    """Every account that pays for calls of one of `models` in a request of `bearer`, in the order of `budgets`.

    A budget for all models gives one purse. One for some models, or per model, gives one for each of `models` that it
    concerns: those of a budget that is not per model are of the same account.
    """
    spans: dict[Window, Span] = {}
    known = tuple(models)
    found: list[Purse] = []
    for budget in budgets:
        if not applies(budget, bearer):
            continue
        if budget.window not in spans:
            spans[budget.window] = span(budget.window, now)
        found.extend(_purses(budget, bearer, known, balances, spans[budget.window]))
    return tuple(found)


def applies(budget: Budget, bearer: Bearer) -> bool:
    """Whether `budget` concerns requests of `bearer`, for some model at least."""
    return (
        (not budget.tenants or bearer.tenant in budget.tenants)
        and (not budget.teams or bearer.team in budget.teams)
        and (not budget.workloads or bearer.workload in budget.workloads)
        and (not budget.keys or bearer.key in budget.keys)
    )


def account_id(name: BudgetName, values: Mapping[Dimension, str]) -> AccountId:
    """`daily`, or `daily{key=app,tenant=acme}`: dimensions by name, no two different arguments with one id.

    Values are what users made up. What has a meaning here, and what cannot be printed, stands as `%` and two hexadecimal
    digits for each byte of its UTF-8.
    """
    if not values:
        return AccountId(name)
    parts = ",".join(f"{dimension}={escaped(value)}" for dimension, value in sorted(values.items()))
    return AccountId(f"{name}{{{parts}}}")


def escaped(value: str) -> str:
    """`value` without braces, commas, equals signs, line breaks and whatever else cannot be printed."""
    if value.isprintable() and _RESERVED.isdisjoint(value):
        return value
    return "".join(
        char if char.isprintable() and char not in _RESERVED else _percent(char.encode("utf-8", "surrogatepass"))
        for char in value
    )


def bookings(of: Iterable[Purse]) -> tuple[Hold, ...]:
    """What a run is booked to for which nothing was held: the accounts, with nothing in them for it."""
    return tuple(
        Hold(account=one.account, measure=one.measure, limit=one.limit, amount=0, estimate=0, model=one.model)
        for one in of
    )


def _purses(budget: Budget, bearer: Bearer, models: Iterable[str], balances: Balances, window: Span) -> Iterator[Purse]:
    per_model = Dimension.MODEL in budget.per
    if not per_model and not budget.models:
        yield _purse(budget, bearer, "", balances, window)
        return
    for model in models:
        if not budget.models or model in budget.models:
            yield _purse(budget, bearer, model, balances, window)


def _purse(budget: Budget, bearer: Bearer, model: str, balances: Balances, window: Span) -> Purse:
    values = {dimension: _value(dimension, bearer, model) for dimension in budget.per}
    account = Account(id=account_id(budget.name, values), window_start=window.start)
    return Purse(
        budget=budget.name,
        account=account,
        measure=budget.measure,
        limit=budget.limit,
        balance=balances.get(account, _UNUSED),
        model=model,
        ends_at=window.ends_at,
    )


def _value(dimension: Dimension, bearer: Bearer, model: str) -> str:
    match dimension:
        case Dimension.TENANT:
            return bearer.tenant
        case Dimension.TEAM:
            return bearer.team
        case Dimension.WORKLOAD:
            return bearer.workload
        case Dimension.KEY:
            return bearer.key
        case Dimension.MODEL:
            return model


def _percent(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)
