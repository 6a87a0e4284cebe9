"""Which accounts of budgets concern whom."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from controlplane.budget.matching import escaped
from controlplane.budget.model import AccountId, Budget, BudgetName, Dimension


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks. `tenant` is None for an operator, who sees everything; `key` is the caller's own name."""

    tenant: str | None
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which accounts are asked for: those that pay for requests of this kind; what is empty asks for nothing."""

    name_prefix: str = ""
    tenant: str = ""
    team: str = ""
    workload: str = ""
    key: str = ""


ALL = Wanted()


def budget_of(account: AccountId) -> BudgetName:
    """The budget that an account belongs to."""
    return BudgetName(account.partition("{")[0])


def values_of(account: AccountId) -> Mapping[str, str]:
    """What an account is for: escaped values by dimension."""
    _, _, inside = account.removesuffix("}").partition("{")
    return dict(part.split("=", 1) for part in inside.split(",")) if inside else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """For whom a budget is: these tenants and these keys; everybody where there are none."""

    tenants: Collection[str]
    keys: Collection[str]


def circle_of(budget: Budget) -> Circle:
    """Of a budget."""
    return Circle(tenants=budget.tenants, keys=budget.keys)


def sees_budget(viewer: Viewer, circle: Circle) -> bool:
    """Whether something of a budget concerns the viewer's tenant.

    Keys of a budget that is for one tenant are taken for keys of that tenant; of others the viewer must be one.
    """
    if viewer.tenant is None:
        return True
    if circle.tenants and viewer.tenant not in circle.tenants:
        return False
    return not circle.keys or viewer.key in circle.keys or not _shared(circle)


def sees(viewer: Viewer, circle: Circle, account: AccountId) -> bool:
    """Whether an account pays for requests of the viewer's tenant: where tenants share it, for those of its own key."""
    if viewer.tenant is None or not sees_budget(viewer, circle):
        return viewer.tenant is None
    values = values_of(account)
    if Dimension.TENANT in values:
        return values[Dimension.TENANT] == escaped(viewer.tenant)
    return not _shared(circle) or values.get(Dimension.KEY, escaped(viewer.key)) == escaped(viewer.key)


def _shared(circle: Circle) -> bool:
    return len(circle.tenants) != 1


def wants_budget(wanted: Wanted, budget: Budget) -> bool:
    """Whether some account of it may be asked for."""
    asked = (
        (wanted.tenant, budget.tenants),
        (wanted.team, budget.teams),
        (wanted.workload, budget.workloads),
        (wanted.key, budget.keys),
    )
    fits = all(not value or not only or value in only for value, only in asked)
    return fits and budget.name.startswith(wanted.name_prefix)


def wants(wanted: Wanted, account: AccountId) -> bool:
    """Whether an account, of a budget that may be asked for, is."""
    asked = {
        Dimension.TENANT: wanted.tenant,
        Dimension.TEAM: wanted.team,
        Dimension.WORKLOAD: wanted.workload,
        Dimension.KEY: wanted.key,
    }
    values = values_of(account)
    return all(not value or escaped(value) == values.get(name, escaped(value)) for name, value in asked.items())
