"""No two accounts have one id, whatever their users are called."""

from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.budget.matching import account_id
from controlplane.budget.model import BudgetName, Dimension

names = st.sampled_from([BudgetName("daily"), BudgetName("d"), BudgetName("daily.tenant")])
tricky = st.text(st.sampled_from("ab%{},=\\ \n\r\u2028\x85=72C3D5B7"), max_size=6)
values = st.dictionaries(st.sampled_from(Dimension), tricky | st.text(max_size=4), max_size=3)
accounts = st.tuples(names, values)


@given(accounts, accounts)
@example(
    (BudgetName("d"), {Dimension.KEY: "a,tenant=b"}), (BudgetName("d"), {Dimension.KEY: "a", Dimension.TENANT: "b"})
)
@example((BudgetName("d"), {Dimension.KEY: "%"}), (BudgetName("d"), {Dimension.KEY: "%25"}))
@example((BudgetName("d"), {Dimension.KEY: ""}), (BudgetName("d"), {}))
def test_two_accounts_have_one_id_only_if_they_are_one(
    one: tuple[BudgetName, dict[Dimension, str]], other: tuple[BudgetName, dict[Dimension, str]]
) -> None:
    assert (account_id(*one) == account_id(*other)) == (one == other)


@given(accounts)
def test_an_id_is_one_line_that_can_be_printed(account: tuple[BudgetName, dict[Dimension, str]]) -> None:
    written = account_id(*account)
    assert written.isprintable()
    assert len(written.splitlines()) == 1
    assert written.count("{") == written.count("}") == bool(account[1])


@given(accounts)
def test_the_order_of_the_dimensions_means_nothing(account: tuple[BudgetName, dict[Dimension, str]]) -> None:
    name, given_values = account
    assert account_id(name, dict(reversed(given_values.items()))) == account_id(name, given_values)
