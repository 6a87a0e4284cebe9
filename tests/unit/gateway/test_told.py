"""What answers tell of the route."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dataplane.chat.model import Usage
from dataplane.execution.receipt import AttemptRecord, Receipt, RunResult
from dataplane.gateway.told import comment, decided, dollars, ended, overhead, served, warnings
from dataplane.provider.model import Verdict
from tests.support.runs import decision, target
from tests.support.virtual_time import EPOCH

DECISION = replace(decision(replace(target("first"), quality_ppm=912_345), "second"), reason="cheapest")


def attempt(deployment: str, seconds: float = 1.0, *, hedged: bool = False) -> AttemptRecord:
    return AttemptRecord(
        number=1,
        deployment=deployment,
        model=f"model of {deployment}",
        outcome=Verdict.SUCCEEDED,
        started_at=EPOCH,
        duration=timedelta(seconds=seconds),
        hedged=hedged,
    )


def receipt(*attempts: AttemptRecord, cost: int = 0, **more: Any) -> Receipt:
    fields: dict[str, Any] = {"cost_estimated": False, "result": RunResult.SUCCEEDED, **more}
    return Receipt(
        receipt_id="r",
        decision_id=DECISION.decision_id,
        worker="w",
        attempts=attempts,
        cost_nanousd=cost,
        started_at=EPOCH,
        duration=timedelta(seconds=2),
        snapshot_version=7,
        request_digest=bytes(32),
        **fields,
    )


def account(of: Receipt, usage: Usage | None = None, elapsed: float = 2.0) -> dict[str, Any]:
    """What a comment says to those who read it."""
    line = comment(DECISION, of, usage, elapsed)
    assert line.startswith(b": turnout {")
    assert line.endswith(b"}\n\n")
    assert line.count(b"\n") == 2
    told: dict[str, Any] = json.loads(line.removeprefix(b": turnout "))
    return told


@pytest.mark.parametrize(
    ("nanousd", "told"),
    [
        (0, "0.000000000"),
        (1, "0.000000001"),
        (21_000, "0.000021000"),
        (999_999_999, "0.999999999"),
        (12_000_000_001, "12.000000001"),
    ],
)
def test_a_cost_is_told_to_the_nano_dollar(nanousd: int, told: str) -> None:
    assert dollars(nanousd) == told
    assert dict(ended(DECISION, receipt(cost=nanousd)))["x-turnout-cost-usd"] == told


@pytest.mark.parametrize("nanousd", [0, 1, 21_003, 999_999_999, 12_000_000_001, 4_000_000_000_000_001])
def test_a_comments_cost_is_the_same_to_the_nano_dollar(nanousd: int) -> None:
    assert round(account(receipt(cost=nanousd))["cost_usd"] * 1_000_000_000) == nanousd


def test_a_decision_is_named_with_its_reason() -> None:
    assert dict(decided(DECISION)) == {
        "x-turnout-decision-id": DECISION.decision_id,
        "x-turnout-reason": "cheapest",
    }


def test_whoever_answered_last_is_told_with_all_the_calls_it_took() -> None:
    told = dict(ended(DECISION, receipt(attempt("first"), attempt("second"), cost=5)))
    assert told == {
        "x-turnout-model": "model of second",
        "x-turnout-deployment": "second",
        "x-turnout-attempts": "2",
        "x-turnout-cost-usd": "0.000000005",
    }


def test_a_quality_is_told_where_it_was_estimated() -> None:
    assert dict(served(DECISION, "first", "m", 1))["x-turnout-quality-estimate"] == "0.912"
    assert "x-turnout-quality-estimate" not in dict(served(DECISION, "second", "m", 1))


def test_where_nothing_was_called_there_is_no_model() -> None:
    assert dict(ended(DECISION, receipt())) == {"x-turnout-attempts": "0", "x-turnout-cost-usd": "0.000000000"}
    assert account(receipt())["model"] == ""


def test_estimates_and_kept_answers_say_that_they_are() -> None:
    plain = dict(ended(DECISION, receipt(attempt("first"))))
    assert {"x-turnout-cost-estimated", "x-turnout-cache"}.isdisjoint(plain)
    told = dict(ended(DECISION, receipt(attempt("first"), cost_estimated=True, from_cache=True)))
    assert told["x-turnout-cost-estimated"] == "true"
    assert told["x-turnout-cache"] == "hit"


@pytest.mark.parametrize(("elapsed", "calling", "told"), [(0.0123, 0.01, "2.3"), (1.0, 0.0, "1000.0"), (1, 1.5, "0.0")])
def test_the_overhead_is_what_was_no_providers_time(elapsed: float, calling: float, told: str) -> None:
    assert overhead(elapsed, calling) == ("x-turnout-overhead-ms", told)


def test_calls_beside_another_take_no_time_of_their_own() -> None:
    beside = receipt(attempt("first", 1.5), attempt("second", 1.0, hedged=True))
    after = receipt(attempt("first", 0.5), attempt("second", 1.0))
    assert [account(each)["overhead_ms"] for each in (beside, after)] == [500.0, 500.0]


def test_a_comment_is_the_account_of_the_stream() -> None:
    usage = Usage(input_tokens=12, output_tokens=34)
    assert account(receipt(attempt("first"), cost=20), usage) == {
        "decision_id": DECISION.decision_id,
        "result": "succeeded",
        "model": "model of first",
        "attempts": 1,
        "cost_usd": 0.00000002,
        "cost_estimated": False,
        "overhead_ms": 1000.0,
        "input_tokens": 12,
        "output_tokens": 34,
    }


def test_a_comment_without_usage_invents_none() -> None:
    told = account(receipt(attempt("first"), result=RunResult.BROKEN, cost_estimated=True))
    assert told["result"] == "broken"
    assert told["cost_estimated"] is True
    assert {"input_tokens", "output_tokens"}.isdisjoint(told)


def test_what_was_lost_is_told_in_one_header_and_nothing_in_none() -> None:
    assert list(warnings(("seed", "logit_bias"))) == [
        ("x-turnout-warning", "not carried to this target: seed, logit_bias")
    ]
    assert list(warnings(())) == []
