"""What a run takes from an account."""

import pytest

from controlplane.budget.model import Account, AccountId, Hold, Measure, Used
from controlplane.journal.apply import booked

USED = (
    Used(model="small", cost_nanousd=3, tokens=30),
    Used(model="large", cost_nanousd=50, tokens=20),
    Used(model="large", cost_nanousd=7, tokens=10),
)


@pytest.mark.parametrize(
    ("measure", "model", "amount"),
    [
        (Measure.COST, "", 60),
        (Measure.COST, "large", 57),
        (Measure.COST, "other", 0),
        (Measure.TOKENS, "", 60),
        (Measure.TOKENS, "small", 30),
        (Measure.REQUESTS, "", 1),
        (Measure.REQUESTS, "large", 1),
        (Measure.REQUESTS, "other", 0),
    ],
)
def test_a_hold_for_one_model_counts_what_that_model_did(measure: Measure, model: str, amount: int) -> None:
    account = Account(id=AccountId("a"), window_start=0)
    hold = Hold(account=account, measure=measure, limit=100, amount=100, estimate=10, model=model)
    assert booked(hold, USED) == amount


def test_a_run_that_called_nobody_is_a_request_all_the_same() -> None:
    hold = Hold(
        account=Account(id=AccountId("a"), window_start=0), measure=Measure.REQUESTS, limit=1, amount=1, estimate=1
    )
    assert booked(hold, ()) == 1
