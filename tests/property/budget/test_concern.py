"""Whatever tenants and keys are called, nobody sees accounts of another tenant, and everybody their own."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.budget.concern import Circle, Viewer, Wanted, budget_of, sees, values_of, wants
from controlplane.budget.matching import Bearer, account_id, applies, escaped
from controlplane.budget.model import Budget, BudgetName, Dimension

NAMES = st.text(max_size=20)
VALUES = st.dictionaries(st.sampled_from(Dimension), NAMES)
BUDGET = BudgetName("daily")


@given(VALUES)
def test_what_an_account_is_for_is_read_back_from_its_id(values: dict[Dimension, str]) -> None:
    account = account_id(BUDGET, values)
    assert budget_of(account) == BUDGET
    assert values_of(account) == {name: escaped(value) for name, value in values.items()}


@given(VALUES, NAMES, NAMES, st.frozensets(NAMES, max_size=3), st.frozensets(NAMES, max_size=3))
def test_an_account_of_another_tenant_or_of_a_key_that_may_be_anothers_is_not_seen(
    values: dict[Dimension, str], tenant: str, key: str, tenants: frozenset[str], keys: frozenset[str]
) -> None:
    if not sees(Viewer(tenant=tenant, key=key), Circle(tenants=tenants, keys=keys), account_id(BUDGET, values)):
        return
    assert not tenants or tenant in tenants
    assert values.get(Dimension.TENANT, tenant) == tenant
    own = Dimension.TENANT in values or tenants == {tenant}
    assert own or values.get(Dimension.KEY, key) == key


@given(
    st.frozensets(NAMES, max_size=3),
    st.frozensets(NAMES, max_size=3),
    NAMES,
    NAMES,
    st.sets(st.sampled_from(Dimension)),
)
def test_who_pays_from_an_account_sees_it_and_finds_it_by_its_own_names(
    tenants: frozenset[str], keys: frozenset[str], tenant: str, key: str, per: set[Dimension]
) -> None:
    tenants, keys = tenants and tenants | {tenant}, keys and keys | {key}
    budget = Budget(name=BUDGET, limit=1, tenants=tenants, keys=keys, per=frozenset(per))
    assert applies(budget, Bearer(tenant=tenant, team="t", workload="w", key=key))
    mine = {
        Dimension.TENANT: tenant,
        Dimension.KEY: key,
        Dimension.TEAM: "t",
        Dimension.WORKLOAD: "w",
        Dimension.MODEL: "m",
    }
    account = account_id(BUDGET, {name: mine[name] for name in per})
    assert sees(Viewer(tenant=tenant, key=key), Circle(tenants=tenants, keys=keys), account)
    assert wants(Wanted(tenant=tenant, key=key, team="t", workload="w"), account)
