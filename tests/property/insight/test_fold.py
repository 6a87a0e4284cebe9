"""Figures are what a plain recount of the records gives, whatever their order and however they are cut into batches."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from controlplane.insight.contribution import cost_at
from controlplane.insight.facts import (
    CallFact,
    DecisionFact,
    Fact,
    FeedbackFact,
    Finish,
    RefusalFact,
    RunFact,
    RunResult,
    Tokens,
)
from tests.support.insight import (
    CHEAP,
    DEAR,
    MINUTE,
    NOON,
    PRICE,
    counted,
    decision,
    feedback,
    folded,
    refusal,
    run,
)

DECISIONS = 4
numbers = st.integers(0, DECISIONS - 1)
routes = st.sampled_from([CHEAP, DEAR])
tokens = st.builds(Tokens, input=st.integers(0, 5000), output=st.integers(0, 3), cached=st.integers(0, 100))
calls = st.lists(st.builds(CallFact, route=routes, answered=st.booleans(), failed=st.booleans()), max_size=3)


def decisions() -> st.SearchStrategy[list[DecisionFact]]:
    """Each number at most once; few units and near times, so that some are asked again soon."""
    one = st.builds(
        lambda minute, unit, route, low, adopted, priced: (minute, unit, route, low, adopted, priced),
        st.integers(0, 8), st.integers(0, 1), routes, st.booleans(), st.booleans(), st.booleans(),
    )  # fmt: skip
    return st.lists(st.none() | one, min_size=DECISIONS, max_size=DECISIONS).map(
        lambda drawn: [
            decision(
                number, NOON + each[0] * MINUTE, unit=each[1], route=each[2], low_confidence=each[3], adopted=each[4],
                baseline=PRICE if each[5] else None,
            )
            for number, each in enumerate(drawn)
            if each is not None
        ]
    )  # fmt: skip


@st.composite
def runs(draw: st.DrawFn) -> list[RunFact]:
    """Runs of decisions, perhaps of some that are never told; one may be told twice."""
    made = []
    for at in range(draw(st.integers(0, 5))):
        answered_by = draw(st.none() | routes)
        made.append(
            run(
                draw(numbers), f"run-{at}", at_us=NOON + draw(st.integers(0, 3)), result=draw(st.sampled_from(RunResult)),
                error=draw(st.sampled_from(["", "TARGETS_EXHAUSTED"])), cost_nanousd=draw(st.integers(0, 10**9)),
                estimated_nanousd=draw(st.integers(0, 10)), tokens=draw(tokens), answered_by=answered_by,
                answer=draw(tokens) if answered_by else None, calls=tuple(draw(calls)),
                finish=draw(st.none() | st.sampled_from(Finish)), latency_us=draw(st.integers(0, 10**7)),
                first_token_us=draw(st.none() | st.integers(0, 10**6)), schema_invalid=draw(st.booleans()),
            )
        )  # fmt: skip
    return made + (made[:1] if draw(st.booleans()) else [])


givings = st.builds(
    lambda number, giver, quality, success, label: feedback(
        number, 0, giver, quality_ppm=quality, success=success, label=label
    ),
    numbers, st.sampled_from(["a", "b"]), st.none() | st.integers(0, 10**6), st.none() | st.booleans(),
    st.sampled_from(["", "accepted", "corrected", "refused"]),
)  # fmt: skip


@st.composite
def logs(draw: st.DrawFn) -> list[Fact]:
    """Records in any order; feedback has its place in the log."""
    facts: list[Fact] = [*draw(decisions()), *draw(runs()), *draw(st.lists(givings, max_size=4))]
    facts += [refusal(NOON + minute * MINUTE) for minute in draw(st.lists(st.integers(0, 9), max_size=2))]
    ordered = draw(st.permutations(facts))
    return [replace(fact, order=at) if isinstance(fact, FeedbackFact) else fact for at, fact in enumerate(ordered)]


def recount(facts: Sequence[Fact]) -> dict[str, int]:
    """Every figure by going through the records anew for it."""
    told = {fact.decision_id: fact for fact in facts if isinstance(fact, DecisionFact)}
    every_run = {fact.run_id: fact for fact in facts if isinstance(fact, RunFact) and fact.decision_id in told}
    said = {
        (fact.decision_id, fact.giver): fact
        for fact in facts
        if isinstance(fact, FeedbackFact) and fact.decision_id in told
    }
    total: Counter[str] = Counter()
    for fact in facts:
        if isinstance(fact, RefusalFact):
            total["refused"] += 1
            total[f"refusal:{fact.reason}"] += 1
    for made in told.values():
        _count_decision(
            made,
            [each for each in every_run.values() if each.decision_id == made.decision_id],
            [each for each in said.values() if each.decision_id == made.decision_id],
            total,
        )
        later = (each.at_us - made.at_us for each in told.values() if each.unit == made.unit and _after(each, made))
        if any(gap <= 2 * MINUTE for gap in later):
            total["signal:retried_soon"] += 1
    return {name: value for name, value in total.items() if value}


def _after(one: DecisionFact, other: DecisionFact) -> bool:
    return (one.at_us, one.decision_id) > (other.at_us, other.decision_id)


def _count_decision(
    made: DecisionFact, its: Sequence[RunFact], said: Sequence[FeedbackFact], total: "Counter[str]"
) -> None:
    total["decided"] += 1
    total["low_confidence"] += made.low_confidence
    total["confidence_ppm"] += made.confidence_ppm
    total["confidence_square_ppm"] += round(made.confidence_ppm**2 / 10**6)
    total["adopted"] += made.adopted
    for name in (each.label for each in said if each.label):
        total[f"label:{name}"] += 1
    marks = [mark for each in said if (mark := _mark(each)) is not None]
    if marks:
        total["quality_count"] += 1
        quality = sum(marks) // len(marks)
        total["quality_ppm"] += quality
        total["quality_square_ppm"] += (2 * quality**2 + 10**6) // (2 * 10**6)
    if its:
        _count_runs(made, its, said, total)


def _mark(each: FeedbackFact) -> int | None:
    if each.quality_ppm is None and each.success is not None:
        return 10**6 if each.success else 0
    if each.quality_ppm is None:
        return {"accepted": 10**6, "refused": 0}.get(each.label)
    return each.quality_ppm


def _count_runs(
    made: DecisionFact, its: Sequence[RunFact], said: Sequence[FeedbackFact], total: "Counter[str]"
) -> None:
    best = sorted(its, key=lambda each: (list(RunResult).index(each.result), each.at_us, each.run_id))[0]
    whole = best.result == "succeeded"
    bad = any(each.success is False or (each.success is None and each.label == "refused") for each in said)
    total["executed"] += 1
    total["succeeded"] += whole
    total["successful"] += (
        whole
        and best.tokens.output > 0
        and best.finish not in ("refusal", "withheld")
        and not (bad or best.schema_invalid)
    )
    total["fallbacks"] += best.answered_by is not None and best.answered_by != made.route
    total["escalations"] += any(call.answered for each in its for call in each.calls[:-1])
    total["signal:schema_invalid"] += best.schema_invalid
    total["signal:empty"] += whole and best.tokens.output == 0
    if best.finish:
        total[f"signal:{best.finish}"] += 1
    if made.baseline:
        total["compared_nanousd"] += sum(each.cost_nanousd for each in its)
        total["baseline_nanousd"] += cost_at(PRICE, best.answer) if best.answer else 0
    for each in its:
        total["cost_nanousd"] += each.cost_nanousd
        total["estimated_nanousd"] += each.estimated_nanousd
        total["input_tokens"] += each.tokens.input
        total["output_tokens"] += each.tokens.output
        total["calls"] += len(each.calls)
        total["failed_calls"] += sum(call.failed for call in each.calls)
        total[f"error:{each.error}"] += bool(each.error)
        if each.result == "succeeded":
            total["latency_count"] += 1
            total["latency_us"] += each.latency_us
            total["first_token_count"] += each.first_token_us is not None
            total["first_token_us"] += each.first_token_us or 0


@given(facts=logs(), batch=st.integers(1, 20))
def test_figures_are_what_a_plain_recount_gives(facts: list[Fact], batch: int) -> None:
    assert counted(asyncio.run(folded(facts, batch=batch))) == recount(facts)


@given(facts=logs(), data=st.data(), batch=st.integers(1, 5))
def test_decisions_and_receipts_may_come_in_any_order(facts: list[Fact], data: st.DataObject, batch: int) -> None:
    again = data.draw(st.permutations(facts))
    both = [asyncio.run(folded(order, batch=batch)) for order in (facts, again)]
    rows = [database.all("SELECT * FROM rollup WHERE decided + refused + calls > 0 ORDER BY 1, 2") for database in both]
    assert rows[0] == rows[1]
    assert counted(both[0]) == counted(both[1])
